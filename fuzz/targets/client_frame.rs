//! A client's text frame, in both dialects.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::client_frame::check(data));

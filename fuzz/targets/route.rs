//! Routes as they are configured, and paths as they are asked for.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::route::check(data));

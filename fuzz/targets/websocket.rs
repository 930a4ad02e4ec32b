//! The bytes of a client's socket.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::websocket::check(data));

//! What a RocketMQ server answers.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::remoting::check(data));

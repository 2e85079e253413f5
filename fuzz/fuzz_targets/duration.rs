//! See `punctual_fuzz::checks::duration`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| punctual_fuzz::run(punctual_fuzz::checks::duration, input));

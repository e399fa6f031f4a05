//! The fuzzer: libFuzzer with [`fuzz::check`] as its target. `fuzz/run` builds and starts it.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::check(bytes));

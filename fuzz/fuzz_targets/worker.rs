//! A whole worker whose peers do as the bytes say.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| nuthatch_engine::fuzz::worker(data));

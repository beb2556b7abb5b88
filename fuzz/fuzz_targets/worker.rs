//! A whole worker. The bytes are the events of its clients and servers.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| nuthatch_engine::fuzz::worker(data));

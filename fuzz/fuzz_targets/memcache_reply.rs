//! What a memcached server sends to the parser.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| nuthatch_engine::fuzz::memcache_reply(data));

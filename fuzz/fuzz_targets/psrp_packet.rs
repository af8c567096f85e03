#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| psrp::oracles::packet(&String::from_utf8_lossy(bytes)));

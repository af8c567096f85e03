#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| clixml::oracle::typed_bytes(bytes));

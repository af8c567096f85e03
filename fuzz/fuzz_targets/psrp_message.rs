#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    psrp::oracles::message(bytes);
    psrp::oracles::bodies(bytes.get(40..).unwrap_or_default());
});

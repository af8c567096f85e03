#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let (cut, bytes) = bytes.split_first().unwrap_or((&0, &[]));
    psrp::oracles::fragments(bytes, usize::from(*cut));
});

#![no_main]

use rand::SeedableRng;
use rand::rngs::StdRng;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    psrp::oracles::client_script(bytes, Box::new(StdRng::seed_from_u64(1)));
});

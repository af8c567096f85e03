//! The oracles of the fuzz targets, on the seeds and on what becomes of them by small changes.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use clixml::oracle;

fn seeds() -> Vec<Vec<u8>> {
    let folders = ["../../fuzz/seeds/clixml", "tests/golden"];
    let mut seeds = Vec::new();
    for folder in folders.map(|folder| Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)) {
        // Beside a published crate there are no seeds.
        let Ok(files) = fs::read_dir(&folder) else { continue };
        for file in files {
            let path = file.expect("the folder is readable").path();
            seeds.push(fs::read(path).expect("the file is readable"));
        }
    }
    assert!(seeds.len() >= 36, "the golden documents are there");
    seeds
}

fn check(bytes: &[u8]) {
    oracle::any_bytes(bytes);
    oracle::round_trip(bytes);
    oracle::typed_bytes(bytes);
}

#[test]
fn every_seed_holds() {
    for seed in seeds() {
        check(&seed);
    }
}

/// A small generator with a fixed start, so that a failure comes again.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).expect("31 bits fit") % sides.max(1)
    }
}

/// Cuts, repeats, exchanges and changes pieces of the seeds for some seconds, or as many as `FUZZ_SECONDS` says.
#[test]
fn what_becomes_of_the_seeds_holds_too() {
    let seeds = seeds();
    let mut dice = Dice(2013);
    let seconds = std::env::var("FUZZ_SECONDS").ok().and_then(|seconds| seconds.parse().ok());
    let end = Instant::now() + Duration::from_secs(seconds.unwrap_or(3));
    let mut rounds = 0;
    while Instant::now() < end || rounds < 500 {
        let mut bytes = seeds[dice.roll(seeds.len())].clone();
        for _ in 0..=dice.roll(4) {
            let (from, to) = (dice.roll(bytes.len()), dice.roll(bytes.len()));
            let (from, to) = (from.min(to), from.max(to));
            match dice.roll(5) {
                0 => drop(bytes.drain(from..to)),
                1 => bytes.extend_from_within(from..to),
                2 => {
                    let other = &seeds[dice.roll(seeds.len())];
                    let piece = dice.roll(other.len());
                    bytes.splice(from..from, other[piece..].iter().copied().take(40));
                }
                3 => {
                    bytes.splice(from..from, b"<Ref RefId=\"0\" />".iter().copied()).for_each(drop)
                }
                _ => {
                    if let Some(byte) = bytes.get_mut(from) {
                        *byte = b"<>/&_x\"0 \xC3"[dice.roll(10)];
                    }
                }
            }
        }
        check(&bytes);
        rounds += 1;
    }
}

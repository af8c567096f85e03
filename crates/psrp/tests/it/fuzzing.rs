//! The oracles of the fuzz targets, on the seeds and on what becomes of them by small changes.

use std::fs;
use std::path::Path;

use psrp::oracles;

use crate::support::rng;

/// Every seed: those of a session, and inputs that once failed.
fn seeds() -> Vec<(String, Vec<u8>)> {
    let mut seeds: Vec<_> = oracles::seeds([rng(1), rng(2)])
        .into_iter()
        .map(|seed| (seed.target.to_owned(), seed.bytes))
        .collect();
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/seeds");
    for target in fs::read_dir(kept).into_iter().flatten() {
        let folder = target.unwrap();
        let target = folder.file_name().into_string().unwrap();
        for file in fs::read_dir(folder.path()).unwrap() {
            seeds.push((target.clone(), fs::read(file.unwrap().path()).unwrap()));
        }
    }
    seeds.retain(|(target, _)| target.starts_with("psrp_"));
    seeds
}

fn check(target: &str, bytes: &[u8]) {
    match target {
        "psrp_message" => {
            oracles::message(bytes);
            oracles::bodies(bytes.get(40..).unwrap_or_default());
        }
        "psrp_fragments" => {
            let (cut, bytes) = bytes.split_first().unwrap_or((&0, &[]));
            oracles::fragments(bytes, usize::from(*cut));
        }
        "psrp_streams" => oracles::streams(bytes),
        "psrp_client" => oracles::client_script(bytes, rng(1)),
        "psrp_server" => oracles::server_script(bytes, rng(2)),
        "psrp_packet" => oracles::packet(&String::from_utf8_lossy(bytes)),
        other => panic!("{other} has no oracle"),
    }
}

#[test]
fn every_target_has_seeds_that_hold() {
    let seeds = seeds();
    for (target, bytes) in &seeds {
        check(target, bytes);
    }
    for target in [
        "psrp_message",
        "psrp_fragments",
        "psrp_streams",
        "psrp_client",
        "psrp_server",
        "psrp_packet",
    ] {
        assert!(seeds.iter().any(|(of, _)| of == target), "{target}");
    }
    // Nearly every type of message has a place in the session.
    assert!(seeds.len() > 80, "{}", seeds.len());
}

/// A small generator with a fixed start, so that a failure comes again.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % sides.max(1)
    }
}

/// Cuts, repeats, and changes pieces of the seeds, as often as `FUZZ_ROUNDS` says.
#[test]
fn what_becomes_of_the_seeds_holds_too() {
    let seeds = seeds();
    let mut dice = Dice(2013);
    let rounds = std::env::var("FUZZ_ROUNDS").ok().and_then(|rounds| rounds.parse().ok());
    for _ in 0..rounds.unwrap_or(200) {
        // The two scripts are few among many messages, and tell most.
        let chosen = match dice.roll(2) {
            0 => dice.roll(seeds.len()),
            _ => seeds.len() - 1 - dice.roll(3),
        };
        let (target, seed) = &seeds[chosen];
        let mut bytes = seed.clone();
        for _ in 0..=dice.roll(5) {
            let (one, other) = (dice.roll(bytes.len()), dice.roll(bytes.len()));
            let (from, to) = (one.min(other), one.max(other));
            match dice.roll(4) {
                0 => drop(bytes.drain(from..to)),
                1 => bytes.extend_from_within(from..to),
                2 => {
                    let piece: Vec<u8> =
                        (0..dice.roll(6)).map(|_| u8::try_from(dice.roll(256)).unwrap()).collect();
                    drop(bytes.splice(from..from, piece));
                }
                _ => {
                    let value = dice.roll(256);
                    if let Some(byte) = bytes.get_mut(from) {
                        *byte = u8::try_from(value).unwrap();
                    }
                }
            }
        }
        check(target, &bytes);
    }
}

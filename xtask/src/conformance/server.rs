//! Microsoft's engine as a server, driven by our client over its pipes.

use std::path::Path;
use std::process::Stdio;

use anyhow::{Context as _, Result, bail};

use super::{Row, absolute};
use crate::process::cargo;

/// Runs the tests of `psrp-client` that are written for a whole engine, one for each subject, on `start -s` alone.
///
/// # Errors
///
/// When there is no engine in the folder, or the tests cannot be built.
pub(super) fn drive(engine: &Path) -> Result<Row> {
    absolute(&engine.join("start"))?;
    let output = cargo(&["test", "--package", "psrp-client", "--test", "it", "--", MODULE])
        .env("EXCHANGE_TEST_PWSH", absolute(engine)?)
        .env_remove("EXCHANGE_TEST_PEER")
        .stderr(Stdio::inherit())
        .output()
        .context("cannot start cargo")?;
    let said = String::from_utf8_lossy(&output.stdout);
    let row = row(output.status.success(), &said)?;
    if row.failed > 0 {
        eprint!("{said}");
    }
    Ok(row)
}

fn row(success: bool, said: &str) -> Result<Row> {
    let lines = |end| {
        let of_a_test = |line: &&str| line.starts_with("test conformance::") && line.ends_with(end);
        said.lines().filter(of_a_test).count()
    };
    let (passed, failed) = (lines(" ... ok"), lines(" ... FAILED"));
    if success != (failed == 0) || passed + failed == 0 {
        bail!("the tests did not end as they should:\n{said}");
    }
    Ok(Row::new("the engine, driven by our client", passed, failed))
}

/// The module of the tests; each opens its own pools.
const MODULE: &str = "conformance::";

#[cfg(test)]
mod tests {
    use super::row;

    #[test]
    fn each_test_counts() {
        let said =
            "test conformance::a ... ok\ntest conformance::b ... FAILED\ntest other ... ok\n";
        let row = row(false, said).unwrap();
        assert_eq!((row.passed, row.failed), (1, 1));
    }

    #[test]
    fn no_test_at_all_is_an_error() {
        assert!(row(true, "test result: ok. 0 passed\n").is_err());
    }
}

//! `check`: what works, and what to do about the rest.

use std::io::{self, Write as _};

use exchange_connector::{CheckReport, CheckStatus, Connector};

use crate::INTERRUPTED;
use crate::interrupt::Interrupt;

pub(super) async fn run(
    connector: &Connector,
    json: bool,
    interrupt: &Interrupt,
) -> io::Result<u8> {
    let report = tokio::select! {
        report = connector.check() => report,
        () = interrupt.wait() => return Ok(INTERRUPTED),
    };
    if json {
        let mut lines = super::lines();
        lines.write(&report)?;
        lines.flush()?;
    } else {
        print(&report)?;
        if let Some(online) = &report.online {
            print(online)?;
        }
    }
    Ok(report.exit_code)
}

fn print(report: &CheckReport) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{}", report.target)?;
    for step in &report.steps {
        let mark = match step.status {
            CheckStatus::Ok => "ok",
            CheckStatus::Failed => "FAILED",
            CheckStatus::Skipped => "skipped",
        };
        let detail = step.detail.as_deref().unwrap_or_default();
        writeln!(out, "  {mark:<8} {:<20} {detail}", step.name)?;
        if let Some(remedy) = &step.remedy {
            writeln!(out, "  {:<8} {:<20} remedy: {remedy}", "", "")?;
        }
    }
    let facts = [
        ("server", report.server.clone()),
        ("version", report.version.clone()),
        ("organization", report.organization.clone()),
        ("domain controller", report.domain_controller.clone()),
        (
            "accepted domains",
            (!report.accepted_domains.is_empty()).then(|| report.accepted_domains.join(", ")),
        ),
        ("cmdlets", (!report.cmdlets.is_empty()).then(|| report.cmdlets.join(", "))),
    ];
    for (name, value) in facts {
        if let Some(value) = value {
            writeln!(out, "  {name:<29} {value}")?;
        }
    }
    out.flush()
}

//! The report for people.

use std::fmt::Write;

use super::report::{AssetReport, Change, LocatorReport, Report};
use crate::inspect::Severity;

/// The report as lines of text; `base` is what streaming URLs begin with, without a slash at the end. Names from
/// storage are shown without control characters.
pub fn text(report: &Report, base: &str) -> String {
    let mut out = String::new();
    for asset in &report.assets {
        write_asset(&mut out, asset, base);
    }
    if !report.skipped.is_empty() {
        out.push_str("Passed over:\n");
        for (container, why) in &report.skipped {
            let _ = writeln!(out, "  {}: {}", clean(container), clean(why));
        }
    }
    if !report.strays.is_empty() {
        out.push_str("Locators that lead nowhere:\n");
        for locator in &report.strays {
            let _ = writeln!(out, "  line {}: {}: {}", locator.line, locator.id, problem(locator));
        }
    }
    let count = |change: Change| report.assets.iter().filter(|asset| asset.change == change).count();
    let _ = write!(
        out,
        "{} assets in {}: {} new, {} changed, {} as they were",
        report.assets.len(),
        report.account,
        count(Change::New),
        count(Change::Changed),
        count(Change::Known),
    );
    let failed = count(Change::Failed);
    if failed > 0 {
        let _ = write!(out, ", {failed} not taken in");
    }
    let still = report.assets.iter().filter(|asset| asset.streams == Some(false)).count();
    if still > 0 {
        let _ = write!(out, "; {still} will not stream, or not all of it");
    }
    let locators = |change: Change| report.locators().filter(|locator| locator.change == change).count();
    let (made, known, expired, refused) =
        (locators(Change::New), locators(Change::Known), locators(Change::Expired), locators(Change::Failed));
    if made + known + expired + refused > 0 {
        let _ = write!(out, ". Locators: {made} new, {known} known, {expired} expired, {refused} not made");
    }
    out.push_str(".\n");
    if report.dry_run {
        out.push_str("Nothing was changed (--dry-run).\n");
    }
    out
}

fn write_asset(out: &mut String, asset: &AssetReport, base: &str) {
    let change = match asset.change {
        Change::New => "new",
        Change::Changed => "changed",
        Change::Known => "known",
        Change::Expired => "expired",
        Change::Failed => "NOT TAKEN IN",
    };
    let _ = writeln!(out, "{}  {}  {change}, {} files", clean(&asset.container), clean(&asset.name), asset.files);
    if let Some(problem) = &asset.problem {
        let _ = writeln!(out, "  {}", clean(problem));
    }
    for finding in &asset.findings {
        let severity = if finding.severity == Severity::Error { "will not stream" } else { "warning" };
        let (code, at) = (finding.code.as_str(), clean(&finding.at));
        let _ = writeln!(out, "  {severity}: {code} {at}: {}", clean(&finding.consequence));
    }
    for locator in &asset.locators {
        match locator.change {
            Change::Failed => {
                let _ = writeln!(out, "  locator {} is not made: {}", locator.id, problem(locator));
            }
            Change::Expired => {
                let _ = writeln!(out, "  locator {} has expired; none is made", locator.id);
            }
            _ => {
                for name in &asset.presentations {
                    let _ = writeln!(out, "  {base}/{}/{}/manifest", locator.id, clean(name));
                }
                if asset.presentations.is_empty() {
                    let _ = writeln!(out, "  {base}/{}/", locator.id);
                }
            }
        }
    }
}

fn problem(locator: &LocatorReport) -> String {
    clean(locator.problem.as_deref().unwrap_or_default())
}

/// A file can be named so that it drives a terminal.
fn clean(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

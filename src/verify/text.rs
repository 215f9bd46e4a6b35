//! The report for people.

use std::fmt::Write;

use super::report::{Finding, FormatReport, Report, Severity, StreamReport};
use crate::time::{MediaTime, Timescale};

const MICROSECONDS: Timescale = Timescale::new(1_000_000).unwrap();

/// Of a kind of finding, so many are shown of a format; `--json` has them all.
const SHOWN: usize = 5;

/// Whether the reader is a terminal.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Paint {
    /// With colours.
    Terminal,
    /// Letters alone.
    Plain,
}

impl Paint {
    fn with(self, code: &str, text: &str) -> String {
        match self {
            Paint::Terminal => format!("\x1b[{code}m{text}\x1b[0m"),
            Paint::Plain => text.to_owned(),
        }
    }

    fn severity(self, severity: Severity) -> String {
        match severity {
            Severity::Error => self.with("1;31", "error  "),
            Severity::Warning => self.with("1;33", "warning"),
            Severity::Note => self.with("1;36", "note   "),
        }
    }
}

/// The report as lines of text. Names from the server are shown without control characters.
pub fn text(report: &Report, paint: Paint) -> String {
    let mut out = String::new();
    for format in &report.formats {
        let _ = writeln!(out, "{}  {}", paint.with("1", &format.title()), clean(&format.url));
        for stream in &format.streams {
            let _ = writeln!(out, "  {}", stream_line(stream));
        }
        write_findings(&mut out, &format.findings, format, paint);
        out.push('\n');
    }
    for finding in &report.findings {
        write_finding(&mut out, finding, paint);
    }
    let (errors, warnings) = (report.count(Severity::Error), report.count(Severity::Warning));
    let verdict = match (errors, warnings) {
        (0, 0) => paint.with("1;32", "Nothing is wrong."),
        (0, warnings) => paint.with("1;33", &format!("{warnings} warnings, no errors.")),
        (errors, warnings) => paint.with("1;31", &format!("{errors} errors, {warnings} warnings.")),
    };
    let slowest = MediaTime::new(i64::try_from(report.slowest_us).unwrap_or(i64::MAX), MICROSECONDS).seconds(3);
    let megabytes = MediaTime::new(i64::try_from(report.bytes).unwrap_or(i64::MAX), MICROSECONDS).seconds(1);
    let _ =
        writeln!(out, "{verdict} {} requests, {megabytes} MB, the slowest answer took {slowest} s.", report.requests);
    out
}

fn stream_line(stream: &StreamReport) -> String {
    let length = MediaTime::new(stream.duration_us, MICROSECONDS).seconds(3);
    let codecs = if stream.codecs.is_empty() { String::new() } else { format!(", {}", stream.codecs.join(",")) };
    let segments = match stream.checked == stream.segments {
        true => format!("{} segments", stream.segments),
        false => format!("{} of {} segments", stream.checked, stream.segments),
    };
    let encryption = stream.encryption.iter().map(|how| format!(", {}", clean(how))).collect::<String>();
    format!("{}{}{encryption}: {segments}, {length} s", clean(&stream.name), clean(&codecs))
}

fn write_findings(out: &mut String, findings: &[Finding], format: &FormatReport, paint: Paint) {
    let mut sorted: Vec<&Finding> = findings.iter().collect();
    sorted.sort_by_key(|finding| finding.severity);
    let mut further = format.findings_dropped;
    for (index, finding) in sorted.iter().enumerate() {
        if sorted[..index].iter().filter(|other| other.code == finding.code).count() < SHOWN {
            write_finding(out, finding, paint);
        } else {
            further += 1;
        }
    }
    if further > 0 {
        let _ = writeln!(out, "  and {further} more of these; --json has them");
    }
}

fn write_finding(out: &mut String, finding: &Finding, paint: Paint) {
    let stream = finding.stream.as_deref().map(clean).unwrap_or_default();
    let code = paint.with("1", finding.code.as_str());
    let _ = writeln!(out, "  {} {code}  {stream}", paint.severity(finding.severity));
    let _ = writeln!(out, "          {}", clean(&finding.message));
    if let Some(url) = &finding.url {
        let _ = writeln!(out, "          {}", clean(url));
    }
}

/// A server can name things so that they drive a terminal.
fn clean(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

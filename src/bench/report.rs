//! What was measured, as data and as a table.

use std::fmt::Write;

use serde::Serialize;

use super::Measured;

/// One measurement. Rates are of the whole crowd of clients.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// The format, for people.
    pub format: String,
    /// `clear`, or how it was encrypted; `as published` where that is the server's affair.
    pub protection: String,
    /// `made`: all segments, none of which is kept; `kept`: one segment out of the cache; `asked`: all segments, of
    /// a server that does as it is set.
    pub work: &'static str,
    /// Different segments that were asked for.
    pub segments: usize,
    /// Answers that came whole.
    pub requests: u64,
    /// Requests that failed.
    pub errors: u64,
    /// Why the first of them did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_error: Option<String>,
    /// Bytes of a body, the mean.
    pub bytes_per_request: u64,
    /// Answers in a second.
    pub requests_per_second: f64,
    /// 10⁹ bits of bodies in a second.
    pub gbit_per_second: f64,
    /// Time of the server's CPU for an answer, microseconds.
    pub cpu_us_per_request: Option<f64>,
    /// Cores of the server that are busy at 1 Gbit/s.
    pub cores_per_gbit: Option<f64>,
    /// Half of the answers came within this, microseconds.
    pub p50_us: u64,
    /// All but a hundredth of them did, microseconds.
    pub p99_us: u64,
}

/// All measurements of a film.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// The film: its folder or its URL.
    pub film: String,
    /// Requests under way at the same time.
    pub connections: usize,
    /// How long each measurement took, seconds.
    pub seconds: u64,
    /// Cores of this machine, which server and clients shared if both were on it.
    pub cores: usize,
    /// In the order in which they were made.
    pub rows: Vec<Row>,
}

impl Row {
    /// The figures of a measurement.
    pub fn new(format: &str, protection: &str, work: &'static str, segments: usize, measured: Measured) -> Row {
        let Measured { requests, bytes, errors, first_error, took_us, cpu_us, p50_us, p99_us } = measured;
        let per = |value: u64, count: u64| if count == 0 { 0.0 } else { value as f64 / count as f64 };
        let bits = bytes.saturating_mul(8);
        Row {
            format: format.to_owned(),
            protection: protection.to_owned(),
            work,
            segments,
            requests,
            errors,
            first_error,
            bytes_per_request: bytes.checked_div(requests).unwrap_or(0),
            requests_per_second: per(requests, took_us) * 1e6,
            // Bits in a microsecond are millions in a second.
            gbit_per_second: per(bits, took_us) / 1e3,
            cpu_us_per_request: cpu_us.filter(|_| requests > 0).map(|cpu| per(cpu, requests)),
            // Microseconds of a core for a bit, times 10⁹ bits, less 10⁶ microseconds in a second.
            cores_per_gbit: cpu_us.filter(|_| bits > 0).map(|cpu| per(cpu, bits) * 1e3),
            p50_us,
            p99_us,
        }
    }
}

const HEAD: [&str; 10] = [
    "format",
    "protection",
    "segments",
    "KB",
    "requests/s",
    "Gbit/s",
    "CPU µs",
    "cores per Gbit/s",
    "p50 ms",
    "p99 ms",
];

/// The report as a table for people.
pub fn table(report: &Report) -> String {
    let mut rows: Vec<[String; 10]> = vec![HEAD.map(str::to_owned)];
    let unknown = || "–".to_owned();
    for row in &report.rows {
        let work = match row.work {
            "kept" => "one, kept".to_owned(),
            work => format!("{}, {work}", row.segments),
        };
        rows.push([
            row.format.clone(),
            row.protection.clone(),
            work,
            format!("{:.0}", row.bytes_per_request as f64 / 1e3),
            format!("{:.0}", row.requests_per_second),
            format!("{:.2}", row.gbit_per_second),
            row.cpu_us_per_request.map_or_else(unknown, |us| format!("{us:.0}")),
            row.cores_per_gbit.map_or_else(unknown, |cores| format!("{cores:.3}")),
            format!("{:.1}", row.p50_us as f64 / 1e3),
            format!("{:.1}", row.p99_us as f64 / 1e3),
        ]);
    }
    let mut widths = [0; 10];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let mut out = String::new();
    for (index, row) in rows.iter().enumerate() {
        let mut line = String::new();
        for (column, (cell, width)) in row.iter().zip(widths).enumerate() {
            // Words to the left, numbers to the right.
            let _ = if column < 3 { write!(line, "{cell:width$}  ") } else { write!(line, "{cell:>width$}  ") };
        }
        let _ = writeln!(out, "{}", line.trim_end());
        if let Some(failed) = index.checked_sub(1).and_then(|i| report.rows.get(i)).filter(|row| row.errors > 0) {
            let why = failed.first_error.as_deref().unwrap_or_default();
            let _ = writeln!(out, "  {} requests failed: {}", failed.errors, why.replace(char::is_control, " "));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_in_their_units() {
        // 1000 answers of 125 KB in a second: 1 Gbit/s; half a core.
        let measured = Measured {
            requests: 1000,
            bytes: 125_000_000,
            took_us: 1_000_000,
            cpu_us: Some(500_000),
            ..Measured::default()
        };
        let row = Row::new("DASH", "clear", "made", 30, measured);
        assert_eq!((row.requests_per_second, row.gbit_per_second, row.bytes_per_request), (1000.0, 1.0, 125_000));
        assert_eq!((row.cpu_us_per_request, row.cores_per_gbit), (Some(500.0), Some(0.5)));
        let failed = Measured { errors: 3, first_error: Some("HTTP\u{1b} 503".to_owned()), ..Measured::default() };
        let rows = vec![row, Row::new("HLS m3u8-cmaf", "cbcs", "kept", 1, failed)];
        let report = Report { film: "film".to_owned(), connections: 32, seconds: 1, cores: 2, rows };
        let text = table(&report);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 4, "{text}");
        assert!(lines[1].starts_with("DASH           clear       30, made") && lines[1].contains(" 0.500 "), "{text}");
        assert!(lines[2].contains("one, kept") && lines[2].contains('–'), "{text}");
        assert_eq!(lines[3], "  3 requests failed: HTTP  503");
        assert!(serde_json::to_string(&report).unwrap().contains("\"cores_per_gbit\":0.5"));
    }
}

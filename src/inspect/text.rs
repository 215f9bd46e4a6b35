//! The report for people.

use std::fmt::Write;

use super::{
    ContainerReport, FileReport, Finding, GroupReport, PresentationReport, Report, Severity, SystemReport, TrackReport,
};
use crate::time::{MediaTime, Timescale};

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

    fn bold(self, text: &str) -> String {
        self.with("1", text)
    }

    fn severity(self, severity: Severity) -> String {
        match severity {
            Severity::Error => self.with("1;31", "error  "),
            Severity::Warning => self.with("1;33", "warning"),
            Severity::Note => self.with("1;36", "note   "),
        }
    }
}

/// The report as lines of text. Names from files are shown without control characters.
pub fn text(report: &Report, paint: Paint) -> String {
    let mut out = String::new();
    for file in &report.files {
        write_file(&mut out, file, paint);
    }
    if let Some(manifest) = &report.manifest {
        let _ = writeln!(out, "{}", paint.bold(manifest.format));
        match manifest.protection.is_empty() {
            true => out.push_str("  nothing of protection\n"),
            false => write_systems(&mut out, &manifest.protection),
        }
        return out;
    }
    for presentation in &report.presentations {
        write_presentation(&mut out, presentation, paint);
    }
    let _ = writeln!(out, "{}", paint.bold("Findings"));
    for finding in &report.findings {
        write_finding(&mut out, finding, paint);
    }
    if report.findings.is_empty() {
        let _ = writeln!(out, "  nothing to mend");
    }
    out
}

fn write_file(out: &mut String, file: &FileReport, paint: Paint) {
    let container = match file.container {
        ContainerReport::Progressive { moov_first: true } => "progressive, moov first".to_owned(),
        ContainerReport::Progressive { moov_first: false } => "progressive, moov last".to_owned(),
        ContainerReport::Captions => "captions".to_owned(),
        ContainerReport::Fragmented { fragments, sidx, mfra } => {
            let with = |has, name| if has { format!(", {name}") } else { String::new() };
            format!("fragmented, {fragments} fragments{}{}", with(sidx, "sidx"), with(mfra, "mfra"))
        }
    };
    let _ = writeln!(out, "{}  {} MB, {container}", paint.bold(&clean(&file.name)), megabytes(file.size));
    for track in &file.tracks {
        let _ = writeln!(out, "  {}", track_line(track));
        if !track.edits.is_empty() {
            let edits: Vec<String> = track
                .edits
                .iter()
                .map(|e| match e.media_time_ms {
                    Some(time) => format!("media from {} for {}", seconds(time), seconds(e.duration_ms)),
                    None => format!("pause of {}", seconds(e.duration_ms)),
                })
                .collect();
            let _ = writeln!(out, "      edit list: {}", edits.join(", then "));
        }
        if let Some(keys) = &track.key_frames {
            let first: Vec<String> = keys.first_ms.iter().map(|t| decimal(*t)).collect();
            let _ = writeln!(
                out,
                "      {} key frames, {} to {} apart (mean {}), at {}{}",
                keys.count,
                seconds(keys.min_ms),
                seconds(keys.max_ms),
                seconds(keys.mean_ms),
                first.join(" "),
                if keys.count > first.len() { " …" } else { "" }
            );
        }
    }
    out.push('\n');
}

fn write_systems(out: &mut String, systems: &[SystemReport]) {
    for system in systems {
        let _ = writeln!(out, "  {}", clean(&system.text()));
    }
}

fn track_line(track: &TrackReport) -> String {
    let mut parts = vec![format!("{} {}", track.id, clean(&track.kind))];
    parts.extend(track.codec.clone().or_else(|| track.sample_entry.as_deref().map(clean)));
    if let Some(encryption) = &track.encryption {
        let systems = if encryption.systems.is_empty() { "no system".to_owned() } else { encryption.systems.join(" ") };
        let partly = if encryption.partly { " in part" } else { "" };
        let keys = encryption.keys.join(" ");
        parts.push(format!("encrypted{partly} with {}, key {keys}, for {systems}", encryption.scheme));
    }
    if let (Some(width), Some(height)) = (track.width, track.height) {
        parts.push(format!("{width}x{height}"));
    }
    parts.extend(track.dynamic_range.filter(|range| *range != "SDR").map(str::to_owned));
    parts.extend(track.dolby_vision.as_ref().map(|profile| format!("Dolby Vision {profile}")));
    if let Some(peak) = track.light_levels.and_then(|light| light.max_content) {
        parts.push(format!("MaxCLL {peak} cd/m²"));
    }
    parts.extend(track.frame_rate.as_ref().map(|rate| format!("{rate} fps")));
    parts.extend(track.sampling_rate.map(|rate| format!("{rate} Hz")));
    parts.extend(track.channels.map(|n| format!("{n} ch")));
    if track.kind != "video" && !track.language.is_empty() {
        parts.push(clean(&track.language));
    }
    parts.push(format!("{} samples", track.samples));
    parts.push(match track.start_ms {
        0 => seconds(track.duration_ms),
        start => format!("{} from {}", seconds(track.duration_ms), seconds(start)),
    });
    parts.push(format!("{} kbit/s (peak {})", track.mean_bitrate / 1000, track.peak_bitrate / 1000));
    parts.join(", ")
}

fn write_presentation(out: &mut String, presentation: &PresentationReport, paint: Paint) {
    let inferred = if presentation.inferred { " (no .ism: made up from the files)" } else { "" };
    let _ = writeln!(out, "{}{inferred}", paint.bold(&clean(&presentation.name)));
    for group in &presentation.groups {
        let _ = writeln!(
            out,
            "  {} {}{}: {} segments of {} to {}, {} in all",
            group.kind,
            named(&group.name, &group.language),
            purpose(group),
            group.segments,
            seconds(group.shortest_segment_ms),
            seconds(group.longest_segment_ms),
            seconds(group.duration_ms),
        );
        for quality in &group.qualities {
            let _ = writeln!(
                out,
                "      QualityLevels({})  {}, {} kbit/s measured, {} track {}",
                quality.bitrate,
                quality.codec,
                quality.mean_bitrate / 1000,
                clean(&quality.file),
                quality.track,
            );
        }
    }
    for track in &presentation.left_out {
        let which = format!("{} track {} ({})", clean(&track.file), track.track, clean(&track.codec));
        let _ = match track.why {
            "format" => writeln!(out, "  left out by {}: {which}", track.formats.join(", ")),
            why => writeln!(out, "  left out by every format: {which}, {why}"),
        };
    }
    if let Some(difference) = &presentation.first_difference {
        let _ = writeln!(
            out,
            "  key frames first differ at {}: {} has one, {} has none",
            seconds(difference.at_ms),
            clean(&difference.with),
            clean(&difference.without)
        );
    }
    if let Some(offset) = presentation.audio_offset_ms {
        let _ = writeln!(out, "  sound begins {offset} ms after the picture");
    }
    if let Some(error) = &presentation.error {
        let _ = writeln!(out, "  {} {}", paint.severity(Severity::Error).trim_end(), clean(error));
    }
    out.push('\n');
}

/// `, "Commentary", commentary, default`: whatever is known.
fn purpose(group: &GroupReport) -> String {
    let label = group.label.as_ref().map(|label| format!("\"{}\"", clean(label)));
    let mut parts: Vec<String> = label.into_iter().collect();
    for word in group.roles.iter().chain(&group.accessibility) {
        if !parts.contains(word) {
            parts.push(clean(word));
        }
    }
    parts.extend(group.is_default.then(|| "default".to_owned()));
    parts.iter().fold(String::new(), |text, part| text + ", " + part)
}

fn named(name: &str, language: &str) -> String {
    if language.is_empty() { format!("'{}'", clean(name)) } else { format!("'{}' ({})", clean(name), clean(language)) }
}

fn write_finding(out: &mut String, finding: &Finding, paint: Paint) {
    let _ = writeln!(
        out,
        "  {} {}  {}",
        paint.severity(finding.severity),
        paint.bold(finding.code.as_str()),
        clean(&finding.at)
    );
    let _ = writeln!(out, "          {}", clean(&finding.consequence));
    for command in &finding.mend {
        let _ = writeln!(out, "          {}", clean(command));
    }
}

/// A file can be named so that it drives a terminal.
fn clean(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

fn decimal(milliseconds: i64) -> String {
    MediaTime::new(milliseconds, Timescale::MILLISECONDS).seconds(3).to_string()
}

fn seconds(milliseconds: i64) -> String {
    format!("{} s", decimal(milliseconds))
}

fn megabytes(bytes: u64) -> String {
    let tenths = (bytes + 50_000) / 100_000;
    format!("{}.{}", tenths / 10, tenths % 10)
}

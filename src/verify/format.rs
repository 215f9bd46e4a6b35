//! A film in one format: its manifests, then all its tracks.

use super::check::Known;
use super::client::Answer;
use super::listing::{Listing, Packing};
use super::report::{Code, Finding, FormatReport, StreamKind, StreamReport};
use super::{Address, Event, Expected, Job, MICROSECONDS, MaxByTime, check, dash, hls, segments, smooth};
use crate::packager::{Format, Protocol};
use crate::time::MediaTime;

/// A day in segments of two seconds with many tracks has a manifest of some megabytes.
const MANIFEST_BYTES: usize = 64 << 20;

const PLAYLIST: Expected = Expected {
    media_types: &["application/vnd.apple.mpegurl", "application/x-mpegurl", "audio/mpegurl", "audio/x-mpegurl"],
    most_bytes: MANIFEST_BYTES,
};

/// What was found of a format, and what others are compared with.
pub(super) struct Done {
    pub report: FormatReport,
    /// Tracks by name: how long, and the codec if the manifest names just one.
    pub measured: Vec<(String, MediaTime, Option<String>)>,
}

/// Fetches and checks a film in a format.
pub(super) async fn verify(job: &Job<'_>, address: &Address, format: &'static dyn Format, known: &mut Known) -> Done {
    let (report, url, expected) = begun(address, format);
    let mut done = Done { report, measured: Vec::new() };
    (job.progress)(Event::Format(&done.report.title()));
    (job.progress)(Event::Expected(1));

    let mut findings = Vec::new();
    let manifest = job.get(&url, None, &expected, &mut findings).await;
    let Some(manifest) = manifest else {
        findings.iter_mut().for_each(refused);
        findings.into_iter().for_each(|finding| done.report.push(finding));
        return done;
    };
    if let Some(tracks) = &manifest.left_out {
        findings.push(Finding::new(Code::LeftOut, format!("the format cannot carry {tracks}")));
    }
    let listing = read(job, format, &manifest, &mut findings).await;
    drop(manifest.body);
    let listing = match listing {
        Ok(listing) => listing,
        Err(problem) => {
            findings.push(Finding::new(Code::Unreadable, problem).at(&url));
            Listing::default()
        }
    };
    let said = |code: Code| move |text: &String| Finding::new(code, text.clone());
    findings.extend(listing.contradictions.iter().map(said(Code::Contradiction)));
    findings.extend(listing.unread.iter().map(said(Code::NotRead)));
    findings.extend(whole(&listing));
    findings.into_iter().for_each(|finding| done.report.push(finding));

    for stream in &listing.streams {
        let mut findings = check::listed(stream);
        let read = segments::verify(job, stream, known, &mut findings).await;
        findings.into_iter().for_each(|finding| done.report.push(finding.of(&stream.name)));
        if stream.packing == Packing::Fragments && !stream.key_frames && read.checked == stream.segments.len() {
            let longest = match stream.kind {
                StreamKind::Video => Some(&mut known.longest_picture),
                StreamKind::Audio => Some(&mut known.longest_sound),
                _ => None,
            };
            if let Some(longest) = longest {
                *longest = longest.max_by_time(read.longest_sample);
            }
            known.lengths.extend(read.length.map(|length| (stream.name.clone(), length)));
        }
        if stream.kind != StreamKind::Image && !stream.key_frames {
            let codec = stream.codecs.first().filter(|_| stream.codecs.len() == 1).cloned();
            done.measured.push((stream.name.clone(), stream.duration(), codec));
        }
        done.report.streams.push(StreamReport {
            name: stream.name.clone(),
            kind: stream.kind,
            key_frames: stream.key_frames,
            codecs: stream.codecs.clone(),
            encryption: stream.encryption.as_ref().map(ToString::to_string),
            duration_us: stream.duration().round(MICROSECONDS),
            segments: stream.segments.len(),
            checked: read.checked,
            bytes: read.bytes,
        });
    }
    done
}

/// A report with nothing in it yet, where the manifest is, and what it must be.
fn begun(address: &Address, format: &'static dyn Format) -> (FormatReport, url::Url, Expected) {
    let tag = format.tags().first().copied().unwrap_or_default();
    let (protocol, expected) = match format.protocol() {
        Protocol::Smooth => (
            "Smooth",
            Expected { media_types: &["text/xml", "application/vnd.ms-sstr+xml"], most_bytes: MANIFEST_BYTES },
        ),
        Protocol::Dash => ("DASH", Expected { media_types: &["application/dash+xml"], most_bytes: MANIFEST_BYTES }),
        Protocol::Hls => ("HLS", PLAYLIST),
    };
    let url = address.manifest(tag);
    let mut shown = url.clone();
    shown.set_query(None);
    let report = FormatReport {
        format: tag,
        protocol,
        url: shown.into(),
        streams: Vec::new(),
        findings: Vec::new(),
        findings_dropped: 0,
    };
    (report, url, expected)
}

/// What the manifest lists, and the playlists that it names.
async fn read(
    job: &Job<'_>,
    format: &'static dyn Format,
    manifest: &Answer,
    findings: &mut Vec<Finding>,
) -> Result<Listing, String> {
    match format.protocol() {
        Protocol::Smooth => smooth::read(&manifest.url, &manifest.body),
        Protocol::Dash => dash::read(&manifest.url, &manifest.body),
        Protocol::Hls => playlists(job, &manifest.url, &manifest.body, findings).await,
    }
}

/// The format's name for people, and what it lists of a film, if it can be had.
pub(super) async fn list(job: &Job<'_>, address: &Address, format: &'static dyn Format) -> (String, Option<Listing>) {
    let (report, url, expected) = begun(address, format);
    let mut findings = Vec::new();
    let Some(manifest) = job.get(&url, None, &expected, &mut findings).await else { return (report.title(), None) };
    (report.title(), read(job, format, &manifest, &mut findings).await.ok())
}

/// The whole is as long as its longest track says.
fn whole(listing: &Listing) -> Option<Finding> {
    let stated = listing.duration?.round(MICROSECONDS);
    let timed =
        || listing.streams.iter().filter(|s| s.kind != StreamKind::Image && !s.key_frames && !s.segments.is_empty());
    let micros = |ticks: i64, scale| MediaTime::new(ticks, scale).round(MICROSECONDS);
    let begin = timed().filter_map(|s| s.segments.first().map(|f| micros(f.time, s.scale))).min()?;
    let end =
        timed().filter_map(|s| s.segments.last().map(|l| micros(l.time.saturating_add(l.duration), s.scale))).max()?;
    let length = end.saturating_sub(begin);
    // Tracks begin with what is not heard and are cut a little after each other; and a manifest may count from zero.
    let near = |length: i64| (stated - length).abs() <= 500_000;
    if near(length) || near(end) {
        return None;
    }
    let text = |micros: i64| MediaTime::new(micros, MICROSECONDS).seconds(3);
    let message =
        format!("the manifest states a length of {} s, its tracks reach over {} s", text(stated), text(length));
    Some(Finding::new(Code::Contradiction, message))
}

/// A server may well have a reason not to give a film in a format, and says it with a code.
fn refused(finding: &mut Finding) {
    let reasons = [
        "MPE_OUTPUT_FORMAT_BLOCKED",
        "MPE_ENC_",
        "MPE_OUTPUT_FORMAT_NOT_SUPPORTED",
        "MPE_OUTPUT_PROTECTION_FORMAT_NOT_SUPPORTED",
        "MPE_MEDIA_TYPE_NOT_SUPPORTED",
        "MPE_MEDIA_ENCODING_NOT_SUPPORTED",
        "MPE_VIDEO_ENCODING_NOT_SUPPORTED",
        "MPE_AUDIO_ENCODING_NOT_SUPPORTED",
    ];
    if finding.code == Code::Status && reasons.iter().any(|reason| finding.message.contains(reason)) {
        finding.code = Code::Refused;
        finding.severity = Code::Refused.severity();
    }
}

async fn playlists(job: &Job<'_>, url: &url::Url, body: &[u8], findings: &mut Vec<Finding>) -> Result<Listing, String> {
    let multivariant = hls::multivariant(url, body)?;
    let mut listing = Listing { contradictions: multivariant.contradictions, ..Listing::default() };
    (job.progress)(Event::Expected(multivariant.playlists.len() as u64));
    for playlist in &multivariant.playlists {
        let mut own = Vec::new();
        if let Some(answer) = job.get(&playlist.url, None, &PLAYLIST, &mut own).await
            && let Err(problem) = hls::media(playlist, &answer.url, &answer.body, &mut listing)
        {
            own.push(Finding::new(Code::Unreadable, problem).at(&playlist.url));
        }
        findings.extend(own.into_iter().map(|finding| finding.of(&playlist.name)));
    }
    Ok(listing)
}

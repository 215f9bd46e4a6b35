//! What manifests say of their streams, against what is sent.

use headwater::media::{TrackKind, TrackRef};
use headwater::xml::Element;

use crate::judge;
use crate::support::Film;
use crate::support::listing::{Listed, Multivariant, Ticks, number};

type Sized = (u64, u64);

fn sizes(listed: &Listed) -> Vec<Sized> {
    let micros = |Ticks(t, scale): Ticks| (i128::from(t) * 1_000_000 / i128::from(scale)) as u64;
    listed.segments.iter().map(|s| (s.bytes.len() as u64, micros(s.duration))).collect()
}

/// Peak segment bit rate (RFC 8216 4.1): the largest of any neighbouring segments that together last
/// between half and one and a half target durations; and the mean.
fn measured(listed: &Listed) -> (u64, u64) {
    let longest = sizes(listed).iter().map(|(_, d)| *d).max().unwrap_or(0);
    measured_with(listed, listed.target.map_or(longest, |t| t * 1_000_000))
}

fn measured_with(listed: &Listed, target: u64) -> (u64, u64) {
    let sizes = sizes(listed);
    let rate = |run: &[Sized]| {
        let (bytes, micros) = run.iter().fold((0, 0), |(b, m), (bytes, micros)| (b + bytes, m + micros));
        ((u128::from(bytes) * 8_000_000).checked_div(u128::from(micros)).unwrap_or(0) as u64, micros)
    };
    let mean = rate(&sizes).0;
    let mut peak = 0;
    for from in 0..sizes.len() {
        for to in from + 1..=sizes.len() {
            let (rate, micros) = rate(&sizes[from..to]);
            if micros * 2 > target * 3 {
                break;
            }
            if micros * 2 >= target {
                peak = peak.max(rate);
            }
        }
    }
    (peak.max(mean), mean)
}

/// At least `peak`, and not much more than `most`.
fn within(what: &str, stated: u64, peak: u64, most: u64, wrong: &mut Vec<String>) {
    // What is stated is a whole number; measured times are rounded to microseconds. Up to 4 kbit/s of boxes
    // that a bound counts and a segment saves are nothing to a player.
    if stated + 2 + peak / 1_000_000 < peak || stated * 10 > most * 11 + 40_000 {
        wrong.push(format!("{what} is {stated}, measured {peak}"));
    }
}

/// `BANDWIDTH`, `AVERAGE-BANDWIDTH`, `CODECS`, `RESOLUTION`, `FRAME-RATE` of each variant.
pub fn hls(
    film: &Film,
    about: &str,
    multivariant: &Multivariant,
    keyframes: &[(String, Listed)],
    wrong: &mut Vec<String>,
) {
    for variant in &multivariant.playlist.variants {
        let about = format!("{about} {}", variant.uri);
        let listed = match variant.is_i_frame {
            true => &keyframes.iter().find(|(url, _)| *url == variant.uri).expect("fetched").1,
            false => multivariant.at(&variant.uri),
        };
        let (mut peak, mut mean) = measured(listed);
        // EXT-X-TARGETDURATION is a whole number; by the longest segment's true length, more may count.
        let longest = sizes(listed).iter().map(|(_, micros)| *micros).max().unwrap_or(0);
        let rounded = measured_with(listed, longest).0.saturating_sub(peak);
        for (angle_peak, angle_mean) in multivariant.angles(variant).map(measured) {
            (peak, mean) = (peak.max(angle_peak), mean.max(angle_mean));
        }
        if listed.kind == TrackKind::Video {
            let renditions: Vec<(u64, u64)> = multivariant.renditions(variant).map(|(_, l)| measured(l)).collect();
            peak += renditions.iter().map(|r| r.0).max().unwrap_or(0);
            mean += renditions.iter().map(|r| r.1).max().unwrap_or(0);
        } else {
            let renditions = multivariant.renditions(variant).map(|(_, l)| measured(l));
            (peak, mean) = renditions.fold((peak, mean), |(p, m), (rp, rm)| (p.max(rp), m.max(rm)));
        }
        within(&format!("{about}: BANDWIDTH"), variant.bandwidth, peak, peak + rounded, wrong);
        match variant.average_bandwidth {
            Some(average) if average.abs_diff(mean) * 10 <= mean + 40_000 && average <= variant.bandwidth => {}
            average => wrong.push(format!("{about}: AVERAGE-BANDWIDTH is {average:?}, measured {mean}")),
        }
        let mut tracks = vec![listed.track];
        if !variant.is_i_frame {
            tracks.extend(listed.muxed);
            tracks.extend(multivariant.renditions(variant).map(|(_, l)| l.track));
            tracks.extend(multivariant.angles(variant).map(|l| l.track));
        }
        let mut expected: Vec<Codecs> = Vec::new();
        for track in tracks {
            match codecs(film, track).map(|c| c.within(about.starts_with("m3u8-aapl"))) {
                Ok(c) if expected.contains(&c) => {}
                Ok(c) => expected.push(c),
                Err(e) => wrong.push(format!("{about}: {e}")),
            }
        }
        let stated = variant.codecs.clone().unwrap_or_default();
        let stated: Vec<&str> = stated.split(',').collect();
        if stated.len() != expected.len() || !expected.iter().all(|e| stated.iter().any(|s| e.are(s))) {
            wrong.push(format!("{about}: CODECS are {stated:?}, ffprobe says {expected:?}"));
        }
        for (rendition, listed) in multivariant.renditions(variant) {
            let probed = Probed::of(film, listed.track);
            // `atmos` has its objects in name only.
            let objects = film.name == "atmos" && rendition.channels.as_deref() == Some("16/JOC");
            if rendition.channels.as_deref() != Some(probed.get("channels")) && !objects {
                let (name, probed) = (&rendition.name, probed.get("channels"));
                wrong.push(format!("{about}: CHANNELS of {name} is {:?}, ffprobe says {probed}", rendition.channels));
            }
        }
        if listed.kind == TrackKind::Video {
            let probed = Probed::of(film, listed.track);
            let resolution = variant.resolution.map(|r| format!("{}x{}", r.width, r.height)).unwrap_or_default();
            let size = format!("{}x{}", probed.display_width(), probed.get("height"));
            if resolution != size {
                wrong.push(format!("{about}: RESOLUTION is {resolution}, ffprobe says {size}"));
            }
            if !variant.is_i_frame {
                let rate = fraction(probed.get("avg_frame_rate"));
                let stated = variant.frame_rate.unwrap_or(0.0);
                if !same_rate(rate, stated) && !same_rate(fraction(probed.get("r_frame_rate")), stated) {
                    wrong.push(format!("{about}: FRAME-RATE is {stated}, ffprobe says {rate}"));
                }
            }
        }
    }
}

/// `bandwidth` of a representation of key frames.
pub fn dash_key_frames(about: &str, listed: &Listed, wrong: &mut Vec<String>) {
    let Some((_, representation)) = &listed.elements else { return };
    bandwidth(about, listed, representation, wrong);
}

fn bandwidth(about: &str, listed: &Listed, representation: &Element, wrong: &mut Vec<String>) {
    let longest = sizes(listed).iter().map(|(_, d)| *d).max().unwrap_or(0);
    let rate = |(bytes, micros): &Sized| (u128::from(*bytes) * 8_000_000 / u128::from((*micros).max(1))) as u64;
    let whole: Vec<Sized> = sizes(listed).into_iter().filter(|(_, d)| d * 2 >= longest).collect();
    let all = sizes(listed).iter().fold((0, 0), |(b, m), (bytes, micros)| (b + bytes, m + micros));
    let peak = whole.iter().map(rate).max().unwrap_or(0).max(rate(&all));
    within(&format!("{about}: bandwidth"), number(representation, "bandwidth").unwrap_or(0), peak, peak, wrong);
}

/// `bandwidth`, `codecs`, `width`, `height`, `frameRate`, `audioSamplingRate` of a representation.
pub fn dash(film: &Film, about: &str, listed: &Listed, wrong: &mut Vec<String>) {
    let Some((_, representation)) = &listed.elements else { return };
    bandwidth(about, listed, representation, wrong);
    let probed = Probed::of(film, listed.track);
    match codecs(film, listed.track) {
        Ok(c) if c.are(representation.attribute("codecs").unwrap_or_default()) => {}
        other => {
            wrong.push(format!("{about}: codecs are {:?}, ffprobe says {other:?}", representation.attribute("codecs")))
        }
    }
    let mut same = |name: &str, value: &str| {
        if representation.attribute(name) != Some(value) {
            wrong.push(format!("{about}: {name} is {:?}, ffprobe says {value}", representation.attribute(name)));
        }
    };
    match listed.kind {
        TrackKind::Video => {
            same("width", probed.get("width"));
            same("height", probed.get("height"));
            let stated = fraction(representation.attribute("frameRate").unwrap_or_default());
            let rates = ["avg_frame_rate", "r_frame_rate"].map(|n| fraction(probed.get(n)));
            if !rates.iter().any(|r| same_rate(*r, stated)) {
                wrong.push(format!("{about}: frameRate is {stated}, ffprobe says {rates:?}"));
            }
        }
        TrackKind::Audio => {
            same("audioSamplingRate", probed.get("sample_rate"));
            let stated = representation.child("AudioChannelConfiguration").and_then(channels_of);
            if stated.map(|n| n.to_string()).as_deref() != Some(probed.get("channels")) {
                let probed = probed.get("channels");
                wrong.push(format!("{about}: AudioChannelConfiguration is for {stated:?}, ffprobe says {probed}"));
            }
        }
        TrackKind::Text => {}
    }
}

/// `Bitrate`, `MaxWidth`, `MaxHeight`, `SamplingRate`, `Channels` of a quality level.
pub fn smooth(film: &Film, about: &str, listed: &Listed, level: &Element, wrong: &mut Vec<String>) {
    let probed = Probed::of(film, listed.track);
    let pairs: &[(&str, &str)] = match listed.kind {
        TrackKind::Video => &[("MaxWidth", "width"), ("MaxHeight", "height")],
        TrackKind::Audio => &[("SamplingRate", "sample_rate"), ("Channels", "channels")],
        TrackKind::Text => &[],
    };
    for (name, key) in pairs {
        if level.attribute(name) != Some(probed.get(key)) {
            wrong.push(format!("{about}: {name} is {:?}, ffprobe says {}", level.attribute(name), probed.get(key)));
        }
    }
}

fn same_rate(a: f64, b: f64) -> bool {
    // FRAME-RATE has three decimals.
    (a - b).abs() <= 0.002
}

fn fraction(text: &str) -> f64 {
    let (n, d) = text.split_once('/').unwrap_or((text, "1"));
    n.parse::<f64>().unwrap_or(0.0) / d.parse::<f64>().unwrap_or(1.0)
}

struct Probed(Vec<(String, String)>);

impl Probed {
    fn of(film: &Film, track: TrackRef) -> Probed {
        Probed(judge::probe(&film.file_of(track), film.presentation.track(track).source_id).unwrap_or_default())
    }

    /// Width in square pixels, to the nearest.
    fn display_width(&self) -> u64 {
        let width: u64 = self.get("width").parse().unwrap_or(0);
        let ratio = self.get("sample_aspect_ratio").split_once(':');
        match ratio.and_then(|(n, d)| Some((n.parse::<u64>().ok()?, d.parse::<u64>().ok()?))) {
            Some((n, d)) if n > 0 && d > 0 => (width * n * 2 + d) / (d * 2),
            _ => width,
        }
    }

    fn get(&self, key: &str) -> &str {
        self.0.iter().find(|(k, _)| k == key).map_or("", |(_, v)| v)
    }
}

/// RFC 6381 as far as ffprobe knows: it does not tell H.264's constraint flags, nor VP9's level.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Codecs {
    Avc {
        profile: u8,
        level: u8,
    },
    /// Any of the beginnings, and what stands somewhere behind it.
    Named {
        begins: Vec<String>,
        then: String,
    },
    /// Sound, and what it is called in fragmented MP4 and in transport streams.
    Sound(&'static str, &'static str),
}

impl Codecs {
    fn within(self, transport_stream: bool) -> Codecs {
        match self {
            Codecs::Sound(_, name) if transport_stream => Codecs::Sound(name, name),
            other => other,
        }
    }

    fn are(&self, stated: &str) -> bool {
        match self {
            Codecs::Sound(expected, in_transport_streams) => stated == *expected || stated == *in_transport_streams,
            Codecs::Named { begins, then } => begins.iter().any(|b| stated.starts_with(b) && stated.contains(then)),
            Codecs::Avc { profile, level } => {
                let digits =
                    stated.strip_prefix("avc1.").or(stated.strip_prefix("avc3.")).unwrap_or_default().to_lowercase();
                digits.len() == 6
                    && digits.starts_with(&format!("{profile:02x}"))
                    && digits.ends_with(&format!("{level:02x}"))
            }
        }
    }
}

fn rate(probed: &Probed) -> u64 {
    probed.get("sample_rate").parse().unwrap_or(0)
}

/// Channels of an `AudioChannelConfiguration`; `None` in a scheme that nobody knows.
fn channels_of(configuration: &Element) -> Option<u32> {
    let (scheme, value) = (configuration.attribute("schemeIdUri")?, configuration.attribute("value")?);
    match scheme {
        // ISO/IEC 23091-3 table 2.
        "urn:mpeg:mpegB:cicp:ChannelConfiguration" => {
            let counts = [0, 1, 2, 3, 4, 5, 6, 8, 2, 3, 4, 7, 8];
            counts.get(value.parse::<usize>().ok()?).copied()
        }
        // ETSI TS 102 366 table E.1.4: pairs among them, which no film here has.
        "tag:dolby.com,2014:dash:audio_channel_configuration:2011" if value.len() == 4 => {
            Some(u16::from_str_radix(value, 16).ok()?.count_ones())
        }
        "tag:dts.com,2014:dash:audio_channel_configuration:2012" => value.parse().ok(),
        _ => None,
    }
}

fn codecs(film: &Film, track: TrackRef) -> Result<Codecs, String> {
    let probed = Probed::of(film, track);
    let profile = probed.get("profile");
    match (probed.get("codec_name"), profile) {
        ("aac", "LC") => Ok(Codecs::Sound("mp4a.40.2", "mp4a.40.2")),
        ("aac", "HE-AAC") => Ok(Codecs::Sound("mp4a.40.5", "mp4a.40.5")),
        ("aac", "HE-AACv2") => Ok(Codecs::Sound("mp4a.40.29", "mp4a.40.29")),
        ("ac3", _) => Ok(Codecs::Sound("ac-3", "ac-3")),
        ("eac3", _) => Ok(Codecs::Sound("ec-3", "ec-3")),
        ("opus", _) => Ok(Codecs::Sound("Opus", "")),
        ("flac", _) => Ok(Codecs::Sound("fLaC", "")),
        ("mp3", _) if rate(&probed) < 32_000 => Ok(Codecs::Sound("mp4a.69", "mp4a.40.34")),
        ("mp3", _) => Ok(Codecs::Sound("mp4a.6B", "mp4a.40.34")),
        ("dts", _) => Ok(Codecs::Sound("dtsc", "dtsc")),
        ("h264", _) => {
            let profile = match profile {
                "Constrained Baseline" | "Baseline" => 66,
                "Main" => 77,
                "High" => 100,
                _ => return Err(format!("profile {profile}")),
            };
            Ok(Codecs::Avc { profile, level: probed.get("level").parse().map_err(|_| "level")? })
        }
        ("hevc", _) => {
            let profile = match profile {
                "Main" => 1,
                "Main 10" => 2,
                _ => return Err(format!("profile {profile}")),
            };
            let level = format!(".L{}", probed.get("level"));
            if film.presentation.track(track).codec.four_cc().0 == *b"dvh1" {
                // Dolby Vision has levels of its own, of which ffprobe does not know.
                return Ok(Codecs::Named { begins: vec!["dvh1.05.".to_owned()], then: String::new() });
            }
            let begins = ["hvc1", "hev1"].map(|entry| format!("{entry}.{profile}."));
            Ok(Codecs::Named { begins: begins.to_vec(), then: level })
        }
        ("av1", "Main") => {
            let level = probed.get("level").parse::<u8>().map_err(|_| "level")?;
            Ok(Codecs::Named { begins: vec![format!("av01.0.{level:02}M.")], then: String::new() })
        }
        ("vp9", "Profile 0") => Ok(Codecs::Named { begins: vec!["vp09.00.".to_owned()], then: ".08".to_owned() }),
        (name, _) => Err(format!("codec {name} {profile}")),
    }
}

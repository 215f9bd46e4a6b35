//! Where slice headers end, against what ffmpeg's `trace_headers` reads.

use std::process::Command;

use headwater::codec::{Blocks, Subsampling};
use headwater::isobmff::Subsample;
use headwater::media::TrackKind;

use crate::films;

/// Bytes of the header of each slice of the first `pictures` samples, NAL unit header included and emulation
/// prevention left out: `None` in place of a slice too short for any data.
fn ffmpeg(film: &std::path::Path, stream: u32, pictures: usize) -> Result<Vec<usize>, String> {
    let output = Command::new("ffmpeg")
        .args(["-hide_banner", "-nostdin", "-nostats", "-ignore_editlist", "1", "-i"])
        .arg(film)
        .args(["-map", &format!("0:i:{stream:#x}"), "-c", "copy", "-frames:v", &pictures.to_string()])
        .args(["-copyinkf", "-bsf:v", "trace_headers", "-f", "null", "-"])
        .output()
        .map_err(|error| error.to_string())?;
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    let (mut headers, mut bits, mut in_slice) = (Vec::new(), 0usize, false);
    let mut packets = 0;
    for line in text.lines().filter(|line| line.contains("trace_headers")) {
        let Some((_, said)) = line.split_once("] ") else { continue };
        // Elements of lists have no position of their own.
        if said.starts_with(' ') {
            continue;
        }
        let mut fields = said.split_whitespace();
        let first = fields.next().unwrap_or_default();
        if let (Ok(position), Some(_)) = (first.parse::<usize>(), fields.next()) {
            // "position name bits = value"; names of arrays have an index.
            if in_slice {
                let digits = said.rsplit_once(" = ").and_then(|(left, _)| left.split_whitespace().last());
                bits = position
                    + digits.map_or(
                        0,
                        |digits| if digits.bytes().all(|b| b == b'0' || b == b'1') { digits.len() } else { 0 },
                    );
            }
            continue;
        }
        if in_slice {
            headers.push(bits.div_ceil(8));
        }
        packets += usize::from(said.starts_with("Packet:"));
        let begins = ["Slice Header", "Slice Segment Header", "Frame Header", "Frame"];
        in_slice = packets > 0 && begins.contains(&said.trim());
    }
    if in_slice {
        headers.push(bits.div_ceil(8));
    }
    Ok(headers)
}

/// How many bytes the NAL units, frames or OBUs of a sample begin with that have protected bytes, emulation prevention
/// left out.
fn ours(sample: &[u8], parts: &[Subsample], four_cc: &str, length_size: usize) -> Vec<usize> {
    let mut protected = Vec::new();
    let mut at = 0;
    for part in parts.iter().filter(|part| part.protected > 0) {
        at += part.clear as usize;
        protected.push(at..at + part.protected as usize);
        at += part.protected as usize;
    }
    let mut headers = Vec::new();
    let mut at = 0;
    while at < sample.len() {
        // Where what has a header begins, and where it ends.
        let (start, end) = match four_cc {
            "vp09" => match protected.iter().find(|range| range.end > at) {
                Some(range) => (at, range.end),
                None => break,
            },
            "av01" => {
                let (mut size, mut digits) = (0, 0);
                while let Some(byte) = sample.get(at + 1 + digits) {
                    size |= usize::from(byte & 0x7f) << (7 * digits);
                    digits += 1;
                    if byte & 0x80 == 0 {
                        break;
                    }
                }
                (at, at + 1 + digits + size)
            }
            _ => {
                let field = &sample[at..at + length_size];
                let length = field.iter().fold(0usize, |n, byte| n << 8 | usize::from(*byte));
                (at + length_size, at + length_size + length)
            }
        };
        if let Some(range) = protected.iter().find(|range| (start..end).contains(&range.start)) {
            let header = &sample[start..range.start];
            let is_nal_unit = !["vp09", "av01"].contains(&four_cc);
            headers.push(if is_nal_unit { headwater::bits::rbsp(header).len() } else { header.len() });
        }
        at = end;
    }
    headers
}

#[test]
fn headers_end_where_ffmpeg_says() {
    const PICTURES: u32 = 120;
    let (mut judged, mut slices, mut wrong) = (0, 0, Vec::new());
    for film in films() {
        for track in film.tracks() {
            if film.presentation.groups[track.group].kind != TrackKind::Video {
                continue;
            }
            let stored = film.presentation.track(track);
            let four_cc = stored.codec.four_cc().to_string();
            if !["avc1", "avc3", "hvc1", "hev1", "vp09", "av01"].contains(&four_cc.as_str()) {
                continue;
            }
            let Some(Subsampling::Parts(mut subsampler)) = stored.codec.subsampling() else { panic!("{four_cc}") };
            let file = std::fs::read(film.file_of(track)).expect("the film");
            let samples = stored.sample_range(0, PICTURES).samples;
            let length_size = match stored.codec.smooth().and_then(|smooth| smooth.nal_unit_length_field) {
                Some(size) => usize::from(size),
                None => 4,
            };
            let label = format!("{} {}", film.name, film.label(track));
            let (mut found, mut short) = (Vec::new(), 0);
            for sample in &samples {
                let bytes = &file[sample.offset as usize..sample.offset as usize + sample.size as usize];
                let mut parts = Vec::new();
                if let Err(error) = subsampler.subsamples(bytes, Blocks::Any, &mut parts) {
                    wrong.push(format!("{label}: sample {}: {error}", sample.index));
                    break;
                }
                let here = ours(bytes, &parts, &four_cc, length_size);
                short += usize::from(here.is_empty());
                found.extend(here);
            }
            match ffmpeg(&film.file_of(track), stored.source_id, samples.len()) {
                Ok(expected) => {
                    // Slices with less than a block of data have no protected bytes, so only ffmpeg counts them.
                    let mut rest = expected.iter();
                    let all_there = found.iter().all(|header| rest.any(|other| other == header));
                    let enough = expected.len() >= found.len() && expected.len() <= found.len() * 2 + short + 8;
                    if !all_there || !enough || expected.is_empty() {
                        wrong.push(format!("{label}: ours {found:?}\nffmpeg's {expected:?}"));
                    }
                    judged += 1;
                    slices += found.len();
                }
                Err(error) => println!("skipped: ffmpeg: {error}"),
            }
        }
    }
    println!("{slices} slices of {judged} tracks");
    assert!(wrong.is_empty(), "{} tracks are wrong:\n{}", wrong.len(), wrong[..wrong.len().min(4)].join("\n"));
}

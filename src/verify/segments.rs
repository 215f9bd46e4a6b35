//! The segments of a track: fetched side by side, read, and checked in their order.

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream;

use super::check::{self, Facts, Known};
use super::encryption::{self, Encryption, Envelope};
use super::fragment::{self, Fragment, Init};
use super::keys;
use super::listing::{Packing, Stream};
use super::report::{Code, Finding, StreamKind};
use super::transport::{self, Elementary};
use super::{Event, Expected, Job};
use crate::cipher::{ContentKey, cbc};
use crate::text::webvtt;
use crate::time::MediaTime;

/// The largest segment that is accepted; that of a minute of 4K has a quarter of it.
const SEGMENT_BYTES: usize = 512 << 20;

/// What came of it.
#[derive(Debug, Default)]
pub(super) struct Done {
    pub checked: usize,
    pub bytes: u64,
    /// Of fragments: the longest sample.
    pub longest_sample: Option<MediaTime>,
    /// Of fragments: from the first one's beginning to the last one's end.
    pub length: Option<MediaTime>,
}

/// What objects that are encrypted as a whole are opened with.
enum Opening<'a> {
    /// They are not encrypted as a whole.
    Clear,
    /// This key.
    With(ContentKey, &'a Envelope),
    /// Nothing: they are not looked into.
    Shut,
}

impl Opening<'_> {
    /// The object in the clear; `index` counts segments, and is 0 for the initialization segment.
    fn open(&self, body: &Bytes, index: usize) -> Result<Bytes, String> {
        match self {
            Opening::With(key, envelope) => cbc::decrypt(key, &envelope.vector_of(index), body)
                .map(Bytes::from)
                .ok_or_else(|| "it cannot be decrypted: it is cut, damaged, or of another key or vector".to_owned()),
            Opening::Clear | Opening::Shut => Ok(body.clone()),
        }
    }
}

/// Fetches and checks the segments of a track.
pub(super) async fn verify(job: &Job<'_>, listed: &Stream, known: &Known, findings: &mut Vec<Finding>) -> Done {
    let wanted = sampled(listed.segments.len(), job.options.sample);
    (job.progress)(Event::Expected(wanted.len() as u64 + u64::from(listed.init.is_some())));
    let opening = match &listed.encryption {
        Some(Encryption::Whole(envelope)) => match keys::key(job, envelope, findings).await {
            Some(key) => Opening::With(key, envelope),
            None => Opening::Shut,
        },
        _ => Opening::Clear,
    };
    let init = initialization(job, listed, &opening, findings).await;
    findings.extend(encryption::agree(listed, init.as_ref()));
    if let Packing::Opaque(why) = listed.packing {
        findings.push(Finding::new(Code::NotRead, format!("fetched, but not looked into: {why}")));
    }

    let mut done = Done::default();
    let mut read: Vec<(usize, Facts)> = Vec::with_capacity(wanted.len());
    let (init_of_fragments, opening) = (init.as_ref(), &opening);
    let fetched = wanted.into_iter().map(|index| async move {
        let mut own = Vec::new();
        let got = segment(job, listed, index, init_of_fragments, opening, &mut own).await;
        (index, got, own)
    });
    let mut fetched = stream::iter(fetched).buffered(job.options.parallel.clamp(1, 64));
    while let Some((index, got, own)) = fetched.next().await {
        findings.extend(own);
        if let Some((bytes, facts)) = got {
            done.checked += 1;
            done.bytes += bytes;
            read.extend(facts.map(|facts| (index, facts)));
        }
    }
    judge(listed, init.as_ref(), known, &read, findings, &mut done);
    done
}

fn judge(
    listed: &Stream,
    init: Option<&Init>,
    known: &Known,
    read: &[(usize, Facts)],
    findings: &mut Vec<Finding>,
    done: &mut Done,
) {
    let fragments: Vec<(usize, &Fragment)> = read
        .iter()
        .filter_map(|(index, facts)| match facts {
            Facts::Fragment(fragment) => Some((*index, fragment)),
            _ => None,
        })
        .collect();
    let transport: Vec<(usize, &[Elementary])> = read
        .iter()
        .filter_map(|(index, facts)| match facts {
            Facts::Transport(streams) => Some((*index, streams.as_slice())),
            _ => None,
        })
        .collect();
    if let Some((_, first)) = fragments.first() {
        findings.extend(check::fragments(listed, init, &fragments));
        let scale = init.map_or(listed.scale, |init| init.scale);
        let longest = fragments.iter().map(|(_, fragment)| fragment.longest_sample).max().unwrap_or(0);
        let time = |ticks: u64| MediaTime::new(i64::try_from(ticks).unwrap_or(i64::MAX), scale);
        done.longest_sample = Some(time(longest));
        let begin = first.decode_time;
        let end = fragments.last().and_then(|(_, last)| last.decode_time?.checked_add(last.duration?));
        done.length = begin.zip(end).map(|(begin, end)| time(end.saturating_sub(begin)));
        let found = init.and_then(|init| init.codec(first.first_sample.as_ref()));
        if let Some(found) = found.filter(|found| !listed.codecs.is_empty() && !listed.codecs.contains(found)) {
            let message =
                format!("the initialization segment is of {found}, the manifest says {}", listed.codecs.join(","));
            let finding = Finding::new(Code::CodecDiffers, message);
            findings.push(match &listed.init {
                Some((url, _)) => finding.at(url),
                None => finding,
            });
        }
    }
    if let Some((index, streams)) = transport.first() {
        findings.extend(check::transport(listed, known, &transport));
        if let Some(segment) = listed.segments.get(*index) {
            findings.extend(check::elementary_codecs(listed, segment, streams));
        }
    }
}

async fn initialization(
    job: &Job<'_>,
    listed: &Stream,
    opening: &Opening<'_>,
    findings: &mut Vec<Finding>,
) -> Option<Init> {
    let (url, range) = listed.init.as_ref()?;
    let answer = job.get(url, *range, &fragments_of(listed.kind), findings).await?;
    if matches!(listed.packing, Packing::Opaque(_)) || matches!(opening, Opening::Shut) {
        return None;
    }
    match opening.open(&answer.body, 0).and_then(|body| Init::read(&body)) {
        Ok(init) => Some(init),
        Err(problem) => {
            let message = format!("the initialization segment cannot be read: {problem}");
            findings.push(Finding::new(Code::Unreadable, message).at(url));
            None
        }
    }
}

fn fragments_of(kind: StreamKind) -> Expected {
    let media_types: &[&str] = match kind {
        StreamKind::Video | StreamKind::Image => &["video/mp4", "video/iso.segment"],
        StreamKind::Audio => &["audio/mp4", "video/mp4", "audio/iso.segment"],
        StreamKind::Text => &["application/mp4", "video/mp4", "text/mp4"],
    };
    Expected { media_types, most_bytes: SEGMENT_BYTES }
}

/// One segment: its bytes and what they say.
async fn segment(
    job: &Job<'_>,
    listed: &Stream,
    index: usize,
    init: Option<&Init>,
    opening: &Opening<'_>,
    findings: &mut Vec<Finding>,
) -> Option<(u64, Option<Facts>)> {
    let segment = listed.segments.get(index)?;
    let packing = match opening {
        Opening::Shut => Packing::Opaque("it is encrypted as a whole"),
        _ => listed.packing,
    };
    let expected = match packing {
        Packing::Fragments => fragments_of(listed.kind),
        Packing::Transport => Expected { media_types: &["video/mp2t"], most_bytes: SEGMENT_BYTES },
        Packing::WebVtt => Expected { media_types: &["text/vtt"], most_bytes: SEGMENT_BYTES },
        Packing::Images => Expected { media_types: &["image/"], most_bytes: SEGMENT_BYTES },
        Packing::Opaque(_) => {
            Expected { media_types: &["video/", "audio/", "application/", "text/"], most_bytes: SEGMENT_BYTES }
        }
    };
    let answer = job.get(&segment.url, segment.range, &expected, findings).await?;
    let facts = opening.open(&answer.body, index).and_then(|body| read_as(packing, &body, init, index));
    let facts = facts.map_err(|problem| findings.push(Finding::new(Code::SegmentDamaged, problem).at(&segment.url)));
    Some((answer.body.len() as u64, facts.ok()))
}

/// What a segment in the clear says.
fn read_as(packing: Packing, body: &Bytes, init: Option<&Init>, index: usize) -> Result<Facts, String> {
    match packing {
        Packing::Fragments => fragment::read(body, init).map(|mut fragment| {
            // Codecs are looked up in the first one; it would keep all of the segment's bytes.
            fragment.first_sample = fragment.first_sample.filter(|_| index == 0);
            Facts::Fragment(fragment)
        }),
        Packing::Transport => transport::read(body).map(Facts::Transport),
        Packing::WebVtt => webvtt::parse(body).map(|_| Facts::Other).map_err(|e| e.to_string()),
        Packing::Images if body.is_empty() => Err("the picture is empty".to_owned()),
        // JPEG begins with SOI and ends with EOI (ITU-T T.81 B.1.1.3).
        Packing::Images if body.starts_with(&[0xff, 0xd8]) && !body.ends_with(&[0xff, 0xd9]) => {
            Err("the picture is cut off".to_owned())
        }
        Packing::Images => Ok(Facts::Other),
        Packing::Opaque(_) if body.is_empty() => Err("the segment is empty".to_owned()),
        Packing::Opaque(_) => Ok(Facts::Other),
    }
}

/// Which of `count` segments are fetched: all, or `most`, evenly spread.
fn sampled(count: usize, most: Option<usize>) -> Vec<usize> {
    match most {
        Some(most) if most < count => {
            let last = count.saturating_sub(1);
            let steps = most.saturating_sub(1).max(1);
            (0..most).map(|step| step * last / steps).collect()
        }
        _ => (0..count).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_spread_from_first_to_last() {
        assert_eq!(sampled(10, Some(4)), [0, 3, 6, 9]);
        assert_eq!(sampled(10, Some(1)), [0]);
        assert_eq!(sampled(3, Some(5)), [0, 1, 2]);
        assert_eq!(sampled(3, None), [0, 1, 2]);
        assert!(sampled(0, Some(2)).is_empty() && sampled(5, Some(0)).is_empty());
    }
}

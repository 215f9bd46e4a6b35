//! Films of any length that take no storage: real metadata, and media that is zero until it is read.

#![allow(dead_code, reason = "each bench uses its part")]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use headwater::isobmff::{
    FourCc, FragmentHeader, FragmentSample, FragmentStyle, Movie, boxes, write_box, write_full_box,
};
use headwater::media::{Presentation, Revision, SourceFile, TrackRef};
use headwater::packager::{Context, Dialect, MediaData, Plan, Selection};
use headwater::source::{FileIndex, FileIndexer, Settings, Step, assemble, infer};
use headwater::time::UtcTime;

/// Pictures per second, pictures between key frames, ticks of a picture at 90 kHz.
const RATE: u32 = 25;
const GOP: u32 = 50;
const PICTURE: u32 = 3600;
/// Audio frames: 1,024 samples of 48 kHz, 128 kbit/s.
const FRAME: u32 = 1024;
const FRAME_BYTES: u32 = 341;

/// The ladder: bits per second of the video of each quality.
pub const LADDER: [u64; 3] = [400_000, 2_000_000, 6_000_000];

/// A stored file, as far as it is not zero.
pub struct File {
    pub name: String,
    pub length: u64,
    pieces: BTreeMap<u64, Bytes>,
}

impl File {
    /// The bytes of a range.
    pub fn read(&self, range: std::ops::Range<u64>) -> Bytes {
        let before = self.pieces.range(..=range.start).next_back();
        if let Some((start, piece)) = before
            && range.end - start <= piece.len() as u64
        {
            return piece.slice((range.start - start) as usize..(range.end - start) as usize);
        }
        let mut out = vec![0; (range.end - range.start) as usize];
        for (start, piece) in before.into_iter().chain(self.pieces.range(range.start + 1..range.end)) {
            let from = range.start.max(*start);
            let to = range.end.min(start + piece.len() as u64);
            if from < to {
                let bytes = &piece[(from - start) as usize..(to - start) as usize];
                out[(from - range.start) as usize..(to - range.start) as usize].copy_from_slice(bytes);
            }
        }
        Bytes::from(out)
    }

    /// Indexes it, reading what is asked for.
    pub fn index(&self) -> FileIndex {
        let mut indexer = FileIndexer::new(&self.name, self.length);
        loop {
            match indexer.step().expect("a sound film") {
                Step::Done(index) => return index,
                Step::Need(range) => indexer.feed(range.start, self.read(range)),
            }
        }
    }
}

/// Bytes of picture `n`: key frames are large, and no two are alike.
fn picture_size(bits_per_second: u64, n: u32) -> u32 {
    let mean = (bits_per_second / 8 / u64::from(RATE)) as u32;
    let noise = n.wrapping_mul(2_654_435_761) >> 24;
    let base = if n.is_multiple_of(GOP) { mean * 5 } else { mean * 45 / 49 };
    base * (896 + noise) / 1024 + 8
}

/// Composition offset of picture `n`, in pictures: I P B B P B B …, the last of a GOP a P again.
fn reordering(n: u32) -> u32 {
    match n % GOP {
        0 => 1,
        last if last == GOP - 1 => 1,
        n if n % 3 == 1 => 3,
        _ => 0,
    }
}

fn words(out: &mut Vec<u8>, list: &[u32]) {
    list.iter().for_each(|word| out.extend_from_slice(&word.to_be_bytes()));
}

fn full(out: &mut Vec<u8>, kind: &[u8; 4], list: &[u32]) {
    write_full_box(out, FourCc(*kind), 0, 0, |out| words(out, list));
}

/// Real sample entries: `avc1` and `mp4a`.
fn sample_entries() -> [Bytes; 2] {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/films/one-track-per-file");
    ["film_90.mp4", "film_eng.m4a"].map(|name| {
        let file = Bytes::from(std::fs::read(folder.join(name)).expect("a film of fixtures"));
        let moov = boxes(&file, 0).filter_map(Result::ok).find(|b| &b.kind.0 == b"moov").expect("a movie");
        Movie::parse(&moov.whole, moov.offset).expect("a sound movie").tracks[0].sample_entries[0].clone()
    })
}

/// The tables of a track whose chunks, of a second each, are at `offsets`.
struct Tables {
    entry: Bytes,
    video: bool,
    durations: Vec<[u32; 2]>,
    composition: Vec<[u32; 2]>,
    chunks: Vec<[u32; 3]>,
    sizes: Vec<u32>,
    offsets: Vec<u64>,
    sync: Vec<u32>,
}

impl Tables {
    fn new(entry: Bytes, video: bool) -> Tables {
        let none = (Vec::new(), Vec::new(), Vec::new());
        let (durations, composition, chunks) = none;
        Tables { entry, video, durations, composition, chunks, sizes: vec![], offsets: vec![], sync: vec![] }
    }

    fn track(&self, out: &mut Vec<u8>, id: u32) {
        let (scale, handler) = if self.video { (90_000, b"vide") } else { (48_000, b"soun") };
        write_box(out, FourCc(*b"trak"), |out| {
            full(out, b"tkhd", &[&[0, 0, id][..], &[0; 17]].concat());
            write_box(out, FourCc(*b"mdia"), |out| {
                full(out, b"mdhd", &[0, 0, scale, 0, 0x55c4_0000]);
                full(out, b"hdlr", &[0, u32::from_be_bytes(*handler), 0, 0, 0, 0]);
                write_box(out, FourCc(*b"minf"), |out| write_box(out, FourCc(*b"stbl"), |out| self.boxes(out)));
            });
        });
    }

    fn boxes(&self, out: &mut Vec<u8>) {
        write_full_box(out, FourCc(*b"stsd"), 0, 0, |out| {
            words(out, &[1]);
            out.extend_from_slice(&self.entry);
        });
        let table = |out: &mut Vec<u8>, kind: &[u8; 4], count: usize, list: &[u32]| {
            write_full_box(out, FourCc(*kind), 0, 0, |out| {
                words(out, &[count as u32]);
                words(out, list);
            });
        };
        table(out, b"stts", self.durations.len(), self.durations.as_flattened());
        if !self.composition.is_empty() {
            table(out, b"ctts", self.composition.len(), self.composition.as_flattened());
        }
        if !self.sync.is_empty() {
            table(out, b"stss", self.sync.len(), &self.sync);
        }
        table(out, b"stsc", self.chunks.len(), self.chunks.as_flattened());
        write_full_box(out, FourCc(*b"stsz"), 0, 0, |out| {
            words(out, &[0, self.sizes.len() as u32]);
            words(out, &self.sizes);
        });
        write_full_box(out, FourCc(*b"co64"), 0, 0, |out| {
            words(out, &[self.offsets.len() as u32]);
            self.offsets.iter().for_each(|offset| out.extend_from_slice(&offset.to_be_bytes()));
        });
    }
}

/// A progressive film of `minutes`: video of that bit rate and, in chunks of a second between it, sound.
pub fn progressive(minutes: u32, bits_per_second: u64) -> File {
    let [avc, aac] = sample_entries();
    let mut length = 0;
    let mut head = 0;
    // The first round finds how long the movie box is.
    for _ in 0..2 {
        let (mut video, mut audio) = (Tables::new(avc.clone(), true), Tables::new(aac.clone(), false));
        let mut at = head + 16;
        let mut frames = 0;
        for second in 0..minutes * 60 {
            video.offsets.push(at);
            for n in second * RATE..(second + 1) * RATE {
                let size = picture_size(bits_per_second, n);
                video.sizes.push(size);
                video.composition.push([1, reordering(n) * PICTURE]);
                if n.is_multiple_of(GOP) {
                    video.sync.push(n + 1);
                }
                at += u64::from(size);
            }
            audio.offsets.push(at);
            let count = (second + 1) * 48_000 / FRAME - frames;
            frames += count;
            audio.chunks.push([second + 1, count, 1]);
            audio.sizes.extend((0..count).map(|n| FRAME_BYTES + (n & 15)));
            at += audio.sizes.iter().rev().take(count as usize).map(|s| u64::from(*s)).sum::<u64>();
        }
        audio.chunks.dedup_by_key(|[_, count, _]| *count);
        video.chunks = vec![[1, RATE, 1]];
        video.durations = vec![[video.sizes.len() as u32, PICTURE]];
        audio.durations = vec![[frames, FRAME]];
        let mut moov = Vec::new();
        write_box(&mut moov, FourCc(*b"moov"), |out| {
            full(out, b"mvhd", &[0, 0, 1000, minutes * 60_000, 0x10000]);
            video.track(out, 1);
            audio.track(out, 2);
        });
        head = moov.len() as u64;
        length = at;
        if moov.len() as u64 == head && video.offsets[0] == head + 16 {
            let mdat = [&1u32.to_be_bytes()[..], b"mdat", &(length - head).to_be_bytes()].concat();
            let pieces = BTreeMap::from([(0, Bytes::from([moov, mdat].concat()))]);
            return File { name: format!("film_{bits_per_second}.mp4"), length, pieces };
        }
    }
    unreachable!("the length of the tables does not depend on where the media is: {length}")
}

/// A fragmented film of `minutes`, video alone, a fragment each GOP.
pub fn fragmented(minutes: u32, bits_per_second: u64) -> File {
    let [avc, _] = sample_entries();
    let mut moov = Vec::new();
    write_box(&mut moov, FourCc(*b"moov"), |out| {
        full(out, b"mvhd", &[0, 0, 1000, 0, 0x10000]);
        Tables::new(avc, true).track(out, 1);
        write_box(out, FourCc(*b"mvex"), |out| full(out, b"trex", &[1, 1, 0, 0, 0]));
    });
    let mut length = moov.len() as u64;
    let mut pieces = BTreeMap::from([(0, Bytes::from(moov))]);
    for fragment in 0..minutes * 60 * RATE / GOP {
        let samples: Vec<FragmentSample> = (fragment * GOP..(fragment + 1) * GOP)
            .map(|n| FragmentSample {
                size: picture_size(bits_per_second, n),
                duration: PICTURE,
                composition_offset: (reordering(n) * PICTURE) as i32,
                sync: n.is_multiple_of(GOP),
            })
            .collect();
        let header = FragmentHeader {
            style: FragmentStyle::Cmaf,
            segment_type: None,
            sequence_number: fragment + 1,
            track_id: 1,
            decode_time: u64::from(fragment * GOP) * u64::from(PICTURE),
            tfxd: None,
            extra_traf_boxes: &[],
            extra_moof_boxes: &[],
            samples: &samples,
        };
        let head = header.write().expect("a fragment");
        let at = length;
        length += head.len() as u64 + header.payload_size();
        pieces.insert(at, Bytes::from(head));
    }
    File { name: format!("film_{bits_per_second}.cmfv"), length, pieces }
}

/// A ladder of progressive films as a presentation, with its files.
pub fn ladder(minutes: u32, qualities: &[u64]) -> (Presentation, Vec<File>) {
    assembled(qualities.iter().map(|rate| progressive(minutes, *rate)).collect())
}

/// The best quality of the demo film, as a presentation with its file.
pub fn demo() -> (Presentation, Vec<File>) {
    let name = "demo_720p.mp4";
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/demo").join(name);
    let bytes = Bytes::from(std::fs::read(path).expect("the demo film"));
    let length = bytes.len() as u64;
    assembled(vec![File { name: name.to_owned(), length, pieces: BTreeMap::from([(0, bytes)]) }])
}

fn assembled(files: Vec<File>) -> (Presentation, Vec<File>) {
    let indexed: Vec<(SourceFile, Arc<FileIndex>)> = files
        .iter()
        .map(|file| (SourceFile { name: file.name.clone(), size: file.length }, Arc::new(file.index())))
        .collect();
    let named: Vec<(&str, &FileIndex)> = indexed.iter().map(|(file, index)| (file.name.as_str(), &**index)).collect();
    let manifest = infer::server_manifest(&named);
    let film = assemble(Revision([0; 16]), "film.ism", &manifest, &indexed, &Settings::default()).expect("a film");
    (film, files)
}

/// What the default dialect is asked with.
pub fn context() -> Context<'static> {
    static NOTHING: Selection =
        Selection { encryption: None, audio_only: None, audio_track: None, filters: Vec::new() };
    Context {
        dialect: Dialect::Modern,
        now: UtcTime { unix_millis: 0 },
        selection: &NOTHING,
        thumbnails: None,
        protection: None,
        figures: None,
    }
}

/// The best video track and the sound.
pub fn tracks(film: &Presentation) -> [TrackRef; 2] {
    assert_eq!(film.groups.len(), 2, "video and sound");
    [TrackRef { group: 0, track: 0 }, TrackRef { group: 1, track: 0 }]
}

/// What a plan wants, with pictures that are each one NAL unit.
pub fn media(film: &Presentation, files: &[File], plan: &Plan) -> MediaData {
    let mut pieces = Vec::new();
    for (file, range) in plan.reads() {
        let mut bytes = files[file.0 as usize].read(range.clone()).to_vec();
        for part in plan.parts.iter().filter(|part| part.file == file) {
            let pictures = film.track(part.track).codec.video().is_some();
            for sample in part.samples.samples.iter().filter(|s| pictures && range.contains(&s.offset)) {
                let at = (sample.offset - range.start) as usize;
                bytes[at..at + 4].copy_from_slice(&(sample.size - 4).to_be_bytes());
            }
        }
        pieces.push((file, range, Bytes::from(bytes)));
    }
    MediaData::new(pieces)
}

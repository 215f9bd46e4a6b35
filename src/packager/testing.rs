//! Films built by hand, for tests of output formats.

use std::sync::Arc;

use bytes::Bytes;

use super::{Context, Dialect, MediaData, Noun, Plan, SegmentRequest, Selection};
use crate::codec::{
    AudioProperties, ChannelConfiguration, ClosedCaptions, Codec, SampleError, SmoothProperties, TransportStream,
    VideoProperties,
};
use crate::isobmff::FourCc;
use crate::media::{
    Edit, FileId, Language, Presentation, Purpose, RawSample, Revision, SampleIndexBuilder, SourceFile, Track,
    TrackGroup, TrackKind, TrackRef,
};
use crate::time::{Timescale, UtcTime};

/// The `avcC` payload of the sample entry of [`FakeCodec::video`].
pub(crate) const AVC_CONFIGURATION: [u8; 19] =
    [1, 0x64, 0, 0x1f, 0xff, 0xe1, 0, 4, 0x67, 0x64, 0, 0x1f, 1, 0, 4, 0x68, 0xeb, 0xe3, 0xcb];

/// A codec that says what a test wants.
#[derive(Clone, Debug)]
pub(crate) struct FakeCodec {
    /// `codecs` parameter.
    pub rfc6381: &'static str,
    /// Sample entry type.
    pub four_cc: [u8; 4],
    /// Whole sample entry.
    pub entry: Vec<u8>,
    /// Picture properties.
    pub video: Option<VideoProperties>,
    /// Sound properties.
    pub audio: Option<AudioProperties>,
    /// Smooth can carry it.
    pub smooth: bool,
    /// Transport streams can carry it.
    pub transport_stream: bool,
}

impl FakeCodec {
    /// H.264 High at level 3.1 of that size.
    pub(crate) fn video(width: u32, height: u32) -> FakeCodec {
        let mut fields = vec![0u8; 78];
        fields[7] = 1;
        fields[24..26].copy_from_slice(&(width as u16).to_be_bytes());
        fields[26..28].copy_from_slice(&(height as u16).to_be_bytes());
        fields[28..32].copy_from_slice(&0x0048_0000u32.to_be_bytes());
        fields[32..36].copy_from_slice(&0x0048_0000u32.to_be_bytes());
        fields[41] = 1;
        fields[75] = 0x18;
        fields[76..78].copy_from_slice(&[0xff, 0xff]);
        fields.extend(boxed(b"avcC", &AVC_CONFIGURATION));
        FakeCodec {
            rfc6381: "avc1.64001f",
            four_cc: *b"avc1",
            entry: boxed(b"avc1", &fields),
            video: Some(VideoProperties { width, height, sample_aspect_ratio: (1, 1) }),
            audio: None,
            smooth: true,
            transport_stream: true,
        }
    }

    /// Stereo AAC-LC at that sampling rate.
    pub(crate) fn audio(sampling_rate: u32) -> FakeCodec {
        let mut fields = vec![0u8; 28];
        fields[7] = 1;
        fields[17] = 2;
        fields[19] = 16;
        fields[24..26].copy_from_slice(&(sampling_rate as u16).to_be_bytes());
        FakeCodec {
            rfc6381: "mp4a.40.2",
            four_cc: *b"mp4a",
            entry: boxed(b"mp4a", &fields),
            video: None,
            audio: Some(AudioProperties {
                sampling_rate,
                channels: 2,
                channel_configuration: Some(ChannelConfiguration::Cicp(2)),
                bits_per_sample: 16,
                object_coding_complexity: None,
            }),
            smooth: true,
            transport_stream: true,
        }
    }
}

fn boxed(four_cc: &[u8; 4], payload: &[u8]) -> Vec<u8> {
    let mut out = (payload.len() as u32 + 8).to_be_bytes().to_vec();
    out.extend_from_slice(four_cc);
    out.extend_from_slice(payload);
    out
}

impl Codec for FakeCodec {
    fn rfc6381(&self) -> String {
        self.rfc6381.to_owned()
    }

    fn four_cc(&self) -> FourCc {
        FourCc(self.four_cc)
    }

    fn plays_everywhere(&self) -> bool {
        matches!(&self.four_cc, b"avc1" | b"mp4a")
    }

    fn sample_entry(&self) -> Bytes {
        Bytes::from(self.entry.clone())
    }

    fn video(&self) -> Option<VideoProperties> {
        self.video
    }

    fn audio(&self) -> Option<AudioProperties> {
        self.audio
    }

    fn smooth(&self) -> Option<SmoothProperties> {
        let (four_cc, data, audio_tag, packet_size) = match self.audio {
            None => ("H264", "000000016764001F0000000168EBE3CB", None, None),
            Some(_) => ("AACL", "1190", Some(255), Some(4)),
        };
        let codec_private_data = data.to_owned();
        let nal_unit_length_field = None;
        let told = SmoothProperties { four_cc, codec_private_data, audio_tag, packet_size, nal_unit_length_field };
        self.smooth.then_some(told)
    }

    fn transport_stream(&self) -> Option<&dyn TransportStream> {
        self.transport_stream.then_some(self as &dyn TransportStream)
    }

    fn decoder_configuration(&self) -> Option<Bytes> {
        self.video.map(|_| Bytes::from_static(&AVC_CONFIGURATION))
    }
}

impl TransportStream for FakeCodec {
    fn stream_type(&self) -> u8 {
        if self.video.is_some() { 0x1b } else { 0x0f }
    }

    fn stream_id(&self) -> u8 {
        if self.video.is_some() { 0xe0 } else { 0xc0 }
    }

    fn access_unit(&self, sample: &Bytes, _sync: bool, out: &mut Vec<Bytes>) -> Result<(), SampleError> {
        out.push(sample.clone());
        Ok(())
    }
}

/// What a track of a test film is like.
#[derive(Clone, Debug)]
pub(crate) struct TrackSpec {
    /// `QualityLevels(n)`.
    pub bitrate: u64,
    /// What it is coded with.
    pub codec: FakeCodec,
    /// Media timescale.
    pub timescale: u32,
    /// Duration of every sample.
    pub sample_duration: u32,
    /// Composition offsets, repeated over the samples of each segment.
    pub composition_offsets: Vec<i32>,
    /// Bytes of every sample; those that begin a segment have three times as many.
    pub sample_size: u32,
    /// Edit list.
    pub edit: Edit,
}

/// A group whose segments begin at those sample indexes; the last number is how many samples there are.
pub(crate) fn group(name: &str, kind: TrackKind, bounds: &[u32], specs: &[TrackSpec]) -> TrackGroup {
    let first = &specs[0];
    let at = |sample: u32| u64::from(sample) * u64::from(first.sample_duration) + first.edit.delay as u64;
    let (end, starts) = bounds.split_last().expect("a film has samples");
    TrackGroup {
        name: name.to_owned(),
        named: false,
        kind,
        language: Language("und".to_owned()),
        label: None,
        purpose: Purpose::default(),
        is_default: false,
        closed_captions: ClosedCaptions::default(),
        timescale: Timescale::new(first.timescale).expect("not zero"),
        starts: starts.iter().map(|s| at(*s)).collect(),
        end: at(*end),
        tracks: specs.iter().map(|spec| track(kind, bounds, spec)).collect(),
    }
}

fn track(kind: TrackKind, bounds: &[u32], spec: &TrackSpec) -> Track {
    let timescale = Timescale::new(spec.timescale).expect("not zero");
    let mut builder = SampleIndexBuilder::new(timescale, 0);
    let mut segment_bytes = Vec::new();
    let mut offset = 1000;
    for pair in bounds.windows(2) {
        let begin = offset;
        for n in 0..pair[1] - pair[0] {
            let size = if n == 0 { spec.sample_size * 3 } else { spec.sample_size };
            let cycle = spec.composition_offsets.len().max(1);
            let composition_offset = spec.composition_offsets.get(n as usize % cycle).copied().unwrap_or(0);
            let sync = kind == TrackKind::Audio || n == 0;
            let sample = RawSample { offset, size, duration: spec.sample_duration, composition_offset, sync };
            builder.push(sample).expect("a small film");
            offset += u64::from(size);
        }
        segment_bytes.push(offset - begin);
    }
    Track {
        bitrate: spec.bitrate,
        average_bitrate: spec.bitrate,
        file: FileId(0),
        source_id: 1,
        codec: Arc::new(spec.codec.clone()),
        timescale,
        edit: spec.edit,
        zero: 0,
        ends_within: None,
        samples: Arc::new(builder.finish()),
        segment_samples: bounds.to_vec(),
        segment_bytes,
        frame_rate: (kind == TrackKind::Video).then(|| reduced(spec.timescale, spec.sample_duration)),
        handler_name: "Handler".to_owned(),
        creation_time: 3_509_000_000,
        user_data: None,
        encryption: None,
        text: None,
    }
}

fn reduced(mut n: u32, mut d: u32) -> (u32, u32) {
    for prime in [2, 3, 5, 7] {
        while n.is_multiple_of(prime) && d.is_multiple_of(prime) {
            (n, d) = (n / prime, d / prime);
        }
    }
    (n, d)
}

/// H.264 of 24 frames per second with two reordered frames in four, decoding 2 frames ahead.
pub(crate) fn video_spec(bitrate: u64, width: u32, height: u32) -> TrackSpec {
    TrackSpec {
        bitrate,
        codec: FakeCodec::video(width, height),
        timescale: 24_000,
        sample_duration: 1000,
        composition_offsets: vec![2000, 4000, 1000, 1000],
        sample_size: 100,
        edit: Edit::default(),
    }
}

/// AAC of 48 kHz.
pub(crate) fn audio_spec(bitrate: u64) -> TrackSpec {
    TrackSpec {
        bitrate,
        codec: FakeCodec::audio(48_000),
        timescale: 48_000,
        sample_duration: 1024,
        composition_offsets: Vec::new(),
        sample_size: 10,
        edit: Edit::default(),
    }
}

/// Four segments of 2 s and one of 1 s: two qualities of video named `video`, one of audio named `audio`.
pub(crate) fn film() -> Presentation {
    let video = group(
        "video",
        TrackKind::Video,
        &[0, 48, 96, 144, 192, 216],
        &[video_spec(3_400_000, 1280, 720), video_spec(400_000, 320, 180)],
    );
    let mut audio = group("audio", TrackKind::Audio, &[0, 94, 188, 282, 375, 422], &[audio_spec(128_000)]);
    audio.language = Language("fra".to_owned());
    film_of(vec![audio, video])
}

/// A film of those groups.
pub(crate) fn film_of(groups: Vec<TrackGroup>) -> Presentation {
    Presentation {
        revision: Revision([7; 16]),
        files: vec![SourceFile { name: "film.mp4".to_owned(), size: 1 << 20 }],
        groups,
        left_out: Vec::new(),
        fragments_per_ts_segment: 3,
        view: crate::media::View::default(),
    }
}

static SELECTION: Selection = Selection { encryption: None, audio_only: None, audio_track: None, filters: Vec::new() };

/// A context of that dialect, with nothing selected, at the Unix epoch.
pub(crate) fn context(dialect: Dialect) -> Context<'static> {
    Context {
        dialect,
        now: UtcTime { unix_millis: 0 },
        selection: &SELECTION,
        thumbnails: None,
        protection: None,
        figures: None,
    }
}

/// `Fragments` of track `track` of group `group` at `time`.
pub(crate) fn request(group: usize, track: usize, time: u64) -> SegmentRequest<'static> {
    SegmentRequest { track: TrackRef { group, track }, noun: Noun::Fragments, time, audio_track: None }
}

/// The bytes that a plan wants, of a file whose byte at offset `n` is `n % 251`.
pub(crate) fn media(plan: &Plan) -> MediaData {
    let read = |range: &std::ops::Range<u64>| range.clone().map(|n| (n % 251) as u8).collect::<Vec<u8>>();
    MediaData::new(plan.reads().into_iter().map(|(file, r)| (file, r.clone(), Bytes::from(read(&r)))).collect())
}

/// The pieces of a body, joined.
pub(crate) fn bytes(body: &[Bytes]) -> Vec<u8> {
    body.concat()
}

/// A folder of the shared media, or `None` with the reason printed.
pub(crate) fn media_folder(name: &str) -> Option<std::path::PathBuf> {
    let root = std::env::var_os("HEADWATER_MEDIA").map(std::path::PathBuf::from);
    let root = root.unwrap_or_else(|| std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/media"));
    let folder = root.join(name);
    if !folder.is_dir() {
        println!("skipped: {} is not there; set HEADWATER_MEDIA", folder.display());
        return None;
    }
    Some(folder)
}

//! Codecs: one file each, answering the questions that output formats ask.
//!
//! A packager never matches on a codec; it asks. A question that a codec answers with `None` means
//! "this format cannot carry me", and the format leaves the track out.

mod aac;
mod aac_config;
mod ac3;
mod audio_entry;
mod av1;
mod av1_frame;
mod av1_sequence_header;
mod avc;
mod avc_slice;
mod avc_sps;
mod channels;
mod child_boxes;
mod closed_captions;
mod colour;
mod dolby;
mod dolby_vision;
mod dts;
mod eac3;
mod flac;
mod hevc;
mod hevc_slice;
mod hevc_sps;
mod mp3;
mod mp4a_entry;
mod nal_units;
mod opus;
mod slice_header;
mod subsampling;
mod timed_text;
mod visual_entry;
mod vp9_frame;
mod vpx;

#[cfg(test)]
mod media_tests;

use std::fmt::Debug;

use bytes::Bytes;

pub use aac::Aac;
pub use ac3::Ac3;
pub use av1::Av1;
pub use avc::Avc;
pub use channels::ChannelConfiguration;
pub use closed_captions::{CaptionScanner, ClosedCaptions};
pub use colour::{Colour, DynamicRange, LightLevels};
pub use dolby_vision::DolbyVision;
pub use dts::Dts;
pub use eac3::Eac3;
pub use flac::Flac;
pub use hevc::Hevc;
pub use mp3::Mp3;
pub use opus::Opus;
pub use subsampling::{Blocks, Subsampler, Subsampling};
pub use timed_text::{TextForm, TimedText};
pub use vpx::Vpx;

use crate::isobmff::FourCc;

/// What a codec says of itself. Values are immutable and shared by all requests.
pub trait Codec: Debug + Send + Sync {
    /// The `codecs` parameter of RFC 6381 as the codec's own standard spells it, e.g. `avc1.64001f`.
    fn rfc6381(&self) -> String;

    /// The sample entry's four-character code as stored, e.g. `avc1`, `mp4a` (ISO/IEC 14496-12 8.5.2).
    fn four_cc(&self) -> FourCc;

    /// Tracks of one family are for the same decoder: players switch between them without a break. The type of
    /// the sample entry, but where that says too little.
    fn family(&self) -> FourCc {
        self.four_cc()
    }

    /// Every player of a format that carries it decodes it, so that it is the one to offer first.
    fn plays_everywhere(&self) -> bool {
        false
    }

    /// The complete sample entry box for an initialization segment: as stored in the source, except
    /// that QuickTime's sound descriptions are brought into the form of ISO/IEC 14496-12.
    fn sample_entry(&self) -> Bytes;

    /// Picture properties; `None` unless it is video.
    fn video(&self) -> Option<VideoProperties>;

    /// Sound properties; `None` unless it is audio.
    fn audio(&self) -> Option<AudioProperties>;

    /// PCM samples that one access unit decodes to, counted at [`AudioProperties::sampling_rate`];
    /// `None` unless it is audio of a fixed frame length.
    fn samples_per_frame(&self) -> Option<u32> {
        None
    }

    /// PCM samples at the beginning of the media that are not to be heard, at [`AudioProperties::sampling_rate`],
    /// as far as the sample entry knows; edit lists say it better.
    fn priming(&self) -> u32 {
        0
    }

    /// PCM samples that have to be decoded before a frame sounds right, at [`AudioProperties::sampling_rate`];
    /// 0 where it is less than a frame or nobody needs to be told (ISO/IEC 14496-12 10.1).
    fn pre_roll(&self) -> u32 {
        0
    }

    /// Scheme and value of what a DASH `SupplementalProperty` says of it (ISO/IEC 23009-1 5.8.4.9).
    fn supplemental_properties(&self) -> Vec<(&'static str, String)> {
        Vec::new()
    }

    /// How a Smooth client manifest describes it (MS-SSTR 2.2.2.5); `None` if Smooth cannot carry it.
    fn smooth(&self) -> Option<SmoothProperties>;

    /// How it travels in an MPEG-2 transport stream; `None` if it cannot.
    fn transport_stream(&self) -> Option<&dyn TransportStream>;

    /// In which form ISO media carry it (ISO/IEC 14496-30); `None` unless it is captions or subtitles.
    fn text(&self) -> Option<TextForm> {
        None
    }

    /// The parameter sets or configuration record repeated in a fragment (`avcn` in CSF); `None`
    /// where there is nothing to repeat.
    fn decoder_configuration(&self) -> Option<Bytes> {
        None
    }

    /// The same track described by a sample entry that holds all parameter sets, for players that look
    /// nowhere else (HLS Authoring Specification for Apple Devices 1.10): `hvc1` of an `hev1` track. `None`
    /// where it is the track's own, or none can be made.
    fn with_parameter_sets_in_entry(&self) -> Option<std::sync::Arc<dyn Codec>> {
        None
    }

    /// Which bytes of its samples may be encrypted one by one; `None` where nothing says so.
    fn subsampling(&self) -> Option<Subsampling> {
        self.audio().map(|_| Subsampling::Whole)
    }

    /// How its pictures' numbers are to be understood; `None` when neither the sample entry nor the stream
    /// says it.
    fn colour(&self) -> Option<Colour> {
        None
    }

    /// The range of brightness of its pictures.
    fn dynamic_range(&self) -> DynamicRange {
        DynamicRange::Sdr
    }

    /// Static metadata of HDR10, if the sample entry has some.
    fn light_levels(&self) -> Option<LightLevels> {
        None
    }

    /// Its Dolby Vision, if it has one.
    fn dolby_vision(&self) -> Option<DolbyVision> {
        None
    }

    /// What players that know more than [`Codec::rfc6381`] may be told besides.
    fn supplemental(&self) -> Option<SupplementalCodec> {
        None
    }

    /// Brands that initialization segments of it carry beside those of their format (ISO/IEC 14496-12 4.3).
    fn brands(&self) -> Vec<FourCc> {
        Vec::new()
    }
}

/// A codec over another one that plays without it: HLS's `SUPPLEMENTAL-CODECS` (draft-pantos-hls-rfc8216bis
/// 4.4.6.2), SCTE 214-1's `supplementalCodecs` and `supplementalProfiles`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SupplementalCodec {
    /// Its name, e.g. `dvh1.08.06`.
    pub codecs: String,
    /// Which media profile it follows, e.g. `db1p`.
    pub brand: FourCc,
}

/// What MPEG-2 systems need to know of a codec (ISO/IEC 13818-1).
pub trait TransportStream {
    /// `stream_type` of the program map table (ISO/IEC 13818-1 table 2-34).
    fn stream_type(&self) -> u8;

    /// `stream_id` of the PES header: 0xE0 for video, 0xC0 for audio, 0xBD for audio of others than MPEG.
    fn stream_id(&self) -> u8;

    /// Descriptors of the stream in the program map table, complete with tags and lengths.
    fn descriptors(&self) -> Vec<u8> {
        Vec::new()
    }

    /// The `codecs` parameter where it is another one in transport streams; `None` where it is
    /// [`Codec::rfc6381`].
    fn codecs(&self) -> Option<String> {
        None
    }

    /// How it travels encrypted sample by sample (Apple, "MPEG-2 Stream Encryption Format for HTTP Live Streaming");
    /// `None` if that is not defined. `first` is a sample of the stream, where there is one: of some codecs its
    /// beginning is told apart.
    fn encrypted(&self, first: Option<&Bytes>) -> Option<EncryptedStream> {
        let _ = first;
        None
    }

    /// Appends the elementary-stream form of one stored sample as slices that together are the
    /// access unit: parameter sets and start codes inserted, or an ADTS header before. `sync` is
    /// whether the sample is a sync sample (ISO/IEC 14496-12 8.6.2). On an error nothing is appended.
    ///
    /// # Errors
    /// [`SampleError`] when the sample is not what its sample entry promises.
    fn access_unit(&self, sample: &Bytes, sync: bool, out: &mut Vec<Bytes>) -> Result<(), SampleError>;
}

/// An elementary stream of encrypted samples, as Apple's stream encryption format has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EncryptedStream {
    /// `stream_type` of the program map table (3.0).
    pub stream_type: u8,
    /// Descriptors that tell what it is, complete with tags and lengths.
    pub descriptors: Vec<u8>,
    /// What of an access unit is encrypted.
    pub blocks: ProtectedBlocks,
}

/// The protected blocks of an access unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProtectedBlocks {
    /// AVC NAL units of types 1 and 5, each a piece of the access unit (2.2).
    Slices,
    /// The frame behind a header of so many bytes (2.3).
    Frame {
        /// Bytes of the header.
        header: usize,
    },
    /// Each syncframe of AC-3 and Enhanced AC-3 by itself (2.3.1).
    SyncFrames,
}

impl ProtectedBlocks {
    /// Bytes of the frame that `rest` of an access unit begins with, and of its header; slices are none.
    pub fn frame(self, rest: &[u8]) -> (usize, usize) {
        match self {
            ProtectedBlocks::SyncFrames => {
                (dolby::syncframe_length(rest).map_or(rest.len(), |length| length.min(rest.len())), 0)
            }
            ProtectedBlocks::Frame { header } => (rest.len(), header),
            ProtectedBlocks::Slices => (rest.len(), rest.len()),
        }
    }
}

/// `private_data_indicator_descriptor` (ISO/IEC 13818-1 2.6.28).
fn private_data_indicator(indicator: [u8; 4]) -> Vec<u8> {
    [&[0x0f, 4][..], &indicator].concat()
}

/// `audio_setup_information` in a registration descriptor (Apple, "MPEG-2 Stream Encryption Format for HTTP Live
/// Streaming" 2.3.2): which kind of sound, no priming, version 1, and what decoders are set up with.
fn audio_setup(audio_type: [u8; 4], setup: &[u8]) -> Vec<u8> {
    // The program map table has to fit a packet; longer ones are of no use to decoders of this format.
    let setup = setup.get(..64).unwrap_or(setup);
    let length = setup.len() as u8;
    [&[0x05, length + 12][..], b"apad", &audio_type, &[0, 0, 1, length], setup].concat()
}

/// A stored sample that contradicts its sample entry.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SampleError {
    /// A NAL unit's length field reaches past the end of its sample.
    #[error("a NAL unit of {length} bytes at byte {position} reaches past the end of its {sample_size}-byte sample")]
    NalUnitTooLong {
        /// What the length field says, bytes.
        length: u64,
        /// Where in the sample the NAL unit begins.
        position: usize,
        /// Bytes in the sample.
        sample_size: usize,
    },
    /// The sample ends inside a length field.
    #[error("the sample ends inside the length field at byte {position}")]
    TruncatedLengthField {
        /// Where in the sample the field begins.
        position: usize,
    },
    /// Where picture data begins cannot be told: a slice header that is damaged or whose parameter sets are missing.
    #[error(
        "the header of the slice or frame at byte {position} cannot be read, so nothing tells what of it to encrypt"
    )]
    SliceHeader {
        /// Where in the sample the slice or frame begins.
        position: usize,
    },
    /// A frame is too long for the 13-bit length field of an ADTS header (ISO/IEC 13818-7 6.2).
    #[error("an audio frame of {size} bytes does not fit an ADTS header")]
    FrameTooLong {
        /// Bytes in the frame.
        size: usize,
    },
}

/// Properties of a picture track.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VideoProperties {
    /// Coded picture width after cropping, pixels.
    pub width: u32,
    /// Coded picture height after cropping, pixels.
    pub height: u32,
    /// Sample (pixel) aspect ratio, width and height; 1:1 when unknown.
    pub sample_aspect_ratio: (u32, u32),
}

/// Properties of a sound track.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AudioProperties {
    /// Output samples per second (after SBR).
    pub sampling_rate: u32,
    /// Output channels (after parametric stereo).
    pub channels: u16,
    /// Where its loudspeakers stand; `None` when its standard has no number for the layout.
    pub channel_configuration: Option<ChannelConfiguration>,
    /// Bits per PCM sample as Smooth manifests state them; 16 for the AAC family.
    pub bits_per_sample: u16,
    /// Objects that are coded jointly with the channels, as a complexity index (ETSI TS 103 420): "Atmos".
    pub object_coding_complexity: Option<u8>,
}

/// Codec attributes of a Smooth `QualityLevel` (MS-SSTR 2.2.2.5).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SmoothProperties {
    /// `FourCC` attribute.
    pub four_cc: &'static str,
    /// `CodecPrivateData`, upper-case hexadecimal.
    pub codec_private_data: String,
    /// `AudioTag` (wave format tag); `None` for video.
    pub audio_tag: Option<u16>,
    /// `PacketSize`, bytes; `None` for video.
    pub packet_size: Option<u16>,
    /// `NALUnitLengthField`, bytes: to be written when it is present. Clients take 4 where the
    /// attribute is missing (MS-SSTR 2.2.2.5), so it is `None` for 4 and for audio.
    pub nal_unit_length_field: Option<u8>,
}

/// Why a sample entry cannot be served.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No codec of this program reads that sample entry.
    #[error("sample entry '{four_cc}' is of a codec that is not supported")]
    Unsupported {
        /// The sample entry's type.
        four_cc: FourCc,
    },
    /// The sample entry or its configuration record is damaged.
    #[error("sample entry '{four_cc}': {what} at byte {position}")]
    Malformed {
        /// The sample entry's type.
        four_cc: FourCc,
        /// Which part is wrong.
        what: &'static str,
        /// Byte offset inside the sample entry.
        position: usize,
    },
    /// Captions that cannot be read.
    #[error("captions: {reason}")]
    Captions {
        /// What is wrong with them.
        reason: String,
    },
    /// The media is already encrypted, and not in a way in which it can be sent on.
    #[error("sample entry '{four_cc}' is encrypted in a way that cannot be served: {reason}")]
    Encrypted {
        /// The sample entry's type.
        four_cc: FourCc,
        /// What stands against it.
        reason: String,
    },
}

/// Upper-case hexadecimal digits of `bytes`, as Smooth manifests write `CodecPrivateData`.
fn upper_hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    let mut out = String::with_capacity(bytes.len().saturating_mul(2));
    for &byte in bytes {
        out.push(char::from(DIGITS[usize::from(byte >> 4)]));
        out.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
    out
}

/// The codec of a sample entry box (whole box, header included). `first_sample` is the first stored
/// sample if the caller has it: `avc3` keeps its parameter sets there.
///
/// # Errors
/// [`Error`] when the codec is unknown, its configuration damaged or the entry encrypted.
pub fn from_sample_entry(entry: &Bytes, first_sample: Option<&Bytes>) -> Result<std::sync::Arc<dyn Codec>, Error> {
    let four_cc = match entry.get(4..8) {
        Some(t) => FourCc([t[0], t[1], t[2], t[3]]),
        None => {
            return Err(Error::Malformed { four_cc: FourCc(*b"    "), what: "no room for a box header", position: 0 });
        }
    };
    match &four_cc.0 {
        b"avc1" | b"avc3" => Ok(std::sync::Arc::new(Avc::parse(entry, first_sample)?)),
        b"hvc1" | b"hev1" | b"dvh1" | b"dvhe" => Ok(std::sync::Arc::new(Hevc::parse(entry, first_sample)?)),
        b"av01" | b"dav1" => Ok(std::sync::Arc::new(Av1::parse(entry)?)),
        b"vp08" | b"vp09" => Ok(std::sync::Arc::new(Vpx::parse(entry)?)),
        b"mp4a" => match mp4a_entry::object_type_indication(entry) {
            Some(kind) if Mp3::is_object_type(kind) => {
                Ok(std::sync::Arc::new(Mp3::parse(entry, four_cc, first_sample)?))
            }
            Some(kind) if Dts::is_object_type(kind) => Ok(std::sync::Arc::new(Dts::parse(entry, four_cc)?)),
            _ => Ok(std::sync::Arc::new(Aac::parse(entry)?)),
        },
        b".mp3" => Ok(std::sync::Arc::new(Mp3::parse(entry, four_cc, first_sample)?)),
        b"ac-3" => Ok(std::sync::Arc::new(Ac3::parse(entry)?)),
        b"ec-3" => Ok(std::sync::Arc::new(Eac3::parse(entry)?)),
        b"Opus" => Ok(std::sync::Arc::new(Opus::parse(entry)?)),
        b"fLaC" => Ok(std::sync::Arc::new(Flac::parse(entry)?)),
        b"dtsc" | b"dtsh" | b"dtsl" | b"dtse" | b"dtsx" => Ok(std::sync::Arc::new(Dts::parse(entry, four_cc)?)),
        b"encv" | b"enca" | b"enct" | b"encs" => {
            Err(Error::Encrypted { four_cc, reason: "what encrypts it is not known".to_owned() })
        }
        _ => Err(Error::Unsupported { four_cc }),
    }
}

/// Whoever has the first sample of a track with that sample entry, a whole box, should pass it to
/// [`from_sample_entry`]: it may have parameter sets (ISO/IEC 14496-15 5.4.2.1, 8.4.3), or know what the entry does
/// not.
pub fn wants_first_sample(entry: &[u8]) -> bool {
    match entry.get(4..8) {
        Some(b"avc3" | b"hev1" | b"dvhe" | b".mp3") => true,
        Some(b"mp4a") => mp4a_entry::object_type_indication(entry).is_some_and(Mp3::is_object_type),
        _ => false,
    }
}

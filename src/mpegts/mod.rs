//! MPEG-2 transport streams (ISO/IEC 13818-1): one program, muxed a segment at a time.
//!
//! A segment is a pure function of its units: any node makes the same bytes, in any order. It is
//!
//! - one PAT and one PMT, then the units as PES packets, merged by decode time, the PCR stream's first;
//! - PES packets of video hold one access unit and have no length; those of audio hold several frames,
//!   since each PES packet costs a header and half a packet of stuffing: at most 16, of 400 ms, or of
//!   100 ms where there is no video and each carries a PCR;
//! - a PCR in the first packet of each PES packet of the PCR stream (video, or the first stream where
//!   there is none), and in packets of its own wherever those stand more than 100 ms apart (2.7.2).
//!   It is the decode time less [`MUX_DELAY`].
//!
//! # Continuity counters
//!
//! Players join segments, also of different qualities, into one stream, so counters have to go on from
//! the end of any segment to the start of any other without knowing it. Each PID starts at 0, and the
//! number of its packets with payload is brought to a multiple of 16: the end of one of its PES packets
//! is spread over up to 15 more packets, with stuffing in their adaptation fields. That is about
//! 1.4 kB per stream and segment and leaves nothing for a player to forgive. (Setting
//! `discontinuity_indicator` in place of it would, in the PCR stream, announce a new time base, 2.4.3.5.)
//! A stream that has too few bytes in a segment to be spread so far is left as it is.
//!
//! PAT and PMT are one packet each with counter 0 and equal content in all segments of a program; a
//! repetition with an equal counter is a duplicate packet (2.4.3.3), which a player may pass over.

mod mux;
mod packet;
mod pes;
mod psi;

pub use mux::{Segment, Unit, mux};
pub use packet::PACKET_SIZE;
pub(crate) use pes::{JITTER, middle};
pub use psi::{AUDIO_PID, PMT_PID, Program, Stream, VIDEO_PID};

/// How far a PCR stays behind the decode time it is sent with, in 90 kHz ticks (700 ms): the time a
/// receiver has between the arrival of an access unit's first byte and its decoding. It must exceed an
/// audio PES packet's length, plus what an audio stream starts before the video. Decode times below
/// it make the first PCR wrap, so let presentations start later than that.
pub const MUX_DELAY: u64 = 63_000;

/// Why a program or segment cannot be muxed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The program has no stream.
    #[error("a program without streams")]
    NoStreams,
    /// Two streams, or a stream and the PMT, have the same PID.
    #[error("PID {pid:#x} is used twice or reserved")]
    Pid {
        /// The packet identifier.
        pid: u16,
    },
    /// The program map section does not fit one packet.
    #[error("a program map section of {size} bytes does not fit one packet")]
    ProgramMapTooLong {
        /// Bytes of the section.
        size: usize,
    },
    /// Units for another number of streams than the program has.
    #[error("units of {found} streams for a program of {expected}")]
    StreamCount {
        /// Streams of the program.
        expected: usize,
        /// Streams given.
        found: usize,
    },
    /// An audio frame longer than a PES packet (ISO/IEC 13818-1 2.4.3.7).
    #[error("a unit of {size} bytes does not fit a PES packet")]
    UnitTooLong {
        /// Bytes of the unit.
        size: usize,
    },
}

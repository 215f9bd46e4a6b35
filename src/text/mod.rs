//! Captions and subtitles: what they say and when, read from WebVTT, TTML and the samples of MP4 tracks, and
//! written again as what a format wants.
//!
//! Text is small, so a track is read whole when its film is indexed ([`TimedText`]), and each segment is written
//! from the cues that overlap it. Times are whole milliseconds on the presentation's timeline: WebVTT knows no
//! finer ones, and players of TTML show none.

mod color;
mod css;
mod cue;
mod error;
mod payload;
mod settings;
mod source;
mod time;
mod track;
mod ttml;
mod tx3g;
pub mod webvtt;
mod wvtt;

pub use cue::Cue;
pub use error::{Error, MAX_BYTES, MAX_CUES};
pub use source::{FileKind, SampleKind};
pub use time::OPEN_END;
pub use track::{Format, TextSample, TimedText};
pub use ttml::{Span, Ttml, parse as parse_ttml};

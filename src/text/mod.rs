//! Captions and subtitles: what they say and when, read from WebVTT, TTML and the samples of MP4 tracks, and
//! written again as what a format wants.
//!
//! Text is small, so a track is read whole when its film is indexed ([`TimedText`]), and each segment is written
//! from the cues that overlap it. Times are whole milliseconds on the presentation's timeline: WebVTT knows no
//! finer ones, and players of TTML show none.

mod cue;

pub use cue::{Cue, TimedText};

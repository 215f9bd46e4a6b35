//! What a decoder is given: the key frames in a file of single pictures.

use bytes::Bytes;

use super::Wanted;
use crate::isobmff::{Still, write_stills};
use crate::media::Presentation;
use crate::packager::{Error, MediaData, Part};

/// What is to be drawn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drawing {
    /// An MP4 file in pieces; each key frame is a track of its own, so that none is decoded with the help of
    /// another or comes out after a later one.
    pub movie: Vec<Bytes>,
    /// How many pictures one after the other each track fills.
    pub repeats: Vec<u32>,
    /// Width and height of one picture, pixels.
    pub size: (u32, u32),
    /// Pictures beside each other and above each other.
    pub grid: (u32, u32),
}

/// The drawing of what is wanted, from the stored bytes of its plan.
///
/// # Errors
/// [`Error::MissingMedia`] when `media` lacks some of [`crate::packager::Plan::reads`].
pub fn movie(presentation: &Presentation, wanted: &Wanted, media: &MediaData) -> Result<Drawing, Error> {
    let still = |part: &Part| {
        let codec = &presentation.track(part.track).codec;
        let size = codec.video().map_or((0, 0), |picture| (picture.width, picture.height));
        Still { sample_entry: codec.sample_entry(), size, bytes: part.samples.samples.first().map_or(0, |s| s.size) }
    };
    let stills: Vec<Still> = wanted.plan.parts.iter().map(still).collect();
    let mut movie = vec![Bytes::from(write_stills(&stills)?)];
    for part in &wanted.plan.parts {
        for sample in &part.samples.samples {
            movie.push(media.get(part.file, sample.offset, sample.size)?);
        }
    }
    Ok(Drawing { movie, repeats: wanted.repeats.clone(), size: wanted.size, grid: wanted.grid })
}

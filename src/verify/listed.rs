//! What a film's manifests list, for those who only want to fetch it.

use std::sync::Mutex;

use url::Url;

use super::client::Client;
use super::format;
use super::keys::Keys;
use super::listing::Packing;
use super::report::StreamKind;
use super::{Address, Error, Job, Options, formats};

/// A film in one format.
#[derive(Clone, Debug)]
pub struct Listed {
    /// The format's name for people.
    pub title: String,
    /// `format=` in URLs; empty for Smooth.
    pub tag: &'static str,
    /// All segments of pictures, sound and text, each once.
    pub segments: Vec<Url>,
    /// One from the middle of the last quality of pictures, or of sound where there are none.
    pub typical: Url,
}

/// The formats in which a film can be had, with their segments. Trick-play tracks and thumbnails are left out.
///
/// # Errors
/// As [`super::film`].
pub async fn listed(address: &Address, options: &Options) -> Result<Vec<Listed>, Error> {
    let (client, keys) = (Client::new(options)?, Keys::default());
    let job = Job { client, options, progress: &|_| {}, keys, seen: Mutex::default() };
    let mut found = Vec::new();
    for wanted in formats(options)? {
        let (title, listing) = format::list(&job, address, wanted).await;
        let Some(listing) = listing else { continue };
        let streams = || listing.streams.iter().filter(|s| !s.key_frames && s.packing != Packing::Images);
        let typical = |kind| {
            let last = streams().rfind(|s| s.kind == kind)?;
            last.segments.get(last.segments.len() / 2).map(|segment| segment.url.clone())
        };
        let Some(typical) = typical(StreamKind::Video).or_else(|| typical(StreamKind::Audio)) else { continue };
        let whole = streams().flat_map(|s| &s.segments).filter(|segment| segment.range.is_none());
        let mut segments: Vec<Url> = whole.map(|segment| segment.url.clone()).collect();
        segments.sort();
        segments.dedup();
        let tag = wanted.tags().first().copied().unwrap_or_default();
        found.push(Listed { title, tag, segments, typical });
    }
    Ok(found)
}

//! A driver of fuzzing: what reads answers of servers, which may mean no good.

use bytes::Bytes;
use url::Url;

use super::hls::Playlist;
use super::listing::{Listing, MAX_SEGMENTS};
use super::report::StreamKind;
use super::{dash, fragment, hls, smooth, transport};

/// Reads `bytes` as every answer of a server that there is. How many segments and playlists that gave.
///
/// # Panics
/// When something does not hold.
#[doc(hidden)]
pub fn read_any(bytes: &[u8]) -> usize {
    let Ok(url) = Url::parse("http://host/0/film.ism/Manifest") else { return 0 };
    let mut segments = 0;
    let mut count = |listing: &Listing| {
        let own: usize = listing.streams.iter().map(|stream| stream.segments.len()).sum();
        assert!(own <= MAX_SEGMENTS);
        listing.streams.iter().for_each(|stream| drop(super::check::listed(stream)));
        segments += own;
    };
    for read in [smooth::read, dash::read] {
        read(&url, bytes).iter().for_each(&mut count);
    }
    if let Ok(found) = hls::multivariant(&url, bytes) {
        segments += found.playlists.len();
    }
    let mut listing = Listing::default();
    let (name, kind) = ("video".to_owned(), StreamKind::Video);
    let playlist = Playlist { url: url.clone(), name, kind, key_frames: false, codecs: Vec::new() };
    if hls::media(&playlist, &url, bytes, &mut listing).is_ok() {
        segments += listing.streams.iter().map(|stream| stream.segments.len()).sum::<usize>();
    }
    let body = Bytes::copy_from_slice(bytes);
    let init = fragment::Init::read(&body).ok();
    let _ = fragment::read(&body, init.as_ref());
    let _ = transport::read(&body);
    segments
}

//! Playlists of thumbnails: the Image Media Playlist extension, as Roku and Shaka Player read it.
//!
//! `EXT-X-IMAGE-STREAM-INF` names it in the multivariant playlist; players that do not know the tag pass over it.

use std::fmt::Write;

use crate::media::Presentation;
use crate::packager::thumbnails::Grid;
use crate::packager::{Context, Rendered, text};
use crate::time::Timescale;

use super::uri::push_images;
use super::{Flavor, PLAYLIST_TYPE};

/// `EXT-X-IMAGES-ONLY` needs this version.
const VERSION: u64 = 7;

const MICROSECONDS: Timescale = Timescale::new(1_000_000).unwrap();

/// The line of the multivariant playlist. `RESOLUTION` is that of one thumbnail.
pub(super) fn push_stream(out: &mut String, flavor: Flavor, grid: &Grid, context: &Context<'_>) {
    // Writing to a string does not fail.
    let _ = write!(
        out,
        "#EXT-X-IMAGE-STREAM-INF:BANDWIDTH={},RESOLUTION={}x{},CODECS=\"jpeg\",URI=\"",
        grid.bandwidth(),
        grid.width,
        grid.height
    );
    push_images(out, flavor, context);
    out.push_str("\"\n");
}

/// The playlist: one entry a sheet, the last only as long as the film is.
pub(super) fn render(presentation: &Presentation, grid: &Grid) -> Rendered {
    let end = presentation.groups[grid.track.group].duration().round(MICROSECONDS).max(0).unsigned_abs();
    let full = u64::from(grid.sheet_seconds()) * 1_000_000;
    let longest = full.min(end.max(1));
    let mut out = String::with_capacity(256 + grid.sheets() as usize * 128);
    let _ = write!(
        out,
        "#EXTM3U\n#EXT-X-VERSION:{VERSION}\n#EXT-X-PLAYLIST-TYPE:VOD\n#EXT-X-MEDIA-SEQUENCE:0\n\
         #EXT-X-TARGETDURATION:{}\n#EXT-X-IMAGES-ONLY\n",
        longest.div_ceil(1_000_000).max(1)
    );
    for sheet in 1..=u64::from(grid.sheets()) {
        let micros = end.saturating_sub((sheet - 1) * full).clamp(1, full.max(1));
        let (seconds, fraction) = (micros / 1_000_000, micros % 1_000_000);
        let _ = write!(
            out,
            "#EXTINF:{seconds}.{fraction:06},\n#EXT-X-TILES:RESOLUTION={}x{},LAYOUT={}x{},DURATION={}.000000\n\
             Thumbnails(sheet={sheet}).jpg\n",
            grid.width, grid.height, grid.columns, grid.rows, grid.interval_seconds
        );
    }
    out.push_str("#EXT-X-ENDLIST\n");
    text(out, PLAYLIST_TYPE)
}

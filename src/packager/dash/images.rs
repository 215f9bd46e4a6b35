//! The adaptation set of thumbnails (DASH-IF interoperability points 6.2.6).

use crate::packager::markup::Markup;
use crate::packager::thumbnails::{Grid, PICTURE_TYPE};

use super::mpd::descriptor;

const THUMBNAIL_TILE: &str = "http://dashif.org/guidelines/thumbnail_tile";

/// Writes it. `width` and `height` are those of a whole sheet.
pub(super) fn write(xml: &mut Markup, grid: &Grid, id: usize) {
    xml.start("AdaptationSet").number("id", id as u64);
    xml.attribute("contentType", "image").attribute("mimeType", PICTURE_TYPE);
    xml.start("SegmentTemplate").number("timescale", 1).number("duration", grid.sheet_seconds());
    xml.number("startNumber", 1).attribute("media", "Thumbnails(sheet=$Number$).jpg").end();
    let (width, height) = grid.sheet_size();
    xml.start("Representation").format("id", format_args!("thumbnails_{width}x{height}"));
    xml.number("bandwidth", grid.bandwidth()).number("width", width).number("height", height);
    let layout = format!("{}x{}", grid.columns, grid.rows);
    descriptor(xml, "EssentialProperty", THUMBNAIL_TILE, &layout);
    xml.end().end();
}

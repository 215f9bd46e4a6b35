//! Thumbnails: small pictures of a film at regular times, a grid of them in each *sheet*.
//!
//! Here is decided which key frame stands for which time, what a decoder is given to make a sheet or a single
//! picture of them, and what the index for players without manifest says. The decoder itself is an external
//! program and lives above the seam.

mod index;
mod movie;
mod pick;

pub use index::index;
pub use movie::{Drawing, movie};
pub use pick::{Wanted, poster, sheet};

use crate::media::{Presentation, Track, TrackKind, TrackRef};
use crate::time::{MediaTime, Timescale};

/// The media type of sheets and pictures.
pub const PICTURE_TYPE: &str = "image/jpeg";

/// How thumbnails are laid out.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub struct Settings {
    /// Time from one thumbnail to the next, seconds, not 0.
    pub interval_seconds: u32,
    /// A thumbnail is at most this wide, pixels.
    pub width: u32,
    /// A thumbnail is at most this high, pixels.
    pub height: u32,
    /// Thumbnails beside each other in a sheet, not 0.
    pub columns: u32,
    /// Thumbnails above each other in a sheet, not 0.
    pub rows: u32,
}

/// The most pixels of key frames that are decoded for one sheet: 32 pictures of 1080 lines, eight of 2160.
const MAX_DECODED_PIXELS: u64 = 1 << 26;

/// The most thumbnails of a film, so that their index stays small: for longer ones they are further apart. A
/// day has 17,280 at 5 seconds.
const MAX_THUMBNAILS: u64 = 20_000;

const SECOND: Timescale = Timescale::new(1).unwrap();

/// The thumbnails of one film.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub struct Grid {
    /// The quality that they are made from.
    pub track: TrackRef,
    /// Time from one thumbnail to the next, seconds.
    pub interval_seconds: u32,
    /// Width of a thumbnail, pixels, even.
    pub width: u32,
    /// Height of a thumbnail, pixels, even.
    pub height: u32,
    /// Thumbnails beside each other in a sheet.
    pub columns: u32,
    /// Thumbnails above each other in a sheet.
    pub rows: u32,
    /// How many thumbnails there are.
    pub count: u32,
}

impl Grid {
    /// The thumbnails of a film: of the first group of pictures, from the least of its qualities that is large
    /// enough. `None` when there are no pictures.
    pub fn of(presentation: &Presentation, settings: &Settings) -> Option<Grid> {
        let (index, group) = presentation.groups_of(TrackKind::Video).next()?;
        let wanted = (settings.width.max(2), settings.height.max(2));
        let sized = |track: &Track| {
            let picture = track.codec.video().filter(|p| p.width > 0 && p.height > 0)?;
            let size = fitted(shown(track)?, wanted);
            Some((size, picture.width >= size.0 && picture.height >= size.1))
        };
        let drawable = |track: &Track| track.segment_samples.last().is_some_and(|last| *last > 0);
        let sizes = group.tracks.iter().enumerate().filter(|(_, t)| drawable(t));
        let sizes: Vec<_> = sizes.filter_map(|(track, t)| Some((track, sized(t)?))).collect();
        // The qualities come with the highest bit rate first.
        let enough = sizes.iter().rev().find(|(_, (_, enough))| *enough).or(sizes.first());
        let &(track, ((width, height), _)) = enough?;
        let picture = group.tracks[track].codec.video()?;
        let most = MAX_DECODED_PIXELS / (u64::from(picture.width) * u64::from(picture.height)).max(1);
        let (columns, rows) = smaller(settings.columns.max(1), settings.rows.max(1), most);
        let seconds = group.duration().ceil(SECOND).max(1).unsigned_abs();
        let least = u32::try_from(seconds.div_ceil(MAX_THUMBNAILS)).unwrap_or(u32::MAX);
        let interval = settings.interval_seconds.max(least).max(1);
        let count = u32::try_from(seconds.div_ceil(u64::from(interval))).unwrap_or(u32::MAX);
        // Where all fit in one sheet, it is no larger than they need.
        let columns = columns.min(count);
        let rows = rows.min(count.div_ceil(columns));
        let track = TrackRef { group: index, track };
        Some(Grid { track, interval_seconds: interval, width, height, columns, rows, count })
    }

    /// Thumbnails in a full sheet.
    pub fn per_sheet(&self) -> u32 {
        self.columns.saturating_mul(self.rows).max(1)
    }

    /// How many sheets there are; they are counted from 1.
    pub fn sheets(&self) -> u32 {
        self.count.div_ceil(self.per_sheet())
    }

    /// Seconds that a full sheet stands for.
    pub fn sheet_seconds(&self) -> u32 {
        self.interval_seconds.saturating_mul(self.per_sheet())
    }

    /// Width and height of a sheet, pixels.
    pub fn sheet_size(&self) -> (u32, u32) {
        (self.width.saturating_mul(self.columns), self.height.saturating_mul(self.rows))
    }

    /// Bits per second of the sheets, as manifests have to state before there is any: two bits a pixel.
    pub fn bandwidth(&self) -> u64 {
        let pixels = u64::from(self.width) * u64::from(self.height);
        (pixels * 2).div_ceil(u64::from(self.interval_seconds.max(1)))
    }

    /// When thumbnail `number` (from 0) begins.
    fn begins(&self, number: u32) -> MediaTime {
        MediaTime::new(i64::from(number) * i64::from(self.interval_seconds) * 1000, Timescale::MILLISECONDS)
    }
}

/// Size in square pixels at which a track is shown.
fn shown(track: &Track) -> Option<(u32, u32)> {
    let picture = track.codec.video()?;
    let (wide, high) = picture.sample_aspect_ratio;
    let width = u64::from(picture.width) * u64::from(wide.max(1)) / u64::from(high.max(1));
    Some((u32::try_from(width).ok()?.max(1), picture.height.max(1)))
}

/// The largest size of that shape in `(width, height)`, in even numbers.
fn fitted(shape: (u32, u32), (width, height): (u32, u32)) -> (u32, u32) {
    let (wide, high) = (u64::from(shape.0.max(1)), u64::from(shape.1.max(1)));
    let (width, height) = (u64::from(width), u64::from(height));
    let (w, h) = if wide * height >= high * width {
        (width, (width * high + wide / 2) / wide)
    } else {
        ((height * wide + high / 2) / high, height)
    };
    let even = |n: u64| u32::try_from((n / 2 * 2).max(2)).unwrap_or(2);
    (even(w), even(h))
}

/// A grid of at most `most` cells, shrunk on its longer side.
fn smaller(mut columns: u32, mut rows: u32, most: u64) -> (u32, u32) {
    while u64::from(columns) * u64::from(rows) > most.max(1) {
        if columns >= rows { columns -= 1 } else { rows -= 1 }
    }
    (columns.max(1), rows.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packager::testing::{film, film_of, group, video_spec};

    pub(super) const SETTINGS: Settings = Settings { interval_seconds: 2, width: 160, height: 90, columns: 2, rows: 2 };

    #[test]
    fn the_least_quality_that_is_large_enough() {
        let grid = Grid::of(&film(), &SETTINGS).unwrap();
        assert_eq!((grid.track, grid.width, grid.height), (TrackRef { group: 1, track: 1 }, 160, 90));
        assert_eq!((grid.count, grid.sheets(), grid.sheet_size()), (5, 2, (320, 180)));
        let large = Settings { width: 640, height: 360, ..SETTINGS };
        assert_eq!(Grid::of(&film(), &large).unwrap().track.track, 0);
        let larger = Settings { width: 4000, height: 4000, ..SETTINGS };
        let grid = Grid::of(&film(), &larger).unwrap();
        assert_eq!((grid.track.track, grid.width, grid.height), (0, 4000, 2250));
        let sound = film_of(vec![film().groups.remove(0)]);
        assert_eq!(Grid::of(&sound, &SETTINGS), None);
    }

    #[test]
    fn shapes_fit_and_pixels_become_square() {
        assert_eq!(fitted((1920, 1080), (160, 90)), (160, 90));
        assert_eq!(fitted((1080, 1920), (160, 90)), (50, 90));
        assert_eq!(fitted((1998, 1080), (160, 90)), (160, 86));
        assert_eq!(fitted((640, 480), (160, 90)), (120, 90));
        assert_eq!(fitted((100_000, 1), (160, 90)), (160, 2));
        let mut spec = video_spec(1, 720, 576);
        spec.codec.video.as_mut().unwrap().sample_aspect_ratio = (64, 45);
        let wide = film_of(vec![group("video", TrackKind::Video, &[0, 24], &[spec])]);
        let grid = Grid::of(&wide, &SETTINGS).unwrap();
        assert_eq!((grid.width, grid.height, grid.count, grid.sheet_size()), (160, 90, 1, (160, 90)));
    }

    #[test]
    fn sheets_of_huge_pictures_have_fewer_of_them() {
        let minute = |width, height| {
            film_of(vec![group("video", TrackKind::Video, &[0, 24 * 60], &[video_spec(1, width, height)])])
        };
        let film = minute(3840, 2160);
        let grid = Grid::of(&film, &Settings { columns: 5, rows: 5, ..SETTINGS }).unwrap();
        assert_eq!((grid.columns, grid.rows), (2, 3));
        let grid = Grid::of(&minute(65535, 65535), &SETTINGS).unwrap();
        assert_eq!((grid.columns, grid.rows), (1, 1));
        let mut long = video_spec(1, 320, 180);
        (long.timescale, long.sample_duration) = (1, 1_000_000);
        let film = film_of(vec![group("video", TrackKind::Video, &[0, 24], &[long])]);
        let grid = Grid::of(&film, &SETTINGS).unwrap();
        assert_eq!((grid.interval_seconds, grid.count), (1201, 19_986));
    }
}

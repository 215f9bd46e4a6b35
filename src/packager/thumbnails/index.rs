//! The index of thumbnails as WebVTT: a cue for each, whose text is the sheet's URL and where in it the
//! thumbnail lies (a spatial media fragment, W3C Media Fragments 4.2.2).

use std::fmt::Write;

use super::Grid;
use crate::media::Presentation;
use crate::packager::{Rendered, text};
use crate::time::{MediaTime, Timescale};

/// The index, with URLs relative to the presentation.
pub fn index(presentation: &Presentation, grid: &Grid) -> Rendered {
    let end = presentation.groups[grid.track.group].duration();
    let mut out = String::with_capacity(16 + grid.count as usize * 96);
    out.push_str("WEBVTT\n");
    for number in 0..grid.count {
        let begin = grid.begins(number);
        let until = Some(grid.begins(number + 1)).filter(|next| next.compare(end).is_lt()).unwrap_or(end);
        let (sheet, place) = (number / grid.per_sheet() + 1, number % grid.per_sheet());
        let (x, y) = (place % grid.columns * grid.width, place / grid.columns * grid.height);
        // Writing to a string does not fail.
        let _ = write!(
            out,
            "\n{} --> {}\nThumbnails(sheet={sheet}).jpg#xywh={x},{y},{},{}\n",
            Stamp(begin),
            Stamp(until),
            grid.width,
            grid.height
        );
    }
    text(out, "text/vtt; charset=utf-8")
}

/// `hh:mm:ss.ttt` (WebVTT 3.1).
struct Stamp(MediaTime);

impl std::fmt::Display for Stamp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let millis = self.0.ceil(Timescale::MILLISECONDS).max(0);
        let (hours, minutes, seconds) = (millis / 3_600_000, millis / 60_000 % 60, millis / 1000 % 60);
        write!(f, "{hours:02}:{minutes:02}:{seconds:02}.{:03}", millis % 1000)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::SETTINGS;
    use super::*;
    use crate::packager::testing::film;

    #[test]
    fn a_cue_for_each_thumbnail() {
        let film = film();
        let grid = Grid::of(&film, &SETTINGS).unwrap();
        let text = String::from_utf8(index(&film, &grid).body.concat()).unwrap();
        let expected = "WEBVTT

00:00:00.000 --> 00:00:02.000
Thumbnails(sheet=1).jpg#xywh=0,0,160,90

00:00:02.000 --> 00:00:04.000
Thumbnails(sheet=1).jpg#xywh=160,0,160,90

00:00:04.000 --> 00:00:06.000
Thumbnails(sheet=1).jpg#xywh=0,90,160,90

00:00:06.000 --> 00:00:08.000
Thumbnails(sheet=1).jpg#xywh=160,90,160,90

00:00:08.000 --> 00:00:09.084
Thumbnails(sheet=2).jpg#xywh=0,0,160,90
";
        assert_eq!(text, expected);
    }
}

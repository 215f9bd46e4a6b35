//! What of a film a format does not send.

use super::Format;
use crate::media::{LeftOut, Presentation, WhyLeftOut};

/// Stored tracks that `format` leaves out: those that no format is given, and those whose codec it cannot
/// carry, in the film's order.
pub fn left_out(presentation: &Presentation, format: &dyn Format) -> Vec<LeftOut> {
    let tracks = presentation.groups.iter().flat_map(|group| &group.tracks);
    let refused = tracks.filter(|track| !format.carries(&*track.codec)).map(|track| LeftOut {
        file: presentation.file(track.file).name.clone(),
        track: track.source_id,
        codec: track.codec.rfc6381(),
        why: WhyLeftOut::Format,
    });
    refused.chain(presentation.left_out.iter().cloned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::TrackKind;
    use crate::packager::{FORMATS, format, testing};

    #[test]
    fn each_format_leaves_out_its_own() {
        let mut film = testing::film();
        assert!(FORMATS.iter().all(|format| left_out(&film, *format).is_empty()));
        let mut spec = testing::audio_spec(64_000);
        spec.codec.rfc6381 = "opus";
        (spec.codec.smooth, spec.codec.transport_stream) = (false, false);
        film.groups.push(testing::group("opus", TrackKind::Audio, &[0, 94], &[spec]));
        let unread =
            LeftOut { file: "film.mp4".to_owned(), track: 7, codec: "mp4v".to_owned(), why: WhyLeftOut::Codec };
        film.left_out.push(unread.clone());
        let opus = LeftOut { track: 1, codec: "opus".to_owned(), why: WhyLeftOut::Format, ..unread.clone() };
        for (tag, expected) in [
            ("", vec![opus.clone(), unread.clone()]),
            ("m3u8-aapl", vec![opus, unread.clone()]),
            ("m3u8-cmaf", vec![unread.clone()]),
            ("mpd-time-csf", vec![unread]),
        ] {
            assert_eq!(left_out(&film, format(tag).unwrap()), expected, "{tag}");
        }
    }
}

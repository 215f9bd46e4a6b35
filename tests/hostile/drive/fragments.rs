//! What is sent, read back.

use bytes::Bytes;
use headwater::isobmff::{Movie, MovieFragment, boxes};
use headwater::packager::Plan;
use headwater::time::Timescale;

/// One movie of one track with nothing in it.
pub fn check_init(body: &[u8]) {
    let body = Bytes::copy_from_slice(body);
    let found: Vec<_> = boxes(&body, 0).map(|found| found.expect("a box")).collect();
    let moov = found.iter().find(|found| &found.kind.0 == b"moov").expect("a movie");
    let movie = Movie::parse(&moov.whole, moov.offset).expect("a movie that can be read");
    assert!(movie.fragmented.is_some() && movie.tracks.len() == 1);
    assert!(movie.tracks[0].samples.is_empty());
}

/// One movie fragment with all of the plan's samples, which begins at its time and is as long as it;
/// returns its decode time.
pub fn check_fragment(body: &[u8], plan: &Plan, scale: Timescale) -> u64 {
    let body = Bytes::copy_from_slice(body);
    let found: Vec<_> = boxes(&body, 0).map(|found| found.expect("a box")).collect();
    let moof = found.iter().find(|found| &found.kind.0 == b"moof").expect("a fragment");
    let mdat = found.iter().find(|found| &found.kind.0 == b"mdat").expect("its media");
    let fragment = MovieFragment::parse(&moof.whole, moof.offset).expect("a fragment that can be read");
    let [traf] = &fragment.tracks[..] else { panic!("{} tracks", fragment.tracks.len()) };
    let part = &plan.parts[0];
    assert_eq!(traf.sample_count() as usize, part.samples.samples.len());
    assert_eq!(mdat.body.len() as u64, part.samples.bytes());
    let begins = traf.decode_time.expect("a decode time");
    assert_eq!(begins, plan.start.floor(scale).max(0) as u64, "a segment begins when its URL says");
    let samples = traf.runs.iter().flat_map(|run| run.samples());
    let size: u64 = samples.clone().map(|s| u64::from(s.size.or(traf.default_size).expect("a size"))).sum();
    assert_eq!(size, mdat.body.len() as u64);
    let duration: u64 = samples.map(|s| u64::from(s.duration.or(traf.default_duration).expect("a duration"))).sum();
    assert!(duration > 0, "a segment lasts");
    if let Some((time, lasts)) = traf.tfxd {
        assert_eq!((time, lasts), (begins, duration));
    }
    let run = &traf.runs[0];
    assert_eq!(run.data_offset.map(i64::from), Some((mdat.body_offset() - moof.offset) as i64));
    begins
}

/// Packets of 188 bytes that begin as they must.
pub fn check_transport_stream(body: &[u8]) {
    assert_eq!(body.len() % 188, 0);
    assert!(body.chunks(188).all(|packet| packet[0] == 0x47));
}

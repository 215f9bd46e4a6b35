//! Boxes read as everything that they could be.

use bytes::Bytes;
use headwater::isobmff::{
    MAX_SAMPLES_PER_RUN, MAX_SAMPLES_PER_TRACK, Movie, MovieFragment, SampleTables, SegmentIndex,
    TrackFragmentRandomAccess, boxes, mfra_size,
};

/// Walks are bounded by limits in the millions, which many small inputs reach: they are cut here.
const ENOUGH: usize = 4096;

pub fn run(data: &[u8]) {
    let data = Bytes::copy_from_slice(data);
    whole(&data);
    let mut walked = 0;
    for found in boxes(&data, 0) {
        let Ok(found) = found else { break };
        assert!(found.whole.len() >= 8 && found.body.len() < found.whole.len());
        walked += found.whole.len();
        whole(&found.whole);
    }
    assert!(walked <= data.len(), "boxes overlap");
    // At the far end of a file that is as long as any can be.
    let _ = Movie::parse(&data, u64::MAX - 3);
    let _ = MovieFragment::parse(&data, u64::MAX - 3);
    boxes(&data, u64::MAX - 3).for_each(drop);
}

fn whole(data: &Bytes) {
    if let Ok(movie) = Movie::parse(data, 0) {
        for track in &movie.tracks {
            assert!(track.id != 0 && movie.tracks.iter().filter(|t| t.id == track.id).count() == 1);
            assert!(track.handler_name.len() <= 3 * 1024);
            tables(&track.samples);
        }
    }
    if let Ok(fragment) = MovieFragment::parse(data, 7) {
        let mut all = 0;
        for traf in &fragment.tracks {
            assert!(traf.base_data_offset.is_none_or(|base| base <= i64::MAX as u64));
            for run in &traf.runs {
                all += u64::from(run.count);
                let walked = run.samples().take(ENOUGH).count();
                assert_eq!(walked, ENOUGH.min(run.count as usize));
            }
        }
        assert!(all <= u64::from(MAX_SAMPLES_PER_RUN));
    }
    if let Ok(index) = SegmentIndex::parse(data, 7) {
        assert!(index.references.len() * 12 <= data.len());
        let mut out = Vec::new();
        index.write(&mut out);
        assert_eq!(SegmentIndex::parse(&Bytes::from(out), 0), Ok(index));
    }
    for table in TrackFragmentRandomAccess::parse_all(data, 7).unwrap_or_default() {
        assert_eq!(table.entries().count(), table.len());
        assert!(table.len() * 11 <= data.len());
    }
    let _ = mfra_size(data);
}

/// Totals that were compared when the tables were read agree afterwards.
fn tables(tables: &SampleTables) {
    let count = tables.sample_count();
    assert!(count <= MAX_SAMPLES_PER_TRACK);
    let covered: u64 = tables.time_to_sample().map(|(run, _)| u64::from(run)).sum();
    assert_eq!(covered, u64::from(count));
    if let Some(offsets) = tables.composition_offsets() {
        assert_eq!(offsets.map(|(run, _)| u64::from(run)).sum::<u64>(), u64::from(count));
    }
    let mut next = 0u64;
    for chunk in tables.chunks() {
        assert_eq!(u64::from(chunk.first_sample), next);
        assert!(chunk.samples > 0 && chunk.description_index > 0 && chunk.offset <= i64::MAX as u64);
        next += u64::from(chunk.samples);
    }
    assert_eq!(next, u64::from(count));
    if let Some(sync) = tables.sync_samples() {
        let mut last = None;
        for sample in sync {
            assert!(Some(sample) > last && sample < count);
            last = Some(sample);
        }
    }
    tables.total_duration();
    if count as usize <= ENOUGH {
        assert_eq!(tables.total_size(), tables.sizes().map(u64::from).sum::<u64>());
    }
    assert_eq!(tables.size_of(count), 0);
}

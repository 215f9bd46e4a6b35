//! Which reads serve a set of wanted ranges.

use std::ops::Range;

use bytes::Bytes;

use super::{Error, ObjectInfo};

/// Reads that together hold all wanted ranges of one file.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ReadPlan {
    /// What to read: ascending, never overlapping.
    pub(super) reads: Vec<Range<u64>>,
    /// For each wanted range: which read holds it and where it begins there.
    slices: Vec<(usize, Range<usize>)>,
}

impl ReadPlan {
    /// Reads for `wanted`; ranges that are at most `gap` bytes apart become one read.
    ///
    /// # Errors
    /// [`Error::Truncated`] when a range ends behind the end of the file.
    pub(super) fn new(object: &ObjectInfo, wanted: &[Range<u64>], gap: u64) -> Result<ReadPlan, Error> {
        let mut order: Vec<usize> = (0..wanted.len()).collect();
        order.sort_by_key(|&i| wanted[i].start);
        let mut plan = ReadPlan { reads: Vec::new(), slices: vec![(0, 0..0); wanted.len()] };
        for index in order {
            let range = &wanted[index];
            if range.start >= range.end {
                continue;
            }
            if range.end > object.size {
                return Err(Error::Truncated { path: object.path.clone(), wanted: range.end, size: object.size });
            }
            match plan.reads.last_mut() {
                Some(last) if range.start.saturating_sub(last.end) <= gap => last.end = last.end.max(range.end),
                _ => plan.reads.push(range.clone()),
            }
            let read = plan.reads.len() - 1;
            let begin = (range.start - plan.reads[read].start) as usize;
            plan.slices[index] = (read, begin..begin + (range.end - range.start) as usize);
        }
        Ok(plan)
    }

    /// The same with at most `reads` reads, if that costs no more than `waste` bytes that nobody asked for:
    /// neighbours with the smallest gaps are read together.
    pub(super) fn merged(mut self, reads: usize, waste: u64) -> ReadPlan {
        let mut gaps: Vec<(u64, usize)> =
            self.reads.windows(2).enumerate().map(|(i, w)| (w[1].start - w[0].end, i + 1)).collect();
        gaps.sort_unstable();
        gaps.truncate(self.reads.len().saturating_sub(reads.max(1)));
        if gaps.is_empty() || gaps.iter().map(|(gap, _)| gap).sum::<u64>() > waste {
            return self;
        }
        let mut joined = vec![false; self.reads.len()];
        for (_, second) in gaps {
            joined[second] = true;
        }
        // For each old read, the new one that holds it, and how far behind its beginning.
        let mut places: Vec<(usize, usize)> = Vec::with_capacity(self.reads.len());
        let mut merged: Vec<Range<u64>> = Vec::new();
        for (read, joined) in self.reads.iter().zip(joined) {
            match merged.last_mut() {
                Some(last) if joined => last.end = read.end,
                _ => merged.push(read.clone()),
            }
            let at = merged.len() - 1;
            places.push((at, (read.start - merged[at].start) as usize));
        }
        self.reads = merged;
        for (read, slice) in &mut self.slices {
            if let Some((at, shift)) = places.get(*read) {
                (*read, *slice) = (*at, slice.start + shift..slice.end + shift);
            }
        }
        self
    }

    /// Bytes that will be read.
    pub(super) fn bytes(&self) -> u64 {
        self.reads.iter().map(|r| r.end - r.start).sum()
    }

    /// The wanted ranges out of what was read. A read that is too short is an error.
    pub(super) fn slice(&self, object: &ObjectInfo, read: &[Bytes]) -> Result<Vec<Bytes>, Error> {
        let one = |(index, range): &(usize, Range<usize>)| {
            if range.is_empty() {
                return Ok(Bytes::new());
            }
            match read.get(*index) {
                Some(bytes) if bytes.len() >= range.end => Ok(bytes.slice(range.clone())),
                short => {
                    let start = self.reads.get(*index).map_or(0, |r| r.start);
                    Err(Error::Truncated {
                        path: object.path.clone(),
                        wanted: start + range.end as u64,
                        size: start + short.map_or(0, Bytes::len) as u64,
                    })
                }
            }
        };
        self.slices.iter().map(one).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::UtcTime;

    fn object(size: u64) -> ObjectInfo {
        ObjectInfo { path: "film.mp4".into(), size, modified: UtcTime { unix_millis: 0 }, etag: None, inode: None }
    }

    #[test]
    fn near_neighbours_are_read_together() {
        let wanted = [100..110, 0..10, 115..120, 5..8, 50..50, 200..201];
        let plan = ReadPlan::new(&object(300), &wanted, 5).unwrap();
        assert_eq!(plan.reads, [0..10, 100..120, 200..201]);
        let file: Vec<u8> = (0..=255).chain(0..=44).collect();
        let read: Vec<Bytes> =
            plan.reads.iter().map(|r| Bytes::copy_from_slice(&file[r.start as usize..r.end as usize])).collect();
        for (slice, range) in plan.slice(&object(300), &read).unwrap().iter().zip(&wanted) {
            assert_eq!(slice[..], file[range.start as usize..range.end as usize]);
        }
    }

    #[test]
    fn a_range_behind_the_end_is_an_error_before_any_read() {
        assert!(matches!(
            ReadPlan::new(&object(10), &[0..1, 5..11], 0),
            Err(Error::Truncated { wanted: 11, size: 10, .. })
        ));
        assert!(ReadPlan::new(&object(10), std::slice::from_ref(&(u64::MAX - 1..u64::MAX)), 9).is_err());
    }

    #[test]
    fn the_smallest_gaps_go_first_until_few_reads_are_left() {
        let wanted = [0..10, 20..30, 100..110, 115..120, 300..310];
        let plan = ReadPlan::new(&object(400), &wanted, 0).unwrap();
        assert_eq!(plan.reads.len(), 5);
        let file: Vec<u8> = (0..400u32).map(|n| (n % 251) as u8).collect();
        for (reads, waste, expected) in [
            (2, 1000, vec![0..120, 300..310]),
            (1, 1000, std::iter::once(0..310).collect()),
            (1, 20, wanted.to_vec()),
            (9, 1000, wanted.to_vec()),
        ] {
            let plan = ReadPlan::new(&object(400), &wanted, 0).unwrap().merged(reads, waste);
            assert_eq!(plan.reads, expected);
            let read: Vec<Bytes> =
                plan.reads.iter().map(|r| Bytes::copy_from_slice(&file[r.start as usize..r.end as usize])).collect();
            for (slice, range) in plan.slice(&object(400), &read).unwrap().iter().zip(&wanted) {
                assert_eq!(slice[..], file[range.start as usize..range.end as usize]);
            }
        }
    }

    #[test]
    fn a_short_read_is_an_error() {
        let plan = ReadPlan::new(&object(10), std::slice::from_ref(&(2..8)), 0).unwrap();
        assert!(matches!(
            plan.slice(&object(10), &[Bytes::from_static(b"abc")]),
            Err(Error::Truncated { wanted: 8, size: 5, .. })
        ));
    }
}

//! Making segments: the media that they are made of is read together, and what comes of it is counted.

use super::error::Error;
use super::load::Loaded;
use super::memory::Lease;
use crate::media::{ByteRange, Presentation};
use crate::packager::{Context, Format, MediaData, Plan, Rendered};
use crate::store::Store;

/// What a segment has beside its media at the most, bytes, about: boxes, tables, packet headers.
const BESIDE_MEDIA: u64 = 16 << 10;

/// An answer, and what it takes of the budget while it is there.
#[derive(Debug)]
pub(super) struct Made {
    pub(super) rendered: Rendered,
    /// Bytes of memory.
    pub(super) memory: u64,
}

/// Bytes of memory that making a segment takes at the most: what is read, and what is written of it.
pub(super) fn room_for(plan: &Plan) -> u64 {
    let read: u64 =
        plan.reads().chunk_by(|a, b| a.0 == b.0).map(|reads| read_together(reads.iter().map(|r| &r.1))).sum();
    read.saturating_mul(2).saturating_add(BESIDE_MEDIA)
}

/// Reads what the plan wants and writes the segment; `lease` shrinks to what that takes.
pub(super) async fn segment(
    loaded: &Loaded,
    film: &Presentation,
    store: &dyn Store,
    format: &dyn Format,
    plan: Plan,
    context: &Context<'_>,
    lease: Lease,
) -> Result<Made, Error> {
    let (media, pinned) = read(loaded, store, &plan).await?;
    let mut rendered = format.segment(film, &plan, &media, context)?;
    drop(media);
    let length = rendered.len();
    if pinned <= 2 * length {
        return Ok(held(rendered, lease, pinned.max(length)));
    }
    // Slices would hold all that was read between them.
    rendered.body = vec![rendered.body.concat().into()];
    Ok(held(rendered, lease, length))
}

/// An answer that holds `lease`, of which it needs `memory` bytes.
pub(super) fn held(rendered: Rendered, mut lease: Lease, memory: u64) -> Made {
    lease.shrink(memory);
    let memory = lease.bytes();
    Made { rendered: Rendered { body: lease.hold(rendered.body), ..rendered }, memory }
}

/// Reads what the plan wants; how many bytes of memory that holds.
pub(super) async fn read(loaded: &Loaded, store: &dyn Store, plan: &Plan) -> Result<(MediaData, u64), Error> {
    let mut pieces = Vec::new();
    let mut pinned = 0;
    let reads = plan.reads();
    for file_reads in reads.chunk_by(|a, b| a.0 == b.0) {
        let Some((file, _)) = file_reads.first() else { continue };
        let object = loaded.objects.get(file.0 as usize).ok_or(Error::Internal)?;
        let ranges: Vec<_> = file_reads.iter().map(|(_, range)| range.clone()).collect();
        pinned += read_together(ranges.iter());
        let bytes = store.read_ranges(object, &ranges).await?;
        pieces.extend(ranges.into_iter().zip(bytes).map(|(range, bytes)| (*file, range, bytes)));
    }
    Ok((MediaData::new(pieces), pinned))
}

/// Stores read ranges of one file together that are this near at most.
const LARGEST_GAP: u64 = 256 << 10;

/// The most bytes that a store reads for these ranges, which are in order.
fn read_together<'a>(ranges: impl Iterator<Item = &'a ByteRange>) -> u64 {
    let (mut bytes, mut last) = (0, None);
    for range in ranges {
        let gap = last.map_or(0, |end| range.start.saturating_sub(end));
        bytes += range.end - range.start + if gap <= LARGEST_GAP { gap } else { 0 };
        last = Some(range.end);
    }
    bytes
}

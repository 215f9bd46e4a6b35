//! Making segments: the media that they are made of is read together, and what all of them hold in memory is bounded.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::error::Error;
use super::load::Loaded;
use crate::media::{ByteRange, Presentation};
use crate::packager::{Context, Format, MediaData, Plan, Rendered};
use crate::store::Store;

/// Media bytes of all segments that are made at the same time. What goes beyond waits for its turn.
const BUILDING_BYTES: u64 = 512 << 20;
/// How long it waits before the client is asked to come back.
const BUILDING_PATIENCE: Duration = Duration::from_secs(5);

/// A permit for each KiB of media that segments under way are made of.
#[derive(Clone)]
pub(super) struct Building(Arc<Semaphore>);

impl Building {
    pub(super) fn new() -> Building {
        Building(Arc::new(Semaphore::new(permits(BUILDING_BYTES) as usize)))
    }

    /// Waits for room in memory for a segment's media.
    pub(super) async fn room(&self, plan: &Plan) -> Result<OwnedSemaphorePermit, Error> {
        let bytes: u64 = plan.reads().iter().map(|(_, range)| range.end - range.start).sum();
        let permits = permits(bytes.min(BUILDING_BYTES));
        let turn = Arc::clone(&self.0).acquire_many_owned(permits);
        match tokio::time::timeout(BUILDING_PATIENCE, turn).await {
            Ok(Ok(room)) => Ok(room),
            // The semaphore is never closed.
            Ok(Err(_)) => Err(Error::Internal),
            Err(_) => Err(Error::Overloaded { retry_after: BUILDING_PATIENCE }),
        }
    }
}

fn permits(bytes: u64) -> u32 {
    u32::try_from(bytes.div_ceil(1024)).unwrap_or(u32::MAX)
}

/// Reads what the plan wants and writes the segment.
pub(super) async fn segment(
    loaded: &Loaded,
    film: &Presentation,
    store: &dyn Store,
    format: &dyn Format,
    plan: Plan,
    context: &Context<'_>,
) -> Result<Rendered, Error> {
    let (media, pinned) = read(loaded, store, &plan).await?;
    let mut rendered = format.segment(film, &plan, &media, context)?;
    if pinned > 2 * rendered.len() {
        // Kept in a cache, slices would hold all that was read between them.
        rendered.body = vec![rendered.body.concat().into()];
    }
    Ok(rendered)
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
        pinned += read_together(&ranges);
        let bytes = store.read_ranges(object, &ranges).await?;
        pieces.extend(ranges.into_iter().zip(bytes).map(|(range, bytes)| (*file, range, bytes)));
    }
    Ok((MediaData::new(pieces), pinned))
}

/// Stores read ranges of one file together that are this near at most.
const LARGEST_GAP: u64 = 256 << 10;

/// The most bytes that a store reads for these ranges, which are in order.
fn read_together(ranges: &[ByteRange]) -> u64 {
    let gaps = ranges.windows(2).map(|w| w[1].start.saturating_sub(w[0].end)).filter(|gap| *gap <= LARGEST_GAP);
    ranges.iter().map(|r| r.end - r.start).sum::<u64>() + gaps.sum::<u64>()
}

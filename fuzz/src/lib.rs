//! What the fuzz targets run: the same drivers as the test `hostile`, under the same ceiling of memory.

#[path = "../../tests/hostile/drive/mod.rs"]
mod drive;

use peak_alloc::PeakAlloc;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// Runs the driver `target` on `data`.
///
/// # Panics
/// When something does not hold; that is what is looked for.
pub fn run(target: &str, data: &[u8]) {
    MEMORY.reset_peak_usage();
    let before = MEMORY.current_usage();
    drive::run(target, data);
    let peak = MEMORY.peak_usage().saturating_sub(before);
    assert!(peak <= drive::memory_allowed(data.len()), "{peak} bytes of memory for {} bytes of input", data.len());
}

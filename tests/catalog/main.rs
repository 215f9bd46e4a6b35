//! The catalogue, each test on SQLite and on a real PostgreSQL.

mod crash;
mod full;
mod nodes;
mod open;
mod postgres;
mod random;
mod rules;
mod scale;
mod serving;
mod stores;

// To say how much memory a snapshot takes.
#[global_allocator]
static ALLOCATOR: peak_alloc::PeakAlloc = peak_alloc::PeakAlloc;

//! Watching the server from outside: numbers for Prometheus, whether it lives, whether it should be sent requests.
//!
//! Nothing is kept here: whatever is asked for is read from where it is counted.

mod endpoints;
mod numbers;
mod process;
mod sheet;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

pub use endpoints::Endpoints;

use crate::catalog::{Catalog, StorageCounts};
use crate::key_delivery::KeyDelivery;
use crate::origin::Origin;
use crate::server::Streaming;

/// What is watched.
pub struct Sources {
    /// What is published.
    pub catalog: Catalog,
    /// The streaming entrance, and all of the public one.
    pub origin: Arc<Origin>,
    /// Its requests.
    pub streaming: Arc<Streaming>,
    /// The most connections that it takes.
    pub max_connections: usize,
    /// What storage is asked.
    pub storage: Arc<StorageCounts>,
    /// Keys for players, if they are delivered.
    pub keys: Option<Arc<KeyDelivery>>,
    /// Set when the server is to end.
    pub draining: Draining,
}

/// Whether the server is about to end. Clones are the same.
#[derive(Clone, Debug, Default)]
pub struct Draining(Arc<AtomicBool>);

impl Draining {
    /// It is, from now on.
    pub fn begin(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether it is.
    pub fn has_begun(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

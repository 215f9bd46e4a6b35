//! What manifests have measured of a film, kept as long as its index.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

use crate::packager::figures::{Figure, Figures};

/// The most figures of one film: those of a hundred tracks in every format and encryption.
const MOST: usize = 4096;

/// The figures of one film.
#[derive(Debug, Default)]
pub(super) struct Kept(RwLock<HashMap<Figure, (u64, u64)>>);

impl Figures for Kept {
    fn known(&self, figure: &Figure) -> Option<(u64, u64)> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(figure).copied()
    }

    fn keep(&self, figure: Figure, values: (u64, u64)) {
        let mut figures = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if figures.len() < MOST {
            figures.insert(figure, values);
        }
    }
}

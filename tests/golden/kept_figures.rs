//! What was measured of a film for one manifest serves the next: nothing of it is measured again, and no word changes.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};

use headwater::packager::figures::{Figure, Figures};
use headwater::packager::{Context, Dialect, FORMATS, Selection};

use crate::support::{Film, context, joined, root};
use crate::tag;

#[derive(Debug, Default)]
struct Kept {
    figures: Mutex<HashMap<Figure, (u64, u64)>>,
    measured: AtomicU32,
}

impl Figures for Kept {
    fn known(&self, figure: &Figure) -> Option<(u64, u64)> {
        self.figures.lock().unwrap().get(figure).copied()
    }

    fn keep(&self, figure: Figure, values: (u64, u64)) {
        self.measured.fetch_add(1, Ordering::Relaxed);
        assert_eq!(self.figures.lock().unwrap().insert(figure, values), None, "{figure:?} was known");
    }
}

#[test]
fn a_manifest_measures_a_film_once() {
    for name in ["../demo", "one-track-per-file", "angles", "twelve-tracks"] {
        let film = Film::open(&root().join("fixtures/films").join(name)).unwrap_or_else(|e| panic!("{e}"));
        // One for all formats, as a server has it: they must not take each other's.
        let kept = Kept::default();
        for format in FORMATS {
            let selection = Selection::default();
            let plain = context(Dialect::Modern, &selection);
            let manifest = |context: &Context<'_>| joined(&format.manifest(&film.presentation, context).unwrap());
            let with_figures = Context { figures: Some(&kept), ..plain };
            let expected = manifest(&plain);
            assert!(manifest(&with_figures) == expected, "{name} {}", tag(*format));
            let measured = kept.measured.load(Ordering::Relaxed);
            assert!(manifest(&with_figures) == expected, "{name} {}", tag(*format));
            assert_eq!(kept.measured.load(Ordering::Relaxed), measured, "{name} {}", tag(*format));
        }
        assert!(kept.measured.load(Ordering::Relaxed) > 4);
    }
}

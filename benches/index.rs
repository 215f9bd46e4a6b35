//! Indexing stored files, and what is made of their indexes: hours of film per second.

mod support;

use std::sync::Arc;

use divan::Bencher;
use divan::counter::ItemsCount;
use headwater::media::{Revision, SourceFile};
use headwater::source::{Settings, assemble, infer};
use support::{LADDER, fragmented, progressive};

fn main() {
    divan::main();
}

/// One muxed file; an item is an hour.
#[divan::bench(args = [1, 2])]
fn progressive_hours(bencher: Bencher<'_, '_>, hours: u32) {
    let file = progressive(hours * 60, 2_000_000);
    bencher.counter(ItemsCount::new(hours)).bench(|| file.index());
}

/// One fragmented file of 2 s fragments; an item is an hour.
#[divan::bench(args = [1, 2])]
fn fragmented_hours(bencher: Bencher<'_, '_>, hours: u32) {
    let file = fragmented(hours * 60, 2_000_000);
    bencher.counter(ItemsCount::new(hours)).bench(|| file.index());
}

/// The presentation of three indexed files; an item is an hour.
#[divan::bench(args = [1, 2])]
fn assemble_hours(bencher: Bencher<'_, '_>, hours: u32) {
    let files: Vec<_> = LADDER
        .iter()
        .map(|rate| {
            let file = progressive(hours * 60, *rate);
            (SourceFile { name: file.name.clone(), size: file.length }, Arc::new(file.index()))
        })
        .collect();
    bencher.counter(ItemsCount::new(hours)).bench(|| {
        let named: Vec<_> = files.iter().map(|(file, index)| (file.name.as_str(), &**index)).collect();
        let manifest = infer::server_manifest(&named);
        assemble(Revision([0; 16]), "film.ism", &manifest, &files, &Settings::default()).expect("a film")
    });
}

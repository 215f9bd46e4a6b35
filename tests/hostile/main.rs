//! Bytes from outside, damaged on purpose: an error or a sane answer, in bounded time and memory.
//!
//! The corpus of the fuzz targets is replayed; then real films are attacked by system. What a case
//! must hold is in `drive`, which the fuzz targets share.

mod attacks;
mod build;
mod dice;
mod drive;
mod judge;
#[cfg(feature = "server")]
mod secrets;
mod tree;

use std::fs;
use std::path::{Path, PathBuf};

use judge::Judge;

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures")
}

/// The files of a folder by name.
fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut files: Vec<_> = entries
        .map(|entry| entry.expect("a folder entry"))
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_file()))
        .map(|entry| (entry.file_name().to_string_lossy().into_owned(), fs::read(entry.path()).expect("a file")))
        .collect();
    files.sort();
    files
}

/// The corpus of one target.
fn corpus(target: &str) -> Vec<(String, Vec<u8>)> {
    files(&fixtures().join("corpus").join(target))
}

#[test]
fn the_corpus_holds() {
    let mut judge = Judge::new("corpus");
    for target in drive::TARGETS {
        let seeds = corpus(target);
        assert!(!seeds.is_empty(), "fixtures/corpus/{target} is empty: node fixtures/corpus.mjs");
        for (name, data) in seeds {
            judge.case(&name, target, &data);
        }
    }
    judge.finish();
}

#[test]
fn whole_films_hold() {
    let mut judge = Judge::new("films");
    for film in fs::read_dir(fixtures().join("films")).expect("films") {
        for (name, data) in files(&film.expect("a folder").path()) {
            if !name.ends_with(".ism") {
                judge.case(&name, "index", &data);
            }
        }
    }
    judge.finish();
}

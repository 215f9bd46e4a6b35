//! The files of the repository, and rules about all of them.

use std::fs;
use std::path::{Path, PathBuf};

/// The most lines of a file under `src`.
const MAX_LINES: usize = 700;

/// Text that belongs to one machine and not to the project. Split, so that this file passes.
const FOREIGN: [&str; 5] = [
    concat!("/wo", "rk/"),
    concat!("/ro", "ot/"),
    concat!("/ho", "me/"),
    concat!("/Us", "ers/"),
    concat!("/tmp/", "bash"),
];

pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// All files that `.gitignore` lets through, as paths from the root with slashes, in order.
pub fn files() -> Vec<String> {
    let ignored = fs::read_to_string(root().join(".gitignore")).unwrap();
    let ignored: Vec<&str> = ignored.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
    for pattern in &ignored {
        let known = pattern.strip_prefix('/').or(pattern.strip_prefix('*'));
        assert!(
            known.is_some_and(|p| !p.contains(['*', '!'])),
            ".gitignore: {pattern} is of a form that this test does not know"
        );
    }
    let mut files = Vec::new();
    walk(root(), &ignored, &mut files);
    files.sort();
    files
}

fn walk(folder: &Path, ignored: &[&str], files: &mut Vec<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path: PathBuf = entry.unwrap().path();
        let name = path.strip_prefix(root()).unwrap().to_str().unwrap().replace('\\', "/");
        let is_ignored = ignored.iter().any(|pattern| match pattern.strip_prefix('/') {
            Some(exact) => name == exact.trim_end_matches('/'),
            None => name.ends_with(pattern.trim_start_matches('*')),
        });
        if name == ".git" || is_ignored {
            continue;
        }
        if path.is_dir() {
            walk(&path, ignored, files);
        } else {
            files.push(name);
        }
    }
}

/// The text of a file, `None` for media and pictures.
pub fn text(file: &str) -> Option<String> {
    String::from_utf8(fs::read(root().join(file)).unwrap()).ok()
}

#[test]
fn files_under_src_are_short() {
    let long: Vec<String> = files()
        .into_iter()
        .filter(|file| file.starts_with("src/"))
        .filter_map(|file| Some((text(&file)?.lines().count(), file)))
        .filter(|(lines, _)| *lines > MAX_LINES)
        .map(|(lines, file)| format!("{file} has {lines} lines; look for the seam"))
        .collect();
    assert!(long.is_empty(), "{}", long.join("\n"));
}

#[test]
fn nothing_speaks_of_one_machine() {
    let mut found = Vec::new();
    for file in files() {
        let Some(text) = text(&file) else { continue };
        for (number, line) in text.lines().enumerate() {
            found.extend(
                FOREIGN
                    .iter()
                    .filter(|word| line.contains(**word))
                    .map(|word| format!("{file}:{}: {word}", number + 1)),
            );
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn packages_come_from_the_public_registries() {
    let cargo = text("Cargo.lock").unwrap();
    for line in cargo.lines().filter(|line| line.starts_with("source = ")) {
        assert_eq!(line, "source = \"registry+https://github.com/rust-lang/crates.io-index\"");
    }
    for file in ["tests/players/package-lock.json", "tests/storage/package-lock.json"] {
        let npm = text(file).unwrap();
        assert!(!npm.contains("\"resolved\""), "{file} records where packages were fetched from");
    }
}

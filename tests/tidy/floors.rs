//! The floors of `docs/architecture.md`, held against the paths in `src`.

use std::collections::BTreeMap;

use crate::{documents, rust, tree};

/// What no floor below the seam may touch, as children of `std`.
const OUTSIDE_STD: [&str; 6] = ["env", "fs", "net", "os", "process", "thread"];

/// What no floor below the seam may name: the clock, randomness, waiting, shared state, sockets.
const OUTSIDE_WORDS: [&str; 24] = [
    "SystemTime",
    "Instant",
    "rand",
    "getrandom",
    "RandomState",
    "async",
    "await",
    "tokio",
    "futures_util",
    "hyper",
    "object_store",
    "tracing",
    "Mutex",
    "RwLock",
    "OnceLock",
    "LazyLock",
    "AtomicU64",
    "AtomicUsize",
    "AtomicBool",
    "thread_local",
    "println",
    "eprintln",
    "stdin",
    "stdout",
];

/// The formats, which know nothing of each other.
const FORMATS: [&str; 3] = ["dash", "hls", "smooth"];

/// A file's code without tests.
struct File {
    name: String,
    /// The top module that it is of.
    module: String,
    code: String,
}

/// All files of the library that are not tests.
fn library() -> Vec<File> {
    let mut files = Vec::new();
    let mut tests: Vec<String> = Vec::new();
    for name in tree::files().into_iter().filter(|f| f.starts_with("src/") && f.ends_with(".rs")) {
        let (code, test_modules) = rust::without_tests(&rust::code(&tree::text(&name).unwrap()));
        let home = name.trim_end_matches("mod.rs").trim_end_matches(".rs").trim_end_matches('/');
        tests.extend(
            test_modules.iter().flat_map(|module| [format!("{home}/{module}.rs"), format!("{home}/{module}/")]),
        );
        let module = name["src/".len()..].split('/').next().unwrap().trim_end_matches(".rs").to_owned();
        files.push(File { name, module, code });
    }
    files.retain(|file| {
        !tests.iter().any(|test| file.name == *test || (test.ends_with('/') && file.name.starts_with(test.as_str())))
    });
    files.retain(|file| file.module != "lib");
    files
}

/// Floor of each module, and the first floor above the seam.
fn table() -> (BTreeMap<String, usize>, usize) {
    let text = tree::text("docs/architecture.md").unwrap();
    let (mut floors, mut seam) = (BTreeMap::new(), None);
    for row in documents::table(&text, "Floor") {
        if row[0] == "seam" {
            seam = floors.values().max().map(|floor| floor + 1);
            continue;
        }
        let floor: usize = row[0].parse().unwrap();
        for module in documents::quoted(&row[1]) {
            assert!(floors.insert(module.clone(), floor).is_none(), "{module} stands on two floors");
        }
    }
    (floors, seam.expect("a row 'seam' in the table of floors"))
}

fn complain(found: Vec<String>) {
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn the_table_of_floors_names_every_module_and_no_other() {
    let mut modules: Vec<String> = library().into_iter().map(|file| file.module).collect();
    modules.sort();
    modules.dedup();
    let known: Vec<String> = table().0.into_keys().collect();
    assert_eq!(modules, known, "left: src, right: docs/architecture.md");
}

#[test]
fn modules_use_lower_floors_and_their_own_children() {
    let (floors, _) = table();
    let mut found = Vec::new();
    for file in library() {
        let floor = floors[&file.module];
        let root = if file.module == "main" { "headwater" } else { "crate" };
        for (line, other) in rust::paths_from(&file.code, root) {
            let allowed = other == file.module || floors.get(&other).is_some_and(|f| *f < floor);
            if !allowed {
                found.push(format!("{}:{line}: floor {floor} uses {other}", file.name));
            }
        }
        // `super` as often as the file is deep would be another way out.
        let deep = file.name.trim_end_matches("/mod.rs").matches('/').count();
        let out = ["super"; 16][..deep].join("::");
        found.extend(
            rust::lines_with(&file.code, &out)
                .iter()
                .map(|line| format!("{}:{line}: {out} leaves {}", file.name, file.module)),
        );
    }
    complain(found);
}

#[test]
fn below_the_seam_there_is_no_outside_world() {
    let (floors, seam) = table();
    let mut found = Vec::new();
    for file in library().into_iter().filter(|file| floors[&file.module] < seam) {
        for (line, name) in rust::paths_from(&file.code, "std") {
            if OUTSIDE_STD.contains(&name.as_str()) {
                found.push(format!("{}:{line}: std::{name}", file.name));
            }
        }
        for word in OUTSIDE_WORDS {
            found.extend(rust::lines_with(&file.code, word).iter().map(|line| format!("{}:{line}: {word}", file.name)));
        }
    }
    complain(found);
}

#[test]
fn packagers_know_neither_each_other_nor_codecs() {
    let codecs: Vec<String> = tree::files()
        .iter()
        .filter_map(|f| f.strip_prefix("src/codec/")?.strip_suffix(".rs"))
        .filter(|name| *name != "mod")
        .map(str::to_owned)
        .collect();
    let mut found = Vec::new();
    for file in library().into_iter().filter(|file| file.module == "packager") {
        let own = file.name["src/packager/".len()..].split('/').next().unwrap_or_default().to_owned();
        for other in FORMATS.iter().filter(|f| FORMATS.contains(&own.as_str()) && **f != own) {
            for way in [format!("super::{other}"), format!("packager::{other}")] {
                found.extend(
                    rust::lines_with(&file.code, &way).iter().map(|line| format!("{}:{line}: {way}", file.name)),
                );
            }
        }
        for codec in &codecs {
            let way = format!("codec::{codec}");
            found.extend(rust::lines_with(&file.code, &way).iter().map(|line| format!("{}:{line}: {way}", file.name)));
        }
    }
    complain(found);
}

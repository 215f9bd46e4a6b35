//! Server manifests, client manifests, URLs and headers.

use headwater::source::ism;
use headwater::xml;

#[path = "../../../src/origin/range.rs"]
#[allow(dead_code, missing_docs)]
mod range;
#[path = "../../../src/origin/url/mod.rs"]
#[allow(dead_code, unused_imports, missing_docs)]
mod url;

use range::{Parts, Wanted};
use url::{Resource, StreamingUrl};

pub fn manifests(data: &[u8]) {
    let limits = xml::Limits::MANIFEST;
    if let Ok(root) = xml::parse(data, limits) {
        let (nodes, depth) = measure(&root);
        assert!(nodes <= limits.nodes && depth <= limits.depth, "{nodes} nodes, {depth} levels");
    }
    let streams = ism::parse_client_manifest(data).unwrap_or_default();
    let Ok(mut manifest) = ism::parse(data) else { return };
    assert!(!manifest.entries.is_empty() && manifest.entries.len() <= 256);
    for src in manifest.entries.iter().map(|e| &e.src).chain(&manifest.client_manifest) {
        assert!(!src.starts_with('/') && !src.contains(['\\', ':', '\0']), "{src:?}");
        assert!(src.split('/').all(|part| !matches!(part, "" | "." | "..")), "{src:?}");
    }
    ism::name_from_client(&mut manifest, &streams);
    // The film of another driver's corpus stands for the files: nothing that a manifest says may hurt.
    super::film::under(&manifest);
}

fn measure(element: &xml::Element) -> (usize, usize) {
    let own = 1 + element.attributes.len();
    element.children.iter().map(measure).fold((own, 1), |(nodes, depth), (n, d)| (nodes + n, depth.max(d + 1)))
}

pub fn url(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let Ok(parsed) = StreamingUrl::parse(&text) else { return };
    match &parsed.resource {
        Resource::Download { file } => {
            assert!(!file.is_empty() && !file.starts_with('.') && !file.contains(['/', '\\', '\0']), "{file:?}");
        }
        Resource::Stream { presentation, .. } => {
            assert!(!presentation.contains(['/', '\\', '\0']) && presentation != "..", "{presentation:?}");
        }
    }
    let canonical = parsed.canonical();
    assert!(canonical.is_ascii() && !canonical.contains(['?', '#', ' ', '\r', '\n']), "{canonical:?}");
    // A spelling three times as long, all escapes, may be longer than any URL that is accepted.
    if canonical.len() <= url::MAX_PATH {
        let again = StreamingUrl::parse(&canonical);
        assert_eq!(again.as_ref(), Ok(&parsed), "{canonical}");
        assert_eq!(again.map(|url| url.canonical()), Ok(canonical));
    }
}

pub fn range(data: &[u8]) {
    let (length, header) = data.split_at(data.len().min(8));
    let length = length.iter().fold(0, |sum: u64, byte| sum << 8 | u64::from(*byte));
    let header = String::from_utf8_lossy(header);
    for parts in [Parts::Single, Parts::Many] {
        if let Wanted::Ranges(ranges) = range::parse(&header, length, parts) {
            let most = if parts == Parts::Single { 1 } else { range::MAX_RANGES };
            assert!(!ranges.is_empty() && ranges.len() <= most);
            assert!(ranges.iter().all(|r| r.start < r.end && r.end <= length), "{ranges:?} of {length}");
            let total = ranges.iter().map(|r| u128::from(r.end - r.start)).sum::<u128>();
            assert!(total <= u128::from(length));
        }
    }
}

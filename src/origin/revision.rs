//! Digests: the revision of a presentation, entity tags and cache keys. All are SHA-256 cut to 128 bits,
//! so that every node computes the same.

use sha2::{Digest, Sha256};

use crate::media::Revision;
use crate::packager::Dialect;
use crate::source::Settings;
use crate::store::ObjectInfo;

/// Changes whenever a release writes other bytes for the same film.
const BYTES_VERSION: &str = env!("CARGO_PKG_VERSION");

/// The revision of what is built from these files, the server manifest and its client manifest (empty where
/// there is none) and these settings.
pub(super) fn revision(
    server_manifest: &[u8],
    client_manifest: &[u8],
    files: &[ObjectInfo],
    settings: &Settings,
) -> Revision {
    let mut digest = Sha256::new();
    text(&mut digest, BYTES_VERSION.as_bytes());
    text(&mut digest, server_manifest);
    text(&mut digest, client_manifest);
    for file in files {
        object(&mut digest, file);
    }
    for time in [settings.target_segment, settings.max_segment] {
        digest.update(time.ticks.to_be_bytes());
        digest.update(time.scale.get().to_be_bytes());
    }
    digest.update(settings.fragments_per_ts_segment.to_be_bytes());
    Revision(cut(digest))
}

/// Identity of one rendered answer: key of the cache and, in hexadecimal, its entity tag. `object` is what of
/// the presentation it is; URLs that lead to the same bytes share one.
pub(super) fn answer_key(
    revision: Revision,
    dialect: Dialect,
    locator: &[u8; 16],
    presentation: &str,
    object: &str,
) -> [u8; 16] {
    let mut digest = Sha256::new();
    digest.update(revision.0);
    digest.update([match dialect {
        Dialect::Modern => 0u8,
        Dialect::Ams => 1,
    }]);
    digest.update(locator);
    text(&mut digest, presentation.as_bytes());
    text(&mut digest, object.as_bytes());
    cut(digest)
}

/// Identity of a stored file's content, for the entity tag of downloads.
pub(super) fn object_key(info: &ObjectInfo) -> [u8; 16] {
    let mut digest = Sha256::new();
    object(&mut digest, info);
    cut(digest)
}

/// The digits of an entity tag.
pub(super) fn hex(key: [u8; 16]) -> String {
    Revision(key).to_string()
}

/// Without the inode: copies of a file that kept its time are the same file on every node.
fn object(digest: &mut Sha256, info: &ObjectInfo) {
    text(digest, info.path.as_bytes());
    digest.update(info.size.to_be_bytes());
    digest.update(info.modified.unix_millis.to_be_bytes());
    text(digest, info.etag.as_deref().unwrap_or_default().as_bytes());
}

/// Length first, so that no two sequences of texts are the same bytes.
fn text(digest: &mut Sha256, bytes: &[u8]) {
    digest.update((bytes.len() as u64).to_be_bytes());
    digest.update(bytes);
}

fn cut(digest: Sha256) -> [u8; 16] {
    let mut key = [0; 16];
    key.copy_from_slice(&digest.finalize()[..16]);
    key
}

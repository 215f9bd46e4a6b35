//! From an asset's files to a presentation: lists, reads what the indexers ask for, assembles.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt};

use super::error::{Error, MediaFault};
use super::figures::Kept;
use super::listing::find;
use super::revision::revision;
use crate::catalog::PublishedAsset;
use crate::media::{Presentation, SourceFile, TrackKind};
use crate::source::ism::{self, ServerManifest};
use crate::source::{self, FileIndex, FileIndexer, Settings, Step, infer};
use crate::store::{ObjectInfo, Store};
use crate::time::UtcTime;

/// A presentation and the files it was built from.
#[derive(Debug)]
pub(super) struct Loaded {
    pub(super) presentation: Presentation,
    /// The media files, by [`crate::media::FileId`].
    pub(super) objects: Vec<ObjectInfo>,
    watched: Watched,
    /// The watched files as they were.
    seen: Vec<ObjectInfo>,
    /// What manifests have measured of it.
    pub(super) figures: Kept,
}

/// Which files decide what a presentation is: when one changes, comes or goes, so does the revision.
#[derive(Debug)]
enum Watched {
    /// The server manifest, what it names, and its client manifest.
    Named(Vec<String>),
    /// All media and caption files of the folder: there is no server manifest.
    Inferred,
}

/// The largest `.ism` or `.ismc` that is read, bytes.
const MAX_MANIFEST_BYTES: u64 = 4 << 20;
/// The most files that are indexed for one presentation: no film has nearly as many, a folder of films may.
const MAX_SOURCES: usize = 256;
/// Files indexed side by side.
const PARALLEL_FILES: usize = 4;

/// The name under which a folder without `.ism` is served.
pub(crate) fn inferred_name(asset: &PublishedAsset) -> String {
    format!("{}.ism", asset.name)
}

/// The presentations of a folder with these files: its server manifests, or one under its own name.
pub fn presentations(asset: &PublishedAsset, files: &[ObjectInfo]) -> Vec<String> {
    let named: Vec<String> = files.iter().filter(|f| is_server_manifest(&f.path)).map(|f| f.path.clone()).collect();
    if named.is_empty() && files.iter().any(|f| is_top_level_media(&f.path)) {
        return vec![inferred_name(asset)];
    }
    named
}

fn is_server_manifest(path: &str) -> bool {
    !path.contains('/') && path.rsplit_once('.').is_some_and(|(_, end)| end.eq_ignore_ascii_case("ism"))
}

fn is_top_level_media(path: &str) -> bool {
    !path.contains('/') && infer::is_media_file(path)
}

/// There is a presentation of that name in a folder with these files.
pub(super) fn exists(asset: &PublishedAsset, name: &str, files: &[ObjectInfo]) -> bool {
    (is_server_manifest(name) && find(files, name).is_some()) || Watched::Inferred.look(asset, name, files).is_some()
}

impl Watched {
    /// The watched files of presentation `name` in this listing; `None` if there is no such presentation.
    fn look(&self, asset: &PublishedAsset, name: &str, files: &[ObjectInfo]) -> Option<Vec<ObjectInfo>> {
        match self {
            Watched::Named(paths) => {
                find(files, name)?;
                Some(paths.iter().filter_map(|path| find(files, path)).cloned().collect())
            }
            Watched::Inferred => {
                if name != inferred_name(asset) || files.iter().any(|f| is_server_manifest(&f.path)) {
                    return None;
                }
                let is_caption = |f: &&ObjectInfo| !f.path.contains('/') && infer::is_caption_file(&f.path);
                let mut sources: Vec<ObjectInfo> =
                    files.iter().filter(|f| is_top_level_media(&f.path)).cloned().collect();
                if sources.is_empty() {
                    return None;
                }
                // Captions stand behind, so that a film's files keep their numbers when some come and go.
                sources.extend(files.iter().filter(is_caption).cloned());
                Some(sources)
            }
        }
    }
}

impl Loaded {
    /// The files are still what they were.
    pub(super) fn is_current(&self, asset: &PublishedAsset, name: &str, files: &[ObjectInfo]) -> bool {
        self.watched.look(asset, name, files).is_some_and(|now| now == self.seen)
    }

    /// When the newest of its files was written.
    pub(super) fn modified(&self) -> Option<UtcTime> {
        self.seen.iter().map(|o| o.modified).max_by_key(|time| time.unix_millis)
    }

    /// Bytes of memory that it occupies, for the cache.
    pub(super) fn memory(&self) -> usize {
        let text = |t: &crate::media::Track| t.text.as_ref().map_or(0, |text| text.memory());
        let encryption = |t: &crate::media::Track| t.encryption.as_ref().map_or(0, |stored| stored.memory());
        let track = |t: &crate::media::Track| {
            1024 + t.samples.memory() + t.segment_samples.len() * 12 + text(t) + encryption(t)
        };
        let groups = self.presentation.groups.iter();
        groups.map(|g| 512 + g.starts.len() * 8 + g.tracks.iter().map(track).sum::<usize>()).sum()
    }
}

/// Loads presentation `name` of an asset with these files.
pub(super) async fn load(
    asset: &PublishedAsset,
    name: &str,
    files: &[ObjectInfo],
    settings: Settings,
) -> Result<Loaded, Error> {
    let not_found = || Error::PresentationNotFound { presentation: name.to_owned() };
    let manifest_file = find(files, name).filter(|_| is_server_manifest(name));
    let manifest = match manifest_file {
        Some(info) => Some(read_manifest(asset, info, files).await?),
        None => None,
    };
    let (watched, sources) = match &manifest {
        Some(read) => {
            let sources = named_sources(name, &read.manifest, files)?;
            let named = std::iter::once(name.to_owned()).chain(read.manifest.client_manifest.clone());
            // Those that are missing too: they may come.
            let entries = read.manifest.entries.iter().flat_map(|e| [Some(e.src.clone()), e.transcript.clone()]);
            let mut paths: Vec<String> = named.collect();
            for path in entries.flatten() {
                if !paths.contains(&path) {
                    paths.push(path);
                }
            }
            (Watched::Named(paths), sources)
        }
        None => (Watched::Inferred, Watched::Inferred.look(asset, name, files).ok_or_else(not_found)?),
    };
    if sources.len() > MAX_SOURCES {
        let (count, limit) = (sources.len(), MAX_SOURCES);
        return Err(Error::Media {
            fault: MediaFault::Shape,
            file: None,
            reason: format!("it has {count} media files; at most {limit} can be one film: name them in an .ism"),
        });
    }
    let seen = watched.look(asset, name, files).ok_or_else(not_found)?;
    let indexed: Vec<Arc<FileIndex>> = futures_util::stream::iter(sources.clone())
        .map(|info| async move { index(&*asset.store, &info).await.map(Arc::new) })
        .buffered(PARALLEL_FILES)
        .try_collect()
        .await?;
    let (bytes, client) = manifest.as_ref().map_or((&[][..], &[][..]), |read| (&read.bytes, &read.client));
    let revision = revision(bytes, client, &sources, &settings);
    let source_file = |info: &ObjectInfo| SourceFile { name: info.path.clone(), size: info.size };
    let pairs: Vec<(SourceFile, Arc<FileIndex>)> = sources.iter().map(source_file).zip(indexed).collect();
    let manifest = match manifest {
        Some(read) => read.manifest,
        None => infer::server_manifest(&pairs.iter().map(|(f, i)| (f.name.as_str(), &**i)).collect::<Vec<_>>()),
    };
    let owned_name = name.to_owned();
    let presentation =
        blocking(move || source::assemble(revision, &owned_name, &manifest, &pairs, &settings)).await??;
    Ok(Loaded { presentation, objects: sources, watched, seen, figures: Kept::default() })
}

/// The files that a server manifest names, each once.
fn named_sources(name: &str, manifest: &ServerManifest, files: &[ObjectInfo]) -> Result<Vec<ObjectInfo>, Error> {
    let mut sources: Vec<ObjectInfo> = Vec::new();
    for entry in &manifest.entries {
        if sources.iter().any(|s| s.path == entry.src) {
            continue;
        }
        let missing = || source::Error::MissingFile { manifest: name.to_owned(), file: entry.src.clone() };
        match find(files, &entry.src) {
            Some(found) => sources.push(found.clone()),
            // The film goes without them.
            None if entry.kind == TrackKind::Text => {}
            None => return Err(missing().into()),
        }
    }
    Ok(sources)
}

/// A server manifest and the bytes that it was read from.
struct ReadManifest {
    manifest: ServerManifest,
    bytes: bytes::Bytes,
    /// The client manifest's, empty if there is none.
    client: bytes::Bytes,
}

async fn read_manifest(asset: &PublishedAsset, info: &ObjectInfo, files: &[ObjectInfo]) -> Result<ReadManifest, Error> {
    if info.size > MAX_MANIFEST_BYTES {
        let (file, size, limit) = (info.path.clone(), info.size, MAX_MANIFEST_BYTES);
        return Err(source::Error::ManifestTooLarge { file, size, limit }.into());
    }
    let bytes = asset.store.read(info, 0..info.size).await?;
    let in_file = |error| source::Error::ServerManifest { file: info.path.clone(), source: Box::new(error) };
    let mut manifest = ism::parse(&bytes).map_err(in_file)?;
    let client = manifest.client_manifest.as_ref().and_then(|path| find(files, path));
    let client = match client.filter(|c| c.size <= MAX_MANIFEST_BYTES) {
        Some(info) => asset.store.read(info, 0..info.size).await?,
        None => bytes::Bytes::new(),
    };
    for entry in manifest.entries.iter_mut().filter(|entry| find(files, &entry.src).is_none()) {
        if let Some(transcript) = entry.transcript.as_mut().filter(|path| find(files, path).is_some()) {
            std::mem::swap(&mut entry.src, transcript);
        }
    }
    // A damaged client manifest only means that names come from elsewhere.
    if let Ok(streams) = ism::parse_client_manifest(&client) {
        ism::name_from_client(&mut manifest, &streams);
    }
    Ok(ReadManifest { manifest, bytes, client })
}

/// Indexes one file, reading what the indexer asks for. Parsing runs beside the async threads.
pub async fn index(store: &dyn Store, info: &ObjectInfo) -> Result<FileIndex, Error> {
    let ahead = store.read_ahead();
    let mut indexer = FileIndexer::new(&info.path, info.size).read_ahead(ahead);
    // What was read before it was asked for.
    let mut ready: HashMap<u64, Bytes> = HashMap::new();
    loop {
        let (returned, step) = blocking(move || {
            let step = indexer.step();
            (indexer, step)
        })
        .await?;
        indexer = returned;
        match step? {
            Step::Done(index) => return Ok(index),
            Step::Need(range) => {
                let bytes = match ready.remove(&range.start) {
                    Some(bytes) => bytes,
                    None => {
                        let mut wanted = vec![range.clone()];
                        wanted.extend(indexer.expected(range.end));
                        ready =
                            wanted.iter().map(|r| r.start).zip(store.read_scattered(info, &wanted).await?).collect();
                        ready.remove(&range.start).unwrap_or_default()
                    }
                };
                indexer.feed(range.start, bytes);
            }
        }
    }
}

/// Runs CPU work on the blocking pool; a panic there is our own fault and ends this request alone.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Error> {
    tokio::task::spawn_blocking(work).await.map_err(|panic| {
        tracing::error!(%panic, "work on the blocking pool failed");
        Error::Internal
    })
}

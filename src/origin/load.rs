//! From an asset's files to a presentation: lists, reads what the indexers ask for, assembles.

use std::sync::Arc;

use futures_util::{StreamExt, TryStreamExt};

use super::error::Error;
use super::revision::revision;
use crate::catalog::Asset;
use crate::media::{Presentation, SourceFile};
use crate::source::ism::{self, ServerManifest};
use crate::source::{self, FileIndex, FileIndexer, Settings, Step, infer};
use crate::store::{ObjectInfo, Store};

/// A presentation and the files it was built from.
#[derive(Debug)]
pub(super) struct Loaded {
    pub(super) presentation: Presentation,
    /// The media files, by [`crate::media::FileId`].
    pub(super) objects: Vec<ObjectInfo>,
    /// All files that decide what it is: when one changes, so does the revision.
    pub(super) watched: Watched,
}

/// Which files decide what a presentation is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Watched {
    /// The server manifest, what it names, and its client manifest.
    Named(Vec<ObjectInfo>),
    /// All media files and server manifests of the folder: there is no server manifest.
    Inferred(Vec<ObjectInfo>),
}

/// The largest `.ism` or `.ismc` that is read, bytes.
const MAX_MANIFEST_BYTES: u64 = 4 << 20;
/// Files indexed side by side.
const PARALLEL_FILES: usize = 4;

/// The name under which a folder without `.ism` is served.
pub(crate) fn inferred_name(asset: &Asset) -> String {
    format!("{}.ism", asset.name)
}

/// The presentations of a folder with these files: its server manifests, or one under its own name.
pub fn presentations(asset: &Asset, files: &[ObjectInfo]) -> Vec<String> {
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

/// What decides presentation `name` in this listing; `None` if there is no such presentation.
fn watched(asset: &Asset, name: &str, files: &[ObjectInfo], named: impl Fn(&str) -> bool) -> Option<Watched> {
    if files.iter().any(|f| f.path == name && is_server_manifest(name)) {
        return Some(Watched::Named(files.iter().filter(|f| f.path == name || named(&f.path)).cloned().collect()));
    }
    let inferred = name == inferred_name(asset) && !files.iter().any(|f| is_server_manifest(&f.path));
    let media: Vec<ObjectInfo> = files.iter().filter(|f| is_top_level_media(&f.path)).cloned().collect();
    (inferred && !media.is_empty()).then_some(Watched::Inferred(media))
}

impl Loaded {
    /// The files are still what they were.
    pub(super) async fn is_current(&self, asset: &Asset, name: &str) -> Result<bool, Error> {
        let files = asset.store.list("").await?;
        let named = |path: &str| match &self.watched {
            Watched::Named(known) => known.iter().any(|k| k.path == path),
            Watched::Inferred(_) => false,
        };
        Ok(watched(asset, name, &files, named).as_ref() == Some(&self.watched))
    }

    /// Bytes of memory that it occupies, for the cache.
    pub(super) fn memory(&self) -> usize {
        let track = |t: &crate::media::Track| 1024 + t.samples.memory() + t.segment_samples.len() * 12;
        let groups = self.presentation.groups.iter();
        groups.map(|g| 512 + g.starts.len() * 8 + g.tracks.iter().map(track).sum::<usize>()).sum()
    }
}

/// Loads presentation `name` of an asset.
pub(super) async fn load(asset: &Asset, name: &str, settings: Settings) -> Result<Loaded, Error> {
    let files = asset.store.list("").await?;
    let not_found = || Error::PresentationNotFound { presentation: name.to_owned() };
    let file = |path: &str| files.iter().find(|f| f.path == path);
    let manifest_file = file(name).filter(|_| is_server_manifest(name));
    let (manifest, manifest_bytes) = match manifest_file {
        Some(info) => read_manifest(asset, info, &files).await?,
        None => (ServerManifest::default(), bytes::Bytes::new()),
    };
    let sources: Vec<ObjectInfo> = match manifest_file {
        Some(_) => named_sources(name, &manifest, &files)?,
        None => match watched(asset, name, &files, |_| false).ok_or_else(not_found)? {
            Watched::Named(media) | Watched::Inferred(media) => media,
        },
    };
    let indexed: Vec<Arc<FileIndex>> = futures_util::stream::iter(sources.clone())
        .map(|info| async move { index(&*asset.store, &info).await.map(Arc::new) })
        .buffered(PARALLEL_FILES)
        .try_collect()
        .await?;
    let revision = revision(&manifest_bytes, &sources, &settings);
    let named =
        |path: &str| manifest.client_manifest.as_deref() == Some(path) || sources.iter().any(|s| s.path == path);
    let watched = watched(asset, name, &files, named).ok_or_else(not_found)?;
    let source_file = |info: &ObjectInfo| SourceFile { name: info.path.clone(), size: info.size };
    let pairs: Vec<(SourceFile, Arc<FileIndex>)> = sources.iter().map(source_file).zip(indexed).collect();
    let manifest = match manifest_file {
        Some(_) => manifest,
        None => infer::server_manifest(&pairs.iter().map(|(f, i)| (f.name.as_str(), &**i)).collect::<Vec<_>>()),
    };
    let owned_name = name.to_owned();
    let presentation =
        blocking(move || source::assemble(revision, &owned_name, &manifest, &pairs, &settings)).await??;
    Ok(Loaded { presentation, objects: sources, watched })
}

/// The files that a server manifest names, each once.
fn named_sources(name: &str, manifest: &ServerManifest, files: &[ObjectInfo]) -> Result<Vec<ObjectInfo>, Error> {
    let mut sources: Vec<ObjectInfo> = Vec::new();
    for entry in &manifest.entries {
        if sources.iter().any(|s| s.path == entry.src) {
            continue;
        }
        let info = files.iter().find(|f| f.path == entry.src);
        let missing = || source::Error::MissingFile { manifest: name.to_owned(), file: entry.src.clone() };
        sources.push(info.ok_or_else(missing)?.clone());
    }
    Ok(sources)
}

async fn read_manifest(
    asset: &Asset,
    info: &ObjectInfo,
    files: &[ObjectInfo],
) -> Result<(ServerManifest, bytes::Bytes), Error> {
    let bytes = read_small(asset, info).await?;
    let in_file = |error| source::Error::ServerManifest { file: info.path.clone(), source: Box::new(error) };
    let mut manifest = ism::parse(&bytes).map_err(in_file)?;
    let client = manifest.client_manifest.as_ref().and_then(|c| files.iter().find(|f| &f.path == c));
    if let Some(client) = client {
        // A damaged client manifest only means that names come from elsewhere.
        if let Ok(streams) = ism::parse_client_manifest(&read_small(asset, client).await?) {
            ism::name_from_client(&mut manifest, &streams);
        }
    }
    Ok((manifest, bytes))
}

async fn read_small(asset: &Asset, info: &ObjectInfo) -> Result<bytes::Bytes, Error> {
    if info.size > MAX_MANIFEST_BYTES {
        let (file, size, limit) = (info.path.clone(), info.size, MAX_MANIFEST_BYTES);
        let kind = crate::isobmff::FourCc(*b"smil");
        return Err(source::Error::BoxTooLarge { file, kind, size, limit }.into());
    }
    Ok(asset.store.read(info, 0..info.size).await?)
}

/// Indexes one file, reading what the indexer asks for. Parsing runs beside the async threads.
pub async fn index(store: &dyn Store, info: &ObjectInfo) -> Result<FileIndex, Error> {
    let mut indexer = FileIndexer::new(&info.path, info.size);
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
                let bytes = store.read(info, range.clone()).await?;
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

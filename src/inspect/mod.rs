//! What is in a folder or file, how it would stream, and what would make it better.

mod finding;
mod manifest;
mod measure;
mod mend;
mod presentation;
mod protection;
mod text;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Serialize;
use uuid::Uuid;

pub use finding::{Code, Finding, Severity};
pub use manifest::ManifestReport;
pub use measure::{ContainerReport, EditReport, FileReport, KeyFrameReport, LightReport, TrackReport};
pub use presentation::{DifferenceReport, GroupReport, LeftOutReport, PresentationReport, QualityReport};
pub use protection::{PlayReadyReport, SystemReport, WidevineReport};
pub use text::{Paint, text};

use crate::catalog::PublishedAsset;
use crate::media::SourceFile;
use crate::origin;
use crate::source::{self, Container, FileIndex, infer};
use crate::store::{self, Folder, ObjectInfo, Store, Symlinks};

/// How the film would be served.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// How segments are cut.
    pub segments: source::Settings,
    /// What is done with symbolic links.
    pub symlinks: Symlinks,
}

/// Everything that was found. Times are milliseconds, bit rates bits per second.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// What was inspected.
    pub path: PathBuf,
    /// What would be streamed, by its name in URLs.
    pub presentations: Vec<PresentationReport>,
    /// The media files.
    pub files: Vec<FileReport>,
    /// A manifest that was named instead of a film.
    pub manifest: Option<ManifestReport>,
    /// What to know or mend, the worst first.
    pub findings: Vec<Finding>,
}

/// Why there is nothing to report.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Not there, or not to be read.
    #[error("{} cannot be inspected: {source}", path.display())]
    Unreadable {
        /// What was named.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Neither a film's folder nor one of its files.
    #[error("{} holds neither an .ism nor MP4 files at its top; name a film's folder or one of its files", path.display())]
    NoFilm {
        /// What was named.
        path: PathBuf,
    },
    /// The files cannot be listed.
    #[error(transparent)]
    Store(#[from] store::Error),
}

/// A media file with its index.
pub(crate) type Indexed = (SourceFile, Arc<FileIndex>);

/// Inspects a film's folder or one of its files, or a manifest that a player would fetch.
///
/// # Errors
/// [`Error`] when there is no film at all. What is wrong with a film is in the report.
pub async fn report(path: &Path, options: &Options) -> Result<Report, Error> {
    let unreadable = |source| Error::Unreadable { path: path.to_owned(), source };
    let real = std::fs::canonicalize(path).map_err(unreadable)?;
    if let Some(manifest) = manifest::read(&real).map_err(unreadable)? {
        let (presentations, files, findings) = (Vec::new(), Vec::new(), Vec::new());
        return Ok(Report { path: path.to_owned(), presentations, files, manifest: Some(manifest), findings });
    }
    let alone = (!real.is_dir()).then(|| real.file_name().and_then(|n| n.to_str()).map(str::to_owned)).flatten();
    let folder = if real.is_dir() { real.as_path() } else { real.parent().unwrap_or(&real) };
    let asset = PublishedAsset {
        store: Arc::new(Folder::new(folder, options.symlinks)),
        ..PublishedAsset::folder(Uuid::nil(), if real.is_dir() { &real } else { path }, options.symlinks)
    };
    whole(path, &asset, alone.as_deref(), options).await
}

/// Inspects the film in a store, which is called `name` where it has no server manifest.
///
/// # Errors
/// As [`report`].
pub async fn of_store(store: Arc<dyn Store>, name: &str, options: &Options) -> Result<Report, Error> {
    let folder = PublishedAsset::folder(Uuid::nil(), Path::new(name), options.symlinks);
    let asset = PublishedAsset { store, name: name.to_owned(), ..folder };
    whole(Path::new(name), &asset, None, options).await
}

/// Inspects an asset's files, or the one called `alone`.
async fn whole(path: &Path, asset: &PublishedAsset, alone: Option<&str>, options: &Options) -> Result<Report, Error> {
    let listed: Vec<ObjectInfo> = asset.store.list("").await?;
    let names: Vec<String> = match alone {
        Some(name) if has_ending(name, "ism") => vec![name.to_owned()],
        Some(name) => vec![format!("{name}.ism")],
        None => origin::presentations(asset, &listed),
    };
    let wanted = |object: &&ObjectInfo| match alone {
        Some(name) if !has_ending(name, "ism") => object.path == name,
        _ => infer::is_media_file(&object.path) || infer::is_caption_file(&object.path),
    };
    let mut report = Report {
        path: path.to_owned(),
        presentations: Vec::new(),
        files: Vec::new(),
        manifest: None,
        findings: Vec::new(),
    };
    let mut indexed: Vec<Indexed> = Vec::new();
    for object in listed.iter().filter(wanted) {
        match origin::index(&*asset.store, object).await {
            // XML that is something else.
            Ok(index) if index.container == Container::Captions && index.tracks.is_empty() => {}
            Ok(index) => {
                let file = SourceFile { name: object.path.clone(), size: object.size };
                report.files.push(measure::file(&file, &index));
                finding::of_file(&file, &index, &mut report.findings);
                indexed.push((file, Arc::new(index)));
            }
            Err(error) => {
                let mend = mend::remux(&object.path);
                report.findings.push(Finding::new(Code::FileDamaged, &object.path, error.to_string()).mend(mend));
            }
        }
    }
    if names.is_empty() || (indexed.is_empty() && report.findings.is_empty()) {
        return Err(Error::NoFilm { path: path.to_owned() });
    }
    for name in &names {
        let inspected = presentation::inspect(asset, name, &listed, &indexed, options).await;
        report.findings.extend(inspected.findings);
        report.presentations.push(inspected.report);
    }
    report.findings.sort_by_key(|f| f.severity);
    Ok(report)
}

fn has_ending(name: &str, ending: &str) -> bool {
    name.rsplit_once('.').is_some_and(|(_, end)| end.eq_ignore_ascii_case(ending))
}

impl Report {
    /// A finding keeps a film, or a part of it, from streaming.
    pub fn keeps_from_streaming(&self) -> bool {
        self.findings.iter().any(|f| f.severity == Severity::Error)
    }

    /// One sentence about errors and warnings, if there are any.
    pub fn summary(&self) -> Option<String> {
        let count = |severity| self.findings.iter().filter(|f| f.severity == severity).count();
        match (count(Severity::Error), count(Severity::Warning)) {
            (0, 0) => None,
            (0, warnings) => Some(format!("It streams, with {warnings} warning(s).")),
            (errors, _) => Some(format!("Not all of it can be streamed: {errors} error(s).")),
        }
    }
}

#[cfg(test)]
mod tests;

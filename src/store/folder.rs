//! A local folder as a store.
//!
//! Bytes that the operating system has in memory are read on the calling thread; only what has to come
//! from a disk or a network share goes to the blocking pool. (object_store's own `LocalFileSystem` is not
//! used: it hides files named like `film#1` and its reads cost two to three times as much CPU.)
//!
//! A file is recognised by inode, modification time (nanoseconds) and size. What a program overwrites in
//! place, with the same size and within one tick of the file system's clock (some 4 ms), looks unchanged.

use std::fs::{self, File};
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use futures_util::{StreamExt, stream};

use super::folder_read::{self, Wait};
use super::ranges::ReadPlan;
use super::{ByteStream, Error, MAX_FILES, ObjectInfo, Store, check_path};

/// Ranges that are this near are read together: copying 16 KiB costs as much as the next system call.
const GAP_BYTES: u64 = 16 * 1024;

/// One piece of a download.
const PIECE_BYTES: u64 = 64 * 1024;

/// How many levels of subfolders are listed.
const MAX_DEPTH: usize = 16;

/// What to do with symbolic links in a published folder.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Symlinks {
    /// Serve those that stay inside the folder, refuse those that lead out of it.
    #[default]
    Inside,
    /// Follow all of them.
    Follow,
}

/// A local folder. The folder itself may be reached through links; it is looked up by name for every
/// read, so an operator can exchange it as a whole.
#[derive(Debug, Clone)]
pub struct Folder {
    root: Arc<PathBuf>,
    symlinks: Symlinks,
}

impl Folder {
    /// The files under `root`.
    pub fn new(root: impl Into<PathBuf>, symlinks: Symlinks) -> Folder {
        Folder { root: Arc::new(root.into()), symlinks }
    }

    /// Where it is.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The open file, if it is still `object`. `None` if that cannot be told without waiting.
    fn open(&self, object: &ObjectInfo, wait: Wait) -> Result<Option<File>, Error> {
        let Some(file) = folder_read::open(&self.root, &object.path, self.symlinks, wait)? else { return Ok(None) };
        confirm(&file, object)?;
        Ok(Some(file))
    }

    /// What `plan` says, or `None` if that cannot be had without waiting.
    fn read_plan(&self, object: &ObjectInfo, plan: &ReadPlan, wait: Wait) -> Result<Option<Vec<Bytes>>, Error> {
        let Some(file) = self.open(object, wait)? else { return Ok(None) };
        let mut read = Vec::with_capacity(plan.reads.len());
        for range in &plan.reads {
            match folder_read::read(&file, &object.path, range, wait)? {
                Some(bytes) => read.push(bytes),
                None => return Ok(None),
            }
        }
        confirm(&file, object)?;
        Ok(Some(read))
    }
}

/// The file is still `object`; checked before and after reading, so that bytes of two versions never mix.
fn confirm(file: &File, object: &ObjectInfo) -> Result<(), Error> {
    let metadata = file.metadata().map_err(|e| Error::from_io(&object.path, e))?;
    match folder_read::info(&object.path, &metadata) {
        Some(now) if object.is_same(&now) && now.size >= object.size => Ok(()),
        Some(now) if object.is_same(&now) => {
            Err(Error::Truncated { path: object.path.clone(), wanted: object.size, size: now.size })
        }
        _ => Err(Error::Changed { path: object.path.clone() }),
    }
}

/// Runs `work` on the blocking pool.
async fn wait<T: Send + 'static>(
    path: &str,
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    let gone = |_| Error::Unavailable { path: path.to_owned(), source: Arc::new(io::Error::other("shutting down")) };
    tokio::task::spawn_blocking(work).await.map_err(gone)?
}

fn would_still_wait(path: &str) -> Error {
    Error::Unavailable { path: path.to_owned(), source: Arc::new(io::ErrorKind::WouldBlock.into()) }
}

#[async_trait::async_trait]
impl Store for Folder {
    async fn list(&self, prefix: &str) -> Result<Vec<ObjectInfo>, Error> {
        let (folder, prefix) = (self.clone(), prefix.to_owned());
        wait("", move || {
            let mut found = Vec::new();
            walk(&folder, "", &prefix, 0, &mut found)?;
            found.sort_by(|a, b| a.path.cmp(&b.path));
            Ok(found)
        })
        .await
    }

    async fn head(&self, path: &str) -> Result<ObjectInfo, Error> {
        check_path(path)?;
        let (folder, name) = (self.clone(), path.to_owned());
        wait(path, move || {
            let file = folder_read::open(&folder.root, &name, folder.symlinks, Wait::Allowed)?;
            let metadata = file.map(|f| f.metadata()).transpose().map_err(|e| Error::from_io(&name, e))?;
            metadata.and_then(|m| folder_read::info(&name, &m)).ok_or(Error::NotFound { path: name })
        })
        .await
    }

    async fn read_ranges(&self, object: &ObjectInfo, ranges: &[Range<u64>]) -> Result<Vec<Bytes>, Error> {
        check_path(&object.path)?;
        let plan = ReadPlan::new(object, ranges, GAP_BYTES)?;
        if plan.bytes() <= folder_read::MAX_INLINE_BYTES
            && let Some(read) = self.read_plan(object, &plan, Wait::Never)?
        {
            return plan.slice(object, &read);
        }
        let (folder, file) = (self.clone(), object.clone());
        wait(&object.path, move || {
            let read = folder.read_plan(&file, &plan, Wait::Allowed)?.ok_or_else(|| would_still_wait(&file.path))?;
            plan.slice(&file, &read)
        })
        .await
    }

    async fn stream(&self, object: &ObjectInfo, range: Range<u64>) -> Result<ByteStream, Error> {
        check_path(&object.path)?;
        ReadPlan::new(object, std::slice::from_ref(&range), 0)?;
        let file = match self.open(object, Wait::Never)? {
            Some(file) => file,
            None => {
                let (folder, object) = (self.clone(), object.clone());
                let open = move || folder.open(&object, Wait::Allowed)?.ok_or_else(|| would_still_wait(&object.path));
                wait("", open).await?
            }
        };
        let state = (Arc::new(file), object.clone(), range.start);
        let pieces = stream::unfold(state, move |(file, object, at)| async move {
            if at >= range.end {
                return None;
            }
            let piece = at..range.end.min(at + PIECE_BYTES);
            match read_piece(&file, &object, piece.clone()).await {
                Ok(bytes) => Some((Ok(bytes), (file, object, piece.end))),
                Err(error) => Some((Err(error.into()), (file, object, range.end))),
            }
        });
        Ok(pieces.boxed())
    }
}

async fn read_piece(file: &Arc<File>, object: &ObjectInfo, piece: Range<u64>) -> Result<Bytes, Error> {
    if let Some(bytes) = folder_read::read(file, &object.path, &piece, Wait::Never)? {
        confirm(file, object)?;
        return Ok(bytes);
    }
    let (file, object) = (file.clone(), object.clone());
    wait("", move || {
        let bytes = folder_read::read(&file, &object.path, &piece, Wait::Allowed)?;
        confirm(&file, &object)?;
        bytes.ok_or_else(|| would_still_wait(&object.path))
    })
    .await
}

/// Adds the files under `inside` (a path relative to the root, empty for the root) to `found`.
fn walk(folder: &Folder, inside: &str, prefix: &str, depth: usize, found: &mut Vec<ObjectInfo>) -> Result<(), Error> {
    let entries = match fs::read_dir(folder.root.join(inside)) {
        Ok(entries) => entries,
        // A subfolder may vanish or be private; without the root there is no asset.
        Err(_) if depth > 0 => return Ok(()),
        Err(error) => return Err(Error::from_io(&folder.root.to_string_lossy(), error)),
    };
    for entry in entries.flatten() {
        // A name that is not UTF-8 cannot stand in a URL or a server manifest.
        let Ok(name) = entry.file_name().into_string() else { continue };
        let path = if inside.is_empty() { name } else { format!("{inside}/{name}") };
        let Ok(kind) = entry.file_type() else { continue };
        let is_folder = if kind.is_symlink() && folder.symlinks == Symlinks::Follow {
            fs::metadata(entry.path()).is_ok_and(|m| m.is_dir())
        } else {
            kind.is_dir()
        };
        if is_folder {
            if depth < MAX_DEPTH && (path.starts_with(prefix) || prefix.starts_with(&path)) {
                walk(folder, &path, prefix, depth + 1, found)?;
            }
        } else if path.starts_with(prefix) && check_path(&path).is_ok() {
            let metadata = match (kind.is_symlink(), folder.symlinks) {
                (true, Symlinks::Inside) if !folder_read::stays_inside(&folder.root, &path) => continue,
                (true, _) => fs::metadata(entry.path()),
                (false, _) => entry.metadata(),
            };
            if let Some(info) = metadata.ok().and_then(|m| folder_read::info(&path, &m)) {
                if found.len() == MAX_FILES {
                    return Err(Error::TooManyFiles { limit: MAX_FILES });
                }
                found.push(info);
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use futures_util::TryStreamExt;

    use super::*;
    use crate::store::contract;

    fn store(root: &Path) -> Folder {
        Folder::new(root, Symlinks::Inside)
    }

    #[tokio::test]
    async fn a_folder_keeps_the_contract() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().to_owned();
        contract::all(&store(root.path()), &|name, bytes| {
            let path = path.join(name);
            Box::pin(async move {
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, bytes).unwrap();
            })
        })
        .await;
    }

    #[tokio::test]
    async fn links_that_lead_out_are_refused_unless_asked_for() {
        let outside = tempfile::tempdir().unwrap();
        let root = tempfile::tempdir().unwrap();
        fs::write(outside.path().join("secret"), b"secret").unwrap();
        fs::create_dir(root.path().join("sub")).unwrap();
        fs::write(root.path().join("sub/film.mp4"), b"film").unwrap();
        symlink(outside.path().join("secret"), root.path().join("out")).unwrap();
        symlink(outside.path(), root.path().join("outdir")).unwrap();
        symlink("/etc/passwd", root.path().join("sub/abs")).unwrap();
        symlink("sub/film.mp4", root.path().join("relative.mp4")).unwrap();
        symlink(root.path().join("sub/film.mp4"), root.path().join("absolute.mp4")).unwrap();
        symlink("sub", root.path().join("dir")).unwrap();
        symlink("loop", root.path().join("loop")).unwrap();

        let strict = store(root.path());
        let paths: Vec<String> = strict.list("").await.unwrap().into_iter().map(|o| o.path).collect();
        assert_eq!(paths, ["absolute.mp4", "relative.mp4", "sub/film.mp4"]);
        for path in ["out", "outdir/secret", "sub/abs"] {
            assert!(matches!(strict.head(path).await, Err(Error::Outside { .. })), "{path}");
        }
        for path in ["relative.mp4", "absolute.mp4", "dir/film.mp4"] {
            let info = strict.head(path).await.unwrap();
            assert_eq!(strict.read(&info, 0..4).await.unwrap(), "film");
        }
        assert!(strict.head("loop").await.is_err());

        let open = Folder::new(root.path(), Symlinks::Follow);
        for path in ["out", "outdir/secret"] {
            let info = open.head(path).await.unwrap();
            assert_eq!(open.read(&info, 0..6).await.unwrap(), "secret");
        }
        assert!(open.list("").await.unwrap().iter().any(|o| o.path == "outdir/secret"));
    }

    #[tokio::test]
    async fn what_is_no_regular_file_is_not_there_and_never_waits() {
        let root = tempfile::tempdir().unwrap();
        rustix::fs::mknodat(
            rustix::fs::CWD,
            root.path().join("pipe"),
            rustix::fs::FileType::Fifo,
            rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR,
            0,
        )
        .unwrap();
        assert_eq!(store(root.path()).list("").await.unwrap(), []);
        assert!(matches!(store(root.path()).head("pipe").await, Err(Error::NotFound { .. })));
    }

    #[tokio::test]
    async fn a_file_cut_during_a_download_ends_it_with_an_error() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("film.mp4");
        fs::write(&path, vec![7; 3 * PIECE_BYTES as usize]).unwrap();
        let store = store(root.path());
        let info = store.head("film.mp4").await.unwrap();
        let mut download = store.stream(&info, 0..info.size).await.unwrap();
        assert_eq!(download.try_next().await.unwrap().unwrap().len(), PIECE_BYTES as usize);
        File::options().write(true).open(&path).unwrap().set_len(PIECE_BYTES + 10).unwrap();
        assert!(download.try_next().await.is_err());
        assert!(download.try_next().await.unwrap().is_none());
    }

    #[tokio::test]
    async fn a_folder_that_is_gone_says_so() {
        let root = tempfile::tempdir().unwrap();
        let gone = store(&root.path().join("gone"));
        assert!(matches!(gone.list("").await, Err(Error::NotFound { .. })));
        assert!(matches!(gone.head("a").await, Err(Error::NotFound { .. })));
    }
}

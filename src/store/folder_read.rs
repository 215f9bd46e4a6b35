//! Opening and reading files of a folder: beneath its root only, and without waiting where asked.

use std::fs::{self, File, Metadata};
use std::io;
use std::ops::Range;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;

use bytes::Bytes;
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

use super::{Error, ObjectInfo, Symlinks};
use crate::time::UtcTime;

/// More than this is copied on the blocking pool, so that other requests of the thread need not wait
/// for it (100 µs a MiB).
pub(super) const MAX_INLINE_BYTES: u64 = 4 << 20;

/// Whether the calling thread may wait for a disk.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Wait {
    /// It serves other requests.
    Never,
    /// It is one of the blocking pool.
    Allowed,
}

// NONBLOCK: opening a named pipe must not wait for its writer.
const OPEN: OFlags = OFlags::CLOEXEC.union(OFlags::NONBLOCK).union(OFlags::NOCTTY);

/// Opens `path` under `root`; `None` if that would have to wait. `path` has been checked.
pub(super) fn open(root: &Path, path: &str, symlinks: Symlinks, wait: Wait) -> Result<Option<File>, Error> {
    let opened = match quick_open(root, Path::new(path), symlinks, wait) {
        Ok(file) => Ok(file),
        Err(Errno::NOENT) => Err(Errno::NOENT),
        Err(_) if wait == Wait::Never => return Ok(None),
        // A link on the way, or a system without openat2.
        Err(_) if symlinks == Symlinks::Inside => return resolve_and_open(root, path).map(Some),
        Err(_) => rustix::fs::open(root.join(path), OPEN, Mode::empty()).map(File::from),
    };
    opened.map(Some).map_err(|e| Error::from_io(path, e.into()))
}

/// Without links on the way, or with any; the kernel guarantees it (openat2, Linux 5.6).
#[cfg(target_os = "linux")]
fn quick_open(root: &Path, path: &Path, symlinks: Symlinks, wait: Wait) -> Result<File, Errno> {
    use rustix::fs::{CWD, ResolveFlags, openat2};
    let cached = if wait == Wait::Never { ResolveFlags::CACHED } else { ResolveFlags::empty() };
    let inside = match symlinks {
        Symlinks::Inside => ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS,
        Symlinks::Follow => ResolveFlags::empty(),
    };
    let root = openat2(CWD, root, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty(), cached)?;
    openat2(root, path, OPEN, Mode::empty(), inside | cached).map(File::from)
}

#[cfg(not(target_os = "linux"))]
fn quick_open(_: &Path, _: &Path, _: Symlinks, _: Wait) -> Result<File, Errno> {
    Err(Errno::NOSYS)
}

/// Opens what a path with links in it names, if that is inside `root`.
fn resolve_and_open(root: &Path, path: &str) -> Result<File, Error> {
    let failed = |e: io::Error| Error::from_io(path, e);
    let root = fs::canonicalize(root).map_err(failed)?;
    let target = fs::canonicalize(root.join(path)).map_err(failed)?;
    let Ok(inside) = target.strip_prefix(&root) else { return Err(Error::Outside { path: path.to_owned() }) };
    match quick_open(&root, inside, Symlinks::Inside, Wait::Allowed) {
        Ok(file) => Ok(file),
        Err(Errno::NOSYS | Errno::PERM | Errno::INVAL) => {
            let open = rustix::fs::open(&target, OPEN | OFlags::NOFOLLOW, Mode::empty());
            open.map(File::from).map_err(|e| failed(e.into()))
        }
        Err(error) => Err(failed(error.into())),
    }
}

/// A path with links in it leads to something inside `root`.
pub(super) fn stays_inside(root: &Path, path: &str) -> bool {
    match (fs::canonicalize(root), fs::canonicalize(root.join(path))) {
        (Ok(root), Ok(target)) => target.starts_with(root),
        _ => false,
    }
}

/// A regular file's description; `None` for anything else.
pub(super) fn info(path: &str, metadata: &Metadata) -> Option<ObjectInfo> {
    if !metadata.is_file() {
        return None;
    }
    let nanos = i128::from(metadata.mtime()) * 1_000_000_000 + i128::from(metadata.mtime_nsec());
    let size = metadata.len();
    Some(ObjectInfo {
        path: path.to_owned(),
        size,
        modified: UtcTime { unix_millis: u64::try_from(nanos / 1_000_000).unwrap_or(0) },
        etag: Some(format!("{nanos:x}-{size:x}")),
        inode: Some(metadata.ino()),
    })
}

/// Exactly the bytes of `range`; `None` if that would have to wait.
pub(super) fn read(file: &File, path: &str, range: &Range<u64>, wait: Wait) -> Result<Option<Bytes>, Error> {
    let mut buffer = vec![0; (range.end - range.start) as usize];
    let mut filled = 0;
    while filled < buffer.len() {
        let at = range.start + filled as u64;
        let got = match wait {
            Wait::Allowed => file.read_at(&mut buffer[filled..], at),
            Wait::Never => read_at_once(file, &mut buffer[filled..], at),
        };
        match got {
            Ok(0) => return Err(Error::Truncated { path: path.to_owned(), wanted: range.end, size: at }),
            Ok(n) => filled += n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) if wait == Wait::Never => return Ok(None),
            Err(error) => return Err(Error::from_io(path, error)),
        }
    }
    Ok(Some(buffer.into()))
}

/// Reads what is in memory (`RWF_NOWAIT`, Linux 4.14).
#[cfg(target_os = "linux")]
fn read_at_once(file: &File, buffer: &mut [u8], at: u64) -> io::Result<usize> {
    let mut slices = [io::IoSliceMut::new(buffer)];
    Ok(rustix::io::preadv2(file, &mut slices, at, rustix::io::ReadWriteFlags::NOWAIT)?)
}

#[cfg(not(target_os = "linux"))]
fn read_at_once(_: &File, _: &mut [u8], _: u64) -> io::Result<usize> {
    Err(io::ErrorKind::WouldBlock.into())
}

//! Finished sheets on disk, each a file named by its key. The oldest go when there are too many bytes.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use bytes::Bytes;

use super::ffmpeg::is_jpeg;

/// Larger files are none of ours, bytes.
const MAX_FILE: u64 = 32 << 20;
/// When there are too many bytes, so many parts of a hundred stay.
const STAY: u64 = 80;

/// A folder of finished drawings.
#[derive(Clone, Debug)]
pub struct Kept {
    folder: Arc<Path>,
    capacity: u64,
    /// Bytes in the folder, once they were counted.
    used: Arc<Mutex<Option<u64>>>,
}

impl Kept {
    /// At most about `capacity` bytes in `folder`, which is made when it is needed.
    pub fn new(folder: PathBuf, capacity: u64) -> Kept {
        Kept { folder: folder.into(), capacity, used: Arc::default() }
    }

    fn path(&self, key: [u8; 16]) -> PathBuf {
        let name: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
        self.folder.join(name + ".jpg")
    }

    /// The drawing of that key.
    pub async fn get(&self, key: [u8; 16]) -> Option<Bytes> {
        let path = self.path(key);
        blocking(move || {
            let size = fs::metadata(&path).ok()?.len();
            let bytes = fs::read(&path).ok().filter(|_| size <= MAX_FILE)?;
            if !is_jpeg(&bytes) {
                tracing::warn!(path = %path.display(), "a kept thumbnail is damaged and is removed");
                let _ = fs::remove_file(&path);
                return None;
            }
            // So that what is asked for often stays.
            let used_now = fs::File::options().append(true).open(&path);
            let _ = used_now.and_then(|file| file.set_modified(SystemTime::now()));
            Some(Bytes::from(bytes))
        })
        .await?
    }

    /// Keeps a drawing. What goes wrong is written to the log: the drawing is drawn again then.
    pub async fn put(&self, key: [u8; 16], bytes: Bytes) {
        let (kept, path) = (self.clone(), self.path(key));
        blocking(move || {
            if let Err(error) = kept.write(&path, &bytes) {
                tracing::warn!(%error, path = %path.display(), "a thumbnail cannot be kept");
            }
        })
        .await;
    }

    fn write(&self, path: &Path, bytes: &[u8]) -> std::io::Result<()> {
        fs::create_dir_all(&self.folder)?;
        // Whole or not at all: other servers may share the folder.
        let unfinished = path.with_extension(format!("{}.new", std::process::id()));
        fs::write(&unfinished, bytes)?;
        fs::rename(&unfinished, path).inspect_err(|_| drop(fs::remove_file(&unfinished)))?;
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        let now = match *used {
            Some(before) => before.saturating_add(bytes.len() as u64),
            None => files(&self.folder).iter().map(|f| f.size).sum(),
        };
        *used = Some(if now > self.capacity { self.make_room() } else { now });
        Ok(())
    }

    /// Removes the oldest files; returns the bytes that are left.
    fn make_room(&self) -> u64 {
        let mut files = files(&self.folder);
        files.sort_by_key(|file| file.modified);
        let mut left: u64 = files.iter().map(|f| f.size).sum();
        for file in files {
            if left <= self.capacity / 100 * STAY {
                break;
            }
            if fs::remove_file(&file.path).is_ok() {
                left = left.saturating_sub(file.size);
            }
        }
        left
    }
}

struct File {
    path: PathBuf,
    size: u64,
    modified: SystemTime,
}

/// The files of a folder that are ours, unfinished ones too.
fn files(folder: &Path) -> Vec<File> {
    let of = |entry: fs::DirEntry| {
        let path = entry.path();
        let ours = matches!(path.extension()?.to_str()?, "jpg" | "new");
        let metadata = entry.metadata().ok().filter(|m| ours && m.is_file())?;
        Some(File { path, size: metadata.len(), modified: metadata.modified().ok()? })
    };
    fs::read_dir(folder).into_iter().flatten().filter_map(|entry| of(entry.ok()?)).collect()
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    tokio::task::spawn_blocking(work).await.ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn jpeg(length: usize) -> Bytes {
        let mut bytes = vec![0; length];
        bytes[..3].copy_from_slice(&[0xff, 0xd8, 0xff]);
        bytes[length - 2..].copy_from_slice(&[0xff, 0xd9]);
        Bytes::from(bytes)
    }

    #[tokio::test]
    async fn the_oldest_go_first_and_damage_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("thumbnails");
        let kept = Kept::new(place.clone(), 1000);
        assert_eq!(kept.get([1; 16]).await, None);
        for key in 1..=4 {
            kept.put([key; 16], jpeg(240)).await;
            let past = SystemTime::now() - std::time::Duration::from_secs(100 - u64::from(key));
            let file = fs::File::options().append(true).open(kept.path([key; 16])).unwrap();
            file.set_modified(past).unwrap();
        }
        // The first was used lately.
        assert_eq!(kept.get([1; 16]).await, Some(jpeg(240)));
        kept.put([5; 16], jpeg(240)).await;
        let mut there = Vec::new();
        for key in 1..=5 {
            if kept.get([key; 16]).await.is_some() {
                there.push(key);
            }
        }
        assert_eq!(there, [1, 4, 5]);
        // Somebody else counts what is there, and knows what is no drawing.
        let other = Kept::new(place.clone(), 1000);
        fs::write(other.path([4; 16]), b"\xff\xd8\xffcut").unwrap();
        assert_eq!(other.get([4; 16]).await, None);
        assert!(!other.path([4; 16]).exists());
        other.put([6; 16], jpeg(700)).await;
        let bytes: u64 = files(&place).iter().map(|f| f.size).sum();
        assert!(bytes <= 1000, "{bytes}");
    }
}

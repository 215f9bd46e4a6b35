//! `published.json`: a short list that is replaced as a whole.
//!
//! A change takes the lock, reads, and writes a new file that is synced to disk and renamed over the old
//! one, so that every reader sees the old list or the new one, and an acknowledged change survives a power
//! cut. A file that cannot be read is never written over.

use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::Error;
use crate::time::UtcTime;

const FILE: &str = "published.json";
const LOCK: &str = "published.lock";
const VERSION: u32 = 1;
const LOCK_PATIENCE: Duration = Duration::from_secs(5);

/// One published folder.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// What its URLs begin with.
    pub locator: Uuid,
    /// Where it is; absolute, links resolved.
    pub folder: PathBuf,
    /// When it was published, milliseconds since 1970.
    pub created_unix_millis: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    version: u32,
    published: Vec<Entry>,
}

/// The list of published folders in Headwater's own folder.
#[derive(Clone, Debug)]
pub struct PublishedFile {
    folder: PathBuf,
}

impl PublishedFile {
    /// The list in `data_dir`, which need not exist yet.
    pub fn new(data_dir: impl Into<PathBuf>) -> PublishedFile {
        PublishedFile { folder: data_dir.into() }
    }

    /// Where it is.
    pub fn path(&self) -> PathBuf {
        self.folder.join(FILE)
    }

    /// All entries, in the order in which they were published; none where there is no file.
    ///
    /// # Errors
    /// [`Error`] when the file cannot be read or is damaged.
    pub fn read(&self) -> Result<Vec<Entry>, Error> {
        let path = self.path();
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(source) => return Err(Error::Io { path, done: "read", source }),
        };
        #[derive(Deserialize)]
        struct Version {
            version: u32,
        }
        // The version first: a newer list may have more than this program knows.
        match serde_json::from_slice::<Version>(&bytes) {
            Ok(Version { version }) if version > VERSION => return Err(Error::NewerVersion { path, version }),
            Ok(_) => {}
            Err(source) => return Err(Error::Damaged { path, source }),
        }
        let document: Document = serde_json::from_slice(&bytes).map_err(|source| Error::Damaged { path, source })?;
        Ok(document.published)
    }

    /// Publishes `folder` under `locator`, or one of its own choice. A folder that is already published
    /// keeps its locator.
    ///
    /// # Errors
    /// [`Error::LocatorTaken`] when another folder has that locator, [`Error::HasLocator`] when the folder
    /// has another; else when it is no folder, or the list cannot be changed.
    pub fn add(&self, folder: &Path, locator: Option<Uuid>, now: UtcTime) -> Result<Entry, Error> {
        let no_folder = |source| Error::NoFolder { folder: folder.to_owned(), source };
        let real = fs::canonicalize(folder).map_err(no_folder)?;
        if !real.is_dir() {
            return Err(no_folder(io::ErrorKind::NotADirectory.into()));
        }
        if real.to_str().is_none() {
            return Err(Error::PathNotUtf8 { folder: real });
        }
        let _lock = self.lock()?;
        let mut entries = self.read()?;
        if let Some(known) = entries.iter().find(|e| e.folder == real) {
            return match locator {
                Some(wanted) if wanted != known.locator => {
                    Err(Error::HasLocator { folder: real, locator: known.locator })
                }
                _ => Ok(known.clone()),
            };
        }
        if let Some(locator) = locator {
            let other = entries.iter().find(|e| e.locator == locator).map(|e| e.folder.display().to_string());
            let demo = (locator == super::DEMO_LOCATOR).then(|| "the demo film".to_owned());
            if let Some(by) = other.or(demo) {
                return Err(Error::LocatorTaken { locator, by });
            }
        }
        let entry =
            Entry { locator: locator.unwrap_or_else(Uuid::new_v4), folder: real, created_unix_millis: now.unix_millis };
        entries.push(entry.clone());
        self.write(entries)?;
        Ok(entry)
    }

    /// Withdraws a folder or locator. Files stay where they are.
    ///
    /// # Errors
    /// [`Error::NotPublished`], or when the list cannot be changed.
    pub fn remove(&self, what: &str) -> Result<Entry, Error> {
        let locator = Uuid::parse_str(what).ok();
        // The folder may be gone by now, so its name counts as well as where it leads.
        let named = std::path::absolute(what).unwrap_or_else(|_| PathBuf::from(what));
        let real = fs::canonicalize(what).unwrap_or_else(|_| named.clone());
        let _lock = self.lock()?;
        let mut entries = self.read()?;
        let is_it = |e: &Entry| Some(e.locator) == locator || e.folder == real || e.folder == named;
        let not_published = || Error::NotPublished { what: what.to_owned() };
        let index = entries.iter().position(is_it).ok_or_else(not_published)?;
        let removed = entries.remove(index);
        self.write(entries)?;
        Ok(removed)
    }

    /// Holds off other writers until dropped.
    fn lock(&self) -> Result<File, Error> {
        let path = self.folder.join(LOCK);
        let failed = |done| {
            let path = path.clone();
            move |source| Error::Io { path, done, source }
        };
        fs::create_dir_all(&self.folder).map_err(failed("written"))?;
        let file = File::options().create(true).truncate(false).write(true).open(&path).map_err(failed("written"))?;
        let begun = Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(file),
                Err(TryLockError::WouldBlock) if begun.elapsed() < LOCK_PATIENCE => {
                    std::thread::sleep(Duration::from_millis(20));
                }
                Err(TryLockError::WouldBlock) => return Err(Error::Locked { path, seconds: LOCK_PATIENCE.as_secs() }),
                Err(TryLockError::Error(source)) => return Err(failed("locked")(source)),
            }
        }
    }

    /// Replaces the list. Only under the lock.
    fn write(&self, published: Vec<Entry>) -> Result<(), Error> {
        let path = self.path();
        let failed = |source| Error::Io { path: path.clone(), done: "written", source };
        let mut text = serde_json::to_vec_pretty(&Document { version: VERSION, published })
            .map_err(|e| failed(io::Error::other(e)))?;
        text.push(b'\n');
        let new = self.folder.join(format!("{FILE}.new"));
        let replace = || {
            let mut file = File::create(&new)?;
            file.write_all(&text)?;
            file.sync_all()?;
            fs::rename(&new, &path)?;
            File::open(&self.folder)?.sync_all()
        };
        replace().map_err(failed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UtcTime = UtcTime { unix_millis: 1_700_000_000_000 };

    fn list() -> (tempfile::TempDir, PublishedFile) {
        let root = tempfile::tempdir().unwrap();
        let list = PublishedFile::new(root.path().join("data"));
        (root, list)
    }

    fn film(root: &tempfile::TempDir, name: &str) -> PathBuf {
        let path = root.path().join(name);
        fs::create_dir_all(&path).unwrap();
        path.canonicalize().unwrap()
    }

    #[test]
    fn a_folder_keeps_its_locator_until_it_is_withdrawn() {
        let (root, list) = list();
        let film = film(&root, "a film");
        assert_eq!(list.read().unwrap(), []);
        let entry = list.add(&film, None, NOW).unwrap();
        assert_eq!(entry.folder, film);
        assert_eq!(list.add(&film.join("../a film"), None, NOW).unwrap(), entry);
        assert_eq!(list.read().unwrap(), std::slice::from_ref(&entry));
        assert_eq!(list.remove(film.to_str().unwrap()).unwrap(), entry);
        assert_eq!(list.read().unwrap(), []);
        assert!(matches!(list.remove(film.to_str().unwrap()), Err(Error::NotPublished { .. })));
        assert_ne!(list.add(&film, None, NOW).unwrap().locator, entry.locator);
    }

    #[test]
    fn a_vanished_folder_can_be_withdrawn_by_name_or_locator() {
        let (root, list) = list();
        let (a, b) = (film(&root, "a"), film(&root, "b"));
        list.add(&a, None, NOW).unwrap();
        let entry = list.add(&b, None, NOW).unwrap();
        fs::remove_dir(&a).unwrap();
        list.remove(a.to_str().unwrap()).unwrap();
        list.remove(&entry.locator.to_string().to_uppercase()).unwrap();
        assert_eq!(list.read().unwrap(), []);
    }

    #[test]
    fn a_damaged_list_is_an_error_and_stays_as_it_is() {
        let (root, list) = list();
        let film = film(&root, "film");
        list.add(&film, None, NOW).unwrap();
        for damage in ["", "{", "[]", r#"{"version":1}"#, r#"{"version":1,"published":[{}]}"#] {
            fs::write(list.path(), damage).unwrap();
            assert!(matches!(list.read(), Err(Error::Damaged { .. })), "{damage}");
            assert!(matches!(list.add(&film, None, NOW), Err(Error::Damaged { .. })), "{damage}");
            assert_eq!(fs::read_to_string(list.path()).unwrap(), damage);
        }
        fs::write(list.path(), r#"{"version":2,"more":1}"#).unwrap();
        assert!(matches!(list.add(&film, None, NOW), Err(Error::NewerVersion { version: 2, .. })));
    }

    #[test]
    fn what_is_no_folder_is_refused() {
        let (root, list) = list();
        fs::write(root.path().join("file"), b"").unwrap();
        for name in ["file", "nothing"] {
            assert!(matches!(list.add(&root.path().join(name), None, NOW), Err(Error::NoFolder { .. })), "{name}");
        }
        assert!(!list.path().exists());
    }

    #[test]
    fn writers_at_the_same_time_lose_nothing() {
        let (root, list) = list();
        let films: Vec<PathBuf> = (0..8).map(|i| film(&root, &i.to_string())).collect();
        std::thread::scope(|scope| {
            for film in &films {
                scope.spawn(|| list.add(film, None, NOW).unwrap());
            }
        });
        assert_eq!(list.read().unwrap().len(), 8);
    }

    #[test]
    fn an_old_locator_can_be_kept() {
        let (root, list) = list();
        let (one, two) = (root.path().join("one"), root.path().join("two"));
        fs::create_dir(&one).unwrap();
        fs::create_dir(&two).unwrap();
        let old = Uuid::from_u128(0x1234_5678);
        let entry = list.add(&one, Some(old), NOW).unwrap();
        assert_eq!(entry.locator, old);
        assert_eq!(list.add(&one, None, NOW).unwrap(), entry);
        assert!(matches!(list.add(&one, Some(Uuid::from_u128(9)), NOW), Err(Error::HasLocator { .. })));
        for taken in [old, super::super::DEMO_LOCATOR] {
            assert!(matches!(list.add(&two, Some(taken), NOW), Err(Error::LocatorTaken { .. })));
        }
        list.remove(&old.to_string()).unwrap();
        assert_eq!(list.add(&two, Some(old), NOW).unwrap().locator, old);
    }
}

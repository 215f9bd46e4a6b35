//! The access file: who may use the management API, one a line.
//!
//! ```text
//! write headwater 8yq…
//! read  monitoring 2Jk…
//! ```

use std::fmt;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};

use arc_swap::ArcSwap;
use aws_lc_rs::{constant_time, digest, rand};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::management::context::Role;

/// Longest file that is read, bytes.
const MAX_FILE: u64 = 1 << 20;
/// The most lines.
const MAX_ENTRIES: usize = 1000;
/// The shortest key, characters.
const MIN_KEY: usize = 16;
/// How often the file is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Of a key that is made up, bytes.
const KEY_BYTES: usize = 32;
/// The name of the entry that a new file has.
const FIRST_NAME: &str = "headwater";

/// Why the access file cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AccessError {
    /// It cannot be read or written.
    #[error("the access file {} cannot be used: {source}", path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// Others than its owner can read it.
    #[error("the access file {} can be read by others; it holds keys: chmod 600 {}", path.display(), path.display())]
    Open {
        /// Which file.
        path: PathBuf,
    },
    /// A line is not what it has to be. The line itself is not shown.
    #[error("the access file {}, line {line}: {problem}; a line is: read|write NAME KEY", path.display())]
    Line {
        /// Which file.
        path: PathBuf,
        /// From 1.
        line: usize,
        /// What is wrong.
        problem: &'static str,
    },
    /// The operating system has no randomness.
    #[error("a key cannot be made up: the operating system gives no randomness")]
    NoRandomness,
}

/// One line.
pub struct Entry {
    /// The account's name.
    pub name: String,
    /// What it may.
    pub role: Role,
    key: String,
    digest: [u8; 32],
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entry").field("name", &self.name).field("role", &self.role).finish_non_exhaustive()
    }
}

impl Entry {
    fn new(role: Role, name: &str, key: &str) -> Entry {
        Entry { name: name.to_owned(), role, key: key.to_owned(), digest: sha256(key) }
    }

    /// What its tokens are signed with: of the key, but not the key. A new key ends them.
    pub fn signing_key(&self) -> [u8; 32] {
        sha256(&format!("headwater management token\n{}\n{}", self.name, self.key))
    }
}

/// All lines.
#[derive(Debug, Default)]
pub struct Entries(Vec<Entry>);

impl Entries {
    /// The entry of that key. Takes the same time whichever it is.
    pub fn by_key(&self, key: &str) -> Option<&Entry> {
        let digest = sha256(key);
        let mut found = None;
        for entry in &self.0 {
            if constant_time::verify_slices_are_equal(&entry.digest, &digest).is_ok() {
                found = Some(entry);
            }
        }
        found
    }

    /// The entry of that name and key. A name that does not exist costs as much as one that does.
    pub fn by_name_and_key(&self, name: &str, key: &str) -> Option<&Entry> {
        let digest = sha256(key);
        let entry = self.by_name(name);
        let expected = entry.map_or([0; 32], |entry| entry.digest);
        let same = constant_time::verify_slices_are_equal(&expected, &digest).is_ok();
        entry.filter(|_| same)
    }

    /// The entry of that name.
    pub fn by_name(&self, name: &str) -> Option<&Entry> {
        self.0.iter().find(|entry| entry.name == name)
    }
}

fn sha256(text: &str) -> [u8; 32] {
    let mut out = [0; 32];
    out.copy_from_slice(digest::digest(&digest::SHA256, text.as_bytes()).as_ref());
    out
}

/// The file, which is read again when it changes.
pub struct AccessFile {
    path: PathBuf,
    entries: ArcSwap<Entries>,
    looked: Mutex<(Instant, Option<SystemTime>)>,
}

impl AccessFile {
    /// Reads the file at `path`; makes one with a key for everything, if there is none.
    ///
    /// # Errors
    /// [`AccessError`].
    pub fn open(path: &Path) -> Result<AccessFile, AccessError> {
        if !path.exists() {
            create(path)?;
        }
        let modified = modified(path);
        let entries = read(path)?;
        Ok(AccessFile {
            path: path.to_owned(),
            entries: ArcSwap::from_pointee(entries),
            looked: Mutex::new((Instant::now(), modified)),
        })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its lines. Looks at the file once a second; one that cannot be read leaves the lines as they were.
    pub fn entries(&self) -> Arc<Entries> {
        if let Ok(mut looked) = self.looked.try_lock()
            && looked.0.elapsed() >= LOOK_EVERY
        {
            let now = modified(&self.path);
            if now != looked.1 {
                match read(&self.path) {
                    Ok(entries) => self.entries.store(Arc::new(entries)),
                    Err(error) => tracing::error!(%error, "the access file stays as it was"),
                }
            }
            *looked = (Instant::now(), now);
        }
        self.entries.load_full()
    }

    /// The first name that may do everything, and its key: for the program's own commands on this machine.
    pub fn first_writer(&self) -> Option<(String, String)> {
        let entries = self.entries();
        entries.0.iter().find(|entry| entry.role == Role::Write).map(|entry| (entry.name.clone(), entry.key.clone()))
    }
}

fn modified(path: &Path) -> Option<SystemTime> {
    fs::metadata(path).and_then(|metadata| metadata.modified()).ok()
}

fn failed(path: &Path) -> impl FnOnce(io::Error) -> AccessError {
    let path = path.to_owned();
    move |source| AccessError::Io { path, source }
}

fn create(path: &Path) -> Result<(), AccessError> {
    let mut key = [0; KEY_BYTES];
    rand::fill(&mut key).map_err(|_| AccessError::NoRandomness)?;
    let text = format!(
        "# Who may use the management API, one a line: read or write, a name, a key of 16 characters or more.\n\
         # A key is a bearer token by itself; name and key are client_id and client_secret of /oauth2/token.\n\
         write {FIRST_NAME} {}\n",
        STANDARD.encode(key)
    );
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(failed(path))?;
    }
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    match file {
        Ok(mut file) => file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(failed(path)),
        // Another process was faster.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(failed(path)(error)),
    }
}

fn read(path: &Path) -> Result<Entries, AccessError> {
    let metadata = fs::metadata(path).map_err(failed(path))?;
    if metadata.permissions().mode() & 0o077 != 0 {
        return Err(AccessError::Open { path: path.to_owned() });
    }
    if metadata.len() > MAX_FILE {
        return Err(AccessError::Line { path: path.to_owned(), line: 1, problem: "the file is longer than 1 MiB" });
    }
    parse(path, &fs::read_to_string(path).map_err(failed(path))?)
}

fn parse(path: &Path, text: &str) -> Result<Entries, AccessError> {
    let mut entries: Vec<Entry> = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let wrong = |problem| AccessError::Line { path: path.to_owned(), line: index + 1, problem };
        let words: Vec<&str> = line.split_whitespace().collect();
        let (role, name, key) = match words.as_slice() {
            [] => continue,
            [first, ..] if first.starts_with('#') => continue,
            ["read", name, key] => (Role::Read, *name, *key),
            ["write", name, key] => (Role::Write, *name, *key),
            _ => return Err(wrong("it has to have three words, the first of them read or write")),
        };
        if key.len() < MIN_KEY {
            return Err(wrong("the key has fewer than 16 characters"));
        }
        if entries.iter().any(|entry| entry.name == name) {
            return Err(wrong("the name stands there twice"));
        }
        if entries.iter().any(|entry| entry.key == key) {
            return Err(wrong("the key is that of another name"));
        }
        if entries.len() >= MAX_ENTRIES {
            return Err(wrong("there can be 1000 entries"));
        }
        entries.push(Entry::new(role, name, key));
    }
    Ok(Entries(entries))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_file_has_one_key_and_nobody_else_can_read_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new/access");
        let file = AccessFile::open(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let (name, key) = file.first_writer().unwrap();
        assert_eq!((name.as_str(), key.len()), ("headwater", 44));
        assert_eq!(file.entries().by_key(&key).map(|entry| entry.role), Some(Role::Write));
        assert!(file.entries().by_key(&key[1..]).is_none());
        assert!(file.entries().by_name_and_key("headwater", &key).is_some());
        assert!(file.entries().by_name_and_key("other", &key).is_none());
        assert!(!format!("{:?}", file.entries()).contains(&key));
        // A second start finds the same.
        assert_eq!(AccessFile::open(&path).unwrap().first_writer().unwrap().1, key);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        assert!(matches!(AccessFile::open(&path), Err(AccessError::Open { .. })));
    }

    #[test]
    fn wrong_lines_are_named_and_not_shown() {
        let path = Path::new("access");
        for text in [
            "write a",
            "own a 0123456789abcdef",
            "write a short",
            "read a 0123456789abcdef\nread a 0123456789abcdeX",
            "read a 0123456789abcdef\nread b 0123456789abcdef",
        ] {
            let error = parse(path, text).unwrap_err().to_string();
            assert!(error.contains("line") && !error.contains("0123456789"), "{error}");
        }
        assert_eq!(parse(path, "# x\n\n  read a 0123456789abcdef\n").unwrap().0.len(), 1);
    }

    #[test]
    fn the_file_is_read_again_when_it_changes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("access");
        let file = AccessFile::open(&path).unwrap();
        let earlier = Instant::now().checked_sub(Duration::from_secs(5)).unwrap();
        fs::write(&path, "read me 0123456789abcdef\n").unwrap();
        *file.looked.lock().unwrap() = (earlier, None);
        assert_eq!(file.entries().by_name("me").map(|entry| entry.role), Some(Role::Read));
        fs::write(&path, "nonsense").unwrap();
        *file.looked.lock().unwrap() = (earlier, None);
        assert!(file.entries().by_name("me").is_some());
    }
}

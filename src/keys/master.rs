//! The master key: from a file, the environment or a command, newest first.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use super::sealer::key_id;
use super::{Error, random};
use crate::secrets::Secret;

/// Where the master key is kept. All places hold the same text: the base64 of 32 bytes on a line; lines behind
/// the first are older keys that still open what was sealed under them; lines with `#` are comments.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum MasterKeySource {
    /// A file that its owner alone may read.
    File(PathBuf),
    /// A file that is made with a new key where there is none.
    Generated(PathBuf),
    /// A variable of the environment; commas may stand for ends of lines.
    Environment(String),
    /// A program and its arguments, as of a secret store's client; it writes the text to standard output.
    Command(Vec<String>),
}

/// The most text that is read as master keys, bytes.
const MAX_TEXT: u64 = 64 << 10;

/// Master keys, newest first; there is at least one.
pub struct MasterKeys(Vec<Secret<32>>);

impl MasterKeys {
    /// Of these, newest first; `None` of none.
    pub fn from_keys(keys: Vec<Secret<32>>) -> Option<MasterKeys> {
        (!keys.is_empty()).then_some(MasterKeys(keys))
    }

    /// Reads them; makes the first one where [`MasterKeySource::Generated`] finds no file. Waits for the
    /// disk or the command.
    ///
    /// # Errors
    /// [`Error`] when there is no key, saying how to make one.
    pub fn load(source: &MasterKeySource) -> Result<MasterKeys, Error> {
        match source {
            MasterKeySource::File(path) => from_file(path),
            MasterKeySource::Generated(path) => match fs::symlink_metadata(path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => generate(path),
                _ => from_file(path),
            },
            MasterKeySource::Environment(name) => {
                let text = std::env::var(name).map(Zeroizing::new);
                let source_name = format!("environment variable {name}");
                let text = text.map_err(|error| Error::Unreadable {
                    source_name: source_name.clone(),
                    source: io::Error::other(error),
                })?;
                parse(&text.replace(',', "\n"), &source_name)
            }
            MasterKeySource::Command(words) => from_command(words),
        }
    }

    /// The keys, newest first.
    pub fn keys(&self) -> &[Secret<32>] {
        &self.0
    }

    /// Ids of the keys, newest first. They tell nothing of the keys.
    pub fn ids(&self) -> Vec<String> {
        self.0.iter().map(key_id).collect()
    }

    /// Puts a new key before those in the file at `path`. Afterwards whoever stores keys reseals them, and
    /// [`MasterKeys::forget_old`] takes the old ones out.
    ///
    /// # Errors
    /// [`Error`] when the file cannot be read or replaced.
    pub fn rotate(path: &Path) -> Result<MasterKeys, Error> {
        let mut keys = from_file(path)?;
        keys.0.insert(0, random()?);
        keys.write(path)?;
        Ok(keys)
    }

    /// Leaves the newest key alone in the file at `path`. Only when nothing is sealed under the others.
    ///
    /// # Errors
    /// [`Error`] when the file cannot be read or replaced.
    pub fn forget_old(path: &Path) -> Result<MasterKeys, Error> {
        let mut keys = from_file(path)?;
        keys.0.truncate(1);
        keys.write(path)?;
        Ok(keys)
    }

    /// Replaces the file: a reader sees the old one or the new one.
    fn write(&self, path: &Path) -> Result<(), Error> {
        let new = path.with_extension("new");
        let replace = || -> io::Result<()> {
            match fs::remove_file(&new) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
            self.create(&new)?;
            fs::rename(&new, path)?;
            sync_folder(path)
        };
        replace().map_err(unreadable(path))
    }

    /// Writes a file that must not exist yet.
    fn create(&self, path: &Path) -> io::Result<()> {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
        let mut text = Zeroizing::new(String::from(
            "# Headwater's master keys, newest first. Keys of encrypted films are useless without them: keep a copy.\n",
        ));
        for key in &self.0 {
            let line = Zeroizing::new(STANDARD.encode(key.expose()));
            text.push_str(&line);
            text.push('\n');
        }
        file.write_all(text.as_bytes())?;
        file.sync_all()
    }
}

fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}

fn unreadable(path: &Path) -> impl Fn(io::Error) -> Error + '_ {
    move |source| Error::Unreadable { source_name: path.display().to_string(), source }
}

/// A new key in a new file. Of two that start at once, one makes it and the other reads it.
fn generate(path: &Path) -> Result<MasterKeys, Error> {
    let keys = MasterKeys(vec![random()?]);
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::create_dir_all(folder).map_err(unreadable(path))?;
    // Linked into place when it is whole, so nobody reads half of it.
    let number = u64::from_be_bytes(*random::<8>()?.expose());
    let own = path.with_extension(format!("{number:016x}.new"));
    let made = keys.create(&own).and_then(|()| fs::hard_link(&own, path)).and_then(|()| sync_folder(path));
    let _ = fs::remove_file(&own);
    match made {
        Ok(()) => Ok(keys),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => from_file(path),
        Err(error) => Err(unreadable(path)(error)),
    }
}

fn from_file(path: &Path) -> Result<MasterKeys, Error> {
    let file = File::open(path).map_err(unreadable(path))?;
    let metadata = file.metadata().map_err(unreadable(path))?;
    if metadata.is_file() && metadata.permissions().mode() & 0o077 != 0 {
        return Err(Error::Exposed { path: path.display().to_string() });
    }
    let mut text = Zeroizing::new(String::new());
    file.take(MAX_TEXT).read_to_string(&mut text).map_err(unreadable(path))?;
    parse(&text, &path.display().to_string())
}

fn from_command(words: &[String]) -> Result<MasterKeys, Error> {
    let Some((program, arguments)) = words.split_first() else {
        return Err(Error::NoKey { source_name: "the command for the master key".to_owned() });
    };
    let source_name = format!("command {program}");
    let failed = |source| Error::Unreadable { source_name: source_name.clone(), source };
    let command = Command::new(program).args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).spawn();
    let mut child = command.map_err(failed)?;
    let mut text = Zeroizing::new(String::new());
    let read = child.stdout.take().map(|out| out.take(MAX_TEXT).read_to_string(&mut text));
    let status = child.wait().map_err(failed)?;
    read.transpose().map_err(failed)?;
    if !status.success() {
        return Err(Error::CommandFailed { source_name, status: status.to_string() });
    }
    parse(&text, &source_name)
}

fn parse(text: &str, source_name: &str) -> Result<MasterKeys, Error> {
    let mut keys = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let bytes = STANDARD.decode(line).map(Zeroizing::new);
        let key = bytes.ok().and_then(|bytes| Secret::from_slice(&bytes));
        keys.push(key.ok_or_else(|| Error::NotAKey { source_name: source_name.to_owned(), line: index + 1 })?);
    }
    MasterKeys::from_keys(keys).ok_or_else(|| Error::NoKey { source_name: source_name.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=";
    const B: &str = "AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI=";

    #[test]
    fn a_missing_key_file_is_made_once_and_for_its_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("data/master.key");
        let source = MasterKeySource::Generated(path.clone());
        let made: Vec<String> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(|| MasterKeys::load(&source))).collect();
            threads.into_iter().map(|t| t.join().unwrap().unwrap().ids()[0].clone()).collect()
        });
        assert!(made.iter().all(|id| *id == made[0]), "{made:?}");
        assert_eq!(MasterKeys::load(&source).unwrap().ids(), [made[0].clone()]);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        assert!(matches!(MasterKeys::load(&source), Err(Error::Exposed { .. })));
    }

    #[test]
    fn a_configured_key_file_is_never_made_up() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("absent");
        let error = MasterKeys::load(&MasterKeySource::File(path.clone())).err().unwrap();
        assert!(error.to_string().contains("absent"), "{error}");
        assert!(!path.exists());
    }

    #[test]
    fn rotation_puts_a_new_key_first_and_old_ones_go_later() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("master.key");
        let first = MasterKeys::load(&MasterKeySource::Generated(path.clone())).unwrap().ids();
        let both = MasterKeys::rotate(&path).unwrap().ids();
        assert_eq!((both.len(), &both[1]), (2, &first[0]));
        assert_eq!(MasterKeys::load(&MasterKeySource::File(path.clone())).unwrap().ids(), both);
        assert_eq!(MasterKeys::forget_old(&path).unwrap().ids(), both[..1]);
        assert_eq!(MasterKeys::load(&MasterKeySource::File(path)).unwrap().ids(), both[..1]);
    }

    #[test]
    fn keys_come_from_commands_and_text_with_comments() {
        let command = |script: &str| {
            MasterKeys::load(&MasterKeySource::Command(["sh", "-c", script].map(str::to_owned).to_vec()))
        };
        assert_eq!(command(&format!("printf '# new\\n{A}\\n\\n{B}\\n'")).unwrap().keys().len(), 2);
        assert!(matches!(command("exit 3"), Err(Error::CommandFailed { .. })));
        assert!(matches!(command("echo '# nothing'"), Err(Error::NoKey { .. })));
        let wrong = command(&format!("echo {A}; echo c2hvcnQ=")).err().unwrap();
        assert!(matches!(wrong, Error::NotAKey { line: 2, .. }));
        assert!(!format!("{wrong} {wrong:?}").contains("c2hvcnQ"));
        assert!(matches!(
            MasterKeys::load(&MasterKeySource::Command(vec!["/no/such/program".to_owned()])),
            Err(Error::Unreadable { .. })
        ));
    }
}

//! A local folder as an account: a sub-folder for each container, written to so that nobody sees a file that
//! is not whole.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use tokio::fs::{self, File};
use tokio::io::AsyncWriteExt;
use uuid::Uuid;

use crate::secrets::SecretBytes;
use crate::store::sas::{Grant, Sas};
use crate::store::{Error, Folder, ObjectInfo, Store, Symlinks, check_path};

/// Where files lie while they come in. No container has such a name.
const UPLOADS: &str = ".uploads";

/// A local folder.
#[derive(Clone)]
pub struct Local {
    name: String,
    root: PathBuf,
    symlinks: Symlinks,
    keys: Vec<SecretBytes>,
}

/// Without the keys.
impl fmt::Debug for Local {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Local").field("name", &self.name).field("root", &self.root).finish()
    }
}

impl Local {
    pub(super) fn new(name: &str, root: PathBuf, symlinks: Symlinks, keys: Vec<SecretBytes>) -> Local {
        Local { name: name.to_owned(), root, symlinks, keys }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The keys that its URLs are signed with; the first signs.
    pub fn keys(&self) -> &[SecretBytes] {
        &self.keys
    }

    /// The files of a container; the name must be one of a container.
    pub fn folder(&self, container: &str) -> Folder {
        Folder::new(self.root.join(container), self.symlinks)
    }

    /// Whether the container exists.
    pub async fn exists(&self, container: &str) -> bool {
        fs::metadata(self.root.join(container)).await.is_ok_and(|m| m.is_dir())
    }

    /// A signed URL of a container, for a server that clients reach at `base_url` (without a slash at its end).
    ///
    /// # Errors
    /// [`Error::Settings`] for an account without a key.
    pub fn signed_container_url(&self, base_url: &str, container: &str, grant: &Grant) -> Result<String, Error> {
        let Some(key) = self.keys.first() else {
            let problem = "it has no key to sign URLs with".to_owned();
            return Err(Error::Settings { account: self.name.clone(), problem });
        };
        let query = Sas::for_container(key, &self.name, container, grant);
        Ok(format!("{base_url}/{}/{container}?{query}", self.name))
    }

    pub(super) async fn create(&self, container: &str) -> Result<(), Error> {
        fs::create_dir_all(self.root.join(container)).await.map_err(|e| Error::from_io(container, e))
    }

    pub(super) async fn delete(&self, container: &str) -> Result<(), Error> {
        match fs::remove_dir_all(self.root.join(container)).await {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(Error::from_io(container, error)),
            _ => Ok(()),
        }
    }

    pub(super) async fn containers(&self, prefix: &str) -> Result<Vec<String>, Error> {
        let failed = |error| Error::from_io(prefix, error);
        let mut found = Vec::new();
        let mut entries = fs::read_dir(&self.root).await.map_err(failed)?;
        while let Some(entry) = entries.next_entry().await.map_err(failed)? {
            if let Ok(name) = entry.file_name().into_string()
                && entry.file_type().await.is_ok_and(|kind| kind.is_dir())
            {
                found.push(name);
            }
        }
        Ok(found)
    }

    /// Begins a file that takes the place of `path` when it is whole. The container must exist.
    ///
    /// # Errors
    /// [`Error::NotFound`] without the container, [`Error::BadPath`], or what the operating system reports.
    pub async fn begin(&self, container: &str, path: &str) -> Result<Upload, Error> {
        check_path(path)?;
        if !self.exists(container).await {
            return Err(Error::NotFound { path: container.to_owned() });
        }
        self.begin_at(path, self.root.join(container), PathBuf::from(path)).await
    }

    async fn begin_at(&self, path: &str, home: PathBuf, inside: PathBuf) -> Result<Upload, Error> {
        let failed = |error| Error::from_io(path, error);
        let uploads = self.root.join(UPLOADS);
        fs::create_dir_all(&uploads).await.map_err(failed)?;
        let temporary = Temporary(uploads.join(Uuid::new_v4().to_string()));
        let file = File::options().write(true).create_new(true).open(&temporary.0).await.map_err(failed)?;
        Ok(Upload { path: path.to_owned(), file, temporary, home, inside, size: 0 })
    }

    /// Begins a block of a file ("Put Block"), which is seen by [`Local::gather`] alone. `id` is what the
    /// client calls it.
    ///
    /// # Errors
    /// As [`Local::begin`].
    pub async fn begin_block(&self, container: &str, path: &str, id: &str) -> Result<Upload, Error> {
        check_path(path)?;
        if !self.exists(container).await {
            return Err(Error::NotFound { path: container.to_owned() });
        }
        self.begin_at(path, self.blocks(container, path), PathBuf::from(digest(id))).await
    }

    /// A file of blocks, in the order given ("Put Block List").
    ///
    /// # Errors
    /// [`Error::NotFound`] naming a block that is not there; then nothing is changed.
    pub async fn gather(&self, container: &str, path: &str, ids: &[String]) -> Result<Upload, Error> {
        let mut upload = self.begin(container, path).await?;
        let blocks = self.blocks(container, path);
        for id in ids {
            let block = File::open(blocks.join(digest(id))).await;
            let missing = |_| Error::NotFound { path: format!("{path} (block {id})") };
            let mut block = block.map_err(missing)?;
            upload.size += tokio::io::copy(&mut block, &mut upload.file).await.map_err(|e| Error::from_io(path, e))?;
        }
        Ok(upload)
    }

    /// Forgets the blocks that were put for a file.
    pub async fn forget_blocks(&self, container: &str, path: &str) {
        // There may be none; what is left otherwise is swept away some day.
        let _ = fs::remove_dir_all(self.blocks(container, path)).await;
    }

    /// Removes a file and the blocks that wait for it.
    ///
    /// # Errors
    /// [`Error::NotFound`], or what the operating system reports.
    pub async fn remove(&self, container: &str, path: &str) -> Result<(), Error> {
        check_path(path)?;
        // Also checks that the name leads to a file of the container and not through a link.
        self.folder(container).head(path).await?;
        let home = self.root.join(container);
        no_links(&home, Path::new(path)).await.map_err(|e| Error::from_io(path, e))?;
        fs::remove_file(home.join(path)).await.map_err(|e| Error::from_io(path, e))?;
        self.forget_blocks(container, path).await;
        // Folders that only held this file go too, as they do in other storage.
        let parents = Path::new(path).ancestors().skip(1).filter(|p| !p.as_os_str().is_empty());
        for parent in parents {
            if fs::remove_dir(home.join(parent)).await.is_err() {
                break;
            }
        }
        Ok(())
    }

    /// Removes what uploads that never ended have left for `longer_than`.
    ///
    /// # Errors
    /// What the operating system reports.
    pub async fn sweep(&self, longer_than: std::time::Duration) -> io::Result<()> {
        let mut entries = match fs::read_dir(self.root.join(UPLOADS)).await {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error),
        };
        while let Some(entry) = entries.next_entry().await? {
            let metadata = entry.metadata().await?;
            let old = metadata.modified()?.elapsed().is_ok_and(|age| age > longer_than);
            if old && metadata.is_dir() {
                fs::remove_dir_all(entry.path()).await?;
            } else if old {
                fs::remove_file(entry.path()).await?;
            }
        }
        Ok(())
    }

    fn blocks(&self, container: &str, path: &str) -> PathBuf {
        self.root.join(UPLOADS).join(digest(&format!("{container}/{path}")))
    }
}

/// A name for any text.
fn digest(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().map(|b| format!("{b:02x}")).collect()
}

/// A file that goes away unless it is moved.
struct Temporary(PathBuf);

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// A file that is coming in.
pub struct Upload {
    path: String,
    file: File,
    temporary: Temporary,
    /// The container's folder.
    home: PathBuf,
    inside: PathBuf,
    size: u64,
}

impl Upload {
    /// Appends bytes.
    ///
    /// # Errors
    /// What the operating system reports, such as a full disk.
    pub async fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.size += bytes.len() as u64;
        self.file.write_all(bytes).await.map_err(|e| Error::from_io(&self.path, e))
    }

    /// Bytes so far.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The file to read from its beginning; it goes away with the second value.
    pub(super) async fn reopen(mut self) -> Result<(File, impl Drop), Error> {
        let failed = |error| Error::from_io(&self.path, error);
        self.file.flush().await.map_err(failed)?;
        let file = File::open(&self.temporary.0).await.map_err(failed)?;
        Ok((file, self.temporary))
    }

    /// Puts the file, which is whole now, into its place: on disk first, then under its name.
    ///
    /// # Errors
    /// What the operating system reports; then nothing has changed.
    pub async fn commit(mut self) -> Result<ObjectInfo, Error> {
        let target = self.home.join(&self.inside);
        let place = async {
            self.file.flush().await?;
            self.file.sync_all().await?;
            no_links(&self.home, &self.inside).await?;
            let parent = target.parent().unwrap_or(&self.home);
            fs::create_dir_all(parent).await?;
            fs::rename(&self.temporary.0, &target).await?;
            File::open(parent).await?.sync_all().await
        };
        place.await.map_err(|e| Error::from_io(&self.path, e))?;
        let stored = self.inside.to_string_lossy();
        Folder::new(&self.home, Symlinks::Inside).head(&stored).await
    }
}

/// Refuses a path that leads through a link: what is written stays in its container.
async fn no_links(home: &Path, inside: &Path) -> io::Result<()> {
    for part in inside.ancestors().filter(|p| !p.as_os_str().is_empty()) {
        if fs::symlink_metadata(home.join(part)).await.is_ok_and(|m| m.is_symlink()) {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn local(root: &Path) -> Local {
        Local::new("films", root.to_owned(), Symlinks::Inside, Vec::new())
    }

    #[tokio::test]
    async fn a_file_is_seen_when_it_is_whole() {
        let root = tempfile::tempdir().unwrap();
        let account = local(root.path());
        assert!(matches!(account.begin("asset-1", "a").await.map(drop), Err(Error::NotFound { .. })));
        account.create("asset-1").await.unwrap();
        let mut upload = account.begin("asset-1", "sub/a.mp4").await.unwrap();
        upload.write(b"half").await.unwrap();
        let folder = account.folder("asset-1");
        assert_eq!(folder.list("").await.unwrap(), []);
        drop(upload);
        let mut upload = account.begin("asset-1", "sub/a.mp4").await.unwrap();
        upload.write(b"whole").await.unwrap();
        let made = upload.commit().await.unwrap();
        assert_eq!((made.size, made.path.as_str()), (5, "sub/a.mp4"));
        account.remove("asset-1", "sub/a.mp4").await.unwrap();
        assert_eq!(std::fs::read_dir(root.path().join("asset-1")).unwrap().count(), 0);
        assert_eq!(std::fs::read_dir(root.path().join(UPLOADS)).unwrap().count(), 0);
    }

    #[tokio::test]
    async fn blocks_become_a_file_in_the_order_of_the_list() {
        let root = tempfile::tempdir().unwrap();
        let account = local(root.path());
        account.create("asset-1").await.unwrap();
        for (id, text) in [("b", "two"), ("a", "one"), ("../../../x", "three"), ("unused", "four")] {
            let mut block = account.begin_block("asset-1", "a.mp4", id).await.unwrap();
            block.write(text.as_bytes()).await.unwrap();
            block.commit().await.unwrap();
        }
        let list = |ids: &[&str]| ids.iter().map(|id| (*id).to_owned()).collect::<Vec<_>>();
        let missing = account.gather("asset-1", "a.mp4", &list(&["a", "c"])).await;
        assert!(matches!(missing.map(drop), Err(Error::NotFound { .. })));
        let whole = account.gather("asset-1", "a.mp4", &list(&["a", "b", "../../../x", "a"])).await.unwrap();
        whole.commit().await.unwrap();
        account.forget_blocks("asset-1", "a.mp4").await;
        assert_eq!(std::fs::read(root.path().join("asset-1/a.mp4")).unwrap(), b"onetwothreeone");
        let again = account.gather("asset-1", "a.mp4", &list(&["unused"])).await;
        assert!(matches!(again.map(drop), Err(Error::NotFound { .. })));
        assert_eq!(std::fs::read_dir(root.path().join(UPLOADS)).unwrap().count(), 0);
    }

    #[tokio::test]
    async fn nothing_is_written_outside_of_the_container() {
        let (root, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let account = local(root.path());
        account.create("asset-1").await.unwrap();
        std::os::unix::fs::symlink(outside.path(), root.path().join("asset-1/link")).unwrap();
        std::fs::write(outside.path().join("there"), b"there").unwrap();
        for path in ["../x", "/x", "a/../../x", "a\0", ""] {
            assert!(matches!(account.begin("asset-1", path).await.map(drop), Err(Error::BadPath { .. })), "{path:?}");
        }
        let mut upload = account.begin("asset-1", "link/x").await.unwrap();
        upload.write(b"x").await.unwrap();
        assert!(matches!(upload.commit().await, Err(Error::Denied { .. })));
        assert!(account.remove("asset-1", "link/there").await.is_err());
        let names: Vec<_> = std::fs::read_dir(outside.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
        assert_eq!(names, ["there"]);
    }
}

//! Accounts whose signed URLs Headwater answers itself: local folders, and buckets of S3, which sign no URLs of
//! prefixes. What comes in for a bucket lies in a local folder until it is whole.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, WriteMultipart};
use tokio::io::AsyncReadExt;

use super::local::{Local, Upload};
use super::s3::{Method, S3};
use crate::secrets::SecretBytes;
use crate::store::objects::translate;
use crate::store::sas::Grant;
use crate::store::{Error, ObjectInfo, Objects, Reading, Store, Symlinks, check_path};

/// An account as the holders of signed URLs see it.
#[derive(Clone, Debug)]
pub struct Signed {
    /// The folder, or where uploads lie.
    local: Local,
    bucket: Option<Arc<S3>>,
}

/// What a bucket needs so that signed URLs of its containers can be answered.
#[derive(Clone)]
pub struct Landing {
    /// The folder in which uploads lie until they are whole.
    pub folder: PathBuf,
    /// Keys that sign its URLs: the first signs, all are accepted.
    pub keys: Vec<SecretBytes>,
}

/// Bytes of one part of an upload; S3 takes 5 MiB and more, and ten thousand parts at most.
const PART_BYTES: u64 = 8 << 20;
const MOST_PARTS: u64 = 9_000;
/// Parts that are on their way at a time.
const PARALLEL_PARTS: usize = 4;

impl Signed {
    pub(super) fn of_folder(local: &Local) -> Signed {
        Signed { local: local.clone(), bucket: None }
    }

    pub(super) fn of_bucket(name: &str, landing: Landing, bucket: &Arc<S3>) -> Signed {
        let local = Local::new(name, landing.folder, Symlinks::Inside, landing.keys);
        Signed { local, bucket: Some(Arc::clone(bucket)) }
    }

    /// The account's name.
    pub fn name(&self) -> &str {
        self.local.name()
    }

    /// The keys that its URLs are signed with; the first signs.
    pub fn keys(&self) -> &[SecretBytes] {
        self.local.keys()
    }

    /// Whether the container exists. In a bucket it does when something is in it, so there it may always be asked.
    pub async fn exists(&self, container: &str) -> bool {
        self.bucket.is_some() || self.local.exists(container).await
    }

    /// The files of a container; the name must be one of a container.
    pub fn files(&self, container: &str) -> Arc<dyn Store> {
        match &self.bucket {
            None => Arc::new(self.local.folder(container)),
            Some(bucket) => Arc::new(Objects::new(bucket.container(container), Reading::REMOTE)),
        }
    }

    /// A signed URL of a container, for a server that clients reach at `base_url` (without a slash at its end).
    ///
    /// # Errors
    /// [`Error::Settings`] for an account without a key.
    pub fn container_url(&self, base_url: &str, container: &str, grant: &Grant) -> Result<String, Error> {
        self.local.signed_container_url(base_url, container, grant)
    }

    /// A URL of the service's own at which a file can be read for `expires_in`; `None` for folders.
    ///
    /// # Errors
    /// [`Error::BadPath`], or credentials that cannot be had.
    pub async fn presigned(
        &self,
        method: Method,
        container: &str,
        path: &str,
        expires_in: Duration,
    ) -> Result<Option<String>, Error> {
        match &self.bucket {
            None => Ok(None),
            Some(bucket) => bucket.signed_url(method, container, path, expires_in).await.map(Some),
        }
    }

    /// Begins a file that takes the place of `path` when it is whole ([`Signed::place`]).
    ///
    /// # Errors
    /// [`Error::NotFound`] without the container, [`Error::BadPath`], or what the operating system reports.
    pub async fn begin(&self, container: &str, path: &str) -> Result<Upload, Error> {
        self.land(container).await?;
        self.local.begin(container, path).await
    }

    /// Begins a block of a file ("Put Block"), which is kept by [`Upload::commit`] and seen by [`Signed::gather`]
    /// alone. `id` is what the client calls it.
    ///
    /// # Errors
    /// As [`Signed::begin`].
    pub async fn begin_block(&self, container: &str, path: &str, id: &str) -> Result<Upload, Error> {
        self.land(container).await?;
        self.local.begin_block(container, path, id).await
    }

    /// A file of blocks, in the order given ("Put Block List").
    ///
    /// # Errors
    /// [`Error::NotFound`] naming a block that is not there; then nothing is changed.
    pub async fn gather(&self, container: &str, path: &str, ids: &[String]) -> Result<Upload, Error> {
        self.land(container).await?;
        self.local.gather(container, path, ids).await
    }

    /// Puts a file, which is whole now, into its place, and forgets blocks that were put for it. A bucket has it
    /// when this returns.
    ///
    /// # Errors
    /// What the operating system or the service reports; then nothing has changed.
    pub async fn place(&self, container: &str, path: &str, upload: Upload) -> Result<ObjectInfo, Error> {
        let info = match &self.bucket {
            None => upload.commit().await?,
            Some(bucket) => {
                send(&bucket.container(container), path, upload).await?;
                self.files(container).head(path).await?
            }
        };
        self.local.forget_blocks(container, path).await;
        Ok(info)
    }

    /// Removes a file and the blocks that wait for it.
    ///
    /// # Errors
    /// [`Error::NotFound`], or what the operating system or the service reports.
    pub async fn remove(&self, container: &str, path: &str) -> Result<(), Error> {
        let Some(bucket) = &self.bucket else { return self.local.remove(container, path).await };
        let objects = Objects::new(bucket.container(container), Reading::REMOTE);
        // The service removes what is not there without a word.
        objects.head(path).await?;
        objects.delete(path).await?;
        self.local.forget_blocks(container, path).await;
        Ok(())
    }

    /// Removes what uploads that never ended have left for `longer_than`.
    ///
    /// # Errors
    /// What the operating system reports.
    pub async fn sweep(&self, longer_than: Duration) -> std::io::Result<()> {
        self.local.sweep(longer_than).await
    }

    /// The place of a bucket's uploads is made when it is first wanted.
    async fn land(&self, container: &str) -> Result<(), Error> {
        match &self.bucket {
            None => Ok(()),
            Some(_) => self.local.create(container).await,
        }
    }
}

/// Sends a file to a bucket, in parts.
async fn send(backend: &Arc<dyn ObjectStore>, path: &str, upload: Upload) -> Result<(), Error> {
    check_path(path)?;
    let key = Path::parse(path).map_err(|error| translate(path, error.into()))?;
    let failed = |error: object_store::Error| translate(path, error);
    let size = upload.size();
    let (mut file, _kept) = upload.reopen().await?;
    let part = PART_BYTES.max(size.div_ceil(MOST_PARTS));
    if size <= part {
        let mut whole = Vec::with_capacity(size as usize);
        file.read_to_end(&mut whole).await.map_err(|error| Error::from_io(path, error))?;
        return backend.put(&key, whole.into()).await.map(drop).map_err(failed);
    }
    let begun = backend.put_multipart(&key).await.map_err(failed)?;
    let mut parts = WriteMultipart::new_with_chunk_size(begun, part as usize);
    let mut piece = vec![0; 1 << 20];
    let sent = loop {
        if let Err(error) = parts.wait_for_capacity(PARALLEL_PARTS).await {
            break Err(failed(error));
        }
        match file.read(&mut piece).await {
            Ok(0) => break Ok(()),
            Ok(length) => parts.write(&piece[..length]),
            Err(error) => break Err(Error::from_io(path, error)),
        }
    };
    match sent {
        Ok(()) => parts.finish().await.map(drop).map_err(failed),
        Err(error) => {
            // Parts that no file is made of are paid for until somebody removes them.
            if let Err(left) = parts.abort().await {
                tracing::warn!(error = %translate(path, left), "an upload that broke off was not taken back");
            }
            Err(error)
        }
    }
}

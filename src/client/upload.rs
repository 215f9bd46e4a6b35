//! Uploading files into an asset through a signed URL, as any client of Azure Blob Storage does it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncSeekExt};

use super::api::{chain, encoded, first_words, quoted};
use super::{Api, Asset, Error};
use crate::cipher::StorageCipher;

/// What is uploaded.
#[derive(Clone, Debug)]
pub struct Upload {
    /// Name or id of the asset; one of that name is made if there is none.
    pub asset: String,
    /// Files; of folders the files in them.
    pub files: Vec<PathBuf>,
    /// Encrypt them on the way (AES-256-CTR, object model §12.3).
    pub encrypt: bool,
}

/// What was uploaded.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Uploaded {
    /// The asset.
    pub asset: Asset,
    /// It was there before.
    pub before: bool,
    /// Names and sizes of the files.
    pub files: Vec<(String, u64)>,
}

/// How far it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Event<'a> {
    /// So many bytes in all.
    Total(u64),
    /// A file begins.
    File(&'a str),
    /// So many more bytes are there.
    Sent(u64),
}

/// Bytes of a block; larger for files that would have more than 50,000 of them.
const BLOCK: u64 = 8 << 20;
const MOST_BLOCKS: u64 = 50_000;
/// Blocks under way at the same time.
const PARALLEL: usize = 4;
/// How often a block is sent before it is given up, and how long to wait in between: one, two, four seconds.
const ATTEMPTS: u32 = 4;

/// Permissions of the signed URL: Write.
const WRITE: i64 = 2;
/// For how long it is good: a day, for whoever has much to upload and a slow line.
const MINUTES: i64 = 24 * 60;

/// A file to be uploaded.
struct Source {
    path: PathBuf,
    name: String,
    bytes: u64,
}

impl Api {
    /// Uploads files into an asset, and makes their records.
    ///
    /// # Errors
    /// [`Error`]; what was uploaded until then stays, and doing it again replaces it.
    pub async fn upload(&self, upload: &Upload, progress: &(dyn Fn(Event<'_>) + Sync)) -> Result<Uploaded, Error> {
        let sources = sources(&upload.files)?;
        let (asset, before) = match self.asset(&upload.asset).await {
            Ok(asset) => (asset, true),
            Err(Error::NoAsset { .. }) => (self.create_asset(&upload.asset, upload.encrypt).await?, false),
            Err(error) => return Err(error),
        };
        if asset.encrypted != upload.encrypt {
            return Err(Error::Options { name: asset.name, encrypted: asset.encrypted });
        }
        let ciphers = self.ciphers(&asset, &sources, before, upload.encrypt).await?;
        progress(Event::Total(sources.iter().map(|source| source.bytes).sum()));

        let policy = self.access_policy("headwater upload", MINUTES, WRITE).await?;
        let body = json!({ "AssetId": asset.id, "AccessPolicyId": policy, "Type": 1 });
        let locator = self.post("Locators", &body).await?;
        let path = self.text(&locator, "Path")?;
        let sent = self.send_all(&path, &sources, &ciphers, progress).await;
        // The URL ends with its locator, whatever came of it.
        let ended = self.delete(&format!("Locators({})", quoted(&self.text(&locator, "Id")?))).await;
        sent?;
        ended?;
        if !upload.encrypt {
            self.get(&format!("CreateFileInfos?assetid={}", quoted(&asset.id))).await?;
        }
        let files = sources.into_iter().map(|source| (source.name, source.bytes)).collect();
        Ok(Uploaded { asset, before, files })
    }

    /// What encrypts each file; their records are made with it, before anything is sent.
    async fn ciphers(
        &self,
        asset: &Asset,
        sources: &[Source],
        before: bool,
        encrypt: bool,
    ) -> Result<Vec<Option<StorageCipher>>, Error> {
        if !encrypt {
            return Ok(sources.iter().map(|_| None).collect());
        }
        let key = self.storage_key(asset).await?;
        let only = sources.len() == 1;
        let primary = sources.iter().position(|source| source.name.to_ascii_lowercase().ends_with(".ism"));
        let mut ciphers = Vec::new();
        for (index, source) in sources.iter().enumerate() {
            let is_primary = !before && (primary == Some(index) || only);
            let iv = self.encrypted_file(asset, &key, &source.name, source.bytes, is_primary).await?;
            ciphers.push(Some(key.cipher(iv)));
        }
        Ok(ciphers)
    }

    async fn send_all(
        &self,
        signed: &str,
        sources: &[Source],
        ciphers: &[Option<StorageCipher>],
        progress: &(dyn Fn(Event<'_>) + Sync),
    ) -> Result<(), Error> {
        let (container, signature) =
            signed.split_once('?').ok_or_else(|| self.strange("a signed URL has no signature"))?;
        for (source, cipher) in sources.iter().zip(ciphers) {
            progress(Event::File(&source.name));
            let blob = Blob {
                http: self.storage(),
                url: format!("{}/{}?{signature}", container.trim_end_matches('/'), encoded(&source.name)),
                source,
                cipher: cipher.as_ref(),
                progress,
            };
            blob.send().await?;
        }
        Ok(())
    }
}

/// One file on its way.
struct Blob<'a> {
    http: &'a reqwest::Client,
    url: String,
    source: &'a Source,
    cipher: Option<&'a StorageCipher>,
    progress: &'a (dyn Fn(Event<'_>) + Sync),
}

impl Blob<'_> {
    async fn send(&self) -> Result<(), Error> {
        let bytes = self.source.bytes;
        if bytes <= BLOCK {
            let body = self.read(0, bytes).await?;
            return self.put(&self.url, Some("BlockBlob"), body).await;
        }
        let block = BLOCK.max(bytes.div_ceil(MOST_BLOCKS));
        let count = bytes.div_ceil(block);
        let blocks = (0..count).map(|number| async move {
            let from = number * block;
            let body = self.read(from, block.min(bytes - from)).await?;
            self.put(&format!("{}&comp=block&blockid={}", self.url, encoded(&block_id(number))), None, body).await
        });
        stream::iter(blocks).buffer_unordered(PARALLEL).try_collect::<()>().await?;
        self.is_unchanged()?;
        let mut list = String::from("<?xml version=\"1.0\" encoding=\"utf-8\"?><BlockList>");
        (0..count).for_each(|number| list.push_str(&format!("<Latest>{}</Latest>", block_id(number))));
        list.push_str("</BlockList>");
        self.put(&format!("{}&comp=blocklist", self.url), None, list.into()).await
    }

    /// A part of the file, encrypted if it is to be.
    async fn read(&self, from: u64, length: u64) -> Result<Bytes, Error> {
        let failed = |source| Error::File { path: self.source.path.clone(), source };
        let mut file = tokio::fs::File::open(&self.source.path).await.map_err(failed)?;
        file.seek(std::io::SeekFrom::Start(from)).await.map_err(failed)?;
        let mut body = Vec::with_capacity(usize::try_from(length).unwrap_or(0));
        file.take(length).read_to_end(&mut body).await.map_err(failed)?;
        if body.len() as u64 != length {
            return Err(Error::Changed { path: self.source.path.clone() });
        }
        if let Some(cipher) = self.cipher {
            cipher.apply(from, &mut body);
        }
        Ok(body.into())
    }

    fn is_unchanged(&self) -> Result<(), Error> {
        let now = std::fs::metadata(&self.source.path).map(|data| data.len());
        match now {
            Ok(bytes) if bytes == self.source.bytes => Ok(()),
            _ => Err(Error::Changed { path: self.source.path.clone() }),
        }
    }

    /// Puts something, again if the line breaks or the server has trouble.
    async fn put(&self, url: &str, blob_type: Option<&'static str>, body: Bytes) -> Result<(), Error> {
        let refused = |problem: String| Error::Upload { file: self.source.name.clone(), problem };
        let length = body.len() as u64;
        let mut attempt = 1;
        loop {
            let mut request = self.http.put(url).header("x-ms-version", "2020-10-02").body(body.clone());
            if let Some(blob_type) = blob_type {
                request = request.header("x-ms-blob-type", blob_type);
            }
            let problem = match request.send().await {
                Ok(response) if response.status().is_success() => {
                    if blob_type.is_some() || url.contains("&comp=block&") {
                        (self.progress)(Event::Sent(length));
                    }
                    return Ok(());
                }
                Ok(response) => {
                    let status = response.status();
                    let body = response.bytes().await.unwrap_or_default();
                    let problem = format!("{status}: {}", first_words(&body));
                    if !status.is_server_error() && status.as_u16() != 429 {
                        return Err(refused(problem));
                    }
                    problem
                }
                Err(error) => chain(error),
            };
            if attempt == ATTEMPTS {
                return Err(refused(format!("{problem} ({ATTEMPTS} times)")));
            }
            tokio::time::sleep(Duration::from_secs(1 << (attempt - 1))).await;
            attempt += 1;
        }
    }
}

/// Ids of blocks have one length within a file.
fn block_id(number: u64) -> String {
    STANDARD.encode(format!("{number:08}"))
}

/// Files as they are named; of folders the files in them, hidden ones left out.
fn sources(named: &[PathBuf]) -> Result<Vec<Source>, Error> {
    let mut paths = Vec::new();
    for path in named {
        let failed = |source| Error::File { path: path.clone(), source };
        if !std::fs::metadata(path).map_err(failed)?.is_dir() {
            paths.push(path.clone());
            continue;
        }
        let mut inside: Vec<PathBuf> = Vec::new();
        for entry in std::fs::read_dir(path).map_err(failed)? {
            let entry = entry.map_err(failed)?.path();
            let hidden = entry.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
            if entry.is_file() && !hidden {
                inside.push(entry);
            }
        }
        inside.sort();
        paths.extend(inside);
    }
    let mut names = BTreeSet::new();
    let mut sources = Vec::new();
    for path in paths {
        let bytes = std::fs::metadata(&path).map_err(|source| Error::File { path: path.clone(), source })?.len();
        let name = name_of(&path)?;
        if !names.insert(name.clone()) {
            return Err(Error::Files { problem: format!("two files are called {name:?}; an asset can have one") });
        }
        sources.push(Source { path, name, bytes });
    }
    if sources.is_empty() {
        return Err(Error::Files { problem: "there are no files to upload".to_owned() });
    }
    Ok(sources)
}

fn name_of(path: &Path) -> Result<String, Error> {
    let name = path.file_name().and_then(|name| name.to_str()).map(str::to_owned);
    name.ok_or_else(|| Error::Files { problem: format!("the name of {} is not UTF-8; rename it", path.display()) })
}

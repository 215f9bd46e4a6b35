//! "Put Blob", "Put Block" and "Put Block List".

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::BytesMut;
use futures_util::StreamExt;
use hyper::header::{CONTENT_LENGTH, HeaderName, HeaderValue, IF_MATCH, IF_NONE_MATCH};
use hyper::{HeaderMap, Response, StatusCode};
use md5::{Digest, Md5};
use tokio::sync::Mutex;

use super::target::Target;
use super::{Error, Incoming, answer};
use crate::origin::Body;
use crate::store::account::{Signed, Upload};
use crate::store::sas::Permissions;
use crate::store::{self, ObjectInfo};
use crate::xml::{self, Limits};

/// The most bytes of one request, as the service has it: 5000 MiB for a blob, 4000 MiB for a block.
const MAX_BLOB: u64 = 5000 << 20;
const MAX_BLOCK: u64 = 4000 << 20;
/// The most blocks of a blob.
const MAX_BLOCKS: usize = 50_000;
/// A list of that many blocks with the longest ids.
const LIST: Limits = Limits { bytes: 8 << 20, depth: 4, nodes: 2 * MAX_BLOCKS + 100, attributes: 8 };

const CONTENT_MD5: HeaderName = HeaderName::from_static("content-md5");

/// Where something is written.
pub(super) struct Place<'a> {
    pub(super) account: &'a Signed,
    pub(super) container: &'a str,
    pub(super) path: &'a str,
    /// Held from the look whether a file exists to its taking that place.
    pub(super) placing: &'a Mutex<()>,
}

impl Place<'_> {
    pub(super) async fn put(
        &self,
        target: &Target,
        permissions: Permissions,
        headers: &HeaderMap,
        body: &mut Incoming,
    ) -> Result<Response<Body>, Error> {
        if !permissions.write && !permissions.create {
            return Err(Error::NotPermitted);
        }
        if headers.contains_key("x-ms-copy-source") {
            return Err(Error::Unsupported("copying from a URL"));
        }
        match target.query("comp") {
            None => self.put_blob(permissions, headers, body).await,
            Some("block") => self.put_block(target.query("blockid").unwrap_or_default(), headers, body).await,
            Some("blocklist") => self.put_list(permissions, headers, body).await,
            Some(_) => Err(Error::Unsupported("properties, metadata, tags, leases, pages and snapshots")),
        }
    }

    /// The file that is in this place now.
    async fn present(&self) -> Result<Option<ObjectInfo>, Error> {
        match self.account.files(self.container).head(self.path).await {
            Ok(info) => Ok(Some(info)),
            Err(store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Whether this place may be taken now.
    async fn may_take(&self, permissions: Permissions, headers: &HeaderMap) -> Result<(), Error> {
        let present = self.present().await?;
        if present.is_some() && !permissions.write {
            return Err(Error::NotPermitted);
        }
        check_conditions(headers, present.as_ref())
    }

    async fn put_blob(
        &self,
        permissions: Permissions,
        headers: &HeaderMap,
        body: &mut Incoming,
    ) -> Result<Response<Body>, Error> {
        match headers.get("x-ms-blob-type").map(HeaderValue::as_bytes) {
            // curl -T knows nothing of types.
            None | Some(b"BlockBlob") => {}
            Some(_) => return Err(Error::Unsupported("page and append blobs; send x-ms-blob-type: BlockBlob")),
        }
        let length = length(headers, MAX_BLOB)?;
        // Before the body too: who may not write need not send.
        self.may_take(permissions, headers).await?;
        let mut upload = self.account.begin(self.container, self.path).await?;
        let md5 = receive(&mut upload, length, headers, body).await?;
        let _placing = self.placing.lock().await;
        self.may_take(permissions, headers).await?;
        let info = self.account.place(self.container, self.path, upload).await?;
        Ok(with_md5(answer::created(&info), &md5))
    }

    async fn put_block(&self, id: &str, headers: &HeaderMap, body: &mut Incoming) -> Result<Response<Body>, Error> {
        check_id(id)?;
        let length = length(headers, MAX_BLOCK)?;
        let mut upload = self.account.begin_block(self.container, self.path, id).await?;
        let md5 = receive(&mut upload, length, headers, body).await?;
        upload.commit().await?;
        Ok(with_md5(answer::empty(StatusCode::CREATED), &md5))
    }

    async fn put_list(
        &self,
        permissions: Permissions,
        headers: &HeaderMap,
        body: &mut Incoming,
    ) -> Result<Response<Body>, Error> {
        let length = length(headers, LIST.bytes as u64)?;
        let mut text = BytesMut::with_capacity(length as usize);
        while let Some(piece) = body.next().await {
            text.extend_from_slice(&piece.map_err(|_| Error::BrokenBody)?);
            if text.len() as u64 > length {
                return Err(Error::BrokenBody);
            }
        }
        check_md5(headers, &Md5::digest(&text))?;
        let ids = block_ids(&text)?;
        let _placing = self.placing.lock().await;
        self.may_take(permissions, headers).await?;
        let made = self.account.gather(self.container, self.path, &ids).await;
        let upload = made.map_err(|error| match error {
            store::Error::NotFound { path } => Error::BlockList(format!("{path} was not put")),
            other => other.into(),
        })?;
        let info = self.account.place(self.container, self.path, upload).await?;
        Ok(answer::created(&info))
    }
}

/// Writes a body of `length` bytes, and gives its MD5.
async fn receive(
    upload: &mut Upload,
    length: u64,
    headers: &HeaderMap,
    body: &mut Incoming,
) -> Result<[u8; 16], Error> {
    let mut digest = Md5::new();
    while let Some(piece) = body.next().await {
        let piece = piece.map_err(|_| Error::BrokenBody)?;
        if upload.size() + piece.len() as u64 > length {
            return Err(Error::BrokenBody);
        }
        digest.update(&piece);
        upload.write(&piece).await?;
    }
    if upload.size() != length {
        return Err(Error::BrokenBody);
    }
    let digest: [u8; 16] = digest.finalize().into();
    check_md5(headers, &digest)?;
    Ok(digest)
}

fn length(headers: &HeaderMap, limit: u64) -> Result<u64, Error> {
    let length = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    match length.ok_or(Error::NoLength)? {
        length if length > limit => Err(Error::TooLarge { limit }),
        length => Ok(length),
    }
}

fn check_md5(headers: &HeaderMap, digest: &[u8]) -> Result<(), Error> {
    let Some(stated) = headers.get(CONTENT_MD5) else { return Ok(()) };
    let stated = STANDARD.decode(stated.as_bytes()).map_err(|_| Error::BadMd5)?;
    match stated.len() {
        16 if stated == digest => Ok(()),
        16 => Err(Error::Md5),
        _ => Err(Error::BadMd5),
    }
}

fn with_md5(mut answer: Response<Body>, digest: &[u8]) -> Response<Body> {
    if let Ok(value) = HeaderValue::from_str(&STANDARD.encode(digest)) {
        answer.headers_mut().insert(CONTENT_MD5, value);
    }
    answer
}

fn check_id(id: &str) -> Result<(), Error> {
    let decoded = STANDARD.decode(id).map_err(|_| Error::BadBlockId)?;
    if (1..=64).contains(&decoded.len()) { Ok(()) } else { Err(Error::BadBlockId) }
}

/// The blocks of a `BlockList` document, in its order.
fn block_ids(text: &[u8]) -> Result<Vec<String>, Error> {
    let document = xml::parse(text, LIST).map_err(|error| Error::BlockList(error.to_string()))?;
    if document.name != "BlockList" {
        return Err(Error::BlockList("it is no BlockList".to_owned()));
    }
    let mut ids = Vec::with_capacity(document.children.len());
    for child in &document.children {
        match child.name.as_str() {
            "Latest" | "Uncommitted" => {
                check_id(&child.text)?;
                ids.push(child.text.clone());
            }
            // A file's blocks are forgotten when it is made.
            "Committed" => return Err(Error::BlockList("blocks of the present blob cannot be used again".to_owned())),
            _ => return Err(Error::BlockList("it holds other elements than Latest and Uncommitted".to_owned())),
        }
    }
    if ids.len() > MAX_BLOCKS {
        return Err(Error::BlockList(format!("it has more than {MAX_BLOCKS} blocks")));
    }
    Ok(ids)
}

/// `If-Match` and `If-None-Match` of a write (RFC 9110 13.1).
pub(super) fn check_conditions(headers: &HeaderMap, present: Option<&ObjectInfo>) -> Result<(), Error> {
    let names = |header: HeaderName| {
        let value = headers.get(header)?.to_str().ok()?.trim().to_owned();
        Some(match (value.as_str(), present) {
            ("*", present) => present.is_some(),
            (tags, Some(info)) => {
                let own = answer::tag(info);
                tags.split(',').any(|tag| tag.trim().trim_matches('"') == own)
            }
            (_, None) => false,
        })
    };
    if names(IF_MATCH) == Some(false) {
        return Err(Error::ConditionNotMet);
    }
    match names(IF_NONE_MATCH) {
        // Clients know this code for "do not overwrite".
        Some(true) if headers.get(IF_NONE_MATCH).is_some_and(|value| value.as_bytes() == b"*") => {
            Err(Error::BlobExists)
        }
        Some(true) => Err(Error::ConditionNotMet),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn block_lists_are_read_in_order_and_bounded() {
        let list = "\u{feff}<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<BlockList>\n <Latest>YQ==</Latest><Uncommitted>Yg==</Uncommitted><Latest>YQ==</Latest></BlockList>";
        assert_eq!(block_ids(list.as_bytes()).unwrap(), ["YQ==", "Yg==", "YQ=="]);
        assert_eq!(block_ids(b"<BlockList/>").unwrap(), Vec::<String>::new());
        for bad in [
            "",
            "<x/>",
            "<BlockList><Committed>YQ==</Committed></BlockList>",
            "<BlockList><Latest>!</Latest></BlockList>",
            "<BlockList>",
        ] {
            assert!(block_ids(bad.as_bytes()).is_err(), "{bad}");
        }
        let many = format!("<BlockList>{}</BlockList>", "<Latest>YQ==</Latest>".repeat(MAX_BLOCKS + 1));
        assert!(block_ids(many.as_bytes()).is_err());
    }

    #[test]
    fn ids_are_base64_of_a_few_bytes() {
        assert!(check_id("YQ==").is_ok());
        assert!(check_id(&STANDARD.encode([0; 64])).is_ok());
        for bad in ["", "a", "../x", &STANDARD.encode([0; 65])] {
            assert!(check_id(bad).is_err(), "{bad}");
        }
    }
}

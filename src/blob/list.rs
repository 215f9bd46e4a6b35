//! "List Blobs".

use hyper::{Response, StatusCode};

use super::target::Target;
use super::{Error, answer};
use crate::origin::Body;
use crate::origin::respond;
use crate::store::account::Signed;
use crate::xml::{Layout, Writer};

/// The most blobs of one answer, as the service has it.
const MAX_RESULTS: usize = 5000;

/// A page of the files of a container: `prefix`, `delimiter`, `marker`, `maxresults`.
pub(super) async fn list(account: &Signed, target: &Target) -> Result<Response<Body>, Error> {
    let prefix = target.query("prefix").unwrap_or_default();
    let delimiter = target.query("delimiter").filter(|d| !d.is_empty());
    let marker = target.query("marker").unwrap_or_default();
    let wanted = match target.query("maxresults") {
        Some(text) => text.parse().ok().filter(|n| *n > 0).ok_or(Error::Url("maxresults is no positive number"))?,
        None => MAX_RESULTS,
    };
    let most = wanted.min(MAX_RESULTS);
    let files = account.files(&target.container).list(prefix).await?;
    let mut xml = Writer::new(Layout::Compact);
    xml.declaration();
    xml.open("EnumerationResults", &[("ContainerName", &target.container)]);
    for (name, value) in [("Prefix", prefix), ("Marker", marker), ("Delimiter", delimiter.unwrap_or_default())] {
        if !value.is_empty() {
            xml.element(name, &[], value);
        }
    }
    xml.element("MaxResults", &[], &most.to_string());
    xml.open("Blobs", &[]);
    let (mut count, mut next, mut folder) = (0, None, String::new());
    // A marker is the path that the next page begins with.
    for file in files.iter().skip_while(|file| file.path.as_str() < marker) {
        let inside = delimiter.and_then(|delimiter| {
            let rest = file.path.get(prefix.len()..)?;
            let end = rest.find(delimiter)? + delimiter.len();
            file.path.get(..prefix.len() + end)
        });
        if inside.is_some_and(|inside| inside == folder) {
            continue;
        }
        if count == most {
            next = Some(file.path.as_str());
            break;
        }
        count += 1;
        match inside {
            Some(inside) => {
                inside.clone_into(&mut folder);
                xml.open("BlobPrefix", &[]);
                xml.element("Name", &[], inside);
                xml.close();
            }
            None => {
                let kind = respond::file_type(&file.path);
                xml.open("Blob", &[]);
                xml.element("Name", &[], &file.path);
                xml.open("Properties", &[]);
                xml.element("Last-Modified", &[], &answer::http_date(file));
                xml.element("Etag", &[], &answer::tag(file));
                xml.element("Content-Length", &[], &file.size.to_string());
                xml.element("Content-Type", &[], kind.to_str().unwrap_or("application/octet-stream"));
                xml.element("BlobType", &[], "BlockBlob");
                xml.element("LeaseStatus", &[], "unlocked");
                xml.element("LeaseState", &[], "available");
                xml.close();
                xml.close();
            }
        }
    }
    xml.close();
    xml.element("NextMarker", &[], next.unwrap_or_default());
    xml.close();
    Ok(answer::document(StatusCode::OK, xml.finish()))
}

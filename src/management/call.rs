//! A request as the dialect sees it, whether it came alone or within a `$batch`.

use bytes::Bytes;

use super::address::shorten;
use super::error::Error;
use crate::catalog::Version;
use crate::odata::json::Form;
use crate::odata::{Target, pairs};

/// What is wanted of a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    /// GET and HEAD.
    Read,
    /// POST.
    Post,
    /// MERGE, PATCH, and PUT, which the reference uses with some properties alone.
    Merge,
    /// DELETE.
    Delete,
}

/// A request.
#[derive(Debug, Clone)]
pub struct Call {
    /// The method as it was sent.
    pub method: String,
    /// The path behind the service's root, percent-encoded.
    pub path: String,
    /// What stands behind `?`.
    pub query: String,
    /// Names in lower case, and values.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Bytes,
}

impl Call {
    /// A header's value; `name` in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    /// What is wanted. A POST can stand for another method (`X-HTTP-Method`, MS-ODATA 2.2.5.8).
    pub fn verb(&self) -> Result<Verb, Error> {
        let tunnelled = self.header("x-http-method").filter(|_| self.method == "POST");
        match tunnelled.unwrap_or(&self.method).to_ascii_uppercase().as_str() {
            "GET" | "HEAD" => Ok(Verb::Read),
            "POST" => Ok(Verb::Post),
            "MERGE" | "PATCH" | "PUT" => Ok(Verb::Merge),
            "DELETE" => Ok(Verb::Delete),
            other => {
                Err(Error::Method { method: shorten(other), instead: "GET, POST, PUT, PATCH, MERGE and DELETE are" })
            }
        }
    }

    /// The form of the answer. Before version 3, which the client names, JSON alone meant verbose.
    pub fn form(&self) -> Result<Form, Error> {
        let verbose = self.header("maxdataserviceversion").is_some_and(|version| version.trim_start() < "3");
        let format = pairs(&self.query).ok().and_then(|pairs| pairs.into_iter().find(|(name, _)| name == "$format"));
        let wanted = format.as_ref().map(|(_, value)| value.as_str()).or(self.header("accept")).unwrap_or_default();
        Form::accepted(wanted, verbose).ok_or(Error::NotAcceptable)
    }

    /// The version that a change is meant for: `If-Match: W/"7"`. `*` means any.
    pub fn expected(&self) -> Result<Option<Version>, Error> {
        let Some(tag) = self.header("if-match").map(str::trim).filter(|tag| *tag != "*") else { return Ok(None) };
        let number = tag.strip_prefix("W/").unwrap_or(tag).trim_matches('"').parse().ok().map(Version);
        let how = "it is the ETag of the entity as it was read, or *";
        number.map(Some).ok_or_else(|| Error::Value { property: "If-Match", found: shorten(tag), how })
    }

    /// The body may be read as JSON.
    pub fn check_json(&self) -> Result<(), Error> {
        let kind = self.header("content-type").unwrap_or("application/json").to_ascii_lowercase();
        let bare = kind.split(';').next().unwrap_or_default().trim();
        if self.body.is_empty() || matches!(bare, "application/json" | "text/json" | "") {
            Ok(())
        } else {
            Err(Error::NotJson)
        }
    }

    /// Headers that every request has to have (object model §1.1).
    pub fn check_versions(&self) -> Result<(), Error> {
        let version = self.header("x-ms-version").map(str::trim);
        let known = version
            .is_some_and(|v| v.strip_prefix("2.").is_some_and(|minor| minor.parse::<u8>().is_ok_and(|m| m <= 19)));
        if !known {
            let found = version.map_or("missing".to_owned(), |text| format!("{:?}", shorten(text)));
            return Err(Error::ApiVersion { found });
        }
        for (name, header) in
            [("dataserviceversion", "DataServiceVersion"), ("maxdataserviceversion", "MaxDataServiceVersion")]
        {
            if let Some(found) = self.header(name) {
                let number = found.split(';').next().unwrap_or_default().trim();
                // A client that understands later versions understands ours.
                let fits = ["1.0", "2.0", "3.0"].contains(&number) || (name.starts_with("max") && number > "3.0");
                if !fits {
                    return Err(Error::DataServiceVersion { header, found: shorten(found) });
                }
            }
        }
        Ok(())
    }
}

/// Whether a request can change something or gives out secrets, so that it needs the role for it.
pub fn needs_write(verb: Verb, target: &Target) -> bool {
    match target {
        Target::Function { function, .. } => {
            !matches!(function.name, "GetProtectionKeyId" | "GetProtectionKey" | "Explain")
        }
        // Each request of a batch is looked at by itself.
        Target::Batch => false,
        _ => verb != Verb::Read,
    }
}

//! Content keys in and out, as CPIX documents.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use clap::Subcommand;
use uuid::Uuid;

use super::{Error, open, speke};
use crate::catalog::{ContentKey, ContentKeyId, ContentKeyType, NewContentKey, is_for_players};
use crate::config::Config;
use crate::keys::cpix::{self, CpixKey};

#[derive(Subcommand, Debug)]
pub(super) enum Keys {
    /// Write content keys as a CPIX document
    Export {
        /// Their ids
        #[arg(required = true)]
        keys: Vec<Uuid>,
        /// The certificate (PEM or DER) of the one who may read them; without it they are in the clear
        #[arg(long, value_name = "FILE")]
        certificate: Option<PathBuf>,
    },
    /// Take the content keys of a CPIX document over, in the clear or encrypted for our certificate
    Import {
        /// The document
        #[arg(value_name = "FILE")]
        document: PathBuf,
    },
    /// Ask another key service for a key (SPEKE 2.0), and encrypt a film with it
    ///
    /// The service is a [[key_service]] of the configuration. The key becomes the film's; players are told where the
    /// service's licences are.
    Speke(speke::Arguments),
    /// Print our certificate (PEM), for others to encrypt keys for us
    Certificate,
}

/// `headwater keys`
pub(super) async fn run(config: &Config, what: Keys) -> Result<ExitCode, Error> {
    let what = match what {
        Keys::Speke(arguments) => return speke::run(config, arguments).await,
        other => other,
    };
    let catalog = open::catalog(config, None).await?;
    let mut out = std::io::stdout().lock();
    match what {
        Keys::Speke(_) => {}
        Keys::Export { keys, certificate } => {
            let certificate = certificate.as_deref().map(der).transpose()?;
            let mut exported = Vec::new();
            for id in keys {
                let key = catalog.get::<ContentKey>(&ContentKeyId(id)).await?.entity;
                if !is_for_players(key.content_key_type) {
                    return Err(Error::KeyStays { key: id });
                }
                let material = catalog.key_material(key.id).await?;
                let scheme = scheme(key.content_key_type).map(str::to_owned);
                exported.push(CpixKey { id, material, scheme, vector: None });
            }
            let document = cpix::Document { keys: exported, ..cpix::Document::default() };
            let document = cpix::export(&document, certificate.as_deref())?;
            writeln!(out, "{document}")?;
        }
        Keys::Import { document } => {
            let bytes = std::fs::read(&document).map_err(|source| unreadable(&document, &source))?;
            let ours = catalog.protection_certificate(open::by()).await?;
            let keys = cpix::import(&bytes, Some(&ours))?.keys;
            let mut change = catalog.begin(open::by()).await?;
            for key in &keys {
                let new = NewContentKey {
                    id: ContentKeyId(key.id),
                    content_key_type: content_key_type(key.scheme.as_deref()),
                    material: key.material.clone(),
                    checksum: None,
                    protection_key_id: String::new(),
                    name: None,
                    track_identifiers: None,
                };
                change.create_content_key(new).await?;
            }
            change.commit().await?;
            for key in &keys {
                writeln!(out, "{}  {}", key.id, content_key_type(key.scheme.as_deref()).name())?;
            }
        }
        Keys::Certificate => {
            let ours = catalog.protection_certificate(open::by()).await?;
            let text = STANDARD.encode(ours.der());
            writeln!(out, "-----BEGIN CERTIFICATE-----")?;
            for line in text.as_bytes().chunks(64) {
                writeln!(out, "{}", String::from_utf8_lossy(line))?;
            }
            writeln!(out, "-----END CERTIFICATE-----")?;
        }
    }
    catalog.close().await;
    Ok(ExitCode::SUCCESS)
}

const fn scheme(content_key_type: ContentKeyType) -> Option<&'static str> {
    match content_key_type {
        ContentKeyType::CommonEncryption => Some("cenc"),
        ContentKeyType::CommonEncryptionCbcs => Some("cbcs"),
        _ => None,
    }
}

fn content_key_type(scheme: Option<&str>) -> ContentKeyType {
    match scheme {
        Some("cenc" | "cens") => ContentKeyType::CommonEncryption,
        Some(_) => ContentKeyType::CommonEncryptionCbcs,
        None => ContentKeyType::EnvelopeEncryption,
    }
}

fn unreadable(path: &Path, source: &std::io::Error) -> Error {
    Error::Io(std::io::Error::new(source.kind(), format!("{}: {source}", path.display())))
}

/// The DER of a certificate in a file, PEM or DER.
fn der(path: &Path) -> Result<Vec<u8>, Error> {
    let bytes = std::fs::read(path).map_err(|source| unreadable(path, &source))?;
    let Some(text) = std::str::from_utf8(&bytes).ok().filter(|text| text.contains("-----BEGIN CERTIFICATE-----"))
    else {
        return Ok(bytes);
    };
    let inside = text.split("-----BEGIN CERTIFICATE-----").nth(1).and_then(|rest| rest.split("-----END").next());
    let inside: String = inside.unwrap_or_default().split_ascii_whitespace().collect();
    let problem = || crate::keys::Error::Certificate { problem: "its PEM is not base64".to_owned() };
    STANDARD.decode(inside).map_err(|_| problem().into())
}

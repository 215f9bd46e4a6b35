//! Protecting films and making tokens.

use std::io::Write;
use std::net::IpAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use clap::{Args, ValueEnum};
use uuid::Uuid;

use super::{Error, open};
use crate::catalog::{Catalog, DeliveryType, Locator, LocatorId, Protection};
use crate::clock;
use crate::config::Config;
use crate::keys;
use crate::secrets::SecretBytes;
use crate::tokens::{
    CONTENT_KEY_IDENTIFIER, RequiredClaim, TokenRestriction, TokenType, VerificationKey, sign_jwt, with_token,
};

/// How a film is encrypted.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(super) enum Scheme {
    /// AES-128 over whole segments: HLS everywhere, DASH and Smooth in some players
    #[value(name = "aes-128")]
    Aes128,
    /// Common encryption (CTR), with ClearKey licences
    Cenc,
    /// Common encryption with pattern, with ClearKey licences
    Cbcs,
}

impl Scheme {
    const fn delivery_type(self) -> DeliveryType {
        match self {
            Scheme::Aes128 => DeliveryType::DynamicEnvelopeEncryption,
            Scheme::Cenc => DeliveryType::DynamicCommonEncryption,
            Scheme::Cbcs => DeliveryType::DynamicCommonEncryptionCbcs,
        }
    }
}

/// How many keys, and when.
#[derive(Args, Clone, PartialEq, Eq, Debug)]
pub(super) struct Keys {
    /// A key of its own for these tracks: video, audio, text, video:LINES (pictures of up to so many lines),
    /// fourcc:CODE, several with commas between them; once for each key
    #[arg(long = "key", value_name = "TRACKS")]
    tracks: Vec<String>,
    /// So long from the beginning everything is clear
    #[arg(long, value_name = "SECONDS")]
    clear_lead: Option<u32>,
    /// After so long there is another key
    #[arg(long, value_name = "SECONDS")]
    rotate: Option<u32>,
}

/// Whose tokens open a key.
#[derive(Args, Clone, Debug)]
pub(super) struct Issuer {
    /// Who issues tokens: what stands in their claim iss
    #[arg(long, value_name = "URI")]
    issuer: String,
    /// Whom tokens are for: what stands in their claim aud
    #[arg(long, value_name = "URI")]
    audience: String,
    /// A file with the key that signs tokens, base64; made if there is none
    #[arg(long, value_name = "FILE")]
    token_key: PathBuf,
}

/// The same, or nobody.
#[derive(Args, Clone, Debug)]
pub(super) struct MaybeIssuer {
    /// Who issues tokens: what stands in their claim iss
    #[arg(long, value_name = "URI", requires_all = ["audience", "token_key"])]
    issuer: Option<String>,
    /// Whom tokens are for: what stands in their claim aud
    #[arg(long, value_name = "URI", requires = "issuer")]
    audience: Option<String>,
    /// A file with the key that signs tokens, base64; made if there is none
    #[arg(long, value_name = "FILE", requires = "issuer")]
    token_key: Option<PathBuf>,
}

impl MaybeIssuer {
    /// The issuer, if one is named.
    pub(super) fn whole(self) -> Option<Issuer> {
        Some(Issuer { issuer: self.issuer?, audience: self.audience?, token_key: self.token_key? })
    }
}

/// `headwater protect`
pub(super) async fn protect(
    config: &Config,
    film: &str,
    with: Scheme,
    keys: Keys,
    issuer: Option<Issuer>,
) -> Result<ExitCode, Error> {
    let template = match &issuer {
        Some(issuer) => Some(template(issuer)?.write()),
        None => None,
    };
    let catalog = open::catalog(config, None).await?;
    let locator = find(&catalog, film).await?;
    let key_url = format!("{}/", config.key_base_url());
    let delivery_type = with.delivery_type();
    let hls_alone = with == Scheme::Aes128 && (keys.clear_lead.is_some() || keys.rotate.is_some());
    let (clear_lead_seconds, rotation_seconds, tracks) = (keys.clear_lead, keys.rotate, keys.tracks);
    let protection = Protection { delivery_type, template, key_url, tracks, clear_lead_seconds, rotation_seconds };
    let made = catalog.protect(open::by(), locator, &protection).await?;
    catalog.close().await;
    let mut out = std::io::stdout().lock();
    match made.as_slice() {
        [key] => writeln!(out, "{film} is encrypted from now on; its URLs stay. Its key is {}.", key.guid())?,
        _ => {
            writeln!(out, "{film} is encrypted from now on; its URLs stay. Its keys are:")?;
            for (key, tracks) in made.iter().zip(&protection.tracks) {
                writeln!(out, "  {} for {tracks}", key.guid())?;
            }
        }
    }
    if hls_alone {
        writeln!(
            out,
            "It goes out in HLS alone: envelopes of DASH and Smooth cannot begin later or change their key."
        )?;
    }
    let Some(key) = made.first().map(|key| key.guid()) else { return Ok(ExitCode::SUCCESS) };
    match issuer {
        None => {
            writeln!(out, "Everybody may have the key. With --issuer, --audience and --token-key it takes a token.")?
        }
        Some(Issuer { issuer, audience, token_key }) => writeln!(
            out,
            "The key takes a token: headwater token {key} --issuer '{issuer}' --audience '{audience}' --token-key '{}'",
            token_key.display()
        )?,
    }
    Ok(ExitCode::SUCCESS)
}

/// `headwater unprotect`
pub(super) async fn unprotect(config: &Config, film: &str) -> Result<ExitCode, Error> {
    let catalog = open::catalog(config, None).await?;
    let locator = find(&catalog, film).await?;
    catalog.unprotect(open::by(), locator).await?;
    catalog.close().await;
    writeln!(std::io::stdout().lock(), "{film} goes out in the clear.")?;
    Ok(ExitCode::SUCCESS)
}

/// `headwater token`
pub(super) fn token(key: Uuid, issuer: &Issuer, minutes: u32) -> Result<ExitCode, Error> {
    let signing = token_key(&issuer.token_key)?;
    let claims = serde_json::json!({
        CONTENT_KEY_IDENTIFIER: key.to_string(),
        "iss": issuer.issuer,
        "aud": issuer.audience,
        "exp": clock::now().unix_millis / 1000 + 60 * u64::from(minutes),
    });
    let unusable = || std::io::Error::other("a token cannot be signed with that key");
    let token = sign_jwt(signing.expose(), &claims).ok_or_else(unusable)?;
    writeln!(std::io::stdout().lock(), "{token}")?;
    Ok(ExitCode::SUCCESS)
}

/// `headwater url-token`
pub(super) async fn url_token(
    config: &Config,
    film: &str,
    minutes: u32,
    address: Option<IpAddr>,
    off: bool,
) -> Result<ExitCode, Error> {
    let catalog = open::catalog(config, None).await?;
    let locator = find(&catalog, film).await?;
    let wants = catalog.get::<Locator>(&LocatorId(locator)).await?.entity.demands_path_token;
    if wants == off {
        let mut change = catalog.begin(open::by()).await?;
        change.demand_path_token(LocatorId(locator), !off, None).await?;
        change.commit().await?;
    }
    let keys = catalog.path_keys().await?;
    catalog.close().await;
    let mut out = std::io::stdout().lock();
    if off {
        writeln!(out, "{film} is served without tokens in its URLs.")?;
        return Ok(ExitCode::SUCCESS);
    }
    let expires = clock::now().unix_millis / 1000 + 60 * u64::from(minutes);
    let missing = || std::io::Error::other("there is no key for tokens in URLs");
    let token = keys.sign(locator, expires, address).ok_or_else(missing)?;
    writeln!(out, "{}{}", config.base_url(), with_token(&token, &format!("/{locator}/")))?;
    Ok(ExitCode::SUCCESS)
}

/// The locator of a film: it, or the folder that it publishes.
pub(super) async fn find(catalog: &Catalog, film: &str) -> Result<Uuid, Error> {
    let entries = catalog.published().await?;
    let wanted = film.parse::<Uuid>().ok();
    let folder = Path::new(film).canonicalize().ok();
    let found = entries
        .into_iter()
        .find(|entry| wanted == Some(entry.locator) || (folder.is_some() && entry.folder() == folder.as_deref()));
    found.map(|entry| entry.locator).ok_or_else(|| Error::NotPublished { film: film.to_owned() })
}

fn template(issuer: &Issuer) -> Result<TokenRestriction, Error> {
    Ok(TokenRestriction {
        alternates: Vec::new(),
        audience: issuer.audience.clone(),
        issuer: issuer.issuer.clone(),
        open_id_discovery_uri: None,
        primary: Some(VerificationKey::Symmetric(token_key(&issuer.token_key)?)),
        required_claims: vec![RequiredClaim { claim_type: CONTENT_KEY_IDENTIFIER.to_owned(), value: None }],
        token_type: TokenType::Jwt,
    })
}

/// The key in a file; a new one of 64 bytes, which its owner alone can read, if there is no such file.
fn token_key(path: &Path) -> Result<SecretBytes, Error> {
    let failed = |problem: String| Error::TokenKey { path: path.to_owned(), problem };
    match std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Ok(mut file) => {
            let key = keys::random::<64>().map_err(|error| failed(error.to_string()))?;
            let text = zeroize::Zeroizing::new(format!("{}\n", STANDARD.encode(key.expose())));
            file.write_all(text.as_bytes()).map_err(|error| failed(error.to_string()))?;
            Ok(SecretBytes::new(key.expose().to_vec()))
        }
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            let text = std::fs::read_to_string(path).map_err(|error| failed(error.to_string()))?;
            let text = zeroize::Zeroizing::new(text);
            let key = STANDARD.decode(text.trim()).ok().filter(|key| key.len() >= 32);
            key.map(SecretBytes::new).ok_or_else(|| failed("it does not hold 32 bytes or more in base64".to_owned()))
        }
        Err(error) => Err(failed(error.to_string())),
    }
}

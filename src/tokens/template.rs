//! `TokenRestrictionTemplate`: whose tokens open a key, as XML in the requirements of a policy (streaming
//! contract §9.5).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

use super::error::TemplateError;
use super::verifier::{MIN_SYMMETRIC, SigningKey};
use crate::secrets::SecretBytes;
use crate::xml::{self, Element, Layout, Limits, Writer};

/// The namespace of the template.
pub const NAMESPACE: &str = "http://schemas.microsoft.com/Azure/MediaServices/KeyDelivery/TokenRestrictionTemplate/v1";
/// The claim that holds a token to one key.
pub const CONTENT_KEY_IDENTIFIER: &str = "urn:microsoft:azure:mediaservices:contentkeyidentifier";
/// The claim that says how often a token may be used.
pub const MAX_USES: &str = "urn:microsoft:azure:mediaservices:maxuses";

/// The longest template, bytes.
pub const MAX_TEMPLATE: usize = 100_000;
/// The most alternate keys.
pub const MAX_ALTERNATES: usize = 32;
/// The most required claims.
pub const MAX_CLAIMS: usize = 64;

const INSTANCE: &str = "http://www.w3.org/2001/XMLSchema-instance";
const ROOT: &str = "TokenRestrictionTemplate";
const SYMMETRIC: &str = "SymmetricVerificationKey";
const CERTIFICATE: &str = "X509CertTokenVerificationKey";
const RSA: &str = "RsaTokenVerificationKey";

/// Which kind of token.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum TokenType {
    /// Simple Web Token; what a template without a type means.
    #[default]
    Swt,
    /// JSON Web Token.
    Jwt,
}

/// A key that may have signed a token. No `Debug`: it may be a secret.
#[derive(Clone)]
pub enum VerificationKey {
    /// For HMAC-SHA256, of SWT and JWT.
    Symmetric(SecretBytes),
    /// An X.509 certificate (DER) with an RSA or P-256 key.
    Certificate(Vec<u8>),
    /// An RSA key.
    Rsa {
        /// Most significant byte first.
        modulus: Vec<u8>,
        /// Most significant byte first.
        exponent: Vec<u8>,
    },
}

impl VerificationKey {
    pub(super) fn signing_key(&self) -> Option<SigningKey> {
        match self {
            VerificationKey::Symmetric(key) => SigningKey::symmetric(key.expose()),
            VerificationKey::Certificate(der) => SigningKey::certificate(der),
            VerificationKey::Rsa { modulus, exponent } => SigningKey::rsa(modulus, exponent),
        }
    }
}

/// A claim that a token has to have.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RequiredClaim {
    /// Its name.
    pub claim_type: String,
    /// Its value. If not given: of [`CONTENT_KEY_IDENTIFIER`] the id of the key that is asked for, of others any.
    pub value: Option<String>,
}

/// Whose tokens open a key.
#[derive(Clone)]
pub struct TokenRestriction {
    /// Keys besides the primary one.
    pub alternates: Vec<VerificationKey>,
    /// For whom tokens have to be, compared exactly.
    pub audience: String,
    /// Whose they have to be, compared exactly.
    pub issuer: String,
    /// Where the keys of an OpenID Connect provider are announced.
    pub open_id_discovery_uri: Option<String>,
    /// The key that mostly signs.
    pub primary: Option<VerificationKey>,
    /// Claims that have to be there.
    pub required_claims: Vec<RequiredClaim>,
    /// The kind of token.
    pub token_type: TokenType,
}

impl TokenRestriction {
    /// Reads a template. Elements may stand in any order; nil ones are as missing ones. What is unknown is
    /// refused: a restriction that is passed over would open what it should close.
    ///
    /// # Errors
    /// [`TemplateError`].
    pub fn parse(text: &str) -> Result<TokenRestriction, TemplateError> {
        let wrong = |problem: String| TemplateError::new("the document", problem);
        let limits = Limits { bytes: MAX_TEMPLATE, depth: 8, nodes: 4096, attributes: 16 };
        let root = xml::parse(text.as_bytes(), limits).map_err(|error| wrong(error.to_string()))?;
        if root.name != ROOT || !text.contains(NAMESPACE) {
            return Err(wrong(format!("it has to be {ROOT} of the namespace {NAMESPACE}")));
        }
        for (at, child) in root.children.iter().enumerate() {
            if root.children.iter().take(at).any(|other| other.name == child.name) {
                return Err(TemplateError::new(&child.name, "it stands there twice; leave one out"));
            }
            const KNOWN: [&str; 7] = [
                "AlternateVerificationKeys",
                "Audience",
                "Issuer",
                "OpenIdConnectDiscoveryDocument",
                "PrimaryVerificationKey",
                "RequiredClaims",
                "TokenType",
            ];
            if !KNOWN.contains(&child.name.as_str()) {
                let problem = format!("no such element; there are {}", KNOWN.join(", "));
                return Err(TemplateError::new(short(&child.name), problem));
            }
        }
        let given = |name: &str| root.child(name).filter(|element| !is_nil(element));
        let text = |name: &'static str| {
            let text = given(name).map(|element| element.text.trim().to_owned()).filter(|text| !text.is_empty());
            text.ok_or_else(|| TemplateError::new(name, "it is missing; tokens are compared with it"))
        };
        let token_type = match given("TokenType").map(|element| element.text.trim()) {
            None | Some("SWT") => TokenType::Swt,
            Some("JWT") => TokenType::Jwt,
            Some(_) => return Err(TemplateError::new("TokenType", "it has to be SWT or JWT")),
        };
        let restriction = TokenRestriction {
            alternates: given("AlternateVerificationKeys").map_or(Ok(Vec::new()), alternates)?,
            audience: text("Audience")?,
            issuer: text("Issuer")?,
            open_id_discovery_uri: given("OpenIdConnectDiscoveryDocument").map(discovery).transpose()?,
            primary: given("PrimaryVerificationKey").map(|e| key("PrimaryVerificationKey", e)).transpose()?,
            required_claims: given("RequiredClaims").map_or(Ok(Vec::new()), claims)?,
            token_type,
        };
        restriction.check()?;
        Ok(restriction)
    }

    fn check(&self) -> Result<(), TemplateError> {
        let mut keys = self.primary.iter().chain(&self.alternates).peekable();
        if keys.peek().is_none() && self.open_id_discovery_uri.is_none() {
            let problem = "it is missing, and so are alternate keys and a discovery document; no token could be right";
            return Err(TemplateError::new("PrimaryVerificationKey", problem));
        }
        if self.token_type == TokenType::Swt {
            if keys.any(|key| !matches!(key, VerificationKey::Symmetric(_))) {
                return Err(TemplateError::new("TokenType", "SWT are signed with symmetric keys alone; set JWT"));
            }
            if self.open_id_discovery_uri.is_some() {
                return Err(TemplateError::new("TokenType", "OpenID Connect is for JWT; set JWT"));
            }
        }
        Ok(())
    }

    /// Writes the template as .NET's `DataContractSerializer` does: elements in the order of the alphabet.
    pub fn write(&self) -> String {
        let mut xml = Writer::new(Layout::Indented);
        xml.open(ROOT, &[("xmlns:i", INSTANCE), ("xmlns", NAMESPACE)]);
        match self.alternates.as_slice() {
            [] => xml.empty("AlternateVerificationKeys", &[]),
            keys => {
                xml.open("AlternateVerificationKeys", &[]);
                keys.iter().for_each(|key| write_key(&mut xml, "TokenVerificationKey", key));
                xml.close();
            }
        }
        xml.element("Audience", &[], &self.audience);
        xml.element("Issuer", &[], &self.issuer);
        if let Some(uri) = &self.open_id_discovery_uri {
            xml.open("OpenIdConnectDiscoveryDocument", &[]);
            xml.element("OpenIdDiscoveryUri", &[], uri);
            xml.close();
        }
        match &self.primary {
            Some(key) => write_key(&mut xml, "PrimaryVerificationKey", key),
            None => xml.empty("PrimaryVerificationKey", &[("i:nil", "true")]),
        }
        match self.required_claims.as_slice() {
            [] => xml.empty("RequiredClaims", &[]),
            claims => {
                xml.open("RequiredClaims", &[]);
                for claim in claims {
                    xml.open("TokenClaim", &[]);
                    xml.element("ClaimType", &[], &claim.claim_type);
                    match &claim.value {
                        Some(value) => xml.element("ClaimValue", &[], value),
                        None => xml.empty("ClaimValue", &[("i:nil", "true")]),
                    }
                    xml.close();
                }
                xml.close();
            }
        }
        xml.element("TokenType", &[], if self.token_type == TokenType::Jwt { "JWT" } else { "SWT" });
        xml.close();
        xml.finish()
    }
}

fn write_key(xml: &mut Writer, name: &str, key: &VerificationKey) {
    let (kind, element, value) = match key {
        VerificationKey::Symmetric(key) => (SYMMETRIC, "KeyValue", STANDARD.encode(key.expose())),
        VerificationKey::Certificate(der) => (CERTIFICATE, "RawBody", STANDARD.encode(der)),
        VerificationKey::Rsa { modulus, exponent } => {
            let json = format!("{{\"e\":\"{}\",\"n\":\"{}\"}}", STANDARD.encode(exponent), STANDARD.encode(modulus));
            (RSA, "RawBody", STANDARD.encode(json))
        }
    };
    xml.open(name, &[("i:type", kind)]);
    xml.element(element, &[], &value);
    xml.close();
}

fn is_nil(element: &Element) -> bool {
    element.attribute("nil").is_some_and(|nil| matches!(nil.trim(), "true" | "1"))
}

fn short(name: &str) -> String {
    name.chars().take(60).collect()
}

fn alternates(element: &Element) -> Result<Vec<VerificationKey>, TemplateError> {
    const PLACE: &str = "AlternateVerificationKeys";
    if element.children.len() > MAX_ALTERNATES {
        return Err(TemplateError::new(PLACE, format!("there may be {MAX_ALTERNATES} of them")));
    }
    if element.children.iter().any(|child| child.name != "TokenVerificationKey") {
        return Err(TemplateError::new(PLACE, "it holds TokenVerificationKey and nothing else"));
    }
    element.children.iter().map(|child| key(PLACE, child)).collect()
}

fn key(place: &str, element: &Element) -> Result<VerificationKey, TemplateError> {
    let kind = element.attribute("type").unwrap_or_default();
    // The name may have a prefix.
    let kind = kind.rsplit(':').next().unwrap_or_default();
    let content = |name: &str| {
        let text = element.child(name).map(|child| child.text.split_ascii_whitespace().collect::<String>());
        let bytes = text.and_then(|text| STANDARD.decode(text).ok());
        bytes.ok_or_else(|| TemplateError::new(place, format!("a {kind} has {name} with base64 in it")))
    };
    let key = match kind {
        SYMMETRIC => VerificationKey::Symmetric(SecretBytes::new(content("KeyValue")?)),
        CERTIFICATE => VerificationKey::Certificate(content("RawBody")?),
        RSA => rsa(&content("RawBody")?)
            .ok_or_else(|| TemplateError::new(place, "its RawBody is no JSON with n and e in base64"))?,
        _ => {
            let problem = format!("its i:type has to be {SYMMETRIC}, {CERTIFICATE} or {RSA}");
            return Err(TemplateError::new(place, problem));
        }
    };
    match key.signing_key() {
        Some(_) => Ok(key),
        None => Err(TemplateError::new(
            place,
            format!(
                "the key cannot be used: symmetric ones have {MIN_SYMMETRIC} bytes or more, RSA 2048 to 8192 bits, \
                 certificates an RSA or P-256 key"
            ),
        )),
    }
}

fn rsa(json: &[u8]) -> Option<VerificationKey> {
    #[derive(Deserialize)]
    struct Key {
        #[serde(alias = "N")]
        n: String,
        #[serde(alias = "E")]
        e: String,
    }
    let key: Key = serde_json::from_slice(json).ok()?;
    // Some write these as in JSON Web Keys.
    let bytes = |text: &str| {
        let text: String = text.trim_end_matches('=').replace('-', "+").replace('_', "/");
        base64::engine::general_purpose::STANDARD_NO_PAD.decode(text).ok()
    };
    Some(VerificationKey::Rsa { modulus: bytes(&key.n)?, exponent: bytes(&key.e)? })
}

fn discovery(element: &Element) -> Result<String, TemplateError> {
    const PLACE: &str = "OpenIdConnectDiscoveryDocument";
    let uri = element.child("OpenIdDiscoveryUri").map(|child| child.text.trim()).unwrap_or_default();
    let parsed = url::Url::parse(uri).map_err(|_| TemplateError::new(PLACE, "its OpenIdDiscoveryUri is no URL"))?;
    if !may_be_fetched(&parsed) {
        return Err(TemplateError::new(PLACE, "its OpenIdDiscoveryUri has to begin with https://"));
    }
    Ok(uri.to_owned())
}

/// Keys come over TLS, or from this machine.
pub(crate) fn may_be_fetched(url: &url::Url) -> bool {
    let local = || match url.host() {
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        Some(url::Host::Domain(name)) => name == "localhost",
        None => false,
    };
    url.scheme() == "https" || (url.scheme() == "http" && local())
}

fn claims(element: &Element) -> Result<Vec<RequiredClaim>, TemplateError> {
    const PLACE: &str = "RequiredClaims";
    if element.children.len() > MAX_CLAIMS {
        return Err(TemplateError::new(PLACE, format!("there may be {MAX_CLAIMS} of them")));
    }
    let claim = |child: &Element| {
        let known = |part: &Element| matches!(part.name.as_str(), "ClaimType" | "ClaimValue");
        if child.name != "TokenClaim" || !child.children.iter().all(known) || child.children.len() > 2 {
            return Err(TemplateError::new(PLACE, "it holds TokenClaim with ClaimType and ClaimValue, no more"));
        }
        let claim_type = child.child("ClaimType").filter(|e| !is_nil(e)).map(|e| e.text.trim().to_owned());
        let claim_type = claim_type.filter(|name| !name.is_empty());
        let value = child.child("ClaimValue").filter(|e| !is_nil(e)).map(|e| e.text.clone());
        match claim_type {
            Some(claim_type) => Ok(RequiredClaim { claim_type, value }),
            None => Err(TemplateError::new(PLACE, "a TokenClaim has no ClaimType")),
        }
    };
    element.children.iter().map(claim).collect()
}

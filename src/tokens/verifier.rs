//! Judging tokens as a restriction says.

use aws_lc_rs::hmac;
use jsonwebtoken::{Algorithm, DecodingKey};
use uuid::Uuid;
use x509_parser::prelude::{FromDer, SubjectPublicKeyInfo, X509Certificate};
use x509_parser::public_key::PublicKey;

use super::claims::{Claims, ReplayLimit};
use super::error::Refusal;
use super::template::{RequiredClaim, TokenRestriction, TokenType, VerificationKey};
use super::{jwt, swt};

/// The longest token, bytes.
pub const MAX_TOKEN: usize = 8192;

/// The shortest symmetric key, bytes (RFC 7518 3.2).
pub(super) const MIN_SYMMETRIC: usize = 32;
/// Bytes of RSA moduli, shortest and longest: 2048 to 8192 bits.
const MODULUS: std::ops::RangeInclusive<usize> = 256..=1024;

/// When a token is looked at.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Moment {
    /// Seconds since 1970.
    pub now: u64,
    /// How far the issuer's clock may be off, seconds.
    pub skew: u64,
}

/// A key that has signed tokens, for the one algorithm that it is for. No `Debug`: it may be a secret.
#[derive(Clone)]
pub struct SigningKey {
    id: Option<String>,
    algorithm: Algorithm,
    decoding: DecodingKey,
    hmac: Option<hmac::Key>,
}

impl SigningKey {
    /// For SWT and HS256; `None` if it is shorter than 32 bytes.
    pub(super) fn symmetric(key: &[u8]) -> Option<SigningKey> {
        (key.len() >= MIN_SYMMETRIC).then(|| SigningKey {
            id: None,
            algorithm: Algorithm::HS256,
            decoding: DecodingKey::from_secret(key),
            hmac: Some(hmac::Key::new(hmac::HMAC_SHA256, key)),
        })
    }

    /// For RS256; `None` if it has less than 2048 or more than 8192 bits.
    pub(super) fn rsa(modulus: &[u8], exponent: &[u8]) -> Option<SigningKey> {
        let (modulus, exponent) = (unpadded(modulus), unpadded(exponent));
        if !MODULUS.contains(&modulus.len()) || exponent.is_empty() || exponent.len() > 8 {
            return None;
        }
        let decoding = DecodingKey::from_rsa_raw_components(modulus, exponent);
        Some(SigningKey { id: None, algorithm: Algorithm::RS256, decoding, hmac: None })
    }

    /// For ES256; `None` if these are no coordinates of 32 bytes.
    pub(super) fn p256(x: &[u8], y: &[u8]) -> Option<SigningKey> {
        (x.len() == 32 && y.len() == 32).then(|| SigningKey::point(&[&[4], x, y].concat()))
    }

    /// An uncompressed point (SEC 1, 2.3.3).
    fn point(point: &[u8]) -> SigningKey {
        SigningKey { id: None, algorithm: Algorithm::ES256, decoding: DecodingKey::from_ec_der(point), hmac: None }
    }

    /// The public key of a certificate (DER); `None` for what is neither RSA nor P-256. Nothing else of the
    /// certificate counts: it is trusted because it stands in the policy.
    pub(super) fn certificate(der: &[u8]) -> Option<SigningKey> {
        let (_, certificate) = X509Certificate::from_der(der).ok()?;
        SigningKey::public(certificate.public_key())
    }

    fn public(info: &SubjectPublicKeyInfo<'_>) -> Option<SigningKey> {
        match info.parsed().ok()? {
            PublicKey::RSA(key) => SigningKey::rsa(key.modulus, key.exponent),
            PublicKey::EC(point) => match point.data() {
                data @ [4, ..] if data.len() == 65 => Some(SigningKey::point(data)),
                _ => None,
            },
            _ => None,
        }
    }

    pub(super) fn named(self, id: Option<String>) -> SigningKey {
        SigningKey { id, ..self }
    }

    /// What its tokens call it, if its issuer gave it a name.
    pub fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    pub(super) fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    pub(super) fn decoding(&self) -> &DecodingKey {
        &self.decoding
    }
}

/// Without the zeros that DER and some providers put before a number.
fn unpadded(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    number.get(zeros..).unwrap_or_default()
}

/// A restriction, ready to judge. No `Debug`: it holds keys.
pub struct Verifier {
    token_type: TokenType,
    issuer: String,
    audience: String,
    keys: Vec<SigningKey>,
    discovery: Option<String>,
    required: Vec<RequiredClaim>,
}

impl Verifier {
    /// Makes one.
    pub fn new(restriction: &TokenRestriction) -> Verifier {
        let keys = restriction.primary.iter().chain(&restriction.alternates);
        Verifier {
            token_type: restriction.token_type,
            issuer: restriction.issuer.clone(),
            audience: restriction.audience.clone(),
            // All were looked at when the template was read.
            keys: keys.filter_map(VerificationKey::signing_key).collect(),
            discovery: restriction.open_id_discovery_uri.clone(),
            required: restriction.required_claims.clone(),
        }
    }

    /// The address of the OpenID Connect discovery document whose keys count too.
    pub fn discovery(&self) -> Option<&str> {
        self.discovery.as_deref()
    }

    /// Judges a token for a request for the key `key_id`. `discovered` are the keys of the discovery document.
    ///
    /// # Errors
    /// [`Refusal`].
    pub fn verify(
        &self,
        token: &str,
        discovered: &[SigningKey],
        key_id: Uuid,
        moment: Moment,
    ) -> Result<Option<ReplayLimit>, Refusal> {
        let claims = self.signed(token, discovered)?;
        claims.check(&self.issuer, &self.audience, &self.required, key_id, moment)
    }

    /// The claims, if the signature is right.
    fn signed(&self, token: &str, discovered: &[SigningKey]) -> Result<Claims, Refusal> {
        if token.is_empty() {
            return Err(Refusal::Missing);
        }
        if token.len() > MAX_TOKEN {
            return Err(Refusal::TooLong);
        }
        match self.token_type {
            TokenType::Swt => swt::verify(token, self.keys.iter().filter_map(|key| key.hmac.as_ref())),
            TokenType::Jwt => jwt::verify(token, self.keys.iter().chain(discovered)),
        }
    }
}

//! Tokens that open a key: every kind of signature, primary and alternate keys, certificates.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use headwater::secrets::SecretBytes;
use headwater::tokens::{CONTENT_KEY_IDENTIFIER, RequiredClaim, TokenType, VerificationKey, sign_jwt, swt};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use rcgen::{CertificateParams, KeyPair};
use serde_json::{Value, json};

use crate::site::{AUDIENCE, ISSUER, Site, claims, hmac_key, jwt, now, template, token};

/// A key pair, and a certificate of it (DER).
pub struct Signer {
    pub pair: KeyPair,
    pub certificate: Vec<u8>,
    algorithm: Algorithm,
}

impl Signer {
    pub fn rsa() -> Signer {
        Signer::of(KeyPair::generate_for(&rcgen::PKCS_RSA_SHA256).unwrap(), Algorithm::RS256)
    }

    pub fn p256() -> Signer {
        Signer::of(KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap(), Algorithm::ES256)
    }

    fn of(pair: KeyPair, algorithm: Algorithm) -> Signer {
        let certificate = CertificateParams::default().self_signed(&pair).unwrap().der().to_vec();
        Signer { pair, certificate, algorithm }
    }

    pub fn sign(&self, claims: &Value, kid: Option<&str>) -> String {
        let header = Header { kid: kid.map(str::to_owned), ..Header::new(self.algorithm) };
        let der = self.pair.serialize_der();
        let key = match self.algorithm {
            Algorithm::ES256 => EncodingKey::from_ec_der(&der),
            _ => EncodingKey::from_rsa_der(&pkcs1(&der)),
        };
        jsonwebtoken::encode(&header, claims, &key).unwrap()
    }

    /// Modulus and exponent.
    pub fn components(&self) -> (Vec<u8>, Vec<u8>) {
        use x509_parser::prelude::{FromDer, X509Certificate};
        let (_, certificate) = X509Certificate::from_der(&self.certificate).unwrap();
        let x509_parser::public_key::PublicKey::RSA(key) = certificate.public_key().parsed().unwrap() else { panic!() };
        (key.modulus.iter().copied().skip_while(|b| *b == 0).collect(), key.exponent.to_vec())
    }

    /// As a provider publishes it.
    pub fn jwk(&self, kid: &str) -> Value {
        let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        match self.algorithm {
            Algorithm::ES256 => {
                let point = self.pair.public_key_raw();
                json!({ "kty": "EC", "crv": "P-256", "use": "sig", "kid": kid, "x": text(&point[1..33]), "y": text(&point[33..65]) })
            }
            _ => {
                let (n, e) = self.components();
                json!({ "kty": "RSA", "use": "sig", "alg": "RS256", "kid": kid, "n": text(&n), "e": text(&e) })
            }
        }
    }
}

/// The private key within PKCS #8: the content of its last element, an OCTET STRING.
fn pkcs1(pkcs8: &[u8]) -> Vec<u8> {
    let inner = pkcs8.windows(4).position(|w| w[0] == 0x04 && w[1] == 0x82).unwrap();
    pkcs8[inner + 4..].to_vec()
}

#[tokio::test]
async fn simple_web_tokens_open_keys() {
    let site = Site::start().await;
    let key = site.key(&[token(&template(TokenType::Swt))]).await;
    let id = key.to_string();
    let claim = (CONTENT_KEY_IDENTIFIER, id.as_str());
    site.gives(key, &swt::sign(&hmac_key(), &[claim], AUDIENCE, now() + 300, ISSUER)).await;
    let more = [("urn:user", "somebody & more=1"), claim];
    site.gives(key, &swt::sign(&hmac_key(), &more, AUDIENCE, now() + 300, ISSUER)).await;
    // A JWT is none, and the other way round.
    assert_eq!(site.ask(key, &jwt(&claims(key))).await.status, 401);
}

#[tokio::test]
async fn json_web_tokens_open_keys() {
    let site = Site::start().await;
    let mut restriction = template(TokenType::Jwt);
    restriction.alternates = vec![VerificationKey::Symmetric(SecretBytes::new(vec![9; 32]))];
    restriction.required_claims.push(RequiredClaim { claim_type: "level".into(), value: Some("gold".into()) });
    restriction.required_claims.push(RequiredClaim { claim_type: "sub".into(), value: None });
    let key = site.key(&[token(&restriction)]).await;
    let mut full = claims(key);
    full["level"] = json!(["silver", "gold"]);
    full["sub"] = json!(17);
    full["nbf"] = json!(now());
    full["aud"] = json!(["other", AUDIENCE]);
    full["exp"] = json!(now() as f64 + 100.5);
    site.gives(key, &jwt(&full)).await;
    site.gives(key, &sign_jwt(&[9; 32], &full).unwrap()).await;
    // As clients of the service wrote it.
    let request = site.client.get(site.url(&format!("/?kid={key}")));
    let answer = crate::site::answer(request.header("Authorization", format!("Bearer={}", jwt(&full)))).await;
    assert_eq!(answer.status, 200);
    for (name, value) in [("level", json!("bronze")), ("sub", json!(null)), ("level", json!({ "gold": true }))] {
        let mut less = full.clone();
        less[name] = value;
        assert_eq!(site.ask(key, &jwt(&less)).await.status, 401, "{less}");
    }
}

#[tokio::test]
async fn certificates_and_public_keys_open_keys() {
    let site = Site::start().await;
    let (rsa, elliptic, other) = (Signer::rsa(), Signer::p256(), Signer::rsa());
    let (modulus, exponent) = other.components();
    let mut restriction = template(TokenType::Jwt);
    restriction.primary = Some(VerificationKey::Certificate(rsa.certificate.clone()));
    restriction.alternates =
        vec![VerificationKey::Certificate(elliptic.certificate.clone()), VerificationKey::Rsa { modulus, exponent }];
    let key = site.key(&[token(&restriction)]).await;
    for signer in [&rsa, &elliptic, &other] {
        site.gives(key, &signer.sign(&claims(key), None)).await;
        site.gives(key, &signer.sign(&claims(key), Some("whatever"))).await;
    }
    for stranger in [Signer::rsa(), Signer::p256()] {
        assert_eq!(site.ask(key, &stranger.sign(&claims(key), None)).await.status, 401);
    }
}

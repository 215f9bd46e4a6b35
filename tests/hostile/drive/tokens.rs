//! Tokens, templates of policies, and licence challenges.

use headwater::key_delivery::licence;
use headwater::secrets::SecretBytes;
use headwater::tokens::{
    MAX_TOKEN, Moment, PathKeys, TokenRestriction, TokenType, VerificationKey, Verifier, split_path,
};
use uuid::Uuid;

const NOW: Moment = Moment { now: 1_600_000_000, skew: 60 };

pub fn swt(data: &[u8]) {
    token(TokenType::Swt, data);
}

pub fn jwt(data: &[u8]) {
    token(TokenType::Jwt, data);
}

/// Tokens of either type, judged with the key 00…3f; the seeds are signed with it.
fn token(token_type: TokenType, data: &[u8]) {
    let restriction = TokenRestriction {
        alternates: vec![VerificationKey::Symmetric(SecretBytes::new(vec![1; 32]))],
        audience: "urn:test".to_owned(),
        issuer: "http://sts.example/".to_owned(),
        open_id_discovery_uri: None,
        primary: Some(VerificationKey::Symmetric(SecretBytes::new((0..64).collect()))),
        required_claims: Vec::new(),
        token_type,
    };
    let text = String::from_utf8_lossy(data);
    let judged = Verifier::new(&restriction).verify(&text, &[], Uuid::nil(), NOW);
    if judged.is_ok() {
        assert!(text.len() <= MAX_TOKEN);
        // One bit more or less of it and it is none.
        let mut other = text.clone().into_owned().into_bytes();
        let middle = other.len() / 3;
        other[middle] ^= 1;
        let other = String::from_utf8_lossy(&other);
        assert!(Verifier::new(&restriction).verify(&other, &[], Uuid::nil(), NOW).is_err(), "{other}");
    }
    let (path_token, rest) = split_path(&text);
    assert!(path_token.is_none() || rest.starts_with('/'));
    let keys = PathKeys::new([&[1; 32][..]]);
    let client = std::net::IpAddr::from([127, 0, 0, 1]);
    assert_eq!(keys.verify(path_token.unwrap_or(&text), Uuid::nil(), client, 0), None, "nobody has signed that");
}

/// A template says the same when it is written and read again.
pub fn template(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let Ok(read) = TokenRestriction::parse(&text) else { return };
    let written = read.write();
    // What is escaped may make it longer than any template that is read.
    if written.len() <= headwater::tokens::MAX_TEMPLATE {
        let again = TokenRestriction::parse(&written).unwrap_or_else(|error| panic!("{error}: {written}"));
        assert_eq!(again.write(), written);
    }
    Verifier::new(&read);
}

/// The first byte chooses the system.
pub fn challenge(data: &[u8]) {
    let Some((system, body)) = data.split_first() else { return };
    assert!(licence::read_any(*system, body) <= 64.max(4 * body.len() + 64));
}

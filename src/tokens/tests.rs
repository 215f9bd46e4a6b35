//! Templates, and the vectors of the reference.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use uuid::Uuid;

use super::*;
use crate::secrets::SecretBytes;

const KEY_ID: Uuid = Uuid::from_u128(0x00112233_4455_6677_8899_aabbccddeeff);

/// A template as the reference describes it, with elements in their order.
fn text(token_type: &str, inside: &str) -> String {
    let key: Vec<u8> = (0..64).collect();
    format!(
        r#"<TokenRestrictionTemplate xmlns:i="http://www.w3.org/2001/XMLSchema-instance" xmlns="{NAMESPACE}">
  <AlternateVerificationKeys/>
  <Audience>urn:test</Audience>
  <Issuer>http://sts.example/</Issuer>
  <PrimaryVerificationKey i:type="SymmetricVerificationKey">
    <KeyValue>{}</KeyValue>
  </PrimaryVerificationKey>
  <RequiredClaims>
    <TokenClaim>
      <ClaimType>{CONTENT_KEY_IDENTIFIER}</ClaimType>
      <ClaimValue i:nil="true"/>
    </TokenClaim>{inside}
  </RequiredClaims>{token_type}
</TokenRestrictionTemplate>"#,
        STANDARD.encode(key),
    )
}

const JWT: &str = "\n  <TokenType>JWT</TokenType>";
const SWT: &str = "\n  <TokenType>SWT</TokenType>";

fn moment(now: u64) -> Moment {
    Moment { now, skew: 60 }
}

#[test]
fn the_tokens_of_the_reference_open_their_key() {
    let signed = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9";
    let payload = format!(
        "{{\"{CONTENT_KEY_IDENTIFIER}\":\"00112233-4455-6677-8899-aabbccddeeff\",\"iss\":\"http://sts.example/\",\
         \"aud\":\"urn:test\",\"exp\":1700000000}}"
    );
    let payload = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(payload);
    let jwt = format!("{signed}.{payload}.k5B7T-pQF9BBvxrIw8Ks7uJub2J3ehOrmWtLnAK0QZk");
    let swt = "urn%3amicrosoft%3aazure%3amediaservices%3acontentkeyidentifier=00112233-4455-6677-8899-aabbccddeeff\
               &Audience=urn%3atest&ExpiresOn=1700000000&Issuer=http%3a%2f%2fsts.example%2f\
               &HMACSHA256=FUG4w568J8zEQw3SXlCLYwpiFsTKS%2BF%2BJ4OAIb%2FZeW4%3D";
    for (token_type, token) in [(JWT, jwt.as_str()), (SWT, swt), ("", swt)] {
        let verifier = Verifier::new(&TokenRestriction::parse(&text(token_type, "")).unwrap());
        let verify = |key, now| verifier.verify(token, &[], key, moment(now));
        assert_eq!(verify(KEY_ID, 1_699_999_999), Ok(None));
        assert_eq!(verify(KEY_ID, 1_700_000_059), Ok(None));
        assert_eq!(verify(KEY_ID, 1_700_000_060), Err(Refusal::Expired));
        let claim = CONTENT_KEY_IDENTIFIER.to_owned();
        assert_eq!(verify(Uuid::nil(), 1_699_999_999), Err(Refusal::Claim { claim }));
    }
}

#[test]
fn a_template_is_written_as_it_was_read() {
    for token_type in [JWT, SWT] {
        let text = text(token_type, "");
        assert_eq!(TokenRestriction::parse(&text).unwrap().write(), text);
    }
    let certificate = rcgen::generate_simple_self_signed(["x".to_owned()]).unwrap().cert.der().to_vec();
    let restriction = TokenRestriction {
        alternates: vec![
            VerificationKey::Symmetric(SecretBytes::new(vec![3; 32])),
            VerificationKey::Certificate(certificate),
            VerificationKey::Rsa { modulus: vec![0xc5; 256], exponent: vec![1, 0, 1] },
        ],
        audience: "urn:a & b".into(),
        issuer: "https://sts.example/<tenant>".into(),
        open_id_discovery_uri: Some("https://sts.example/.well-known/openid-configuration".into()),
        primary: None,
        required_claims: vec![RequiredClaim { claim_type: "role".into(), value: Some(" gold ".into()) }],
        token_type: TokenType::Jwt,
    };
    let written = restriction.write();
    let order = ["<Alternate", "<Audience", "<Issuer", "<OpenId", "<Primary", "<Required", "<TokenType"];
    let places: Vec<usize> = order.iter().map(|name| written.find(name).unwrap()).collect();
    assert!(places.is_sorted(), "{written}");
    let again = TokenRestriction::parse(&written).unwrap();
    assert_eq!(again.write(), written);
    assert_eq!((again.required_claims, again.audience), (restriction.required_claims, restriction.audience));
}

#[test]
fn templates_that_would_not_do_say_what_is_wrong() {
    let good = text(JWT, "");
    let with = |from: &str, to: &str| {
        assert!(good.contains(from), "{from}");
        good.replacen(from, to, 1)
    };
    let short = STANDARD.encode([1; 31]);
    let weak = STANDARD.encode(format!("{{\"e\":\"AQAB\",\"n\":\"{}\"}}", STANDARD.encode([0xc5; 128])));
    let key = good.split("<KeyValue>").nth(1).unwrap().split('<').next().unwrap();
    for (case, text, says) in [
        ("nothing", String::new(), "document"),
        ("not XML", "{}".to_owned(), "document"),
        ("a document type", format!("<!DOCTYPE a [<!ENTITY b \"c\">]>{good}"), "document type"),
        ("another namespace", with("Template/v1", "Template/v2"), "namespace"),
        ("another element", "<a/>".to_owned(), "TokenRestrictionTemplate"),
        ("too long", with("urn:test", &"x".repeat(MAX_TEMPLATE)), "more than"),
        ("no audience", with("<Audience>urn:test</Audience>", ""), "Audience"),
        ("nil issuer", with("<Issuer>http://sts.example/</Issuer>", "<Issuer i:nil=\"true\"/>"), "Issuer"),
        ("issuer twice", with("<Issuer>", "<Issuer>x</Issuer><Issuer>"), "twice"),
        ("misspelt", with("<RequiredClaims>", "<RequiredClaim/><RequiredClaims>"), "RequiredClaim"),
        ("token type", with(">JWT<", ">SAML<"), "SWT or JWT"),
        ("key type", with("SymmetricVerificationKey", "Key"), "i:type"),
        ("no key", with(key, ""), "32 bytes"),
        ("short key", with(key, &short), "32 bytes"),
        ("not base64", with(key, "?"), "base64"),
        ("not a certificate", with("Symmetric", "X509CertToken").replace("KeyValue", "RawBody"), "certificates"),
        ("weak RSA", with("Symmetric", "RsaToken").replace("KeyValue", "RawBody").replace(key, &weak), "2048"),
        (
            "claim without type",
            with("<ClaimType>", "<ClaimValue>x</ClaimValue></TokenClaim><TokenClaim><ClaimType>"),
            "ClaimType",
        ),
        (
            "OpenID over HTTP",
            with(
                "<RequiredClaims>",
                "<OpenIdConnectDiscoveryDocument><OpenIdDiscoveryUri>http://sts.example/</OpenIdDiscoveryUri></OpenIdConnectDiscoveryDocument><RequiredClaims>",
            ),
            "https",
        ),
    ] {
        let error = TokenRestriction::parse(&text).map(|_| ()).unwrap_err().to_string();
        assert!(error.contains(says), "{case}: {error}");
        assert!(!error.contains(key), "{case}: {error}");
    }
    let no_keys = good.replacen(" i:type=\"SymmetricVerificationKey\"", " i:nil=\"true\"", 1);
    assert!(TokenRestriction::parse(&no_keys).map(|_| ()).unwrap_err().to_string().contains("discovery"));
}

#[test]
fn elements_may_stand_in_any_order_and_with_prefixes() {
    let key = STANDARD.encode([4; 32]);
    let text = format!(
        "\u{feff}<?xml version=\"1.0\"?><t:TokenRestrictionTemplate xmlns:t=\"{NAMESPACE}\" \
         xmlns:j=\"http://www.w3.org/2001/XMLSchema-instance\"><t:TokenType>JWT</t:TokenType>\
         <t:PrimaryVerificationKey j:type=\"t:SymmetricVerificationKey\"><t:KeyValue>\n {key}\n</t:KeyValue>\
         </t:PrimaryVerificationKey><t:Issuer>i</t:Issuer><t:Audience>a</t:Audience></t:TokenRestrictionTemplate>"
    );
    let read = TokenRestriction::parse(&text).unwrap();
    assert!(matches!(read.primary, Some(VerificationKey::Symmetric(key)) if key.expose() == [4; 32]));
    assert!(read.required_claims.is_empty() && read.alternates.is_empty());
}

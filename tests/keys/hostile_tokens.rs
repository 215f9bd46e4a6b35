//! The table of hostile tokens: each is refused, and nobody can tell from the answer why.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use headwater::tokens::{
    CONTENT_KEY_IDENTIFIER, MAX_TOKEN, MAX_USES, TokenRestriction, TokenType, VerificationKey, sign_jwt, swt,
};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::site::{AUDIENCE, Answer, ISSUER, Site, answer, claims, hmac_key, jwt, material, now, template, token};
use crate::tokens::Signer;

/// The uniform answer.
fn is_refused(case: &str, answer: &Answer) {
    assert_eq!(answer.status, 401, "{case}");
    assert_eq!(answer.text(), "unauthorized\n", "{case}");
    let mut names: Vec<(&str, &str)> =
        answer.headers.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect();
    names.retain(|(name, _)| *name != "date");
    names.sort_unstable();
    let expected = [
        ("access-control-allow-origin", "*"),
        ("cache-control", "no-store"),
        ("content-length", "13"),
        ("content-type", "text/plain; charset=utf-8"),
        ("pragma", "no-cache"),
        ("server", names.iter().find(|(name, _)| *name == "server").unwrap().1),
        ("timing-allow-origin", "*"),
        ("www-authenticate", "Bearer"),
        ("x-content-type-options", "nosniff"),
    ];
    names.retain(|(name, _)| *name != "access-control-expose-headers");
    assert_eq!(names, expected, "{case}");
}

fn part(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

/// A JWT of these parts as they stand, signed with HMAC-SHA256.
fn signed(header: &str, payload: &str, key: &[u8]) -> String {
    let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(payload));
    let tag = aws_lc_rs::hmac::sign(&aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, key), signed.as_bytes());
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(tag.as_ref()))
}

/// `claims` with one of them changed.
fn with(key: Uuid, name: &str, value: Value) -> Value {
    let mut claims = claims(key);
    claims[name] = value;
    claims
}

fn without(key: Uuid, name: &str) -> Value {
    let mut claims = claims(key);
    claims.as_object_mut().unwrap().remove(name);
    claims
}

/// The DER within a PEM.
fn public_der(pem: &str) -> Vec<u8> {
    STANDARD.decode(pem.lines().filter(|line| !line.starts_with('-')).collect::<String>()).unwrap()
}

#[tokio::test]
async fn hostile_json_web_tokens() {
    let site = Site::start().await;
    let rsa = Signer::rsa();
    let mut restriction = template(TokenType::Jwt);
    restriction.alternates = vec![VerificationKey::Certificate(rsa.certificate.clone())];
    let key = site.key(&[token(&restriction)]).await;
    let good = jwt(&claims(key));
    site.gives(key, &good).await;
    site.gives(key, &rsa.sign(&claims(key), None)).await;

    let [header, payload, signature] = good.split('.').collect::<Vec<_>>()[..] else { panic!() };
    let base = claims(key);
    let text = base.to_string();
    let (modulus, _) = rsa.components();
    let public = rsa.pair.public_key_pem();
    let twice = |name: &str, value: &str| text.replacen('{', &format!("{{\"{name}\":{value},"), 1);
    let plain = r#"{"alg":"HS256","typ":"JWT"}"#;
    let sign = |payload: &str| signed(plain, payload, &hmac_key());
    let mut flipped = signature.to_owned().into_bytes();
    flipped[5] = if flipped[5] == b'A' { b'B' } else { b'A' };
    let cases: Vec<(&str, String)> = vec![
        ("nothing", String::new()),
        ("no token at all", "Bearer".into()),
        ("alg: none, no signature", format!("{}.{payload}.", part(&json!({ "alg": "none" })))),
        ("alg: none, a signature", format!("{}.{payload}.{signature}", part(&json!({ "alg": "none" })))),
        ("alg: NoNe", format!("{}.{payload}.", part(&json!({ "alg": "NoNe", "typ": "JWT" })))),
        ("no alg", format!("{}.{payload}.{signature}", part(&json!({ "typ": "JWT" })))),
        ("alg is no text", signed(r#"{"alg":["HS256"]}"#, &text, &hmac_key())),
        ("two algs", signed(r#"{"alg":"none","alg":"HS256"}"#, &text, &hmac_key())),
        ("HMAC with the certificate", signed(plain, &text, &rsa.certificate)),
        ("HMAC with the public key, PEM", signed(plain, &text, public.as_bytes())),
        ("HMAC with the public key, DER", signed(plain, &text, &public_der(&public))),
        ("HMAC with the modulus", signed(plain, &text, &modulus)),
        ("HMAC with an empty key", signed(plain, &text, b"")),
        ("another key", sign_jwt(&[1; 64], &claims(key)).unwrap()),
        ("the key cut short", sign_jwt(&hmac_key()[..32], &claims(key)).unwrap()),
        ("RS256 of a stranger", Signer::rsa().sign(&claims(key), None)),
        (
            "RS256 that says HS256",
            rsa.sign(&claims(key), None).replacen(rsa.sign(&claims(key), None).split('.').next().unwrap(), header, 1),
        ),
        ("a key of its own in the header", signed(r#"{"alg":"HS256","jwk":{"kty":"oct","k":"AAAA"}}"#, &text, &[0; 3])),
        ("a critical extension", signed(r#"{"alg":"HS256","crit":["exp"],"exp":1}"#, &text, &hmac_key())),
        ("unencoded payload", signed(r#"{"alg":"HS256","b64":false,"crit":["b64"]}"#, &text, &hmac_key())),
        ("HS512", format!("{}.{payload}.{signature}", part(&json!({ "alg": "HS512" })))),
        ("no signature", format!("{header}.{payload}.")),
        ("a flipped signature", format!("{header}.{payload}.{}", String::from_utf8(flipped).unwrap())),
        ("a signature cut short", good[..good.len() - 4].to_owned()),
        ("a padded signature", format!("{good}=")),
        ("another payload", format!("{header}.{}.{signature}", part(&with(key, "exp", json!(now() + 301))))),
        ("two parts", format!("{header}.{payload}")),
        ("four parts", format!("{good}.{signature}")),
        ("five parts, encrypted", format!("{good}.{payload}.{signature}")),
        ("a payload that is no object", sign("[1]")),
        ("a payload that is no JSON", sign("{")),
        ("a payload that is nested deeply", sign(&format!("{}{}", "[".repeat(3000), "]".repeat(3000)))),
        ("expired", jwt(&with(key, "exp", json!(now() - 61)))),
        ("expired long ago", jwt(&with(key, "exp", json!(0)))),
        ("no expiry", jwt(&without(key, "exp"))),
        ("expiry as text", jwt(&with(key, "exp", json!("4102444800")))),
        ("a negative expiry", jwt(&with(key, "exp", json!(-1)))),
        ("an expiry beyond numbers", sign(&text.replacen(&base["exp"].to_string(), "1e400", 1))),
        ("not yet valid", jwt(&with(key, "nbf", json!(now() + 120)))),
        ("not before is no number", jwt(&with(key, "nbf", json!("soon")))),
        ("wrong issuer", jwt(&with(key, "iss", json!("https://sts.example")))),
        ("issuer in other letters", jwt(&with(key, "iss", json!(ISSUER.to_uppercase())))),
        ("several issuers", jwt(&with(key, "iss", json!([ISSUER])))),
        ("no issuer", jwt(&without(key, "iss"))),
        ("wrong audience", jwt(&with(key, "aud", json!("urn:film")))),
        ("no audience", jwt(&without(key, "aud"))),
        ("an empty list of audiences", jwt(&with(key, "aud", json!([])))),
        ("another key's id", jwt(&with(key, CONTENT_KEY_IDENTIFIER, json!(Uuid::new_v4().to_string())))),
        ("no key's id", jwt(&without(key, CONTENT_KEY_IDENTIFIER))),
        ("an id that begins like it", jwt(&with(key, CONTENT_KEY_IDENTIFIER, json!(format!("{key}0"))))),
        ("issuer twice", sign(&twice("iss", "\"https://other.example/\""))),
        ("audience twice", sign(&twice("aud", "\"urn:other\""))),
        ("expiry twice", sign(&twice("exp", "4102444800"))),
        ("the key's id twice", sign(&twice(CONTENT_KEY_IDENTIFIER, "\"x\""))),
        ("a name twice, once escaped", sign(&twice("i\\u0073s", "\"https://other.example/\""))),
        ("a huge claim", jwt(&with(key, "note", json!("x".repeat(MAX_TOKEN))))),
        (
            "very many claims",
            sign(&twice("a", "0").replacen(
                '{',
                &format!("{{{}", (0..400).map(|n| format!("\"{n}\":0,")).collect::<String>()),
                1,
            )),
        ),
        (
            "replays, for longer than remembered",
            jwt(&{
                let mut claims = with(key, MAX_USES, json!(5));
                claims["exp"] = json!(now() + 7200);
                claims
            }),
        ),
        ("replays, none", jwt(&with(key, MAX_USES, json!(0)))),
        ("replays, negative", jwt(&with(key, MAX_USES, json!(-1)))),
        ("replays, no number", jwt(&with(key, MAX_USES, json!("many")))),
        ("control characters", format!("{good}\u{1}")),
        ("a space inside", good.replacen('.', ". ", 1)),
    ];
    for (case, token) in &cases {
        // Not all of them fit a header's value.
        if reqwest::header::HeaderValue::from_str(&format!("Bearer {token}")).is_ok() {
            is_refused(case, &site.ask(key, token).await);
        }
        let encoded: String = url::form_urlencoded::byte_serialize(token.as_bytes()).collect();
        let query = site.get(&format!("/?kid={key}&token={}", encoded.replace('+', "%20"))).await;
        is_refused(case, &query);
    }
    site.gives(key, &good).await;
}

#[tokio::test]
async fn hostile_simple_web_tokens() {
    let site = Site::start().await;
    let key = site.key(&[token(&template(TokenType::Swt))]).await;
    let id = key.to_string();
    let claim = (CONTENT_KEY_IDENTIFIER, id.as_str());
    let make = |claims: &[(&str, &str)], audience: &str, expires: u64, issuer: &str| {
        swt::sign(&hmac_key(), claims, audience, expires, issuer)
    };
    let soon = now() + 300;
    let good = make(&[claim], AUDIENCE, soon, ISSUER);
    site.gives(key, &good).await;
    let (pairs, signature) = good.split_once("&HMACSHA256=").unwrap();
    // The right signature of any text.
    let sign = |pairs: &str| {
        let tag = aws_lc_rs::hmac::sign(
            &aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, &hmac_key()),
            pairs.as_bytes(),
        );
        let tag: String = url::form_urlencoded::byte_serialize(STANDARD.encode(tag.as_ref()).as_bytes()).collect();
        format!("{pairs}&HMACSHA256={tag}")
    };
    assert_eq!(site.ask(key, &sign(pairs)).await.status, 200, "the signature of this test is right");
    let cases: Vec<(&str, String)> = vec![
        ("cut short", good[..good.len() - 10].to_owned()),
        ("its signature alone", format!("&HMACSHA256={signature}")),
        ("no signature", pairs.to_owned()),
        ("an empty signature", format!("{pairs}&HMACSHA256=")),
        ("two signatures", format!("{good}&HMACSHA256={signature}")),
        ("something behind the signature", format!("{good}&Audience=urn%3aother")),
        ("encoded again, with upper-case digits", format!("{}&HMACSHA256={signature}", pairs.replace("%3a", "%3A"))),
        ("decoded", format!("{}&HMACSHA256={signature}", pairs.replace("%3a", ":").replace("%2f", "/"))),
        ("pairs in another order", {
            let mut parts: Vec<&str> = pairs.split('&').collect();
            parts.reverse();
            format!("{}&HMACSHA256={signature}", parts.join("&"))
        }),
        ("another key", swt::sign(&[1; 64], &[claim], AUDIENCE, soon, ISSUER)),
        ("an empty key", swt::sign(&[], &[claim], AUDIENCE, soon, ISSUER)),
        ("expired", make(&[claim], AUDIENCE, now() - 61, ISSUER)),
        ("wrong issuer", make(&[claim], AUDIENCE, soon, "https://sts.example")),
        ("wrong audience", make(&[claim], "urn:film", soon, ISSUER)),
        ("another key's id", make(&[(CONTENT_KEY_IDENTIFIER, &Uuid::nil().to_string())], AUDIENCE, soon, ISSUER)),
        ("no key's id", make(&[], AUDIENCE, soon, ISSUER)),
        ("the key's id twice", make(&[claim, (CONTENT_KEY_IDENTIFIER, "x")], AUDIENCE, soon, ISSUER)),
        ("issuer twice", make(&[claim, ("Issuer", "urn:other")], AUDIENCE, soon, ISSUER)),
        ("issuer twice, once escaped", sign(&format!("%49ssuer=urn%3aother&{pairs}"))),
        ("expiry twice", sign(&format!("{pairs}&ExpiresOn=4102444800"))),
        ("a claim that is a signature", sign(&format!("%48MACSHA256=x&{pairs}"))),
        ("no expiry", sign(&pairs.split('&').filter(|p| !p.starts_with("Expires")).collect::<Vec<_>>().join("&"))),
        ("expiry with a sign", sign(&pairs.replacen("ExpiresOn=", "ExpiresOn=%2b", 1))),
        ("expiry beyond numbers", sign(&pairs.replacen("ExpiresOn=", "ExpiresOn=99999999999", 1))),
        ("a broken escape", sign(&format!("a=%zz&{pairs}"))),
        ("bytes that are no text", sign(&format!("a=%ff&{pairs}"))),
        ("a pair that is none", sign(&format!("a&{pairs}"))),
        ("an empty name", sign(&format!("=a&{pairs}"))),
        ("very many claims", sign(&format!("{}{pairs}", (0..100).map(|n| format!("c{n}=0&")).collect::<String>()))),
        ("a huge claim", make(&[claim, ("note", &"x".repeat(MAX_TOKEN))], AUDIENCE, soon, ISSUER)),
        ("replays for longer than remembered", make(&[claim, (MAX_USES, "3")], AUDIENCE, now() + 7200, ISSUER)),
    ];
    for (case, token) in &cases {
        is_refused(case, &site.ask(key, token).await);
        let encoded: String = url::form_urlencoded::byte_serialize(token.as_bytes()).collect();
        is_refused(case, &site.get(&format!("/?kid={key}&token={}", encoded.replace('+', "%20"))).await);
    }
}

#[tokio::test]
async fn tokens_that_disagree_are_refused() {
    let site = Site::start().await;
    let key = site.key(&[token(&template(TokenType::Jwt))]).await;
    let (one, two) = (jwt(&claims(key)), jwt(&with(key, "note", json!(2))));
    site.gives(key, &one).await;
    site.gives(key, &two).await;
    let both = async |header: &str, query: &str| {
        let request = site.client.get(site.url(&format!("/?kid={key}{query}")));
        answer(request.header("Authorization", format!("Bearer {header}"))).await
    };
    assert_eq!(both(&one, &format!("&token={one}")).await.body, material(key));
    is_refused("header and query", &both(&one, &format!("&token={two}")).await);
    is_refused("twice in the query", &site.get(&format!("/?kid={key}&token={one}&TOKEN={two}")).await);
    let twice = site.client.get(site.url(&format!("/?kid={key}")));
    is_refused("two headers", &answer(twice.bearer_auth(&one).header("Authorization", format!("bearer {two}"))).await);
}

#[tokio::test]
async fn a_token_is_used_as_often_as_it_may_be() {
    let site = Site::start().await;
    let restriction: TokenRestriction = template(TokenType::Jwt);
    let elliptic = Signer::p256();
    let restriction = TokenRestriction {
        alternates: vec![VerificationKey::Certificate(elliptic.certificate.clone())],
        ..restriction
    };
    let key = site.key(&[token(&restriction)]).await;
    let limited = with(key, MAX_USES, json!(2));
    let token = jwt(&limited);
    // A wrong one in between costs nothing.
    assert_eq!(site.ask(key, &token).await.status, 200);
    is_refused("another key", &site.ask(site.key(&[crate::site::token(&restriction)]).await, &token).await);
    assert_eq!(site.ask(key, &token).await.status, 200);
    for _ in 0..3 {
        is_refused("used up", &site.ask(key, &token).await);
    }
    // Signing it anew does not make another token of it, nor does writing its signature in the other way that
    // ECDSA has: with n − s in place of s.
    let once = with(key, MAX_USES, json!(1));
    let signed = elliptic.sign(&once, None);
    assert_eq!(site.ask(key, &signed).await.status, 200);
    is_refused("signed anew", &site.ask(key, &elliptic.sign(&once, None)).await);
    let (text, signature) = signed.rsplit_once('.').unwrap();
    let mut signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
    negate(&mut signature[32..]);
    is_refused("the other signature", &site.ask(key, &format!("{text}.{}", URL_SAFE_NO_PAD.encode(&signature))).await);
    // Many at once: no more get through than may.
    let mut many = with(key, MAX_USES, json!(7));
    many["note"] = json!("many");
    let token = jwt(&many);
    let asked = futures_util::future::join_all((0..40).map(|_| site.ask(key, &token))).await;
    assert_eq!(asked.iter().filter(|answer| answer.status == 200).count(), 7);
}

/// `n − s` for the order `n` of P-256's group.
fn negate(s: &mut [u8]) {
    let n = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";
    let n: Vec<i32> = (0..32).map(|i| i32::from_str_radix(&n[2 * i..2 * i + 2], 16).unwrap()).collect();
    let mut borrow = 0;
    for i in (0..32).rev() {
        let difference = n[i] - i32::from(s[i]) - borrow;
        borrow = i32::from(difference < 0);
        s[i] = u8::try_from(difference + 256 * borrow).unwrap();
    }
}

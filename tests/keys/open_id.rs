//! Keys of an OpenID Connect provider, which the test is.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use headwater::key_delivery::Settings;
use headwater::tokens::TokenType;
use http_body_util::Full;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::site::{Site, claims, jwt, template, token};
use crate::tokens::Signer;

/// A provider: its discovery document, its keys, and how often it was asked for them.
struct Provider {
    discovery: String,
    keys: Arc<Mutex<Option<Value>>>,
    asked: Arc<AtomicUsize>,
}

impl Provider {
    async fn start(keys: Value) -> Provider {
        let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", tcp.local_addr().unwrap());
        let discovery = format!("{base}/.well-known/openid-configuration");
        let keys = Arc::new(Mutex::new(Some(keys)));
        let asked = Arc::new(AtomicUsize::new(0));
        let provider = Provider { discovery, keys: Arc::clone(&keys), asked: Arc::clone(&asked) };
        tokio::spawn(async move {
            loop {
                let (socket, _) = tcp.accept().await.unwrap();
                let (base, keys, asked) = (base.clone(), Arc::clone(&keys), Arc::clone(&asked));
                let service = service_fn(move |request: Request<hyper::body::Incoming>| {
                    let keys = keys.lock().unwrap().clone();
                    let body = match request.uri().path() {
                        "/.well-known/openid-configuration" => {
                            keys.map(|_| json!({ "issuer": base, "jwks_uri": format!("{base}/keys") }))
                        }
                        _ => {
                            asked.fetch_add(1, Ordering::SeqCst);
                            keys
                        }
                    };
                    let status = if body.is_some() { 200 } else { 503 };
                    let body = Full::new(Bytes::from(body.unwrap_or_default().to_string()));
                    async move { Ok::<_, std::convert::Infallible>(Response::builder().status(status).body(body).unwrap()) }
                });
                tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(socket), service));
            }
        });
        provider
    }

    fn publishes(&self, keys: Option<Value>) {
        *self.keys.lock().unwrap() = keys;
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

async fn site(provider: &Provider, pace: Duration) -> (Site, uuid::Uuid) {
    let site = Site::with(Settings { discovery_pace: pace, ..Settings::default() }).await;
    let mut restriction = template(TokenType::Jwt);
    restriction.primary = None;
    restriction.open_id_discovery_uri = Some(provider.discovery.clone());
    let key = site.key(&[token(&restriction)]).await;
    (site, key)
}

#[tokio::test]
async fn published_keys_count_and_are_fetched_again_when_they_change() {
    let (old, new) = (Signer::rsa(), Signer::p256());
    let provider = Provider::start(json!({ "keys": [old.jwk("one")] })).await;
    let (site, key) = site(&provider, Duration::ZERO).await;
    site.gives(key, &old.sign(&claims(key), Some("one"))).await;
    site.gives(key, &old.sign(&claims(key), None)).await;
    assert_eq!(provider.asked(), 1, "keys are kept");
    provider.publishes(Some(json!({ "keys": [old.jwk("one"), new.jwk("two")] })));
    site.gives(key, &new.sign(&claims(key), Some("two"))).await;
    assert_eq!(provider.asked(), 2, "a token that names an unknown key has them fetched again");
    site.gives(key, &old.sign(&claims(key), Some("one"))).await;
    // While the provider is away, what it said last counts.
    provider.publishes(None);
    site.gives(key, &old.sign(&claims(key), Some("one"))).await;
    assert_eq!(site.ask(key, &Signer::rsa().sign(&claims(key), Some("three"))).await.status, 401);
    site.gives(key, &old.sign(&claims(key), Some("one"))).await;
}

#[tokio::test]
async fn made_up_key_names_do_not_make_us_fetch() {
    let known = Signer::rsa();
    let provider = Provider::start(json!({ "keys": [known.jwk("one")] })).await;
    let (site, key) = site(&provider, Duration::from_secs(600)).await;
    let stranger = Signer::rsa();
    for n in 0..20 {
        let token = stranger.sign(&claims(key), Some(&n.to_string()));
        assert_eq!(site.ask(key, &token).await.status, 401);
    }
    assert_eq!(provider.asked(), 1);
    site.gives(key, &known.sign(&claims(key), Some("one"))).await;
    // A symmetric key in the set is nobody's secret.
    assert_eq!(site.ask(key, &jwt(&claims(key))).await.status, 401);
}

#[tokio::test]
async fn keys_that_cannot_be_fetched_open_nothing() {
    let signer = Signer::rsa();
    let secret = base64::Engine::encode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, crate::site::hmac_key());
    let symmetric = json!({ "kty": "oct", "kid": "one", "k": secret });
    let mut encryption = signer.jwk("one");
    encryption["use"] = json!("enc");
    for keys in [json!({ "keys": [symmetric, encryption] }), json!({ "keys": 1 }), json!("no")] {
        let provider = Provider::start(keys).await;
        let (site, key) = site(&provider, Duration::ZERO).await;
        for token in [signer.sign(&claims(key), Some("one")), jwt(&claims(key))] {
            let refused = site.ask(key, &token).await;
            assert_eq!((refused.status, refused.text()), (401, "unauthorized\n"));
        }
    }
}

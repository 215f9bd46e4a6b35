//! A server with a catalogue of keys, tokens for them, and a client.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use headwater::catalog::{
    By, Catalog, ContentKeyId, ContentKeyType, ContentKeyUpdate, KeyDeliveryType, KeyOptionSecrets, KeyRestriction,
    KeyRestrictionType, NewContentKey, NewKeyPolicyOption, Options,
};
use headwater::key_delivery::{KeyDelivery, Settings};
use headwater::keys::{MasterKeySealer, MasterKeys};
use headwater::origin::{self, Origin};
use headwater::packager::Dialect;
use headwater::secrets::{Secret, SecretBytes};
use headwater::server::{self, Limits, Listener, Streaming};
use headwater::source;
use headwater::time::{MediaTime, Timescale, UtcTime};
use headwater::tokens::{
    CONTENT_KEY_IDENTIFIER, RequiredClaim, TokenRestriction, TokenType, VerificationKey, sign_jwt,
};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpListener;
use uuid::Uuid;

pub const ISSUER: &str = "https://sts.example/";
pub const AUDIENCE: &str = "urn:films";

/// The symmetric key of templates, and one that is not.
pub fn hmac_key() -> Vec<u8> {
    (0..64).collect()
}

pub fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

fn utc() -> UtcTime {
    UtcTime { unix_millis: now() * 1000 }
}

pub struct Site {
    pub catalog: Catalog,
    pub address: SocketAddr,
    pub client: reqwest::Client,
    _folder: TempDir,
}

/// An answer, read.
pub struct Answer {
    pub status: u16,
    pub headers: reqwest::header::HeaderMap,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }
}

pub async fn answer(request: reqwest::RequestBuilder) -> Answer {
    let answer = request.send().await.unwrap();
    let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
    Answer { status, headers, body: answer.bytes().await.unwrap().to_vec() }
}

/// One restriction of an option and its requirements.
pub type Restriction = (KeyRestrictionType, Option<String>);

pub const OPEN: Restriction = (KeyRestrictionType::Open, None);

pub fn token(template: &TokenRestriction) -> Restriction {
    (KeyRestrictionType::TokenRestricted, Some(template.write()))
}

pub fn from(addresses: &str) -> Restriction {
    (KeyRestrictionType::IpRestricted, Some(addresses.to_owned()))
}

/// A template for tokens with the id of the key, signed with [`hmac_key`].
pub fn template(token_type: TokenType) -> TokenRestriction {
    TokenRestriction {
        alternates: Vec::new(),
        audience: AUDIENCE.to_owned(),
        issuer: ISSUER.to_owned(),
        open_id_discovery_uri: None,
        primary: Some(VerificationKey::Symmetric(SecretBytes::new(hmac_key()))),
        required_claims: vec![RequiredClaim { claim_type: CONTENT_KEY_IDENTIFIER.to_owned(), value: None }],
        token_type,
    }
}

/// The claims of a token that opens `key` for five minutes.
pub fn claims(key: Uuid) -> Value {
    json!({ CONTENT_KEY_IDENTIFIER: key.to_string(), "iss": ISSUER, "aud": AUDIENCE, "exp": now() + 300 })
}

/// A JWT of them.
pub fn jwt(claims: &Value) -> String {
    sign_jwt(&hmac_key(), claims).unwrap()
}

/// The bytes of the key of that id, which tell it from others.
pub fn material(key: Uuid) -> Vec<u8> {
    key.as_bytes().iter().map(|byte| byte ^ 0x5a).collect()
}

impl Site {
    pub async fn start() -> Site {
        Site::with(Settings::default()).await
    }

    pub async fn with(settings: Settings) -> Site {
        Site::serving(Some(settings)).await
    }

    /// Films alone.
    pub async fn without_keys() -> Site {
        Site::serving(None).await
    }

    async fn serving(settings: Option<Settings>) -> Site {
        let folder = tempfile::tempdir().unwrap();
        let master = MasterKeys::from_keys(vec![Secret::new([7; 32])]).unwrap();
        let options =
            Options { sealer: Arc::new(MasterKeySealer::new(&master)), ..Options::local(folder.path(), utc()) };
        let catalog = Catalog::open(options).await.unwrap();
        let milliseconds = |n| MediaTime::new(n, Timescale::MILLISECONDS);
        let origin = origin::Settings {
            dialect: Dialect::Modern,
            segments: source::Settings {
                target_segment: milliseconds(2000),
                max_segment: milliseconds(20_000),
                fragments_per_ts_segment: 3,
            },
            max_age: std::time::Duration::from_secs(60),
            index_cache_bytes: 1 << 20,
            answer_cache_bytes: 1 << 20,
            in_flight_bytes: 64 << 20,
        };
        let mut handler = Streaming::new(Arc::new(Origin::new(catalog.clone(), origin)));
        if let Some(settings) = settings {
            handler = handler.with_keys(Arc::new(KeyDelivery::new(catalog.clone(), settings).unwrap()));
        }
        let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = tcp.local_addr().unwrap();
        let listeners = vec![Listener { tcp, tls: None }];
        tokio::spawn(server::run(listeners, Arc::new(handler), Limits::default(), std::future::pending()));
        let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        Site { catalog, address, client, _folder: folder }
    }

    /// A key of that type, delivered by options with these restrictions.
    pub async fn key_of(
        &self,
        content_key_type: ContentKeyType,
        options: &[(KeyDeliveryType, &[Restriction])],
    ) -> Uuid {
        self.key_with_id(Uuid::new_v4(), content_key_type, options).await
    }

    /// The same, of that id.
    pub async fn key_with_id(
        &self,
        id: Uuid,
        content_key_type: ContentKeyType,
        options: &[(KeyDeliveryType, &[Restriction])],
    ) -> Uuid {
        let mut change = self.catalog.begin(By::new("test", utc())).await.unwrap();
        let length = content_key_type.key_bytes().unwrap_or(16);
        let bytes = material(id).into_iter().cycle().take(length).collect();
        let new = NewContentKey {
            id: ContentKeyId(id),
            content_key_type,
            material: SecretBytes::new(bytes),
            checksum: None,
            protection_key_id: String::new(),
            name: None,
            track_identifiers: None,
        };
        change.create_content_key(new).await.unwrap();
        let policy = change.create_key_policy(None).await.unwrap();
        for (delivery, restrictions) in options {
            let restriction = |(kind, _): &Restriction| KeyRestriction { name: None, restriction_type: *kind };
            let is_licence = !matches!(delivery, KeyDeliveryType::None | KeyDeliveryType::BaselineHttp);
            let new = NewKeyPolicyOption {
                name: None,
                key_delivery_type: *delivery,
                restrictions: restrictions.iter().map(restriction).collect(),
                secrets: KeyOptionSecrets {
                    configuration: is_licence.then(|| "{}".to_owned()),
                    requirements: restrictions.iter().map(|(_, text)| text.clone()).collect(),
                },
            };
            let option = change.create_key_option(new).await.unwrap();
            change.link_key_option(policy.id, option.id).await.unwrap();
        }
        let update = ContentKeyUpdate { authorization_policy_id: Some(Some(policy.id)), ..ContentKeyUpdate::default() };
        change.update_content_key(ContentKeyId(id), update, None).await.unwrap();
        change.commit().await.unwrap();
        id
    }

    /// An envelope key that is delivered as it is if these restrictions are met.
    pub async fn key(&self, restrictions: &[Restriction]) -> Uuid {
        self.key_of(ContentKeyType::EnvelopeEncryption, &[(KeyDeliveryType::BaselineHttp, restrictions)]).await
    }

    pub fn url(&self, target: &str) -> String {
        format!("http://{}{target}", self.address)
    }

    pub async fn get(&self, target: &str) -> Answer {
        answer(self.client.get(self.url(target))).await
    }

    /// Asks for a key with a token in the header.
    pub async fn ask(&self, key: Uuid, token: &str) -> Answer {
        let request = self.client.get(self.url(&format!("/?kid={key}")));
        answer(request.header("Authorization", format!("Bearer {token}"))).await
    }

    /// The key is given for this token, in the header and in the query.
    pub async fn gives(&self, key: Uuid, token: &str) {
        let encoded: String = url::form_urlencoded::byte_serialize(token.as_bytes()).collect();
        for answer in [self.ask(key, token).await, self.get(&format!("/?KID={key}&token={encoded}")).await] {
            assert_eq!((answer.status, answer.body), (200, material(key)), "{token}");
        }
    }
}

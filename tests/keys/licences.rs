//! Licences through the gateway: a stand-in licence service that says what it was asked.

use std::sync::{Arc, Mutex};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use headwater::catalog::{ContentKeyType, KeyDeliveryType};
use headwater::key_delivery::Settings;
use headwater::key_delivery::licence::{Form, LicenceService, LicenceServices};
use headwater::secrets::SecretBytes;
use headwater::tokens::TokenType;
use http_body_util::{BodyExt, Full};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use uuid::Uuid;

use crate::site::{Answer, OPEN, Restriction, Site, answer, claims, jwt, template, token};

/// What the service was asked: path, headers, body.
#[derive(Clone, Debug)]
struct Asked {
    path: String,
    headers: hyper::HeaderMap,
    body: Bytes,
}

impl Asked {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

/// A licence service, which answers `licence for BODY`; at `/broken` 401, at `/fault` 500 with a body.
#[derive(Clone)]
struct Service {
    base: String,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Service {
    async fn start() -> Service {
        let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", tcp.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let service = Service { base, asked: Arc::clone(&asked) };
        tokio::spawn(async move {
            loop {
                let (socket, _) = tcp.accept().await.unwrap();
                let asked = Arc::clone(&asked);
                let answer = service_fn(move |request: Request<hyper::body::Incoming>| {
                    let asked = Arc::clone(&asked);
                    async move {
                        let (head, body) = request.into_parts();
                        let body = body.collect().await.unwrap().to_bytes();
                        let path = head.uri.path().to_owned();
                        asked.lock().unwrap().push(Asked {
                            path: path.clone(),
                            headers: head.headers,
                            body: body.clone(),
                        });
                        let (status, text) = match path.as_str() {
                            "/broken" => (401, b"who are you?".to_vec()),
                            "/fault" => (500, b"<soap:Fault/>".to_vec()),
                            "/elsewhere" => (302, Vec::new()),
                            _ => (200, [b"licence for ".as_slice(), &body].concat()),
                        };
                        let answer = Response::builder().status(status).header("content-type", "application/x-licence");
                        let answer = answer.header("location", "http://127.0.0.1:1/").header("set-cookie", "a=b");
                        Ok::<_, std::convert::Infallible>(answer.body(Full::new(Bytes::from(text))).unwrap())
                    }
                });
                tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(socket), answer));
            }
        });
        service
    }

    fn at(&self, path: &str, form: Form) -> Option<LicenceService> {
        let credential = ("x-api-key".parse().unwrap(), SecretBytes::new(b"our secret".to_vec()));
        Some(LicenceService {
            url: format!("{}{path}", self.base).parse().unwrap(),
            form,
            credential: Some(credential),
        })
    }

    fn last(&self) -> Asked {
        self.asked.lock().unwrap().last().unwrap().clone()
    }

    fn times(&self) -> usize {
        self.asked.lock().unwrap().len()
    }
}

async fn site(service: &Service) -> Site {
    let licences = LicenceServices {
        playready: service.at("/playready", Form::Challenge),
        widevine: service.at("/widevine", Form::Challenge),
        fairplay: service.at("/fairplay", Form::Json),
    };
    Site::with(Settings { licences, ..Settings::default() }).await
}

async fn key(site: &Site, delivery: KeyDeliveryType, restrictions: &[Restriction]) -> Uuid {
    site.key_of(ContentKeyType::CommonEncryption, &[(delivery, restrictions)]).await
}

async fn post(site: &Site, target: &str, body: Vec<u8>, token: Option<&str>) -> Answer {
    let mut request = site.client.post(site.url(target)).body(body);
    if let Some(token) = token {
        request = request.bearer_auth(token);
    }
    answer(request).await
}

fn playready(keys: &[Uuid], custom: &str) -> Vec<u8> {
    let kids: String = keys
        .iter()
        .map(|key| format!("<KID VALUE=\"{}\" ALGID=\"AESCTR\"/>", STANDARD.encode(key.to_bytes_le())))
        .collect();
    format!(
        "<soap:Envelope xmlns:soap=\"http://schemas.xmlsoap.org/soap/envelope/\"><soap:Body><AcquireLicense \
         xmlns=\"http://schemas.microsoft.com/DRM/2007/03/protocols\"><challenge><Challenge><LA><ContentHeader>\
         <WRMHEADER version=\"4.2.0.0\"><DATA><PROTECTINFO><KIDS>{kids}</KIDS></PROTECTINFO></DATA></WRMHEADER>\
         </ContentHeader>{custom}</LA></Challenge></challenge></AcquireLicense></soap:Body></soap:Envelope>"
    )
    .into_bytes()
}

/// As Chromium's content decryption module frames it, with a made-up client.
fn widevine(keys: &[Uuid]) -> Vec<u8> {
    let field = |number: u8, inside: &[u8]| {
        let mut out = vec![number << 3 | 2];
        let mut length = inside.len();
        while length >= 0x80 {
            out.push((length & 0x7f) as u8 | 0x80);
            length >>= 7;
        }
        out.push(length as u8);
        [out, inside.to_vec()].concat()
    };
    let data: Vec<u8> = keys.iter().flat_map(|key| field(2, key.as_bytes())).collect();
    let content = field(1, &[field(1, &data), vec![0x10, 1], field(3, b"request id")].concat());
    let request = [field(1, &[7; 900]), field(2, &content), vec![0x18, 1]].concat();
    [vec![0x08, 1], field(2, &request), field(3, &[9; 256])].concat()
}

#[tokio::test]
async fn a_challenge_goes_to_the_service_of_its_system_and_the_licence_comes_back() {
    let service = Service::start().await;
    let site = site(&service).await;
    let restriction = [token(&template(TokenType::Jwt))];
    let one = key(&site, KeyDeliveryType::PlayReadyLicense, &restriction).await;
    let challenge = playready(&[one], "");
    let licence = post(&site, "/PlayReady/", challenge.clone(), Some(&jwt(&claims(one)))).await;
    assert_eq!((licence.status, licence.body), (200, [b"licence for ".as_slice(), &challenge].concat()));
    assert_eq!(licence.headers["content-type"], "application/x-licence");
    assert_eq!(licence.headers["cache-control"], "no-store");
    assert_eq!(licence.headers["access-control-allow-origin"], "*");
    assert!(!licence.headers.contains_key("set-cookie"));
    let asked = service.last();
    assert_eq!((asked.path.as_str(), asked.header("x-api-key")), ("/playready", "our secret"));
    assert_eq!(asked.header("x-headwater-key-ids"), one.to_string());
    assert_eq!(STANDARD.decode(asked.header("x-headwater-template")).unwrap(), b"{}");
    assert_eq!(asked.header("authorization"), "", "the player's token is for us");

    let two = key(&site, KeyDeliveryType::Widevine, &restriction).await;
    let licence =
        post(&site, &format!("/Widevine/?kid={two}&token={}", jwt(&claims(two))), widevine(&[two]), None).await;
    assert_eq!((licence.status, licence.body), (200, [b"licence for ".as_slice(), &widevine(&[two])].concat()));
    assert_eq!((service.last().path.as_str(), service.last().body), ("/widevine", Bytes::from(widevine(&[two]))));

    let three = key(&site, KeyDeliveryType::FairPlay, &restriction).await;
    let form = b"spc=AAEC%2Bw%3D%3D&assetId=what+the+player+says".to_vec();
    let licence = post(&site, &format!("/FairPlay/?kid={three}"), form, Some(&jwt(&claims(three)))).await;
    assert_eq!(licence.status, 200);
    let asked: Value = serde_json::from_slice(&service.last().body).unwrap();
    let sent = format!("spc=AAEC%2Bw%3D%3D&assetId={three}");
    let expected = json!({ "system": "FairPlay", "key_ids": [three.to_string()], "challenge": STANDARD.encode(sent), "template": "{}" });
    assert_eq!(asked, expected);
}

#[tokio::test]
async fn the_policy_judges_before_the_service_is_asked() {
    let service = Service::start().await;
    let site = site(&service).await;
    let paid = key(&site, KeyDeliveryType::Widevine, &[token(&template(TokenType::Jwt))]).await;
    let free = key(&site, KeyDeliveryType::Widevine, &[OPEN]).await;
    let playready_only = key(&site, KeyDeliveryType::PlayReadyLicense, &[OPEN]).await;
    let status = async |target: &str, body: Vec<u8>, token: Option<&str>| post(&site, target, body, token).await.status;
    let good = jwt(&claims(paid));
    assert_eq!(status("/Widevine/", widevine(&[paid]), None).await, 401);
    assert_eq!(status("/Widevine/", widevine(&[paid]), Some(&jwt(&claims(free)))).await, 401);
    // What the URL says does not count, and one key of several that is not allowed refuses them all.
    assert_eq!(status(&format!("/Widevine/?kid={free}"), widevine(&[paid]), None).await, 401);
    assert_eq!(status("/Widevine/", widevine(&[free, paid]), None).await, 401);
    assert_eq!(status("/Widevine/", widevine(&[free, Uuid::nil()]), None).await, 404);
    assert_eq!(status("/Widevine/", widevine(&[playready_only]), None).await, 403);
    assert_eq!(status("/Widevine/", widevine(&[]), None).await, 400);
    assert_eq!(status("/Widevine/", b"spc=AAAA".to_vec(), None).await, 400);
    assert_eq!(status("/Widevine/", Vec::new(), None).await, 400);
    assert_eq!(status("/PlayReady/", playready(&[free], ""), None).await, 403);
    assert_eq!(status("/FairPlay/", b"spc=AAAA".to_vec(), None).await, 400);
    assert_eq!(site.get("/Widevine/").await.status, 400);
    assert_eq!(service.times(), 0);
    assert_eq!(status("/Widevine/", widevine(&[free, paid]), Some(&good)).await, 200);
    // The service's certificate is for whoever may have the key in the URL.
    assert_eq!(status("/Widevine/", vec![8, 4], None).await, 400);
    assert_eq!(status(&format!("/Widevine/?kid={paid}"), vec![8, 4], None).await, 401);
    assert_eq!(status(&format!("/Widevine/?kid={paid}"), vec![8, 4], Some(&good)).await, 200);
    assert_eq!(service.times(), 2);
}

#[tokio::test]
async fn a_token_in_the_custom_data_of_playready_counts() {
    let service = Service::start().await;
    let site = site(&service).await;
    let key = key(&site, KeyDeliveryType::PlayReadyLicense, &[token(&template(TokenType::Jwt))]).await;
    let custom = |token: &str| {
        let namespace = "http://schemas.microsoft.com/Azure/MediaServices/KeyDelivery/PlayReadyCustomData/v1";
        let data = format!("<PlayReadyCustomData xmlns=\"{namespace}\"><Token>{token}</Token></PlayReadyCustomData>");
        format!("<CustomData>{}</CustomData>", data.replace('<', "&lt;").replace('>', "&gt;"))
    };
    let (good, other) = (jwt(&claims(key)), jwt(&claims(Uuid::nil())));
    let ask = async |custom: &str, token: Option<&str>| {
        post(&site, "/PlayReady/", playready(&[key], custom), token).await.status
    };
    assert_eq!(ask(&custom(&good), None).await, 200);
    assert_eq!(ask(&custom(&good), Some(&good)).await, 200);
    assert_eq!(ask(&custom(&other), None).await, 401);
    assert_eq!(ask(&custom(&other), Some(&good)).await, 401, "they disagree");
    assert_eq!(ask("<CustomData>the application's own</CustomData>", Some(&good)).await, 200);
}

#[tokio::test]
async fn a_service_that_fails_is_said_to_fail() {
    let service = Service::start().await;
    let gone = {
        let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
        format!("http://{}/", tcp.local_addr().unwrap())
    };
    let licences = LicenceServices {
        playready: service.at("/fault", Form::Challenge),
        widevine: service.at("/broken", Form::Challenge),
        fairplay: Some(LicenceService { url: gone.parse().unwrap(), form: Form::Challenge, credential: None }),
    };
    let site = Site::with(Settings { licences, ..Settings::default() }).await;
    let key = site
        .key_of(
            ContentKeyType::CommonEncryption,
            &[
                (KeyDeliveryType::PlayReadyLicense, &[OPEN]),
                (KeyDeliveryType::Widevine, &[OPEN]),
                (KeyDeliveryType::FairPlay, &[OPEN]),
            ],
        )
        .await;
    // A fault of PlayReady's is for the player.
    let fault = post(&site, "/PlayReady/", playready(&[key], ""), None).await;
    assert_eq!((fault.status, fault.text()), (500, "<soap:Fault/>"));
    let broken = post(&site, "/Widevine/", widevine(&[key]), None).await;
    assert_eq!((broken.status, broken.text()), (502, "the licence service does not answer\n"));
    assert_eq!(post(&site, &format!("/FairPlay/?kid={key}"), b"spc=AAAA".to_vec(), None).await.status, 502);
    let licences =
        LicenceServices { widevine: service.at("/elsewhere", Form::Challenge), ..LicenceServices::default() };
    let other = Site::with(Settings { licences, ..Settings::default() }).await;
    let key = other.key_of(ContentKeyType::CommonEncryption, &[(KeyDeliveryType::Widevine, &[OPEN])]).await;
    assert_eq!(post(&other, "/Widevine/", widevine(&[key]), None).await.status, 502);
    assert_eq!(post(&other, "/PlayReady/", playready(&[key], ""), None).await.status, 501);
}

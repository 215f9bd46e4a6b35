//! What the catalogue says, as requests meet it: times, policies, endpoints.

use std::net::IpAddr;
use std::path::Path;
use std::time::{Duration, SystemTime};

use aws_lc_rs::hmac;
use headwater::catalog::*;
use headwater::origin::{Origin, Request, Settings};
use headwater::packager::Dialect;
use headwater::secrets::SecretBytes;
use headwater::source;
use headwater::time::UtcTime;
use http_body_util::BodyExt;
use hyper::{HeaderMap, Method, Uri};

use crate::stores::{MINUTE, NOW, Site, by, streaming};
use crate::{change, on_both};

struct Answer {
    status: u16,
    code: String,
    headers: HeaderMap,
    body: String,
}

struct Client {
    origin: Origin,
    peer: IpAddr,
    now: UtcTime,
}

impl Client {
    fn of(site: &Site) -> Client {
        let settings = Settings {
            dialect: Dialect::Modern,
            segments: source::Settings::default(),
            max_age: Duration::from_secs(259_200),
            index_cache_bytes: 16 << 20,
            answer_cache_bytes: 16 << 20,
            in_flight_bytes: 64 << 20,
        };
        let origin = Origin::new(site.catalog.clone(), settings);
        Client { origin, peer: "192.0.2.7".parse().unwrap(), now: NOW }
    }

    async fn get(&self, path: &str, headers: &[(&'static str, &str)]) -> Answer {
        let uri: Uri = path.parse().unwrap();
        let headers: HeaderMap =
            headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
        let now = SystemTime::UNIX_EPOCH + Duration::from_millis(self.now.unix_millis);
        let request = Request { method: &Method::GET, uri: &uri, headers: &headers, peer: self.peer, now };
        let answer = self.origin.handle(request).await;
        let (parts, body) = answer.into_parts();
        let body = String::from_utf8_lossy(&body.collect().await.unwrap().to_bytes()).into_owned();
        let code = body.lines().nth(1).and_then(|line| line.split(' ').next()).unwrap_or_default().to_owned();
        Answer { status: parts.status.as_u16(), code, headers: parts.headers, body }
    }

    async fn status(&self, path: &str) -> (u16, String) {
        let answer = self.get(path, &[]).await;
        (answer.status, if answer.status < 400 { String::new() } else { answer.code })
    }
}

fn refused(status: u16, code: &str) -> (u16, String) {
    (status, code.to_owned())
}

/// A fixture as an asset in place.
async fn film(site: &Site, options: AssetOptions) -> Asset {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/films/no-ism");
    let new = NewAsset {
        options,
        container: Some(folder.to_str().unwrap().to_owned()),
        storage_account: Some(IN_PLACE.to_owned()),
        ..NewAsset::default()
    };
    let asset = change!(site, |t| t.import_asset(new)).unwrap();
    change!(site, |t| t.create_file(NewAssetFile::new(asset.id, "film_90.mp4"))).unwrap();
    asset
}

/// Manifests of the three protocols and a download.
fn paths(locator: &Locator) -> [String; 4] {
    let guid = locator.id.guid();
    [
        format!("/{guid}/no-ism.ism/Manifest"),
        format!("/{guid}/no-ism.ism/Manifest(format=mpd-time-cmaf)"),
        format!("/{guid}/no-ism.ism/Manifest(format=m3u8-cmaf)"),
        format!("/{guid}/film_90.mp4"),
    ]
}

async fn default_endpoint(site: &Site) -> StreamingEndpointId {
    site.catalog.list::<StreamingEndpoint>(&Page::first()).await.unwrap()[0].id
}

on_both! {
    async fn a_locator_counts_from_its_start_to_its_expiration(site: &Site) {
        let asset = film(site, AssetOptions::None).await;
        let policy = site.policy(10, Permissions::READ).await;
        let start = UtcTime { unix_millis: NOW.unix_millis + 5 * MINUTE };
        let locator = NewLocator { start: Some(start), ..streaming(&asset, &policy) };
        let locator = site.catalog.create_locator(by(), locator).await.unwrap();
        let mut client = Client::of(site);
        let paths = paths(&locator);
        for (minute, expected) in [
            (0, refused(404, "MPE_UNAUTHORIZED")),
            (5, refused(200, "")),
            (14, refused(200, "")),
            (15, refused(404, "MPE_UNAUTHORIZED")),
        ] {
            client.now = UtcTime { unix_millis: NOW.unix_millis + minute * MINUTE };
            for path in &paths {
                assert_eq!(client.status(path).await, expected, "{path} at {minute}");
            }
        }
        // Caches keep nothing longer than the locator lasts.
        client.now = UtcTime { unix_millis: NOW.unix_millis + 14 * MINUTE };
        assert_eq!(client.get(&paths[0], &[]).await.headers["cache-control"], "max-age=60");
        change!(site, |t| t.delete_locator(locator.id)).unwrap();
        assert_eq!(client.status(&paths[0]).await, refused(404, "MPE_RESOURCE_NOT_FOUND"));
        // A SAS locator is none for streaming.
        let sas = NewLocator { locator_type: LocatorType::Sas, ..streaming(&asset, &policy) };
        let sas = site.catalog.create_locator(by(), sas).await.unwrap();
        assert_eq!(client.status(&format!("/{}/film_90.mp4", sas.id.guid())).await, refused(404, "MPE_RESOURCE_NOT_FOUND"));
    }

    async fn delivery_policies_decide_over_protocols(site: &Site) {
        use DeliveryType::{Blocked, DynamicCommonEncryption, DynamicEnvelopeEncryption, NoDynamicEncryption};
        use Protocols as P;
        let read = site.policy(10, Permissions::READ).await;
        let client = Client::of(site);
        let (ok, blocked) = (refused(200, ""), refused(403, "MPE_OUTPUT_FORMAT_BLOCKED"));
        // It has no content key that its media could be encrypted with.
        let encrypted = refused(403, "MPE_ENC_ENCRYPTION_NOT_SET_IN_DELIVERY_POLICY");
        for (policies, expected) in [
            (vec![], [&ok, &ok, &ok, &ok]),
            (vec![(P::HLS, NoDynamicEncryption)], [&blocked, &blocked, &ok, &blocked]),
            (vec![(P::ALL, NoDynamicEncryption)], [&ok, &ok, &ok, &ok]),
            (vec![(P::SMOOTH, Blocked), (P::DASH | P::PROGRESSIVE, NoDynamicEncryption)], [&blocked, &ok, &blocked, &ok]),
            (vec![(P::HLS, DynamicEnvelopeEncryption), (P::DASH | P::SMOOTH, DynamicCommonEncryption)], [&encrypted, &encrypted, &encrypted, &blocked]),
            (vec![(P::HLS, NoDynamicEncryption), (P::HLS | P::DASH, Blocked)], [&blocked, &blocked, &blocked, &blocked]),
        ] {
            let asset = film(site, AssetOptions::None).await;
            for (protocols, delivery_type) in &policies {
                let new = NewDeliveryPolicy { name: None, protocols: *protocols, delivery_type: *delivery_type, configuration: vec![] };
                let policy = change!(site, |t| t.create_delivery_policy(new)).unwrap();
                change!(site, |t| t.link_delivery_policy(asset.id, policy.id)).unwrap();
            }
            let locator = site.locator(&asset, &read).await;
            for (path, expected) in paths(&locator).iter().zip(expected) {
                assert_eq!(client.status(path).await, *expected, "{path} with {policies:?}");
            }
        }
    }

    async fn only_a_running_endpoint_answers(site: &Site) {
        let asset = film(site, AssetOptions::None).await;
        let locator = site.locator(&asset, &site.policy(10, Permissions::READ).await).await;
        let client = Client::of(site);
        let path = &paths(&locator)[0];
        let id = default_endpoint(site).await;
        assert_eq!(client.status(path).await.0, 200);
        let stop = change!(site, |t| t.begin_action(id, EndpointAction::Stop)).unwrap();
        assert_eq!(client.status(path).await.0, 503, "stopping");
        site.catalog.settle(by(), stop.id).await.unwrap();
        let answer = client.get(path, &[]).await;
        assert!(answer.status == 503 && answer.body.contains("Stopped"), "{}", answer.body);
        assert_eq!(client.status("/healthz").await.0, 200, "the server itself is well");
        let start = change!(site, |t| t.begin_action(id, EndpointAction::Start)).unwrap();
        assert_eq!(client.status(path).await.0, 503, "starting");
        site.catalog.settle(by(), start.id).await.unwrap();
        let scale = change!(site, |t| t.begin_action(id, EndpointAction::Scale { units: 1 })).unwrap();
        assert_eq!(client.status(path).await.0, 200, "scaling");
        site.catalog.settle(by(), scale.id).await.unwrap();
        assert_eq!(client.status(path).await.0, 200);
    }

    async fn endpoints_have_names_clients_and_documents_of_their_own(site: &Site) {
        let asset = film(site, AssetOptions::None).await;
        let locator = site.locator(&asset, &site.policy(100_000, Permissions::READ).await).await;
        let mut client = Client::of(site);
        let path = &paths(&locator)[0];
        let range = |text| access::IpRange::parse("net", text, None).unwrap();
        let new = NewStreamingEndpoint {
            name: "inside".into(),
            scale_units: 0,
            settings: EndpointSettings {
                custom_host_names: Some(vec!["inside.example".into()]),
                ip_allow: Some(vec![range("10.0.0.0/8"), range("2001:db8::/32")]),
                max_age_seconds: Some(Some(60)),
                cross_domain_policy: Some(Some("<cross-domain-policy/>".into())),
                ..EndpointSettings::default()
            },
        };
        let inside = change!(site, |t| t.create_endpoint(new)).unwrap();
        let host: &[(&'static str, &str)] = &[("host", "inside.example:8080")];
        assert_eq!(client.get(path, host).await.status, 503, "a new endpoint is stopped");
        let start = change!(site, |t| t.begin_action(inside.id, EndpointAction::Start)).unwrap();
        site.catalog.settle(by(), start.id).await.unwrap();
        assert_eq!(client.get(path, host).await.status, 403);
        assert_eq!(client.get("/crossdomain.xml", host).await.status, 403);
        assert_eq!(client.get(path, &[("host", "other.example")]).await.status, 200, "the default endpoint");
        for peer in ["10.1.2.3", "::ffff:10.1.2.3", "2001:db8::7"] {
            client.peer = peer.parse().unwrap();
            let answer = client.get(path, host).await;
            assert_eq!((answer.status, answer.headers["cache-control"].to_str().unwrap()), (200, "max-age=60"), "{peer}");
        }
        let document = client.get("/crossdomain.xml", host).await;
        assert_eq!((document.status, document.body.as_str()), (200, "<cross-domain-policy/>"));
        assert_eq!(document.headers["content-type"], "text/xml");
        assert_eq!(client.get("/clientaccesspolicy.xml", host).await.status, 404, "none is set");
        assert_eq!(client.get("/crossdomain.xml", &[]).await.status, 404, "and none for the default endpoint");
        assert_eq!(client.get(path, &[]).await.headers["cache-control"], "max-age=259200");
    }

    async fn signature_headers_are_wanted_where_there_are_keys(site: &Site) {
        let asset = film(site, AssetOptions::None).await;
        let locator = site.locator(&asset, &site.policy(10, Permissions::READ).await).await;
        let client = Client::of(site);
        let path = format!("{}?a=b", paths(&locator)[2]);
        let key = NewAkamaiKey {
            identifier: "edge".into(),
            key: SecretBytes::new(b"a secret of the edge".to_vec()),
            expiration: UtcTime { unix_millis: NOW.unix_millis + MINUTE },
        };
        let settings = EndpointSettings { akamai_keys: Some(vec![key]), ..EndpointSettings::default() };
        let id = default_endpoint(site).await;
        change!(site, |t| t.update_endpoint(id, settings, None)).unwrap();
        let data = format!("5, 203.0.113.1, 192.0.2.7, {}, 1.2, edge", NOW.unix_millis / 1000);
        let key = hmac::Key::new(hmac::HMAC_SHA256, b"a secret of the edge");
        let sign = base64(hmac::sign(&key, format!("{data}{path}").as_bytes()).as_ref());
        let signed = [(access::G2O_DATA, data.as_str()), (access::G2O_SIGN, sign.as_str())];
        assert_eq!(client.get(&path, &signed).await.status, 200);
        assert_eq!(client.get(&path, &[]).await.status, 403);
        assert_eq!(client.get(&path, &signed[..1]).await.status, 403);
        assert_eq!(client.get(&paths(&locator)[1], &signed).await.status, 403, "signed for another path");
        let body = client.get(&path, &[]).await.body;
        assert!(body.contains("Akamai") && !body.contains("secret"), "{body}");
    }

    async fn what_cannot_be_decrypted_is_not_served(site: &Site) {
        // Encrypted in storage, and no storage key: no byte of it goes out as if it were a film.
        let asset = film(site, AssetOptions::StorageEncrypted).await;
        let new = NewDeliveryPolicy {
            name: None,
            protocols: Protocols::ALL,
            delivery_type: DeliveryType::NoDynamicEncryption,
            configuration: vec![],
        };
        let policy = change!(site, |t| t.create_delivery_policy(new)).unwrap();
        change!(site, |t| t.link_delivery_policy(asset.id, policy.id)).unwrap();
        let locator = site.locator(&asset, &site.policy(10, Permissions::READ).await).await;
        let client = Client::of(site);
        for path in paths(&locator) {
            assert!(client.status(&path).await.0 >= 400, "{path}");
        }
    }
}

fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for chunk in bytes.chunks(3) {
        let mut three = [0; 4];
        three[1..=chunk.len()].copy_from_slice(chunk);
        let bits = u32::from_be_bytes(three);
        (0..=chunk.len() as u32).for_each(|i| out.push(char::from(LETTERS[(bits >> (18 - 6 * i) & 63) as usize])));
        (chunk.len()..3).for_each(|_| out.push('='));
    }
    out
}

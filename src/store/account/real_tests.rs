//! Accounts at real services: the contract, signed URLs, and films that play the same from everywhere.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use hyper::Method;

use super::Account;
use super::tests::keeps_the_contract;
use crate::cipher::{StorageCipher, StorageKey, key_checksum};
use crate::keys::ProtectionCertificate;
use crate::media::{Presentation, Revision, SourceFile, TrackRef};
use crate::origin;
use crate::packager::{Context, Dialect, FORMATS, Format, MediaData, Noun, SegmentRequest, Selection};
use crate::source::{self, FileIndex, ism};
use crate::store::account::AzureCredential;
use crate::store::sas::{Grant, Permissions};
use crate::store::servers::{azure_account, azurite, moto, python, s3_account, script};
use crate::store::{Decrypted, Error, Folder, ObjectInfo, Store, Symlinks};
use crate::time::{MediaTime, Timescale, UtcTime};

#[tokio::test]
async fn azure_keeps_the_contract() {
    let Some(service) = azurite() else { return };
    keeps_the_contract(&azure_account(&service, None)).await;
}

#[tokio::test]
async fn s3_keeps_the_contract() {
    let Some(service) = moto() else { return };
    keeps_the_contract(&s3_account(&service, "some/where", None)).await;
}

#[tokio::test]
async fn a_signed_url_of_azure_opens_one_container_for_what_it_says() {
    let Some(service) = azurite() else { return };
    let owner = azure_account(&service, None);
    for container in ["asset-1", "asset-2"] {
        owner.create_container(container).await.unwrap();
        owner.put(container, "a.mp4", "film".into()).await.unwrap();
    }
    let grant = Grant {
        permissions: Permissions::parse("rl"),
        start: None,
        expiry: UtcTime { unix_millis: unix_millis() + 600_000 },
        identifier: Some("locator".to_owned()),
        https_only: false,
    };
    let url = owner.azure().unwrap().signed_container_url("asset-1", &grant).unwrap();
    let query = url.split_once('?').unwrap().1.as_bytes().to_vec();
    let reader = azure_account(&service, Some(AzureCredential::Sas(crate::secrets::SecretBytes::new(query))));
    let store = reader.container("asset-1").unwrap();
    let info = store.head("a.mp4").await.unwrap();
    assert_eq!(store.list("").await.unwrap().len(), 1);
    assert_eq!(store.read(&info, 0..4).await.unwrap(), "film");
    assert!(matches!(reader.put("asset-1", "b.mp4", "x".into()).await, Err(Error::Denied { .. })));
    let other = reader.container("asset-2").unwrap().head("a.mp4").await;
    assert!(matches!(other, Err(Error::Denied { .. })), "{other:?}");
    let text = format!("{reader:?} {other:?}");
    assert!(!text.contains("sig="), "{text}");
}

#[tokio::test]
async fn a_presigned_url_of_s3_opens_one_file() {
    let Some(service) = moto() else { return };
    let account = s3_account(&service, "", None);
    account.put("asset-1", "a b.mp4", "film".into()).await.unwrap();
    let s3 = account.s3().unwrap();
    let url = s3.signed_url(Method::GET, "asset-1", "a b.mp4", Duration::from_secs(60)).await.unwrap();
    assert!(url.contains("/films/asset-1/a%20b.mp4?") && url.contains("X-Amz-Signature="), "{url}");
    let (host, target) = url.strip_prefix("http://").unwrap().split_once('/').unwrap();
    let answer = tokio::task::spawn_blocking({
        let (host, target) = (host.to_owned(), target.to_owned());
        move || {
            use std::io::{Read, Write};
            let mut socket = std::net::TcpStream::connect(&host).unwrap();
            write!(socket, "GET /{target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").unwrap();
            let mut answer = String::new();
            socket.read_to_string(&mut answer).unwrap();
            answer
        }
    });
    let answer = answer.await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("film"), "{answer}");
    assert!(s3.signed_url(Method::GET, "asset-1", "../x", Duration::from_secs(60)).await.is_err());
}

#[tokio::test]
async fn what_is_wrong_with_a_service_is_said() {
    let settings = |endpoint: &str| super::AccountSettings {
        name: "clouds".to_owned(),
        recheck: None,
        backend: super::Backend::S3 {
            bucket: "films".to_owned(),
            prefix: String::new(),
            endpoint: Some(endpoint.to_owned()),
            region: None,
            credential: Some(super::S3Credential {
                access_key_id: "id".to_owned(),
                secret: crate::secrets::SecretBytes::new(b"s".to_vec()),
            }),
            landing: None,
        },
    };
    // A service that knows no ranges: it sends the whole file, whatever is asked for.
    let server = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = server.local_addr().unwrap();
    let serving = tokio::spawn(async move {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        while let Ok((mut socket, _)) = server.accept().await {
            let mut seen = Vec::new();
            while !seen.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                socket.read_exact(&mut byte).await.unwrap();
                seen.push(byte[0]);
            }
            let head = "HTTP/1.1 200 OK\r\nETag: \"1\"\r\nLast-Modified: Thu, 01 Jan 2026 00:00:00 GMT\r\n";
            let body = if seen.starts_with(b"HEAD") { "" } else { "whole file" };
            let answer = format!("{head}Content-Length: 10\r\nConnection: close\r\n\r\n{body}");
            socket.write_all(answer.as_bytes()).await.unwrap();
        }
    });
    let store = Account::open(settings(&format!("http://{address}"))).unwrap().container("asset-1").unwrap();
    let info = store.head("a").await.unwrap();
    let read = store.read(&info, 2..5).await;
    assert!(matches!(read, Err(Error::RangesIgnored { .. })), "{read:?}");
    serving.abort();
}

/// A film of the fixtures as one store holds it: everything that all formats make of it.
#[derive(PartialEq)]
struct Played {
    manifests: Vec<Vec<u8>>,
    segments: Vec<Vec<u8>>,
}

/// What a film cost of a store.
#[derive(Debug, Default)]
struct Cost {
    opening: u64,
    dearest_segment: u64,
}

/// The film in `store`, opened as the origin does it.
async fn open(store: &dyn Store) -> (Presentation, Vec<ObjectInfo>) {
    let files = store.list("").await.unwrap();
    let find = |name: &str| files.iter().find(|f| f.path == name).cloned().unwrap();
    let manifest = find("film.ism");
    let manifest = ism::parse(&store.read(&manifest, 0..manifest.size).await.unwrap()).unwrap();
    let mut names: Vec<String> = manifest.entries.iter().map(|e| e.src.clone()).collect();
    names.dedup();
    let mut indexed: Vec<(SourceFile, Arc<FileIndex>)> = Vec::new();
    let mut objects = Vec::new();
    for name in names {
        if indexed.iter().any(|(file, _)| file.name == name) {
            continue;
        }
        let info = find(&name);
        let index = origin::index(store, &info).await.unwrap();
        indexed.push((SourceFile { name, size: info.size }, Arc::new(index)));
        objects.push(info);
    }
    let milliseconds = |n| MediaTime::new(n, Timescale::MILLISECONDS);
    let settings = source::Settings {
        target_segment: milliseconds(2000),
        max_segment: milliseconds(20_000),
        fragments_per_ts_segment: 3,
    };
    (source::assemble(Revision([0; 16]), "film.ism", &manifest, &indexed, &settings).unwrap(), objects)
}

async fn play(store: &dyn Store, requests: impl Fn() -> u64) -> (Played, Cost) {
    let begun = requests();
    let (film, objects) = open(store).await;
    let mut cost = Cost { opening: requests() - begun, dearest_segment: 0 };
    let selection = Selection::default();
    let now = UtcTime { unix_millis: 0 };
    let context = Context {
        dialect: Dialect::Modern,
        now,
        selection: &selection,
        thumbnails: None,
        protection: None,
        figures: None,
    };
    let mut played = Played { manifests: Vec::new(), segments: Vec::new() };
    for format in FORMATS {
        played.manifests.push(format.manifest(&film, &context).unwrap().body.concat());
        for (group, of) in film.groups.iter().enumerate() {
            let scale = format.url_timescale(&film, group, &context);
            let step = format.fragments_per_segment(&film);
            for track in 0..of.tracks.len() {
                for index in (0..of.segment_count()).step_by(step) {
                    let at = TrackRef { group, track };
                    let time = of.boundary(index, scale);
                    let request = SegmentRequest { track: at, noun: Noun::Fragments, time, audio_track: None };
                    let before = requests();
                    played.segments.push(segment(*format, &film, &objects, store, &request, &context).await);
                    cost.dearest_segment = cost.dearest_segment.max(requests() - before);
                }
            }
        }
    }
    (played, cost)
}

async fn segment(
    format: &dyn Format,
    film: &Presentation,
    objects: &[ObjectInfo],
    store: &dyn Store,
    request: &SegmentRequest<'_>,
    context: &Context<'_>,
) -> Vec<u8> {
    let Ok(plan) = format.plan(film, request, context) else { return Vec::new() };
    let mut media = Vec::new();
    for of_file in plan.reads().chunk_by(|a, b| a.0 == b.0) {
        let ranges: Vec<_> = of_file.iter().map(|(_, range)| range.clone()).collect();
        let bytes = store.read_ranges(&objects[of_file[0].0.0 as usize], &ranges).await.unwrap();
        media.extend(ranges.into_iter().zip(bytes).map(|(range, bytes)| (of_file[0].0, range, bytes)));
    }
    format.segment(film, &plan, &MediaData::new(media), context).unwrap().body.concat()
}

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/films").join(name)
}

fn unix_millis() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_millis() as u64
}

/// Films of every container: apart, muxed and interleaved, fragmented with and without an index.
const FILMS: [&str; 5] =
    ["minimal-ism", "progressive-moov-last", "one-track-per-file", "fragmented-ismv", "fragmented-cmaf-sidx"];

async fn upload(account: &Account, container: &str, folder: &Path) {
    account.create_container(container).await.unwrap();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        account.put(container, &name, std::fs::read(&path).unwrap().into()).await.unwrap();
    }
}

async fn films_play_from(account: &Account) {
    for name in FILMS {
        let here = Folder::new(fixture(name), Symlinks::Inside);
        let (expected, _) = play(&here, || 0).await;
        assert!(expected.segments.iter().filter(|s| !s.is_empty()).count() > 10, "{name}");
        upload(account, name, &fixture(name)).await;
        let store = account.container(name).unwrap();
        let (played, cost) = play(&*store, || account.requests()).await;
        assert!(played == expected, "{name} is not the same from {account:?}");
        println!("{name}: {cost:?}");
        assert!(cost.dearest_segment <= 2, "{name}: {cost:?}");
        // A listing, the manifest, and each of at most four small files in one read, or two where its end is
        // looked at first.
        assert!(cost.opening <= 10, "{name}: {cost:?}");
    }
}

#[tokio::test]
async fn films_play_from_azure_with_two_requests_a_segment() {
    let Some(service) = azurite() else { return };
    films_play_from(&azure_account(&service, None)).await;
}

#[tokio::test]
async fn films_play_from_s3_with_two_requests_a_segment() {
    let Some(service) = moto() else { return };
    films_play_from(&s3_account(&service, "headwater", None)).await;
}

/// An independent program encrypts a film as clients of the service did; we are given what they sent.
#[tokio::test]
async fn a_storage_encrypted_film_plays_from_azure() {
    let (Some(service), Some(python)) = (azurite(), python()) else { return };
    let work = tempfile::tempdir().unwrap();
    let path = |name: &str| work.path().join(name).to_str().unwrap().to_owned();
    let certificate = ProtectionCertificate::generate("headwater").unwrap();
    std::fs::write(path("certificate.der"), certificate.der()).unwrap();
    let key_id = uuid::Uuid::from_u128(0x0011_2233_4455_6677_8899_aabb_ccdd_eeff);
    let film = fixture("progressive-moov-last");
    let film_path = film.to_str().unwrap();
    let arguments = [film_path, &path("encrypted"), &path("certificate.der"), &key_id.to_string()];
    let sent: serde_json::Value = serde_json::from_str(&script(&python, "encrypt.py", &arguments)).unwrap();

    let decode = |text: &serde_json::Value| {
        use base64::Engine;
        base64::engine::general_purpose::STANDARD.decode(text.as_str().unwrap()).unwrap()
    };
    let key = certificate.unwrap(&decode(&sent["EncryptedContentKey"])).unwrap();
    assert_eq!(key_checksum(key.expose(), key_id.as_bytes()).unwrap().to_vec(), decode(&sent["Checksum"]));
    let key = StorageKey::from_slice(key.expose()).unwrap();
    let ciphers: HashMap<String, StorageCipher> = sent["Files"]
        .as_object()
        .unwrap()
        .iter()
        .map(|(name, iv)| (name.clone(), StorageCipher::new(key.clone(), iv.as_str().unwrap().parse().unwrap())))
        .collect();

    let account = azure_account(&service, None);
    upload(&account, "asset-secret", Path::new(&path("encrypted"))).await;
    let stored = account.container("asset-secret").unwrap();
    let info = stored.head("film_90.mp4").await.unwrap();
    let clear = std::fs::read(film.join("film_90.mp4")).unwrap();
    assert_eq!(info.size, clear.len() as u64);
    assert_ne!(stored.read(&info, 0..info.size).await.unwrap(), clear);
    let store = Decrypted::new(stored, ciphers);
    let (played, cost) = play(&store, || account.requests()).await;
    let (expected, _) = play(&Folder::new(&film, Symlinks::Inside), || 0).await;
    assert!(played == expected);
    assert!(cost.dearest_segment <= 2, "{cost:?}");
}

//! Assets whose files are encrypted already: served as they are, with keys of our key delivery.

use std::fs;
use std::path::Path;
use std::process::Command;

use headwater::catalog::{
    Asset, AssetOptions, By, ContentKeyId, ContentKeyType, DeliveryType, IN_PLACE, KeyDeliveryType, Locator,
    LocatorType, NewAccessPolicy, NewAsset, NewAssetFile, NewDeliveryPolicy, NewLocator, Permissions, Protocols,
};
use headwater::time::UtcTime;

use crate::site::{Answer, OPEN, Site, material, now};

fn by() -> By {
    By::new("test", UtcTime { unix_millis: now() * 1000 })
}

/// A folder as an asset with these options.
async fn asset(site: &Site, folder: &Path, options: AssetOptions) -> Asset {
    let new = NewAsset {
        options,
        container: Some(folder.to_str().unwrap().to_owned()),
        storage_account: Some(IN_PLACE.to_owned()),
        ..NewAsset::default()
    };
    let mut change = site.catalog.begin(by()).await.unwrap();
    let asset = change.import_asset(new).await.unwrap();
    for entry in fs::read_dir(folder).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        change.create_file(NewAssetFile::new(asset.id, &name)).await.unwrap();
    }
    change.commit().await.unwrap();
    asset
}

async fn locator(site: &Site, asset: &Asset) -> Locator {
    let mut change = site.catalog.begin(by()).await.unwrap();
    let new = NewAccessPolicy { name: None, duration_milliseconds: Some(3_600_000), permissions: Permissions::READ };
    let policy = change.create_access_policy(new).await.unwrap();
    change.commit().await.unwrap();
    let new = NewLocator {
        id: None,
        locator_type: LocatorType::OnDemandOrigin,
        asset_id: asset.id,
        access_policy_id: policy.id,
        start: None,
        name: None,
    };
    site.catalog.create_locator(by(), new).await.unwrap()
}

async fn policy(site: &Site, asset: &Asset, delivery_type: DeliveryType) {
    let mut change = site.catalog.begin(by()).await.unwrap();
    let new = NewDeliveryPolicy { name: None, protocols: Protocols::ALL, delivery_type, configuration: Vec::new() };
    let policy = change.create_delivery_policy(new).await.unwrap();
    change.link_delivery_policy(asset.id, policy.id).await.unwrap();
    change.commit().await.unwrap();
}

fn ffmpeg(arguments: &[&str]) -> Option<String> {
    let quiet = ["-hide_banner", "-nostdin", "-loglevel", "error"];
    let output = Command::new("ffmpeg").args(quiet).args(arguments).output().ok()?;
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    Some(String::from_utf8(output.stdout).unwrap())
}

fn source() -> String {
    concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/demo/demo_234p.mp4").to_owned()
}

/// Streams' packets: size and digest of each.
fn packets(arguments: &[&str]) -> Option<Vec<String>> {
    let text = ffmpeg(&[arguments, &["-map", "0", "-c", "copy", "-f", "framehash", "-"]].concat())?;
    let line = |line: &str| {
        let fields: Vec<&str> = line.split(',').map(str::trim).collect();
        (!line.starts_with('#')).then(|| [fields[0], fields[4], fields[5]].join(" "))
    };
    let mut packets: Vec<String> = text.lines().filter_map(line).collect();
    packets.sort();
    Some(packets)
}

fn code(answer: &Answer) -> String {
    let line = answer.text().lines().nth(1).unwrap_or_default().to_owned();
    line.split(' ').next().unwrap_or_default().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn envelopes_play_with_a_key_of_our_key_delivery() {
    let site = Site::start().await;
    let key = site.key(&[OPEN]).await;
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("film");
    fs::create_dir(&folder).unwrap();
    let path = |name: &str| folder.join(name).to_str().unwrap().to_owned();
    let secrets = tempfile::tempdir().unwrap();
    let secret = secrets.path().join("key");
    fs::write(&secret, material(key)).unwrap();
    let info = secrets.path().join("info");
    let text = format!("{}\n{}\n", site.url(&format!("/?kid={key}")), secret.display());
    fs::write(&info, text).unwrap();
    let hls = ["-f", "hls", "-hls_time", "2", "-hls_list_size", "0"];
    let (playlist, info) = (path("film.m3u8"), info.to_str().unwrap().to_owned());
    let source = source();
    let encrypted = [&["-i", &source, "-c", "copy"][..], &hls, &["-hls_key_info_file", &info, &playlist]].concat();
    if ffmpeg(&encrypted).is_none() {
        println!("skipped: ffmpeg is not there");
        return;
    }
    let asset = asset(&site, &folder, AssetOptions::EnvelopeEncryptionProtected).await;
    let base = format!("/{}", locator(&site, &asset).await.id.guid());
    let served = site.get(&format!("{base}/film.m3u8")).await;
    assert_eq!((served.status, served.header("content-type")), (200, "application/vnd.apple.mpegurl"));
    assert!(served.text().contains("METHOD=AES-128"), "{}", served.text());
    let segment = served.text().lines().find(|line| line.ends_with(".ts")).unwrap().to_owned();
    let request = site.client.get(site.url(&format!("{base}/{segment}"))).header("range", "bytes=16-31");
    let part = crate::site::answer(request).await;
    assert_eq!((part.status, part.header("content-type")), (206, "video/mp2t"));
    assert_eq!(part.body, fs::read(folder.join(&segment)).unwrap()[16..32]);
    // A player gets the clear film.
    let url = site.url(&format!("{base}/film.m3u8"));
    let played = tokio::task::spawn_blocking(move || packets(&["-i", &url])).await.unwrap().unwrap();
    let clear = secrets.path().join("clear.m3u8").to_str().unwrap().to_owned();
    ffmpeg(&[&["-i", &source, "-c", "copy"][..], &hls, &[&clear]].concat()).unwrap();
    let expected = packets(&["-allowed_extensions", "ALL", "-i", &clear]).unwrap();
    assert!(played.len() > 100 && played == expected, "{} packets for {}", played.len(), expected.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn common_encryption_is_passed_on_and_never_encrypted_again() {
    let site = Site::start().await;
    let key = site.key_of(ContentKeyType::CommonEncryption, &[(KeyDeliveryType::BaselineHttp, &[OPEN])]).await;
    let hex: String = material(key).iter().map(|byte| format!("{byte:02x}")).collect();
    let root = tempfile::tempdir().unwrap();
    let film = root.path().join("film.mp4").to_str().unwrap().to_owned();
    let source = source();
    let kid = key.simple().to_string();
    let options =
        ["-c", "copy", "-encryption_scheme", "cenc-aes-ctr", "-encryption_key", &hex, "-encryption_kid", &kid];
    if ffmpeg(&[&["-i", &source][..], &options, &[&film]].concat()).is_none() {
        println!("skipped: ffmpeg is not there");
        return;
    }
    let copy = |name: &str| {
        let folder = root.path().join(name);
        fs::create_dir(&folder).unwrap();
        fs::copy(&film, folder.join("film.mp4")).unwrap();
        folder
    };
    // Whatever its options say, a film with encrypted samples is served so.
    for (name, options) in [("protected", AssetOptions::CommonEncryptionProtected), ("plain", AssetOptions::None)] {
        let asset = asset(&site, &copy(name), options).await;
        let mut change = site.catalog.begin(by()).await.unwrap();
        change.link_content_key(asset.id, ContentKeyId(key)).await.unwrap();
        change.commit().await.unwrap();
        let own = locator(&site, &asset).await;
        let base = format!("/{}/{name}.ism", own.id.guid());
        let smooth = site.get(&format!("{base}/manifest")).await;
        assert!(smooth.status == 200 && smooth.text().contains("<ProtectionHeader SystemID="), "{}", smooth.text());
        for tag in ["mpd-time-csf", "mpd-time-cmaf"] {
            let manifest = site.get(&format!("{base}/manifest(format={tag})")).await;
            let told = format!("value=\"cenc\" cenc:default_KID=\"{key}\"");
            assert!(manifest.text().contains(&told), "{}", manifest.text());
            assert!(manifest.text().contains(&format!("/ClearKey/?kid={key}")), "{}", manifest.text());
        }
        for tag in ["m3u8-aapl", "m3u8-aapl-v3"] {
            let refused = site.get(&format!("{base}/manifest(format={tag})")).await;
            let expected = (415, "MPE_SOURCE_PROTECTION_CONVERSION_NOT_SUPPORTED".to_owned());
            assert_eq!((refused.status, code(&refused)), expected, "{tag}");
        }
        // Players of HLS are told where the key is, and get it.
        let level = smooth.text().split("Bitrate=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
        let track = smooth.text().split("Fragments(").nth(1).unwrap().split('=').next().unwrap().to_owned();
        let playlist = site.get(&format!("{base}/QualityLevels({level})/Manifest({track},format=m3u8-cmaf)")).await;
        assert_eq!(playlist.status, 200, "{}", playlist.text());
        let told = "METHOD=SAMPLE-AES-CTR,KEYFORMAT=\"identity\"";
        assert!(playlist.text().contains(told), "{}", playlist.text());
        assert!(playlist.text().contains(&format!("/?kid={key}")), "{}", playlist.text());
        let given = site.get(&format!("/?kid={key}")).await;
        assert_eq!(given.body, material(key));

        // Encrypting policies find it encrypted.
        let mut change = site.catalog.begin(by()).await.unwrap();
        change.delete_locator(own.id).await.unwrap();
        change.commit().await.unwrap();
        policy(&site, &asset, DeliveryType::DynamicCommonEncryption).await;
        let own = locator(&site, &asset).await;
        let base = format!("/{}/{name}.ism", own.id.guid());
        let refused = site.get(&format!("{base}/manifest(format=mpd-time-cmaf)")).await;
        assert_eq!(
            (refused.status, code(&refused)),
            (415, "MPE_ENC_ALREADY_ENCRYPTED".to_owned()),
            "{}",
            refused.text()
        );
    }
    // With a policy that lets it go out as it is, it does.
    let asset = asset(&site, &copy("let-out"), AssetOptions::CommonEncryptionProtected).await;
    policy(&site, &asset, DeliveryType::NoDynamicEncryption).await;
    let base = format!("/{}/let-out.ism", locator(&site, &asset).await.id.guid());
    assert_eq!(site.get(&format!("{base}/manifest(format=mpd-time-cmaf)")).await.status, 200);
}

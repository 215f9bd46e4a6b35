//! Delivery policies decide how a film goes out: every combination, its signalling, and its errors.

use headwater::catalog::{
    By, ContentKeyId, ContentKeyType, DeliveryKey, DeliverySetting, DeliveryType, Locator, LocatorId, NewContentKey,
    NewDeliveryPolicy, NewLocator, Protocols,
};
use headwater::secrets::SecretBytes;
use uuid::Uuid;

use super::site::{Film, Kind, Site, fixture, manifest, now};

const KEY: [u8; 16] = *b"the key of films";
const VECTOR: &str = "00112233445566778899AABBCCDDEEFF";

const ENVELOPE: DeliveryType = DeliveryType::DynamicEnvelopeEncryption;
const COMMON: DeliveryType = DeliveryType::DynamicCommonEncryption;
const CBCS: DeliveryType = DeliveryType::DynamicCommonEncryptionCbcs;
const CLEAR: DeliveryType = DeliveryType::NoDynamicEncryption;

type Policy<'a> = (Protocols, DeliveryType, &'a [(DeliveryKey, &'a str)]);

/// Gives a published film these policies, and keys of these types, whose identifiers it returns.
async fn protect(site: &Site, film: &Film, policies: &[Policy<'_>], keys: &[ContentKeyType]) -> Vec<Uuid> {
    let id = LocatorId(film.base[1..].parse().unwrap());
    let locator = site.catalog.find::<Locator>(&id).await.unwrap().unwrap().entity;
    let by = || By::new("test", now());
    let mut transaction = site.catalog.begin(by()).await.unwrap();
    transaction.delete_locator(id).await.unwrap();
    let mut ids = Vec::new();
    for content_key_type in keys {
        let id = ContentKeyId(Uuid::new_v4());
        let new = NewContentKey {
            id,
            content_key_type: *content_key_type,
            material: SecretBytes::new(KEY.to_vec()),
            checksum: None,
            protection_key_id: String::new(),
            name: None,
            track_identifiers: None,
        };
        transaction.create_content_key(new).await.unwrap();
        transaction.link_content_key(locator.asset_id, id).await.unwrap();
        ids.push(id.guid());
    }
    for (protocols, delivery_type, settings) in policies {
        let setting = |(key, value): &(DeliveryKey, &str)| DeliverySetting { key: *key, value: (*value).to_owned() };
        let new = NewDeliveryPolicy {
            name: None,
            protocols: *protocols,
            delivery_type: *delivery_type,
            configuration: settings.iter().map(setting).collect(),
        };
        let policy = transaction.create_delivery_policy(new).await.unwrap();
        transaction.link_delivery_policy(locator.asset_id, policy.id).await.unwrap();
    }
    transaction.commit().await.unwrap();
    let new = NewLocator {
        id: Some(id),
        locator_type: locator.locator_type,
        asset_id: locator.asset_id,
        access_policy_id: locator.access_policy_id,
        start: None,
        name: None,
    };
    site.catalog.create_locator(by(), new).await.unwrap();
    ids
}

fn open(envelope: &[u8]) -> Vec<u8> {
    use cbc::cipher::{BlockModeDecrypt, KeyIvInit, block_padding::Pkcs7};
    let vector = u128::from_str_radix(VECTOR, 16).unwrap().to_be_bytes();
    let chain = cbc::Decryptor::<aes::Aes128>::new(&KEY.into(), &vector.into());
    chain.decrypt_padded_vec::<Pkcs7>(envelope).unwrap()
}

#[tokio::test]
async fn envelopes_go_around_every_object_and_open_to_what_is_sent_in_the_clear() {
    let site = Site::start().await;
    let (clear, film) = (site.copy_of("demo", "clear/demo").await, site.publish(&fixture("demo")).await);
    let settings = [
        (DeliveryKey::EnvelopeBaseKeyAcquisitionUrl, "https://keys.example/"),
        (DeliveryKey::EnvelopeEncryptionIv, VECTOR),
    ];
    let ids =
        protect(&site, &film, &[(Protocols::ALL, ENVELOPE, &settings)], &[ContentKeyType::EnvelopeEncryption]).await;
    let url = format!("https://keys.example/?kid={}", ids[0]);
    for tag in super::site::TAGS {
        let manifest = manifest("demo.ism", tag);
        let text = site.ok(&film.at(&manifest)).await.text();
        let objects = site.objects(&film.at(&manifest)).await;
        let told = match tag {
            "" | "fmp4-v20" => format!("keyUriTemplate=\"{url}\""),
            _ if tag.starts_with("mpd") => format!("IV=\"0x{VECTOR}\" keyUriTemplate=\"{url}\""),
            _ => String::new(),
        };
        assert!(text.contains(&told), "{tag}: {text}");
        for (path, kind) in objects {
            let answer = site.ok(&path).await;
            let other = path.replace(&film.base, &clear.base);
            match kind {
                Kind::Manifest => {}
                Kind::Playlist => {
                    let line = format!("#EXT-X-KEY:METHOD=AES-128,URI=\"{url}\",IV=0x{VECTOR}\n");
                    assert_eq!(answer.text().matches(&line).count(), 1, "{path}: {}", answer.text());
                }
                Kind::Init | Kind::Segment => {
                    let plain = site.ok(&other).await;
                    assert_eq!(open(&answer.body), plain.body, "{path}");
                    assert_ne!(answer.header("etag"), plain.header("etag"), "{path}");
                    assert_eq!(answer.header("content-type"), plain.header("content-type"), "{path}");
                }
            }
        }
    }
}

#[tokio::test]
async fn common_encryption_is_told_in_every_format_that_knows_it() {
    let site = Site::start().await;
    let film = site.publish(&fixture("demo")).await;
    let common = [
        (DeliveryKey::PlayReadyLicenseAcquisitionUrl, "https://playready.example/?a=1&b=2"),
        (DeliveryKey::PlayReadyCustomAttributes, "<IIS>x</IIS>"),
        (DeliveryKey::WidevineBaseLicenseAcquisitionUrl, "https://widevine.example/"),
    ];
    let fairplay = [
        (DeliveryKey::FairPlayBaseLicenseAcquisitionUrl, "skd://fairplay.example/FairPlay/"),
        (DeliveryKey::CommonEncryptionIvForCbcs, VECTOR),
    ];
    let policies = [(Protocols::SMOOTH | Protocols::DASH, COMMON, &common[..]), (Protocols::HLS, CBCS, &fairplay[..])];
    let keys = [ContentKeyType::CommonEncryption, ContentKeyType::CommonEncryptionCbcs];
    let ids = protect(&site, &film, &policies, &keys).await;
    for tag in ["mpd-time-csf", "mpd-time-cmaf"] {
        let text = site.ok(&film.at(&manifest("demo.ism", tag))).await.text();
        for told in [
            format!("schemeIdUri=\"urn:mpeg:dash:mp4protection:2011\" value=\"cenc\" cenc:default_KID=\"{}\"", ids[0]),
            "schemeIdUri=\"urn:uuid:9a04f079-9840-4286-ab92-e65be0885f95\" value=\"MSPR 2.0\"".to_owned(),
            "schemeIdUri=\"urn:uuid:edef8ba9-79d6-4ace-a3c8-27dcd51d21ed\"".to_owned(),
            format!("licenseUrl=\"https://widevine.example/?kid={}\"", ids[0]),
        ] {
            assert!(text.contains(&told), "{tag}: {told}\n{text}");
        }
        for (path, kind) in site.objects(&film.at(&manifest("demo.ism", tag))).await {
            let body = site.ok(&path).await.body;
            let has = |name: &[u8]| body.windows(name.len()).any(|window| window == name);
            match kind {
                Kind::Init => assert!(has(b"tenc") && has(b"pssh") && (has(b"encv") || has(b"enca")), "{path}"),
                Kind::Segment => assert!(has(b"senc") && has(b"saiz") && has(b"saio"), "{path}"),
                _ => {}
            }
        }
    }
    let text = site.ok(&film.at("demo.ism/manifest")).await.text();
    assert!(text.contains("<ProtectionHeader SystemID=\"9A04F079-9840-4286-AB92-E65BE0885F95\">"), "{text}");
    assert!(text.trim_end().ends_with("</Protection>\n</SmoothStreamingMedia>"), "{text}");
    let piff = 0xa239_4f52_5a9b_4f14_a244_6c42_7c64_8df4u128.to_be_bytes();
    let fragment = site.ok(&site.fragment(&film.at("demo.ism/manifest")).await).await.body;
    assert!(fragment.windows(16).any(|window| window == piff));
    // The other way to tell it, asked for in the URL and repeated in all that follow.
    let asked = film.at("demo.ism/manifest(encryption=cenc)");
    let path = site.fragment(&asked).await;
    assert!(path.contains(",encryption=cenc"), "{path}");
    let fragment = site.ok(&path).await.body;
    assert!(fragment.windows(4).any(|window| window == b"senc") && !fragment.windows(16).any(|w| w == piff));
    for tag in ["m3u8-aapl", "m3u8-cmaf"] {
        let uri = format!("skd://fairplay.example/FairPlay/?kid={}", ids[1]);
        let line = format!(
            "METHOD=SAMPLE-AES,KEYFORMAT=\"com.apple.streamingkeydelivery\",KEYFORMATVERSIONS=\"1\",URI=\"{uri}\",IV=0x{VECTOR}\n"
        );
        let path = film.at(&manifest("demo.ism", tag));
        let text = site.ok(&path).await.text();
        assert!(text.contains(&format!("#EXT-X-SESSION-KEY:{line}")), "{tag}: {text}");
        let objects = site.objects(&path).await;
        let (playlist, _) = objects.iter().find(|(_, kind)| *kind == Kind::Playlist).unwrap();
        let text = site.ok(playlist).await.text();
        assert!(text.contains(&format!("#EXT-X-KEY:{line}")), "{tag}: {text}");
    }
}

#[tokio::test]
async fn what_policies_do_not_allow_is_refused_with_its_code() {
    let site = Site::start().await;
    let mut films = Vec::new();
    for name in ["nothing", "hls", "both", "mixed", "keyless"] {
        films.push(site.copy_of("demo", &format!("{name}/demo")).await);
    }
    let [nothing, hls, both, mixed, keyless] = &films[..] else { unreachable!() };
    let envelope = ContentKeyType::EnvelopeEncryption;
    let common = ContentKeyType::CommonEncryption;
    protect(&site, hls, &[(Protocols::HLS, ENVELOPE, &[])], &[envelope]).await;
    let policies: [Policy<'_>; 3] = [
        (Protocols::DASH, ENVELOPE, &[]),
        (Protocols::DASH | Protocols::SMOOTH, COMMON, &[]),
        (Protocols::HLS, CBCS, &[]),
    ];
    protect(&site, both, &policies, &[envelope, common, ContentKeyType::CommonEncryptionCbcs]).await;
    protect(&site, mixed, &[(Protocols::DASH, CLEAR, &[]), (Protocols::DASH, COMMON, &[])], &[common]).await;
    protect(&site, keyless, &[(Protocols::ALL, COMMON, &[])], &[]).await;
    for (film, path, status, code) in [
        (nothing, "manifest(encryption=cbc)", 403, "MPE_ENC_ENCRYPTION_NOT_SET_IN_DELIVERY_POLICY"),
        (nothing, "manifest(encryption=rot13)", 415, "MPE_ENCRYPTION_NOT_SUPPORTED"),
        (hls, "manifest(format=m3u8-aapl)", 200, ""),
        (hls, "manifest(format=m3u8-aapl,encryption=cbc)", 200, ""),
        (hls, "manifest(format=m3u8-aapl,encryption=cenc)", 403, "MPE_ENC_ENCRYPTION_NOT_SET_IN_DELIVERY_POLICY"),
        (hls, "manifest(format=mpd-time-csf)", 403, "MPE_OUTPUT_FORMAT_BLOCKED"),
        (hls, "manifest(format=mpd-time-csf,encryption=cbc)", 403, "MPE_OUTPUT_FORMAT_BLOCKED"),
        (hls, "manifest", 403, "MPE_OUTPUT_FORMAT_BLOCKED"),
        (both, "manifest(format=mpd-time-csf)", 400, "MPE_ENC_ENCRYPTION_NOT_SPECIFIED_IN_URL"),
        (both, "manifest(format=mpd-time-csf,encryption=cbc)", 200, ""),
        (both, "manifest(format=mpd-time-csf,encryption=cenc)", 200, ""),
        (both, "manifest(format=mpd-time-csf,encryption=piff)", 415, "MPE_OUTPUT_PROTECTION_FORMAT_NOT_SUPPORTED"),
        (both, "manifest", 200, ""),
        (both, "manifest(encryption=piff)", 200, ""),
        (both, "manifest(encryption=cbcs-aapl)", 403, "MPE_ENC_ENCRYPTION_NOT_SET_IN_DELIVERY_POLICY"),
        (both, "manifest(format=m3u8-aapl)", 200, ""),
        (both, "manifest(format=m3u8-aapl-v3)", 415, "MPE_OUTPUT_PROTECTION_FORMAT_NOT_SUPPORTED"),
        (mixed, "manifest(format=mpd-time-csf)", 415, "MPE_ENC_MULTIPLE_SAME_DELIVERY_TYPE"),
        (mixed, "manifest(format=mpd-time-csf,encryption=cenc)", 200, ""),
        (keyless, "manifest", 403, "MPE_ENC_ENCRYPTION_NOT_SET_IN_DELIVERY_POLICY"),
    ] {
        let answer = site.get(&film.at(&format!("demo.ism/{path}"))).await;
        assert_eq!((answer.status, answer.code().as_str()), (status, code), "{path}: {}", answer.text());
        // Whatever is told, the key is not.
        assert!(!answer.body.windows(KEY.len()).any(|window| window == KEY), "{path}");
    }
    // Films that are encrypted are not given away as files, nor in pictures.
    let file =
        std::fs::read_dir(fixture("demo")).unwrap().filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let file = file.into_iter().find(|name| name.ends_with(".mp4")).unwrap();
    let answer = site.get(&keyless.at(&file)).await;
    assert_eq!((answer.status, answer.code().as_str()), (403, "MPE_ENC_ENCRYPTION_REQUIRED"));
}

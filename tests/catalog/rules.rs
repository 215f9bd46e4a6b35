//! The rules of the object model: what is refused, as what, and that a refusal changes nothing.

use headwater::catalog::*;
use headwater::secrets::SecretBytes;
use headwater::time::UtcTime;
use uuid::Uuid;

use crate::stores::{MINUTE, NOW, by, streaming};
use crate::{change, on_both};

/// Refused in this way, with a sentence that has this word.
#[track_caller]
fn refused<T>(result: Result<T, Error>, kind: ErrorKind, word: &str) {
    match result {
        Ok(_) => panic!("not refused: {word}"),
        Err(error) => {
            assert_eq!(error.kind(), kind, "{error}");
            assert!(error.to_string().contains(word), "{word:?} is not in: {error}");
        }
    }
}

fn key(id: u128, content_key_type: ContentKeyType, bytes: usize) -> NewContentKey {
    NewContentKey {
        id: ContentKeyId(Uuid::from_u128(id)),
        content_key_type,
        material: SecretBytes::new((0..bytes).map(|i| i as u8).collect()),
        checksum: None,
        protection_key_id: String::new(),
        name: None,
        track_identifiers: None,
    }
}

fn delivery_policy(protocols: Protocols, delivery_type: DeliveryType) -> NewDeliveryPolicy {
    NewDeliveryPolicy { name: None, protocols, delivery_type, configuration: Vec::new() }
}

on_both! {
    async fn an_asset_has_a_life(site: &Site) {
        let asset = site.asset("film").await;
        assert_eq!(asset.container, format!("asset-{}", asset.id.guid()));
        assert_eq!(asset.storage_account, "local");
        let folder = site.root.path().join("data/containers").join(&asset.container);
        assert!(folder.is_dir(), "the container is there");
        std::fs::write(folder.join("a.mp4"), b"x").unwrap();
        let update = AssetUpdate { name: Some(None), alternate_id: Some(Some("mine".into())) };
        let changed = change!(site, |t| t.update_asset(asset.id, update, None)).unwrap();
        assert_eq!((changed.name, changed.alternate_id.as_deref()), (None, Some("mine")));
        refused(site.catalog.create_asset(by(), NewAsset { id: Some(asset.id), ..NewAsset::default() }).await, ErrorKind::Conflict, "taken");
        let nowhere = NewAsset { storage_account: Some("nowhere".into()), ..NewAsset::default() };
        refused(site.catalog.create_asset(by(), nowhere).await, ErrorKind::NotFound, "nowhere");
        let long = AssetUpdate { name: Some(Some("x".repeat(4001))), ..AssetUpdate::default() };
        refused(change!(site, |t| t.update_asset(asset.id, long, None)), ErrorKind::Invalid, "4000");
        let odd = AssetUpdate { name: Some(Some("a\0b".into())), ..AssetUpdate::default() };
        refused(change!(site, |t| t.update_asset(asset.id, odd, None)), ErrorKind::Invalid, "control");

        change!(site, |t| t.delete_asset(asset.id, ContainerFate::Remove)).unwrap();
        refused(site.catalog.get::<Asset>(&asset.id).await, ErrorKind::NotFound, "asset");
        refused(change!(site, |t| t.delete_asset(asset.id, ContainerFate::Remove)), ErrorKind::NotFound, "asset");
    }

    async fn containers_go_and_stay_with_their_assets(site: &Site) {
        let (gone, kept) = (site.asset("gone").await, site.asset("kept").await);
        let folder = |asset: &Asset| site.root.path().join("data/containers").join(&asset.container);
        for asset in [&gone, &kept] {
            std::fs::write(folder(asset).join("film.mp4"), b"x").unwrap();
        }
        let in_place = site.root.path().join("in place");
        std::fs::create_dir(&in_place).unwrap();
        std::fs::write(in_place.join("film.mp4"), b"x").unwrap();
        let entry = site.catalog.publish_folder(by(), &in_place, None).await.unwrap();
        change!(site, |t| t.delete_asset(gone.id, ContainerFate::Remove)).unwrap();
        change!(site, |t| t.delete_asset(kept.id, ContainerFate::Keep)).unwrap();
        change!(site, |t| t.delete_asset(entry.asset, ContainerFate::Remove)).unwrap();
        // Still there: a container is removed beside the change. Until then its name is not given again.
        let again = NewAsset { id: Some(gone.id), ..NewAsset::default() };
        refused(site.catalog.create_asset(by(), again.clone()).await, ErrorKind::Conflict, "being removed");
        assert!(folder(&gone).join("film.mp4").exists(), "and what was refused has touched nothing");
        let follow = tokio::spawn(site.catalog.clone().follow());
        let mut made = Err(Error::NoDuration);
        for _ in 0..400 {
            made = site.catalog.create_asset(by(), again.clone()).await;
            if made.is_ok() {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        follow.abort();
        made.unwrap();
        assert!(folder(&gone).is_dir(), "the new asset has a container");
        assert!(!folder(&gone).join("film.mp4").exists(), "and it is a new one");
        assert!(folder(&kept).join("film.mp4").exists());
        assert!(in_place.join("film.mp4").exists(), "files of folders in place are nobody's to remove");
    }

    async fn files_have_names_and_one_is_primary(site: &Site) {
        let asset = site.asset("film").await;
        let file = |name: &str| NewAssetFile::new(asset.id, name);
        let first = change!(site, |t| t.create_file(NewAssetFile { is_primary: true, ..file("film.ism") })).unwrap();
        assert_eq!(first.mime_type, "application/octet-stream");
        refused(change!(site, |t| t.create_file(file("film.ism"))), ErrorKind::Conflict, "film.ism");
        let second = change!(site, |t| t.create_file(file("film.mp4"))).unwrap();
        refused(change!(site, |t| t.create_file(NewAssetFile { is_primary: true, ..file("b.ism") })), ErrorKind::Conflict, "primary");
        let primary = AssetFileUpdate { is_primary: Some(true), ..AssetFileUpdate::default() };
        refused(change!(site, |t| t.update_file(second.id, primary.clone(), None)), ErrorKind::Conflict, "primary");
        let not = AssetFileUpdate { is_primary: Some(false), ..AssetFileUpdate::default() };
        change!(site, |t| t.update_file(first.id, not, None)).unwrap();
        change!(site, |t| t.update_file(second.id, primary, None)).unwrap();
        refused(change!(site, |t| t.create_file(file("a/b.mp4"))), ErrorKind::Invalid, "URLs");
        refused(change!(site, |t| t.create_file(file("a.b.mp4"))), ErrorKind::Invalid, "one dot");
        refused(change!(site, |t| t.create_file(file(&"x".repeat(261)))), ErrorKind::Invalid, "260");
        refused(change!(site, |t| t.create_file(NewAssetFile::new(AssetId::random(), "a.mp4"))), ErrorKind::NotFound, "asset");
        let typed = NewAssetFile { mime_type: Some("mp4".into()), ..file("c.mp4") };
        refused(change!(site, |t| t.create_file(typed)), ErrorKind::Invalid, "video/mp4");
        // The same name in another asset is another file.
        let other = site.asset("other").await;
        change!(site, |t| t.create_file(NewAssetFile::new(other.id, "film.ism"))).unwrap();
        assert_eq!(site.catalog.count::<AssetFile>(Some(&asset.id.to_string())).await.unwrap(), 2);
        assert_eq!(site.catalog.count::<AssetFile>(None).await.unwrap(), 3);
    }

    async fn locators_follow_their_policy(site: &Site) {
        let asset = site.film("film").await;
        let (read, write) = (site.policy(60, Permissions::READ).await, site.policy(60, Permissions::WRITE).await);
        let both = site.policy(60, Permissions::READ | Permissions::LIST).await;
        let locator = site.locator(&asset, &read).await;
        assert_eq!(locator.start, NOW);
        assert_eq!(locator.expiration.unix_millis, NOW.unix_millis + 60 * MINUTE);
        for policy in [&write, &both] {
            let made = site.catalog.create_locator(by(), streaming(&asset, policy)).await;
            refused(made, ErrorKind::Invalid, "Read");
        }
        let same = NewLocator { id: Some(locator.id), ..streaming(&asset, &read) };
        refused(site.catalog.create_locator(by(), same).await, ErrorKind::Conflict, "taken");
        let demo = NewLocator { id: Some(LocatorId(DEMO_LOCATOR)), ..streaming(&asset, &read) };
        refused(site.catalog.create_locator(by(), demo).await, ErrorKind::Conflict, "taken");
        let missing = NewLocator { access_policy_id: AccessPolicyId::random(), ..streaming(&asset, &read) };
        refused(site.catalog.create_locator(by(), missing).await, ErrorKind::NotFound, "access policy");
        let missing = NewLocator { asset_id: AssetId::random(), ..streaming(&asset, &read) };
        refused(site.catalog.create_locator(by(), missing).await, ErrorKind::NotFound, "asset");

        let moved = UtcTime { unix_millis: NOW.unix_millis + MINUTE };
        let changed = change!(site, |t| t.update_locator_start(locator.id, moved, None)).unwrap();
        assert_eq!(changed.expiration.unix_millis, NOW.unix_millis + 61 * MINUTE);
        let far = UtcTime { unix_millis: u64::MAX };
        refused(change!(site, |t| t.update_locator_start(locator.id, far, None)), ErrorKind::Invalid, "9999");
        let sas = NewLocator { locator_type: LocatorType::Sas, ..streaming(&asset, &write) };
        let sas = site.catalog.create_locator(by(), sas).await.unwrap();
        refused(change!(site, |t| t.update_locator_start(sas.id, moved, None)), ErrorKind::Invalid, "SAS");

        for _ in 0..3 {
            site.locator(&asset, &read).await;
        }
        refused(site.catalog.create_locator(by(), streaming(&asset, &read)).await, ErrorKind::Conflict, "5 locators");
        refused(change!(site, |t| t.delete_access_policy(read.id)), ErrorKind::Conflict, "locator");
        change!(site, |t| t.delete_locator(sas.id)).unwrap();
        site.locator(&asset, &read).await;
        change!(site, |t| t.delete_access_policy(write.id)).unwrap();
        change!(site, |t| t.delete_asset(asset.id, ContainerFate::Remove)).unwrap();
        assert_eq!(site.catalog.count::<Locator>(None).await.unwrap(), 0);
        change!(site, |t| t.delete_access_policy(read.id)).unwrap();
    }

    async fn a_locator_needs_files_and_permissions(site: &Site) {
        let empty = site.asset("empty").await;
        let read = site.policy(1, Permissions::READ).await;
        let write = site.policy(1, Permissions::WRITE | Permissions::LIST).await;
        let none = site.policy(1, Permissions::NONE).await;
        let sas = |policy: &AccessPolicy| NewLocator { locator_type: LocatorType::Sas, ..streaming(&empty, policy) };
        refused(site.catalog.create_locator(by(), streaming(&empty, &read)).await, ErrorKind::Invalid, "no files");
        refused(site.catalog.create_locator(by(), sas(&read)).await, ErrorKind::Invalid, "no files");
        refused(site.catalog.create_locator(by(), sas(&none)).await, ErrorKind::Invalid, "nothing");
        site.catalog.create_locator(by(), sas(&write)).await.unwrap();
        // A file in the container counts, with or without a record.
        let folder = site.root.path().join("data/containers").join(&empty.container);
        std::fs::write(folder.join("film.mp4"), b"x").unwrap();
        site.locator(&empty, &read).await;
        let no_duration = NewAccessPolicy { name: None, duration_milliseconds: None, permissions: Permissions::READ };
        refused(change!(site, |t| t.create_access_policy(no_duration)), ErrorKind::Failed, "DurationInMinutes");
        let zero = NewAccessPolicy { name: None, duration_milliseconds: Some(0), permissions: Permissions::READ };
        refused(change!(site, |t| t.create_access_policy(zero)), ErrorKind::Invalid, "DurationInMinutes");
    }

    async fn keys_are_checked_and_kept_sealed(site: &Site) {
        let asset = site.asset("film").await;
        let storage = change!(site, |t| t.create_content_key(key(1, ContentKeyType::StorageEncryption, 32))).unwrap();
        assert_eq!(site.catalog.key_material(storage.id).await.unwrap().len(), 32);
        refused(change!(site, |t| t.create_content_key(key(1, ContentKeyType::StorageEncryption, 32))), ErrorKind::Conflict, "taken");
        refused(change!(site, |t| t.create_content_key(key(2, ContentKeyType::CommonEncryption, 32))), ErrorKind::Invalid, "16 bytes");
        let wrong = NewContentKey { checksum: Some("AAAAAAAAAAA=".into()), ..key(3, ContentKeyType::EnvelopeEncryption, 16) };
        refused(change!(site, |t| t.create_content_key(wrong)), ErrorKind::Invalid, "Checksum");
        assert!(site.catalog.find::<ContentKey>(&ContentKeyId(Uuid::from_u128(3))).await.unwrap().is_none());

        change!(site, |t| t.link_content_key(asset.id, storage.id)).unwrap();
        refused(change!(site, |t| t.link_content_key(asset.id, storage.id)), ErrorKind::Conflict, "already");
        let second = change!(site, |t| t.create_content_key(key(4, ContentKeyType::StorageEncryption, 32))).unwrap();
        refused(change!(site, |t| t.link_content_key(asset.id, second.id)), ErrorKind::Conflict, "StorageEncryption");
        let envelope = change!(site, |t| t.create_content_key(key(5, ContentKeyType::EnvelopeEncryption, 16))).unwrap();
        change!(site, |t| t.link_content_key(asset.id, envelope.id)).unwrap();
        let linked = site.catalog.linked::<ContentKey>(Link::AssetContentKeys, &asset.id).await.unwrap();
        assert_eq!(linked.iter().map(|key| key.id).collect::<Vec<_>>(), [storage.id, envelope.id]);
        refused(change!(site, |t| t.delete_content_key(storage.id)), ErrorKind::Conflict, "asset");
        let encrypted = NewAssetFile {
            encryption: Some(FileEncryption {
                scheme: EncryptionScheme::StorageEncryption,
                version: "1.0".into(),
                key_id: storage.id,
                initialization_vector: Some(7),
            }),
            ..NewAssetFile::new(asset.id, "film.mp4")
        };
        let file = change!(site, |t| t.create_file(encrypted)).unwrap();
        refused(change!(site, |t| t.unlink_content_key(asset.id, storage.id)), ErrorKind::Conflict, "encrypted");
        change!(site, |t| t.delete_file(file.id)).unwrap();
        change!(site, |t| t.unlink_content_key(asset.id, storage.id)).unwrap();
        refused(change!(site, |t| t.unlink_content_key(asset.id, storage.id)), ErrorKind::NotFound, "content key");
        change!(site, |t| t.delete_content_key(storage.id)).unwrap();
        refused(site.catalog.key_material(storage.id).await.map(drop), ErrorKind::NotFound, "content key");
    }

    async fn authorization_policies_are_linked_and_keep_their_texts(site: &Site) {
        let policy = change!(site, |t| t.create_key_policy(Some("open".into()))).unwrap();
        let option = |delivery, restriction, requirements: Option<&str>, configuration: Option<&str>| NewKeyPolicyOption {
            name: Some("option".into()),
            key_delivery_type: delivery,
            restrictions: vec![KeyRestriction { name: None, restriction_type: restriction }],
            secrets: KeyOptionSecrets {
                configuration: configuration.map(str::to_owned),
                requirements: vec![requirements.map(str::to_owned)],
            },
        };
        use KeyDeliveryType::{BaselineHttp, PlayReadyLicense};
        use KeyRestrictionType::{IpRestricted, Open, TokenRestricted};
        let open = change!(site, |t| t.create_key_option(option(BaselineHttp, Open, None, None))).unwrap();
        let template = "<TokenRestrictionTemplate \
             xmlns=\"http://schemas.microsoft.com/Azure/MediaServices/KeyDelivery/TokenRestrictionTemplate/v1\" \
             xmlns:i=\"http://www.w3.org/2001/XMLSchema-instance\"><Audience>urn:test</Audience><Issuer>urn:sts</Issuer>\
             <PrimaryVerificationKey i:type=\"SymmetricVerificationKey\"><KeyValue>\
             AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=</KeyValue></PrimaryVerificationKey>\
             </TokenRestrictionTemplate>";
        let token = option(BaselineHttp, TokenRestricted, Some(template), None);
        let token = change!(site, |t| t.create_key_option(token)).unwrap();
        let texts = site.catalog.key_option_secrets(token.id).await.unwrap();
        assert_eq!(texts.requirements, [Some(template.to_owned())]);
        assert_eq!(site.catalog.key_option_secrets(open.id).await.unwrap().requirements, [None]);
        for (wrong, word) in [
            (option(BaselineHttp, Open, Some("x"), None), "open"),
            (option(BaselineHttp, TokenRestricted, None, None), "Template"),
            (option(BaselineHttp, TokenRestricted, Some("<TokenRestrictionTemplate/>"), None), "namespace"),
            (option(BaselineHttp, IpRestricted, Some("10.0.0.0/8, everybody"), None), "everybody"),
            (option(BaselineHttp, Open, None, Some("x")), "null"),
            (option(PlayReadyLicense, Open, None, None), "PlayReady"),
            (NewKeyPolicyOption { restrictions: Vec::new(), ..option(BaselineHttp, Open, None, None) }, "1 to 32"),
        ] {
            refused(change!(site, |t| t.create_key_option(wrong)), ErrorKind::Invalid, word);
        }
        change!(site, |t| t.link_key_option(policy.id, open.id)).unwrap();
        change!(site, |t| t.link_key_option(policy.id, token.id)).unwrap();
        refused(change!(site, |t| t.link_key_option(policy.id, open.id)), ErrorKind::Conflict, "already");
        refused(change!(site, |t| t.delete_key_option(open.id)), ErrorKind::Conflict, "policy");
        let content_key = change!(site, |t| t.create_content_key(key(9, ContentKeyType::EnvelopeEncryption, 16))).unwrap();
        let attach = |policy| ContentKeyUpdate { authorization_policy_id: Some(policy), ..ContentKeyUpdate::default() };
        change!(site, |t| t.update_content_key(content_key.id, attach(Some(policy.id)), None)).unwrap();
        refused(change!(site, |t| t.delete_key_policy(policy.id)), ErrorKind::Conflict, "content key");
        let nobody = attach(Some(KeyPolicyId::random()));
        refused(change!(site, |t| t.update_content_key(content_key.id, nobody, None)), ErrorKind::NotFound, "authorization");
        change!(site, |t| t.update_content_key(content_key.id, attach(None), None)).unwrap();
        change!(site, |t| t.delete_key_policy(policy.id)).unwrap();
        change!(site, |t| t.delete_key_option(open.id)).unwrap();
        change!(site, |t| t.delete_key_option(token.id)).unwrap();
    }

    async fn delivery_policies_stay_as_they_are_while_a_film_streams(site: &Site) {
        let asset = site.film("film").await;
        let clear = delivery_policy(Protocols::HLS | Protocols::DASH, DeliveryType::NoDynamicEncryption);
        let policy = change!(site, |t| t.create_delivery_policy(clear.clone())).unwrap();
        change!(site, |t| t.link_delivery_policy(asset.id, policy.id)).unwrap();
        refused(change!(site, |t| t.link_delivery_policy(asset.id, policy.id)), ErrorKind::Conflict, "already");
        refused(change!(site, |t| t.delete_delivery_policy(policy.id)), ErrorKind::Conflict, "asset");
        let locator = site.locator(&asset, &site.policy(1, Permissions::READ).await).await;
        refused(change!(site, |t| t.unlink_delivery_policy(asset.id, policy.id)), ErrorKind::Conflict, "locator");
        refused(change!(site, |t| t.update_delivery_policy(policy.id, clear.clone(), None)), ErrorKind::Conflict, "locator");
        let another = change!(site, |t| t.create_delivery_policy(clear.clone())).unwrap();
        refused(change!(site, |t| t.link_delivery_policy(asset.id, another.id)), ErrorKind::Conflict, "locator");
        change!(site, |t| t.delete_locator(locator.id)).unwrap();
        change!(site, |t| t.update_delivery_policy(policy.id, clear, None)).unwrap();
        change!(site, |t| t.unlink_delivery_policy(asset.id, policy.id)).unwrap();
        change!(site, |t| t.delete_delivery_policy(policy.id)).unwrap();
        let nothing = delivery_policy(Protocols::NONE, DeliveryType::Blocked);
        refused(change!(site, |t| t.create_delivery_policy(nothing)), ErrorKind::Invalid, "protocol");
        // Encrypted in storage: only with a policy.
        let new = NewAsset { options: AssetOptions::StorageEncrypted, ..NewAsset::default() };
        let sealed = site.catalog.create_asset(by(), new).await.unwrap();
        change!(site, |t| t.create_file(NewAssetFile::new(sealed.id, "a.mp4"))).unwrap();
        let read = site.policy(1, Permissions::READ).await;
        refused(site.catalog.create_locator(by(), streaming(&sealed, &read)).await, ErrorKind::Invalid, "delivery policy");
        change!(site, |t| t.link_delivery_policy(sealed.id, another.id)).unwrap();
        site.locator(&sealed, &read).await;
    }

    async fn endpoints_start_stop_and_scale(site: &Site) {
        let all = site.catalog.list::<StreamingEndpoint>(&Page::first()).await.unwrap();
        let default = all[0].entity.clone();
        assert!(all.len() == 1 && default.is_default() && default.state == EndpointState::Running);
        refused(change!(site, |t| t.delete_endpoint(default.id)), ErrorKind::Forbidden, "default");
        let new = |name: &str| NewStreamingEndpoint { name: name.to_owned(), scale_units: 1, ..Default::default() };
        let second = change!(site, |t| t.create_endpoint(new("second"))).unwrap();
        assert_eq!(second.state, EndpointState::Stopped);
        refused(change!(site, |t| t.create_endpoint(new("SECOND"))), ErrorKind::Conflict, "already");
        refused(change!(site, |t| t.create_endpoint(new("third"))), ErrorKind::Forbidden, "2 streaming endpoints");
        refused(change!(site, |t| t.create_endpoint(new("a.b"))), ErrorKind::Invalid, "host names");
        refused(change!(site, |t| t.begin_action(second.id, EndpointAction::Stop)), ErrorKind::Conflict, "running");
        let state = async |id| site.catalog.get::<StreamingEndpoint>(&id).await.unwrap().entity;

        let start = change!(site, |t| t.begin_action(second.id, EndpointAction::Start)).unwrap();
        assert_eq!((start.state, state(second.id).await.state), (OperationState::InProgress, EndpointState::Starting));
        for action in [EndpointAction::Start, EndpointAction::Stop, EndpointAction::Scale { units: 2 }] {
            refused(change!(site, |t| t.begin_action(second.id, action)), ErrorKind::Conflict, "Starting");
        }
        refused(change!(site, |t| t.delete_endpoint(second.id)), ErrorKind::Conflict, "stop it first");
        let done = site.catalog.settle(by(), start.id).await.unwrap();
        assert_eq!((done.state, state(second.id).await.state), (OperationState::Succeeded, EndpointState::Running));
        assert_eq!(site.catalog.settle(by(), start.id).await.unwrap(), done, "again changes nothing");

        let scale = change!(site, |t| t.begin_action(second.id, EndpointAction::Scale { units: 3 })).unwrap();
        assert_eq!(state(second.id).await.state, EndpointState::Scaling);
        site.catalog.settle(by(), scale.id).await.unwrap();
        assert_eq!((state(second.id).await.scale_units, state(second.id).await.state), (3, EndpointState::Running));
        refused(change!(site, |t| t.begin_action(second.id, EndpointAction::Scale { units: 11 })), ErrorKind::Invalid, "0 to 10");
        let stop = change!(site, |t| t.begin_action(second.id, EndpointAction::Stop)).unwrap();
        assert_eq!(state(second.id).await.state, EndpointState::Stopping);
        site.catalog.settle(by(), stop.id).await.unwrap();
        change!(site, |t| t.delete_endpoint(second.id)).unwrap();
    }

    async fn endpoints_are_set(site: &Site) {
        let id = site.catalog.list::<StreamingEndpoint>(&Page::first()).await.unwrap()[0].id;
        let set = async |settings| change!(site, |t| t.update_endpoint(id, settings, None));
        let key = |identifier: &str| NewAkamaiKey {
            identifier: identifier.into(),
            key: SecretBytes::new(vec![1, 2, 3]),
            expiration: NOW,
        };
        let good = EndpointSettings {
            custom_host_names: Some(vec!["video.example.com".into()]),
            ip_allow: Some(vec![access::IpRange::parse("net", "10.0.0.0/8", None).unwrap()]),
            akamai_keys: Some(vec![key("one"), key("two")]),
            max_age_seconds: Some(Some(1800)),
            cross_domain_policy: Some(Some("<cross-domain-policy/>".into())),
            ..EndpointSettings::default()
        };
        let endpoint = set(good).await.unwrap();
        assert!(endpoint.akamai_keys[0].key.text.ends_with("|010203") && endpoint.max_age_seconds == Some(1800));
        let snapshot = site.catalog.snapshot();
        assert_eq!(snapshot.endpoint(Some("VIDEO.example.com")).unwrap().g2o.len(), 2);
        let other = NewStreamingEndpoint {
            name: "other".into(),
            scale_units: 0,
            settings: EndpointSettings { custom_host_names: Some(vec!["Video.Example.com".into()]), ..Default::default() },
        };
        refused(change!(site, |t| t.create_endpoint(other)), ErrorKind::Conflict, "default");
        let default = EndpointSettings::default;
        for (wrong, word) in [
            (EndpointSettings { custom_host_names: Some(vec!["a_b".into()]), ..default() }, "host name"),
            (EndpointSettings { akamai_keys: Some(vec![key("a"), key("a")]), ..default() }, "twice"),
            (EndpointSettings { akamai_keys: Some(vec![key("a,b")]), ..default() }, "commas"),
            (EndpointSettings { max_age_seconds: Some(Some(u64::MAX)), ..default() }, "seconds"),
            (EndpointSettings { cdn_enabled: Some(true), max_age_seconds: Some(Some(599)), ..default() }, "600"),
            (EndpointSettings { client_access_policy: Some(Some("<a>".into())), ..default() }, "XML"),
        ] {
            refused(set(wrong).await, ErrorKind::Invalid, word);
        }
    }

    async fn filters_are_checked_and_counted(site: &Site) {
        let asset = site.asset("film").await;
        let rules = FilterRules { first_quality_bitrate: Some(1_000_000), ..FilterRules::default() };
        for name in ["a", "b", "c"] {
            change!(site, |t| t.create_filter(name.into(), rules.clone())).unwrap();
            change!(site, |t| t.create_asset_filter(asset.id, name.into(), rules.clone())).unwrap();
        }
        refused(change!(site, |t| t.create_filter("d".into(), rules.clone())), ErrorKind::Forbidden, "3 filters");
        refused(change!(site, |t| t.create_asset_filter(asset.id, "d".into(), rules.clone())), ErrorKind::Forbidden, "3 filters");
        refused(change!(site, |t| t.create_filter("a".into(), rules.clone())), ErrorKind::Conflict, "already");
        refused(change!(site, |t| t.create_asset_filter(AssetId::random(), "a".into(), rules.clone())), ErrorKind::NotFound, "asset");
        let id = AssetFilterId { asset: asset.id, name: "a".into() };
        assert_eq!(site.catalog.get::<AssetFilter>(&id).await.unwrap().rules, rules);
        let none = FilterRules { first_quality_bitrate: Some(0), ..FilterRules::default() };
        refused(change!(site, |t| t.update_asset_filter(&id, none, None)), ErrorKind::Invalid, "FirstQuality");
        change!(site, |t| t.update_filter("a", FilterRules::default(), None)).unwrap();
        assert_eq!(site.catalog.snapshot().filters["a"].rules, FilterRules::default());
        change!(site, |t| t.delete_asset_filter(&id)).unwrap();
        change!(site, |t| t.delete_filter("a")).unwrap();
        assert!(!site.catalog.snapshot().filters.contains_key("a"));
    }

    async fn storage_accounts_have_one_default(site: &Site) {
        let new = |name: &str| NewStorageAccount {
            name: name.to_owned(),
            backend: Backend::Folder { root: site.root.path().join(name) },
            capacity_bytes: Some(10),
            weight: 1,
        };
        let key = SecretBytes::new(b"account key".to_vec());
        let second = change!(site, |t| t.create_storage_account(new("second"), Some(&key))).unwrap();
        assert!(!second.is_default);
        assert_eq!(site.catalog.storage_account_key("second").await.unwrap().unwrap().expose(), b"account key");
        refused(change!(site, |t| t.create_storage_account(new("second"), None)), ErrorKind::Conflict, "already");
        refused(change!(site, |t| t.create_storage_account(new("A"), None)), ErrorKind::Invalid, "small letters");
        change!(site, |t| t.create_storage_account(new("third"), None)).unwrap();
        refused(change!(site, |t| t.create_storage_account(new("fourth"), None)), ErrorKind::Forbidden, "4 storage accounts");
        change!(site, |t| t.set_default_storage_account("second")).unwrap();
        refused(change!(site, |t| t.set_default_storage_account(IN_PLACE)), ErrorKind::Invalid, "in place");
        let accounts = site.catalog.storage_accounts().await.unwrap();
        let defaults: Vec<&str> = accounts.iter().filter(|a| a.is_default).map(|a| a.name.as_str()).collect();
        assert_eq!(defaults, ["second"]);
        let asset = site.asset("film").await;
        assert_eq!(asset.storage_account, "second");
        assert!(site.root.path().join("second").join(&asset.container).is_dir());
        refused(change!(site, |t| t.delete_storage_account("second")), ErrorKind::Conflict, "1 assets");
        change!(site, |t| t.delete_asset(asset.id, ContainerFate::Keep)).unwrap();
        refused(change!(site, |t| t.delete_storage_account("second")), ErrorKind::Conflict, "default");
        change!(site, |t| t.set_default_storage_account("local")).unwrap();
        change!(site, |t| t.delete_storage_account("second")).unwrap();
        assert!(site.catalog.storage_account_key("second").await.unwrap().is_none());
    }

    async fn a_change_for_an_older_version_is_refused(site: &Site) {
        let asset = site.asset("film").await;
        let before = site.catalog.get::<Asset>(&asset.id).await.unwrap().version;
        let rename = |name: &str| AssetUpdate { name: Some(Some(name.into())), ..AssetUpdate::default() };
        change!(site, |t| t.update_asset(asset.id, rename("one"), Some(before))).unwrap();
        refused(change!(site, |t| t.update_asset(asset.id, rename("two"), Some(before))), ErrorKind::Changed, "read it again");
        assert_eq!(site.catalog.get::<Asset>(&asset.id).await.unwrap().name.as_deref(), Some("one"));
    }

    async fn every_change_is_in_the_audit_log_and_nothing_else(site: &Site) {
        let before = site.catalog.version().await.unwrap();
        let asset = site.asset("film").await;
        let mut dropped = site.catalog.begin(by()).await.unwrap();
        dropped.create_file(NewAssetFile::new(asset.id, "film.ism")).await.unwrap();
        drop(dropped);
        let policy = site.policy(1, Permissions::READ).await;
        change!(site, |t| t.delete_asset(asset.id, ContainerFate::Keep)).unwrap();
        let changes = site.catalog.changes(before, 100).await.unwrap();
        let log: Vec<(u64, &str, Kind, &str)> = changes
            .iter()
            .map(|c| (c.version.0 - before.0, c.action.as_str(), c.kind, c.id.as_str()))
            .collect();
        let (asset, policy) = (asset.id.to_string(), policy.id.to_string());
        // The numbers have no gap: what was dropped has none.
        assert_eq!(
            log,
            [
                (1, "create", Kind::Asset, asset.as_str()),
                (2, "create", Kind::AccessPolicy, policy.as_str()),
                (3, "delete", Kind::Asset, asset.as_str()),
            ]
        );
        assert!(changes.iter().all(|change| change.actor == "test" && change.at == NOW));
    }

    async fn lists_are_in_order_and_in_pages(site: &Site) {
        let mut made = Vec::new();
        for at in 0..7 {
            made.push(site.asset(if at % 2 == 0 { "even" } else { "odd" }).await.id);
        }
        let mut page = Page { limit: 3, ..Page::first() };
        let mut seen = Vec::new();
        loop {
            let part = site.catalog.list_ordered::<Asset>(&page).await.unwrap();
            let Some((last, _)) = part.last() else { break };
            page.after = Some(*last);
            seen.extend(part.iter().map(|(_, asset)| asset.id));
        }
        assert_eq!(seen, made);
        let skipped = Page { skip: 5, ..Page::first() };
        let ids = |list: Vec<Stored<Asset>>| list.into_iter().map(|a| a.id).collect::<Vec<_>>();
        assert_eq!(ids(site.catalog.list(&skipped).await.unwrap()), made[5..]);
        assert_eq!(ids(site.catalog.list(&Page::named("odd")).await.unwrap()), [made[1], made[3], made[5]]);
        assert_eq!(site.catalog.list::<Asset>(&Page::of("local")).await.unwrap().len(), 7);
        let both = Page { name: Some("odd".into()), skip: 1, ..Page::of("local") };
        assert_eq!(ids(site.catalog.list(&both).await.unwrap()), [made[3], made[5]]);
    }
}

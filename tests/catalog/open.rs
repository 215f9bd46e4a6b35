//! Opening: new, again, with an older list, with a newer or broken database.

use std::fs;
use std::path::Path;

use headwater::catalog::*;
use uuid::Uuid;

use crate::on_both;
use crate::stores::{NOW, Site, by, options};

on_both! {
    async fn what_was_changed_is_there_when_it_is_opened_again(site: &Site) {
        let asset = site.film("film").await;
        let locator = site.locator(&asset, &site.policy(1, Permissions::READ).await).await;
        let other = site.other().await;
        assert_eq!(other.get::<Asset>(&asset.id).await.unwrap().entity, asset);
        let published = other.find_published(locator.id.guid().as_bytes()).unwrap();
        assert_eq!((published.asset, published.name.as_str()), (Some(asset.id), "film"));
        assert_eq!(other.version().await.unwrap(), site.catalog.version().await.unwrap(), "opening changes nothing");
    }

    async fn the_list_of_an_earlier_version_is_taken_over_once(site: &Site) {
        let data = site.root.path().join("data");
        fs::create_dir_all(&data).unwrap();
        let film = site.root.path().join("a film");
        fs::create_dir(&film).unwrap();
        let locator = Uuid::from_u128(0x1234);
        let list = format!(
            "{{\"version\":1,\"published\":[{{\"locator\":\"{locator}\",\"folder\":{:?},\"created_unix_millis\":{}}}]}}",
            film.to_str().unwrap(),
            NOW.unix_millis,
        );
        fs::write(data.join("published.json"), &list).unwrap();
        let other = site.other().await;
        let published = other.find_published(locator.as_bytes()).unwrap();
        assert_eq!((published.name.as_str(), published.start), ("a film", NOW));
        assert!(!data.join("published.json").exists() && data.join("published.json.taken-over").exists());
        // Put back by hand, it says nothing new.
        fs::write(data.join("published.json"), list).unwrap();
        let third = site.other().await;
        assert_eq!(third.published().await.unwrap().len(), 1);
    }

    async fn folders_keep_their_locators_until_they_are_withdrawn(site: &Site) {
        let folder = |name: &str| {
            let path = site.root.path().canonicalize().unwrap().join(name);
            fs::create_dir_all(&path).unwrap();
            path
        };
        let (one, two) = (folder("one film"), folder("two"));
        let publish = async |folder: &Path, locator| site.catalog.publish_folder(by(), folder, locator).await;
        let first = publish(&one, None).await.unwrap();
        assert_eq!((first.folder(), first.name.as_str()), (Some(one.as_path()), "one film"));
        assert_eq!(publish(&one.join("../one film"), None).await.unwrap(), first);
        assert_eq!(publish(&one, Some(first.locator)).await.unwrap(), first);
        let old = Uuid::from_u128(0x5678);
        assert!(matches!(publish(&one, Some(old)).await, Err(Error::HasLocator { locator, .. }) if locator == first.locator));
        assert!(matches!(publish(&two, Some(first.locator)).await, Err(Error::LocatorTaken { .. })));
        assert!(matches!(publish(&two, Some(DEMO_LOCATOR)).await, Err(Error::LocatorTaken { .. })));
        let second = publish(&two, Some(old)).await.unwrap();
        assert_eq!(site.catalog.published().await.unwrap(), [first.clone(), second.clone()]);
        assert_eq!(site.catalog.count::<AccessPolicy>(None).await.unwrap(), 1, "folders share a policy");

        let file = site.root.path().join("file");
        fs::write(&file, b"").unwrap();
        for no_folder in [file, site.root.path().join("nothing")] {
            assert!(matches!(publish(&no_folder, None).await, Err(Error::NoFolder { .. })));
        }
        fs::remove_dir(&one).unwrap();
        assert_eq!(site.catalog.unpublish(by(), one.to_str().unwrap()).await.unwrap(), first);
        assert_eq!(site.catalog.unpublish(by(), &old.to_string().to_uppercase()).await.unwrap(), second);
        assert!(matches!(site.catalog.unpublish(by(), two.to_str().unwrap()).await, Err(Error::NotPublished { .. })));
        assert!(site.catalog.snapshot().is_empty() && site.catalog.published().await.unwrap().is_empty());
        assert_ne!(publish(&two, None).await.unwrap().locator, old);
    }
}

#[tokio::test]
async fn a_damaged_list_or_database_is_an_error_and_stays_as_it_is() {
    let site = Site::sqlite().await;
    let data = site.root.path().join("data");
    for damage in ["", "{", "[]", r#"{"version":1}"#, r#"{"version":1,"published":[{}]}"#] {
        fs::write(data.join("published.json"), damage).unwrap();
        let opened = Catalog::open(options(site.root.path(), &site.address)).await;
        assert!(matches!(opened, Err(Error::DamagedList { .. })), "{damage}");
        assert_eq!(fs::read_to_string(data.join("published.json")).unwrap(), damage);
    }
    fs::write(data.join("published.json"), r#"{"version":2,"more":1}"#).unwrap();
    let opened = Catalog::open(options(site.root.path(), &site.address)).await;
    assert!(matches!(opened, Err(Error::NewerList { version: 2, .. })));

    let broken = Site::sqlite().await;
    broken.catalog.close().await;
    let Address::File(path) = &broken.address else { panic!("a file") };
    fs::remove_file(data.join("published.json")).unwrap();
    fs::write(path, "this is no database, whatever its name says".repeat(100)).unwrap();
    let error = Catalog::open(options(broken.root.path(), &broken.address)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Failed, "{error}");
    assert!(fs::read_to_string(path).unwrap().starts_with("this is no database"));
}

#[tokio::test]
async fn many_can_open_a_new_catalogue_at_once() {
    let root = tempfile::tempdir().unwrap();
    let address = Address::File(root.path().join("data/catalog.db"));
    let open = || Catalog::open(options(root.path(), &address));
    let (a, b, c) = tokio::join!(open(), open(), open());
    for catalog in [a, b, c] {
        assert_eq!(catalog.unwrap().list::<StreamingEndpoint>(&Page::first()).await.unwrap().len(), 1);
    }
}

//! Many published assets: how long a node takes to start, and what the snapshot costs.

use std::time::{Duration, Instant};

use headwater::catalog::*;
use uuid::Uuid;

use crate::ALLOCATOR;
use crate::stores::{Site, by};

async fn fill(site: &Site, count: usize) -> Vec<Uuid> {
    let policy = site.policy(1_000_000, Permissions::READ).await;
    let mut locators = Vec::with_capacity(count);
    while locators.len() < count {
        let mut transaction = site.catalog.begin(by()).await.unwrap();
        for _ in 0..1000.min(count - locators.len()) {
            let at = locators.len();
            let asset = transaction.import_asset(NewAsset {
                name: Some(format!("film number {at}")),
                container: Some(format!("/srv/films/a film of some length/{at}")),
                storage_account: Some(IN_PLACE.into()),
                ..NewAsset::default()
            });
            let asset = asset.await.unwrap();
            transaction.create_file(NewAssetFile::new(asset.id, "film.ism")).await.unwrap();
            let locator = transaction.create_locator(crate::stores::streaming(&asset, &policy)).await.unwrap();
            locators.push(locator.id.guid());
        }
        transaction.commit().await.unwrap();
    }
    locators
}

async fn measure(site: &Site, count: usize) -> Duration {
    let begun = Instant::now();
    let locators = fill(site, count).await;
    let filled = begun.elapsed();
    let before = ALLOCATOR.current_usage();
    let begun = Instant::now();
    let other = site.other().await;
    let started = begun.elapsed();
    let memory = ALLOCATOR.current_usage().saturating_sub(before);
    assert_eq!(other.snapshot().len(), count);
    let begun = Instant::now();
    let rounds = 1_000_000;
    for at in 0..rounds {
        let guid = &locators[at * 7919 % count];
        assert!(other.find_published(guid.as_bytes()).is_some());
    }
    let lookup = begun.elapsed().as_nanos() / rounds as u128;
    let asset = site.catalog.list::<Asset>(&Page::first()).await.unwrap()[0].id;
    let begun = Instant::now();
    let mut transaction = site.catalog.begin(by()).await.unwrap();
    let rename = AssetUpdate { name: Some(Some("another name".into())), ..AssetUpdate::default() };
    transaction.update_asset(asset, rename, None).await.unwrap();
    transaction.commit().await.unwrap();
    let change = begun.elapsed();
    println!(
        "{count} published assets: filled in {filled:.1?}, start {started:.2?}, snapshot {} KiB ({} bytes each), \
         lookup {lookup} ns, a change with its snapshot {change:.1?}",
        memory / 1024,
        memory / count,
    );
    started
}

#[tokio::test]
async fn ten_thousand_assets_start_within_two_seconds() {
    let site = Site::sqlite().await;
    let started = measure(&site, 10_000).await;
    assert!(started < Duration::from_secs(2), "{started:?}");
}

#[tokio::test]
#[ignore = "takes minutes; prints figures: cargo test --test catalog -- --ignored --nocapture hundred_thousand"]
async fn a_hundred_thousand_assets() {
    measure(&Site::sqlite().await, 100_000).await;
    if let Some(site) = Site::postgres().await {
        measure(&site, 10_000).await;
    }
}

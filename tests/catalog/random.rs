//! Any sequence of calls: what must hold holds after each of them.

use std::collections::HashMap;

use headwater::catalog::*;
use headwater::time::UtcTime;
use proptest::prelude::*;

use crate::change;
use crate::stores::{NOW, Site, by, streaming};

#[derive(Clone, Debug)]
enum Step {
    Asset,
    File { asset: usize, name: u8, primary: bool },
    Policy { permissions: i64 },
    Locator { asset: usize, policy: usize, sas: bool, start: u32 },
    Move { locator: usize, start: u32 },
    Delivery { asset: usize, block: bool },
    DropFile { file: usize },
    DropLocator { locator: usize },
    DropPolicy { policy: usize },
    DropAsset { asset: usize },
    Unlink { asset: usize },
}

fn step() -> impl Strategy<Value = Step> {
    let which = 0usize..64;
    prop_oneof![
        2 => Just(Step::Asset),
        4 => (which.clone(), 0u8..4, any::<bool>()).prop_map(|(asset, name, primary)| Step::File { asset, name, primary }),
        1 => (0i64..16).prop_map(|permissions| Step::Policy { permissions }),
        1 => Just(Step::Policy { permissions: 1 }),
        8 => (which.clone(), which.clone(), any::<bool>(), any::<u32>())
            .prop_map(|(asset, policy, sas, start)| Step::Locator { asset, policy, sas, start }),
        1 => (which.clone(), any::<u32>()).prop_map(|(locator, start)| Step::Move { locator, start }),
        2 => (which.clone(), any::<bool>()).prop_map(|(asset, block)| Step::Delivery { asset, block }),
        1 => which.clone().prop_map(|file| Step::DropFile { file }),
        1 => which.clone().prop_map(|locator| Step::DropLocator { locator }),
        1 => which.clone().prop_map(|policy| Step::DropPolicy { policy }),
        1 => which.clone().prop_map(|asset| Step::DropAsset { asset }),
        1 => which.prop_map(|asset| Step::Unlink { asset }),
    ]
}

async fn all<E: Entity>(site: &Site) -> Vec<E> {
    let list = site.catalog.list::<E>(&Page::first()).await.unwrap();
    list.into_iter().map(|stored| stored.entity).collect()
}

async fn pick<E: Entity>(site: &Site, which: usize) -> Option<E> {
    let mut list: Vec<E> = all(site).await;
    (!list.is_empty()).then(|| list.swap_remove(which % list.len()))
}

fn at(start: u32) -> UtcTime {
    UtcTime { unix_millis: NOW.unix_millis + u64::from(start) }
}

/// Takes the step; whether it was refused does not matter here.
async fn take(site: &Site, step: Step) -> Option<()> {
    let done = match step {
        Step::Asset => drop(site.asset("film").await),
        Step::File { asset, name, primary } => {
            let asset = pick::<Asset>(site, asset).await?;
            let file = NewAssetFile { is_primary: primary, ..NewAssetFile::new(asset.id, format!("{name}.mp4")) };
            drop(change!(site, |t| t.create_file(file)));
        }
        Step::Policy { permissions } => {
            drop(site.policy(1, Permissions::from_bits(permissions)?).await);
        }
        Step::Locator { asset, policy, sas, start } => {
            let (asset, policy) = (pick::<Asset>(site, asset).await?, pick::<AccessPolicy>(site, policy).await?);
            let locator_type = if sas { LocatorType::Sas } else { LocatorType::OnDemandOrigin };
            let new = NewLocator { locator_type, start: Some(at(start)), ..streaming(&asset, &policy) };
            drop(site.catalog.create_locator(by(), new).await);
        }
        Step::Move { locator, start } => {
            let locator = pick::<Locator>(site, locator).await?;
            drop(change!(site, |t| t.update_locator_start(locator.id, at(start), None)));
        }
        Step::Delivery { asset, block } => {
            let asset = pick::<Asset>(site, asset).await?;
            let delivery_type = if block { DeliveryType::Blocked } else { DeliveryType::NoDynamicEncryption };
            let new = NewDeliveryPolicy { name: None, protocols: Protocols::HLS, delivery_type, configuration: vec![] };
            let policy = change!(site, |t| t.create_delivery_policy(new)).unwrap();
            drop(change!(site, |t| t.link_delivery_policy(asset.id, policy.id)));
        }
        Step::DropFile { file } => {
            let file = pick::<AssetFile>(site, file).await?;
            change!(site, |t| t.delete_file(file.id)).unwrap();
        }
        Step::DropLocator { locator } => {
            let locator = pick::<Locator>(site, locator).await?;
            change!(site, |t| t.delete_locator(locator.id)).unwrap();
        }
        Step::DropPolicy { policy } => {
            let policy = pick::<AccessPolicy>(site, policy).await?;
            drop(change!(site, |t| t.delete_access_policy(policy.id)));
        }
        Step::DropAsset { asset } => {
            let asset = pick::<Asset>(site, asset).await?;
            change!(site, |t| t.delete_asset(asset.id, ContainerFate::Remove)).unwrap();
        }
        Step::Unlink { asset } => {
            let asset = pick::<Asset>(site, asset).await?;
            let linked = site.catalog.linked::<DeliveryPolicy>(Link::AssetDeliveryPolicies, &asset.id).await.unwrap();
            let policy = linked.first()?.id;
            drop(change!(site, |t| t.unlink_delivery_policy(asset.id, policy)));
        }
    };
    Some(done)
}

/// What must always hold.
async fn check(site: &Site) {
    let assets: HashMap<AssetId, Asset> = all::<Asset>(site).await.into_iter().map(|a| (a.id, a)).collect();
    let policies: HashMap<AccessPolicyId, AccessPolicy> =
        all::<AccessPolicy>(site).await.into_iter().map(|p| (p.id, p)).collect();
    let locators: Vec<Locator> = all(site).await;
    let files: Vec<AssetFile> = all(site).await;
    for asset in assets.values() {
        let own = locators.iter().filter(|locator| locator.asset_id == asset.id).count();
        assert!(own <= 5, "{own} locators");
        let primary = files.iter().filter(|f| f.parent_asset_id == asset.id && f.is_primary).count();
        assert!(primary <= 1, "{primary} primary files");
    }
    for (i, file) in files.iter().enumerate() {
        assert!(assets.contains_key(&file.parent_asset_id));
        assert!(!files[..i].iter().any(|f| f.parent_asset_id == file.parent_asset_id && f.name == file.name));
    }
    let snapshot = site.catalog.snapshot();
    assert_eq!(snapshot.len(), locators.len());
    for locator in &locators {
        assert!(assets.contains_key(&locator.asset_id));
        let policy = &policies[&locator.access_policy_id];
        assert_eq!(locator.expiration.unix_millis - locator.start.unix_millis, policy.duration_milliseconds);
        let bytes = locator.id.guid();
        let published = match locator.locator_type {
            LocatorType::OnDemandOrigin => {
                assert_eq!(policy.permissions, Permissions::READ);
                snapshot.find(bytes.as_bytes())
            }
            LocatorType::Sas => snapshot.find_sas(bytes.as_bytes()),
        };
        let published = published.expect("what is in the database is in the snapshot");
        assert_eq!((published.start, published.expiration), (locator.start, locator.expiration));
        let linked =
            site.catalog.linked::<DeliveryPolicy>(Link::AssetDeliveryPolicies, &locator.asset_id).await.unwrap();
        let linked: Vec<DeliveryPolicyId> = linked.iter().map(|policy| policy.id).collect();
        assert_eq!(published.policies.iter().map(|policy| policy.id).collect::<Vec<_>>(), linked);
    }
    assert_eq!(site.catalog.count::<Locator>(None).await.unwrap(), locators.len() as u64);
    assert_eq!(site.catalog.count::<AssetFile>(None).await.unwrap(), files.len() as u64);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, max_shrink_iters: 50, ..ProptestConfig::default() })]

    #[test]
    fn rules_hold_after_any_calls(steps in proptest::collection::vec(step(), 10..60)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let site = Site::sqlite().await;
            for step in steps {
                let _ = take(&site, step).await;
            }
            check(&site).await;
            // What was built change by change is what a new node loads as a whole.
            let other = Site { catalog: site.other().await, ..site };
            check(&other).await;
        });
    }
}

//! Several nodes on one database.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use headwater::catalog::*;
use headwater::store::{Store, Symlinks};

use crate::stores::{by, options};
use crate::{change, on_both};

/// Local folders that take their time to go, and say how often they were asked to.
struct Slow {
    local: AccountContainers,
    removals: AtomicU32,
}

#[async_trait::async_trait]
impl Containers for Slow {
    fn open(
        &self,
        account: &OpenAccount,
        container: &str,
        encryption: Option<ContainerEncryption>,
    ) -> Result<Arc<dyn Store>, ContainerError> {
        self.local.open(account, container, encryption)
    }

    async fn create(&self, account: &OpenAccount, container: &str) -> Result<(), ContainerError> {
        self.local.create(account, container).await
    }

    async fn remove(&self, account: &OpenAccount, container: &str) -> Result<(), ContainerError> {
        self.removals.fetch_add(1, Ordering::SeqCst);
        // Longer than nodes wait between looks at what is left to do.
        tokio::time::sleep(Duration::from_secs(8)).await;
        self.local.remove(account, container).await
    }
}

/// How long it takes until `look` finds something.
async fn until<T>(mut look: impl FnMut() -> Option<T>) -> Duration {
    let begun = Instant::now();
    while look().is_none() {
        assert!(begun.elapsed() < Duration::from_secs(2), "not seen within two seconds");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    begun.elapsed()
}

on_both! {
    async fn nodes_see_each_others_changes_within_two_seconds(site: &Site) {
        let other = site.other().await;
        let follow = tokio::spawn(other.clone().follow());
        let mut slowest = Duration::ZERO;
        let asset = site.film("film").await;
        let policy = site.policy(1, Permissions::READ).await;
        for round in 0..10 {
            let locator = site.locator(&asset, &policy).await;
            let guid = locator.id.guid();
            assert!(site.catalog.find_published(guid.as_bytes()).is_some(), "the node itself sees it at once");
            slowest = slowest.max(until(|| other.find_published(guid.as_bytes())).await);
            if round % 2 == 0 {
                change!(site, |t| t.delete_locator(locator.id)).unwrap();
                slowest = slowest.max(until(|| other.find_published(guid.as_bytes()).is_none().then_some(())).await);
            } else {
                let rename = AssetUpdate { name: Some(Some(format!("film {round}"))), ..AssetUpdate::default() };
                change!(site, |t| t.update_asset(asset.id, rename, None)).unwrap();
                let name = format!("film {round}");
                let renamed = || other.find_published(guid.as_bytes()).filter(|asset| asset.name == name);
                slowest = slowest.max(until(renamed).await);
                change!(site, |t| t.delete_locator(locator.id)).unwrap();
            }
        }
        println!("the slowest change was seen after {slowest:?}");
        let endpoint = site.catalog.list::<StreamingEndpoint>(&Page::first()).await.unwrap()[0].id;
        let stop = change!(site, |t| t.begin_action(endpoint, EndpointAction::Stop)).unwrap();
        site.catalog.settle(by(), stop.id).await.unwrap();
        until(|| {
            let state = other.snapshot().endpoints[0].settings.state;
            (state == EndpointState::Stopped).then_some(())
        })
        .await;
        follow.abort();
    }

    async fn a_container_is_removed_by_one_node_alone(site: &Site) {
        let local = AccountContainers::new(site.root.path(), Symlinks::Inside, HashMap::new());
        let slow = Arc::new(Slow { local, removals: AtomicU32::new(0) });
        let asset = site.asset("film").await;
        change!(site, |t| t.delete_asset(asset.id, ContainerFate::Remove)).unwrap();
        let mut nodes = Vec::new();
        for _ in 0..3 {
            let containers = Arc::clone(&slow) as Arc<dyn Containers>;
            let options = Options { containers, ..options(site.root.path(), &site.address) };
            nodes.push(tokio::spawn(Catalog::open(options).await.unwrap().follow()));
        }
        let again = NewAsset { id: Some(asset.id), ..NewAsset::default() };
        let begun = Instant::now();
        while site.catalog.create_asset(by(), again.clone()).await.is_err() {
            assert!(begun.elapsed() < Duration::from_secs(60), "the container is not removed");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let folder = site.root.path().join("data/containers").join(&asset.container);
        std::fs::write(folder.join("new.mp4"), b"x").unwrap();
        tokio::time::sleep(Duration::from_secs(10)).await;
        nodes.iter().for_each(|node| node.abort());
        assert_eq!(slow.removals.load(Ordering::SeqCst), 1, "each look of each node removed it again");
        assert!(folder.join("new.mp4").exists(), "the files of a new asset of the same id");
    }

    async fn changes_at_the_same_time_break_no_rule(site: &Site) {
        let other = site.other().await;
        let asset = site.film("film").await;
        let policy = site.policy(1, Permissions::READ).await;
        let mut tasks = Vec::new();
        for at in 0..16 {
            let catalog = if at % 2 == 0 { site.catalog.clone() } else { other.clone() };
            let new = crate::stores::streaming(&asset, &policy);
            tasks.push(tokio::spawn(async move { catalog.create_locator(by(), new).await }));
        }
        let mut made = 0;
        for task in tasks {
            match task.await.unwrap() {
                Ok(_) => made += 1,
                Err(error) => assert_eq!(error.kind(), ErrorKind::Conflict, "{error}"),
            }
        }
        assert_eq!(made, 5);
        assert_eq!(site.catalog.count::<Locator>(Some(&asset.id.to_string())).await.unwrap(), 5);
    }

    async fn an_operation_that_nobody_finishes_is_finished(site: &Site) {
        let endpoint = site.catalog.list::<StreamingEndpoint>(&Page::first()).await.unwrap()[0].id;
        // Begun long ago by the clock of the tests, by a process that is no more.
        let operation = change!(site, |t| t.begin_action(endpoint, EndpointAction::Stop)).unwrap();
        let follow = tokio::spawn(site.other().await.follow());
        for _ in 0..200 {
            if site.catalog.get::<Operation>(&operation.id).await.unwrap().state == OperationState::Succeeded {
                follow.abort();
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("the operation stays open");
    }
}

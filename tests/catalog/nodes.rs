//! Several nodes on one database.

use std::time::{Duration, Instant};

use headwater::catalog::*;

use crate::stores::by;
use crate::{change, on_both};

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

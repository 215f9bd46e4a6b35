//! A writer that is killed at any moment: what it was told is done is there, and nothing is half done.

use std::collections::HashSet;
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::time::Duration;

use headwater::catalog::*;
use uuid::Uuid;

use crate::stores::{by, options};

const FOLDER: &str = "HEADWATER_TEST_CRASH_FOLDER";
const ROUNDS: u32 = 100;

/// The writer, in a process of its own. It says what is done after it is done.
#[tokio::test]
#[ignore = "run by the test of crashes, in a process of its own"]
async fn writer() {
    let Some(root) = std::env::var_os(FOLDER) else { return };
    let root = std::path::PathBuf::from(root);
    let address = Address::File(root.join("data/catalog.db"));
    let catalog = Catalog::open(options(&root, &address)).await.unwrap();
    let mut out = std::io::stdout();
    let mut own: Vec<(AssetId, Uuid)> = Vec::new();
    for at in 0u64.. {
        let folder = root.join("films").join((at % 50).to_string());
        let _ = std::fs::create_dir_all(&folder);
        if own.len() > 5 && at % 3 == 0 {
            let (asset, locator) = own.remove(0);
            let mut transaction = catalog.begin(by()).await.unwrap();
            transaction.delete_asset(asset, ContainerFate::Keep).await.unwrap();
            writeln!(out, "\ntry {locator}").unwrap();
            transaction.commit().await.unwrap();
            writeln!(out, "\ngone {locator}").unwrap();
            continue;
        }
        // An asset, its file, a policy and a locator: all or nothing.
        let asset = AssetId::random();
        let new = NewAsset {
            id: Some(asset),
            container: Some(folder.to_str().unwrap().into()),
            storage_account: Some(IN_PLACE.into()),
            ..NewAsset::default()
        };
        catalog.create_asset(by(), new).await.unwrap();
        let mut transaction = catalog.begin(by()).await.unwrap();
        transaction.create_file(NewAssetFile::new(asset, "film.ism")).await.unwrap();
        let policy = NewAccessPolicy { name: None, duration_milliseconds: Some(1), permissions: Permissions::READ };
        let policy = transaction.create_access_policy(policy).await.unwrap();
        let new = NewLocator {
            id: None,
            locator_type: LocatorType::OnDemandOrigin,
            asset_id: asset,
            access_policy_id: policy.id,
            start: None,
            name: None,
        };
        let locator = transaction.create_locator(new).await.unwrap();
        transaction.commit().await.unwrap();
        writeln!(out, "\ndone {}", locator.id.guid()).unwrap();
        own.push((asset, locator.id.guid()));
    }
}

#[tokio::test]
async fn acknowledged_changes_survive_a_hundred_kills() {
    let root = tempfile::tempdir().unwrap();
    let address = Address::File(root.path().join("data/catalog.db"));
    let rounds = std::env::var("HEADWATER_TEST_CRASHES").ok().and_then(|n| n.parse().ok()).unwrap_or(ROUNDS);
    let (mut there, mut unsure, mut changes) = (HashSet::<Uuid>::new(), HashSet::<Uuid>::new(), 0);
    for round in 0..rounds {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "crash::writer", "--ignored", "--nocapture"])
            .env(FOLDER, root.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        // From its first change on, at any moment of the next 100 ms or so.
        let first = lines.by_ref().map_while(Result::ok).find(|line| line.starts_with("done "));
        let random = Uuid::new_v4().as_u128() % 100_000;
        std::thread::sleep(Duration::from_micros(random as u64));
        child.kill().unwrap();
        child.wait().unwrap();
        for line in first.into_iter().chain(lines.map_while(Result::ok)) {
            // A last line that was cut off says nothing.
            let Some((what, guid)) = line.split_once(' ') else { continue };
            let Ok(guid) = guid.parse::<Uuid>() else { continue };
            match what {
                "done" => drop(there.insert(guid)),
                "try" => drop(unsure.insert(guid)),
                "gone" => {
                    unsure.remove(&guid);
                    assert!(there.remove(&guid));
                }
                _ => continue,
            }
            changes += 1;
        }
        if round % 10 == 9 || round + 1 == rounds {
            there = look(&address, root.path(), &there, &mut unsure).await;
        }
    }
    println!("{rounds} kills, {changes} acknowledged changes, {} films left", there.len());
    assert!(changes > rounds, "the writers did next to nothing");
}

/// Opens what is left, and returns which locators are there.
async fn look(
    address: &Address,
    root: &std::path::Path,
    there: &HashSet<Uuid>,
    unsure: &mut HashSet<Uuid>,
) -> HashSet<Uuid> {
    let catalog = Catalog::open(options(root, address)).await.unwrap();
    let snapshot = catalog.snapshot();
    for guid in there.iter().filter(|guid| !unsure.contains(guid)) {
        assert!(snapshot.find(guid.as_bytes()).is_some(), "{guid} was acknowledged and is not there");
    }
    unsure.clear();
    let mut found = HashSet::new();
    let mut page = Page::first();
    loop {
        let locators = catalog.list_ordered::<Locator>(&page).await.unwrap();
        let Some((last, _)) = locators.last() else { break };
        page.after = Some(*last);
        for (_, locator) in &locators {
            // Nothing half made: its asset, the asset's file and the policy came with it.
            let asset = locator.asset_id;
            catalog.get::<Asset>(&asset).await.unwrap();
            assert_eq!(catalog.count::<AssetFile>(Some(&asset.to_string())).await.unwrap(), 1);
            catalog.get::<AccessPolicy>(&locator.access_policy_id).await.unwrap();
            found.insert(locator.id.guid());
        }
    }
    assert_eq!(snapshot.len(), found.len(), "what is in the database is served, and nothing else");
    assert_eq!(catalog.count::<Locator>(None).await.unwrap(), found.len() as u64);
    catalog.close().await;
    found
}

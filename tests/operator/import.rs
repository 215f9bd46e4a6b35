//! `headwater import`: a copy of a storage account of old, and its URLs.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde_json::Value;

use crate::site::{Site, copy, fixture};

const FILM: &str = "11111111-aaaa-4bbb-8ccc-000000000001";
const BARE: &str = "22222222-aaaa-4bbb-8ccc-000000000002";
const BROKEN: &str = "33333333-aaaa-4bbb-8ccc-000000000003";
const NEW: &str = "44444444-aaaa-4bbb-8ccc-000000000004";
const OLD_URL: &str = "0f0e0d0c-1111-4222-8333-000000000001";

/// A storage account as Azure Media Services left it.
fn account(root: &Path) -> PathBuf {
    let account = root.join("oldaccount");
    copy(&fixture("films/fragmented-ismv"), &account.join(format!("asset-{FILM}")));
    // A source file that was never encoded: no .ism.
    let bare = account.join(format!("asset-{BARE}"));
    fs::create_dir_all(&bare).unwrap();
    fs::copy(fixture("films/no-ism/film_144.mp4"), bare.join("holiday.mp4")).unwrap();
    let broken = account.join(format!("asset-{BROKEN}"));
    copy(&fixture("films/progressive-faststart"), &broken);
    let media = fs::read_dir(&broken).unwrap().map(|e| e.unwrap().path()).find(|p| p.extension().unwrap() == "mp4");
    fs::File::options().write(true).open(media.unwrap()).unwrap().set_len(3000).unwrap();
    // What else lies about in an account.
    fs::create_dir_all(account.join("azure-webjobs-hosts")).unwrap();
    fs::write(account.join("azure-webjobs-hosts/ids"), "x").unwrap();
    fs::create_dir_all(account.join("insights-logs")).unwrap();
    fs::write(account.join("insights-logs/a.json"), "{}").unwrap();
    // The newer version of the service let people choose names.
    copy(&fixture("films/minimal-ism"), &account.join("my-film"));
    account
}

/// Size and time of every file below a folder.
fn state(folder: &Path) -> BTreeMap<PathBuf, (u64, SystemTime)> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let data = entry.metadata().unwrap();
        if data.is_dir() {
            found.extend(state(&entry.path()));
        } else {
            found.insert(entry.path(), (data.len(), data.modified().unwrap()));
        }
    }
    found
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|e| panic!("{e}: {text}"))
}

fn changes(report: &Value) -> Vec<(String, String)> {
    let text = |asset: &Value, name: &str| asset[name].as_str().unwrap().to_owned();
    report["assets"].as_array().unwrap().iter().map(|a| (text(a, "container"), text(a, "change"))).collect()
}

#[test]
fn old_urls_play_at_once_and_nothing_is_moved() {
    let site = Site::new();
    let account = account(&site.path(""));
    let before = state(&account);
    let table = site.path("locators.csv");
    let rows = format!(
        "LocatorId,AssetId,ExpirationDateTime\n\
         nb:lid:UUID:{OLD_URL},nb:cid:UUID:{FILM},2999-12-31T00:00:00\n\
         0f0e0d0c-1111-4222-8333-000000000002,asset-{FILM},2020-01-01\n\
         0f0e0d0c-1111-4222-8333-000000000003,my-film,\n\
         0f0e0d0c-1111-4222-8333-000000000004,{NEW},\n"
    );
    fs::write(&table, rows).unwrap();
    let server = site.serve(&[]);
    let ism = fs::read_dir(fixture("films/fragmented-ismv")).unwrap().map(|e| e.unwrap().file_name());
    let ism = ism.filter_map(|n| n.into_string().ok()).find(|n| n.ends_with(".ism")).unwrap();
    let path = format!("/{OLD_URL}/{ism}/manifest");
    assert_eq!(server.get(&path).0, 404);

    let (from, table) = (account.to_str().unwrap(), table.to_str().unwrap());
    let arguments = ["import", from, "--locators", table];
    let tried = site.run(&[&arguments[..], &["--dry-run", "--json"]].concat());
    assert_eq!(tried.code, 3, "{} {}", tried.out, tried.err);
    assert!(!site.run(&["import", "oldaccount"]).out.contains("known"), "a dry run changes nothing");
    let done = site.run(&[&arguments[..], &["--json"]].concat());
    assert_eq!(done.code, 3, "one film is broken: {} {}", done.out, done.err);
    let (tried, done) = (json(&tried.out), json(&done.out));
    assert_eq!(changes(&tried), changes(&done));
    let names: Vec<String> =
        [FILM, BARE, BROKEN].iter().map(|id| format!("asset-{id}")).chain(["my-film".to_owned()]).collect();
    assert_eq!(changes(&done), names.iter().map(|n| (n.clone(), "new".to_owned())).collect::<Vec<_>>());
    assert_eq!(done["assets"][0]["id"], format!("nb:cid:UUID:{FILM}"));
    let streams: Vec<Option<bool>> =
        done["assets"].as_array().unwrap().iter().map(|a| a["streams"].as_bool()).collect();
    assert_eq!(streams, [Some(true), Some(true), Some(false), Some(true)], "{done}");
    assert_eq!(done["assets"][1]["presentations"][0], "holiday.ism");
    assert_eq!(done["assets"][2]["findings"][0]["code"], "HW-FILE-DAMAGED");
    let locators = |asset: usize| done["assets"][asset]["locators"].as_array().unwrap().clone();
    assert_eq!(locators(0)[0]["change"], "new");
    assert_eq!(locators(0)[1]["change"], "expired");
    assert_eq!(done["strays"][0]["line"], 5);
    let skipped: Vec<&str> = done["skipped"].as_array().unwrap().iter().map(|s| s[0].as_str().unwrap()).collect();
    assert_eq!(skipped, ["azure-webjobs-hosts", "insights-logs"]);

    // The old URL plays, all of it.
    server.within_three_seconds(&path, 200);
    assert_eq!(server.get("/0f0e0d0c-1111-4222-8333-000000000002/film.ism/manifest").0, 404);
    let verified = site.run(&["verify", &server.url(&format!("/{OLD_URL}/{ism}")), "--format", "smooth"]);
    assert_eq!(verified.code, 0, "{}", verified.out);
    assert!(site.done(&["list"]).contains(OLD_URL));

    // Again: nothing is made twice, and what has come since is taken in.
    copy(&fixture("films/one-track-per-file"), &account.join(format!("asset-{NEW}")));
    let again = json(&site.run(&[&arguments[..], &["--json"]].concat()).out);
    let expected = names.iter().map(|n| (n.clone(), "known".to_owned()));
    let mut expected: Vec<_> = expected.chain([(format!("asset-{NEW}"), "new".to_owned())]).collect();
    expected.sort();
    assert_eq!(changes(&again), expected);
    assert_eq!(again["assets"][0]["locators"][0]["change"], "known");
    assert!(again["strays"].as_array().unwrap().is_empty());
    let by_name = site.run(&["import", "oldaccount", "--no-inspect", "--json"]);
    assert!(changes(&json(&by_name.out)).iter().all(|(_, change)| change == "known"), "{}", by_name.out);

    let kept: BTreeMap<_, _> = state(&account).into_iter().filter(|(path, _)| before.contains_key(path)).collect();
    assert_eq!(kept, before, "no file was written");
}

#[test]
fn the_report_is_readable_and_errors_say_how_to_mend_them() {
    let site = Site::new();
    let account = account(&site.path(""));
    let from = account.to_str().unwrap();
    let done = site.run(&["import", from, "--account", "old"]);
    for part in [
        "holiday",
        "will not stream: HW-FILE-DAMAGED",
        "4 assets in old: 4 new",
        "azure-webjobs-hosts",
        "not named asset-GUID",
    ] {
        assert!(done.out.contains(part), "{part}: {}", done.out);
    }
    let bad = site.path("bad.csv");
    fs::write(&bad, "what,is,this\n").unwrap();
    for (arguments, says) in [
        (&["import", "nowhere"][..], "storage account"),
        (&["import", from, "--account", "old", "--locators", bad.to_str().unwrap()], "line 1"),
        (&["import", from, "--locators", "/nowhere.csv"], "/nowhere.csv"),
        (&["import", site.path("").to_str().unwrap(), "--account", "In Place"], "--account"),
    ] {
        let done = site.run(arguments);
        assert!(done.code == 1 && done.err.contains(says), "{arguments:?}: {done:?}");
    }
}

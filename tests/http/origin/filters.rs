//! Filters of dynamic manifests: account filters, an asset's own, several at once, and what is wrong with them.

use headwater::catalog::{By, Comparison, FilterRules, TimeRange, TrackCondition, TrackProperty};

use super::site::{Film, Site, TAGS, fixture, manifest, now};

fn condition(property: TrackProperty, value: &str) -> TrackCondition {
    TrackCondition { property, comparison: Comparison::Equal, value: value.to_owned() }
}

fn tracks(rules: &[&[(TrackProperty, &str)]]) -> FilterRules {
    let rule = |conditions: &&[(TrackProperty, &str)]| conditions.iter().map(|(p, v)| condition(*p, v)).collect();
    FilterRules { tracks: rules.iter().map(rule).collect(), ..FilterRules::default() }
}

fn range(start: u64, end: u64) -> FilterRules {
    let range = TimeRange { start_timestamp: start, end_timestamp: end, timescale: 1, ..TimeRange::default() };
    FilterRules { presentation_time_range: Some(range), ..FilterRules::default() }
}

async fn add(site: &Site, name: &str, rules: FilterRules) {
    let mut transaction = site.catalog.begin(By::new("test", now())).await.unwrap();
    transaction.create_filter(name.to_owned(), rules).await.unwrap();
    transaction.commit().await.unwrap();
}

async fn add_to(site: &Site, film: &Film, name: &str, rules: FilterRules) {
    let locator: uuid::Uuid = film.base[1..].parse().unwrap();
    let asset = site.catalog.find_published(locator.as_bytes()).unwrap().asset.unwrap();
    let mut transaction = site.catalog.begin(By::new("test", now())).await.unwrap();
    transaction.create_asset_filter(asset, name.to_owned(), rules).await.unwrap();
    transaction.commit().await.unwrap();
}

fn with_filter(manifest: &str, filters: &str) -> String {
    match manifest.split_once('(') {
        Some((before, after)) => format!("{before}(filter={filters},{after}"),
        None => format!("{manifest}(filter={filters})"),
    }
}

#[tokio::test]
async fn filters_cut_manifests_of_every_format_and_no_segment() {
    let site = Site::start().await;
    let film = site.publish(&fixture("demo")).await;
    add(&site, "pictures", tracks(&[&[(TrackProperty::Type, "video")]])).await;
    add(&site, "late", range(4, 8)).await;
    for tag in TAGS {
        let whole = film.at(&manifest("demo.ism", tag));
        let all = site.objects(&whole).await;
        let cut = with_filter(&whole, "pictures;late");
        let some = site.objects(&cut).await;
        // The manifest is another one, with another entity tag; playlists repeat the filters.
        assert_ne!(site.ok(&whole).await.header("etag"), site.ok(&cut).await.header("etag"), "{tag}");
        assert_ne!(some, all, "{tag}");
        for (path, kind) in &some {
            assert!(!path.contains("audio="), "{tag}: {path}");
            if path.contains("Fragments(") || path.contains("KeyFrames(") {
                assert!(!path.contains("filter="), "{tag}: {path}");
            } else {
                assert!(path.contains("filter=pictures;late"), "{tag}: {path} {kind:?}");
            }
        }
    }
}

#[tokio::test]
async fn an_assets_own_filter_goes_before_that_of_all() {
    let site = Site::start().await;
    let (film, other) = (site.publish(&fixture("demo")).await, site.copy_of("demo", "demo").await);
    add(&site, "mine", tracks(&[&[(TrackProperty::Type, "video")]])).await;
    add_to(&site, &film, "mine", tracks(&[&[(TrackProperty::Type, "audio")]])).await;
    add_to(&site, &film, "own", tracks(&[&[(TrackProperty::Type, "audio")]])).await;
    let own = site.ok(&film.at("demo.ism/manifest(filter=mine)")).await.text();
    assert!(own.contains("Type=\"audio\"") && !own.contains("Type=\"video\""), "{own}");
    let foreign = site.ok(&other.at("demo.ism/manifest(filter=mine)")).await.text();
    assert!(!foreign.contains("Type=\"audio\"") && foreign.contains("Type=\"video\""), "{foreign}");
    // Another asset's filter is none of this one's.
    let answer = site.get(&other.at("demo.ism/manifest(filter=own)")).await;
    assert_eq!(answer.status, 404, "{}", answer.text());
    assert!(answer.text().contains("MPE_EGRESS_FILTER_NOT_FOUND"), "{}", answer.text());
}

#[tokio::test]
async fn filters_that_cannot_be_applied_are_refused_with_their_codes() {
    let site = Site::start().await;
    let film = site.publish(&fixture("demo")).await;
    add(&site, "behind", range(100_000, 200_000)).await;
    add(&site, "nobody", tracks(&[&[(TrackProperty::Name, "nobody")]])).await;
    add(&site, "one", FilterRules { first_quality_bitrate: Some(1), ..FilterRules::default() }).await;
    add(&site, "two", FilterRules { first_quality_bitrate: Some(2), ..FilterRules::default() }).await;
    for (filters, status, code) in [
        ("missing", 404, "MPE_EGRESS_FILTER_NOT_FOUND"),
        ("one;missing", 404, "MPE_EGRESS_FILTER_NOT_FOUND"),
        ("behind", 415, "MPE_FILTER_REMOVED_ALL_STREAMS"),
        ("nobody", 415, "MPE_FILTER_REMOVED_ALL_STREAMS"),
        ("one;two", 415, "MPE_FILTER_COMPOSITION_MULTIPLE_FIRST_QUALITY_OPERATOR_NOT_ALLOWED"),
        ("one;one;one;one", 415, "MPE_FILTER_COMPOSITION_FILTER_COUNT_OVER_LIMIT"),
    ] {
        let answer = site.get(&film.at(&format!("demo.ism/manifest(filter={filters})"))).await;
        assert_eq!(answer.status, status, "{filters}: {}", answer.text());
        assert!(answer.text().contains(code), "{filters}: {}", answer.text());
    }
}

//! What every store promises. A backend that passes [`all`] is done.

use std::future::Future;
use std::pin::Pin;

use bytes::Bytes;
use futures_util::TryStreamExt;

use super::{Error, Store};

/// Puts a file into the container behind the store's back, as an encoder or an operator would.
pub(crate) type Put<'a> = dyn Fn(String, Bytes) -> Pin<Box<dyn Future<Output = ()> + Send>> + Sync + 'a;

/// Checks all promises on an empty store.
pub(crate) async fn all(store: &dyn Store, put: &Put<'_>) {
    an_empty_container_lists_nothing(store).await;
    odd_names_work(store, put).await;
    prefixes_select(store, put).await;
    ranges_come_in_the_order_asked_for(store, put).await;
    streams_give_the_whole_range(store, put).await;
    bad_paths_are_refused(store).await;
    a_replaced_file_is_noticed(store, put).await;
    a_cut_file_is_never_filled_up(store, put).await;
    a_missing_file_is_not_found(store).await;
}

fn film(seed: u8, len: usize) -> Bytes {
    (0..len).map(|i| (i as u8).wrapping_mul(31).wrapping_add(seed).wrapping_add((i >> 8) as u8)).collect()
}

async fn an_empty_container_lists_nothing(store: &dyn Store) {
    assert_eq!(store.list("").await.unwrap(), []);
}

async fn odd_names_work(store: &dyn Store, put: &Put<'_>) {
    let names =
        ["a b.mp4", "100%.mp4", "%41.mp4", "film #1.mp4", "n#2", "ü/日本.mp4", "a+b&c=d?.mp4", "(1,2;3).mp4", ".x"];
    for (i, name) in names.iter().enumerate() {
        put((*name).to_owned(), film(i as u8, 100 + i)).await;
    }
    let listed: Vec<String> = store.list("").await.unwrap().into_iter().map(|o| o.path).collect();
    let mut sorted: Vec<&str> = names.to_vec();
    sorted.sort_unstable();
    assert_eq!(listed, sorted);
    for (i, name) in names.iter().enumerate() {
        let info = store.head(name).await.unwrap();
        assert_eq!((info.path.as_str(), info.size), (*name, 100 + i as u64));
        assert_eq!(store.read(&info, 0..info.size).await.unwrap(), film(i as u8, 100 + i), "{name}");
    }
}

async fn prefixes_select(store: &dyn Store, put: &Put<'_>) {
    for name in ["p/a.ism", "p/ab.mp4", "p/b.mp4", "pq.mp4"] {
        put(name.to_owned(), film(0, 3)).await;
    }
    for (prefix, count) in [("p/", 3), ("p/a", 2), ("p", 4), ("p/ab.mp4", 1), ("p/x", 0), ("nowhere/", 0)] {
        assert_eq!(store.list(prefix).await.unwrap().len(), count, "{prefix}");
    }
}

async fn ranges_come_in_the_order_asked_for(store: &dyn Store, put: &Put<'_>) {
    let bytes = film(1, 700_000);
    put("ranges.mp4".to_owned(), bytes.clone()).await;
    let info = store.head("ranges.mp4").await.unwrap();
    let asked = [699_999..700_000, 0..1, 5..5, 10..4000, 100..200, 600_000..650_000, 0..700_000];
    let read = store.read_ranges(&info, &asked).await.unwrap();
    assert_eq!(read.len(), asked.len());
    for (got, range) in read.iter().zip(&asked) {
        assert_eq!(*got, bytes.slice(range.start as usize..range.end as usize), "{range:?}");
    }
    assert_eq!(store.read_ranges(&info, &[]).await.unwrap(), Vec::<Bytes>::new());
    let beyond = store.read_ranges(&info, &[0..1, 699_999..700_001]).await;
    assert!(matches!(beyond, Err(Error::Truncated { .. })), "{beyond:?}");
    let absurd = store.read(&info, u64::MAX - 5..u64::MAX).await;
    assert!(matches!(absurd, Err(Error::Truncated { .. })), "{absurd:?}");
}

async fn streams_give_the_whole_range(store: &dyn Store, put: &Put<'_>) {
    let bytes = film(2, 1_500_000);
    put("long.mp4".to_owned(), bytes.clone()).await;
    let info = store.head("long.mp4").await.unwrap();
    for range in [0..1_500_000u64, 1..2, 7..7, 1_000_000..1_500_000] {
        let pieces: Vec<Bytes> = store.stream(&info, range.clone()).await.unwrap().try_collect().await.unwrap();
        assert_eq!(pieces.concat(), bytes[range.start as usize..range.end as usize]);
    }
    assert!(matches!(store.stream(&info, 0..1_500_001).await.map(drop), Err(Error::Truncated { .. })));
}

async fn bad_paths_are_refused(store: &dyn Store) {
    let info = store.head("long.mp4").await.unwrap();
    for path in ["", "/etc/passwd", "../x", "p/../../x", "p//a.ism", "p/a.ism/", "./long.mp4", "a\0"] {
        assert!(matches!(store.head(path).await, Err(Error::BadPath { .. })), "{path:?}");
        let mut moved = info.clone();
        moved.path = path.to_owned();
        assert!(matches!(store.read(&moved, 0..1).await, Err(Error::BadPath { .. })), "{path:?}");
        assert!(matches!(store.stream(&moved, 0..1).await.map(drop), Err(Error::BadPath { .. })), "{path:?}");
    }
}

async fn a_replaced_file_is_noticed(store: &dyn Store, put: &Put<'_>) {
    put("changing.mp4".to_owned(), film(3, 5000)).await;
    let before = store.head("changing.mp4").await.unwrap();
    // Clocks of file systems tick every few milliseconds.
    tokio::time::sleep(std::time::Duration::from_millis(30)).await;
    put("changing.mp4".to_owned(), film(4, 5000)).await;
    let after = store.head("changing.mp4").await.unwrap();
    assert!(!before.is_same(&after));
    assert!(matches!(store.read(&before, 0..10).await, Err(Error::Changed { .. })));
    assert!(matches!(store.stream(&before, 0..10).await.map(drop), Err(Error::Changed { .. })));
    assert_eq!(store.read(&after, 0..5000).await.unwrap(), film(4, 5000));
}

async fn a_cut_file_is_never_filled_up(store: &dyn Store, put: &Put<'_>) {
    put("cut.mp4".to_owned(), film(5, 5000)).await;
    let before = store.head("cut.mp4").await.unwrap();
    tokio::time::sleep(std::time::Duration::from_millis(30)).await;
    put("cut.mp4".to_owned(), film(5, 100)).await;
    assert!(matches!(store.read(&before, 0..5000).await, Err(Error::Changed { .. } | Error::Truncated { .. })));
    // Even a caller that takes the new file for the old one gets an error, not zeros.
    let mut forged = store.head("cut.mp4").await.unwrap();
    forged.size = 5000;
    let read = store.read(&forged, 0..5000).await;
    assert!(
        matches!(read, Err(Error::Changed { .. } | Error::Truncated { .. } | Error::Unavailable { .. })),
        "{read:?}"
    );
}

async fn a_missing_file_is_not_found(store: &dyn Store) {
    for path in ["nothing.mp4", "p/nothing", "p", "long.mp4/x"] {
        assert!(matches!(store.head(path).await, Err(Error::NotFound { .. })), "{path}");
    }
    let mut gone = store.head("long.mp4").await.unwrap();
    gone.path = "gone.mp4".to_owned();
    // Services differ in which they look at first, the name or the condition.
    let read = store.read(&gone, 0..1).await;
    assert!(matches!(read, Err(Error::NotFound { .. } | Error::Changed { .. })), "{read:?}");
}

//! What is published now, in memory.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use super::{Asset, DEMO_LOCATOR, Entry, Error, PublishedFile};
use crate::store::Symlinks;
use arc_swap::ArcSwap;

/// How often the list on disk is looked at.
const POLL: Duration = Duration::from_millis(500);

/// All published assets at one moment. Never changes; a new one takes its place.
#[derive(Debug, Default)]
pub struct Snapshot {
    assets: HashMap<[u8; 16], Arc<Asset>>,
}

impl Snapshot {
    /// The asset of a locator, given as its 16 bytes in the order of its text.
    pub fn find(&self, locator: &[u8; 16]) -> Option<&Arc<Asset>> {
        self.assets.get(locator)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.assets.len()
    }

    /// True without assets.
    pub fn is_empty(&self) -> bool {
        self.assets.is_empty()
    }
}

/// The list as last read: what tells whether the file is another one now.
type Seen = Option<(SystemTime, u64)>;

/// Its entries, each with its asset.
type Known = HashMap<[u8; 16], (Entry, Arc<Asset>)>;

/// The published assets, kept up to date with the list on disk.
#[derive(Debug)]
pub struct Published {
    list: PublishedFile,
    demo: Option<Arc<Asset>>,
    symlinks: Symlinks,
    current: ArcSwap<Snapshot>,
    /// Held while the list is read, so that an older one never takes the place of a newer one.
    seen: Mutex<(Seen, Known)>,
}

impl Published {
    /// Reads the list. `demo` is the folder that is published at [`DEMO_LOCATOR`].
    ///
    /// # Errors
    /// [`Error`] when the list cannot be read or is damaged.
    pub fn open(list: PublishedFile, demo: Option<&Path>, symlinks: Symlinks) -> Result<Published, Error> {
        let demo = demo.map(|folder| Arc::new(Asset::folder(DEMO_LOCATOR, folder, symlinks)));
        let published =
            Published { list, demo, symlinks, current: ArcSwap::default(), seen: Mutex::new((None, HashMap::new())) };
        published.reload()?;
        Ok(published)
    }

    /// The asset of a locator, now.
    pub fn find(&self, locator: &[u8; 16]) -> Option<Arc<Asset>> {
        self.current.load().find(locator).cloned()
    }

    /// All of them, now.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.current.load_full()
    }

    /// Reads the list again. Assets that are still published stay the same value.
    ///
    /// # Errors
    /// [`Error`] when the list cannot be read; what was published before stays published.
    pub fn reload(&self) -> Result<(), Error> {
        let mut guard = self.seen.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let (seen, known) = &mut *guard;
        // Looked at before reading: a change in between is seen as a change the next time.
        *seen = self.stamp();
        let entries = self.list.read()?;
        let mut next = HashMap::with_capacity(entries.len());
        for entry in entries {
            let asset = match known.remove(entry.locator.as_bytes()) {
                Some((before, asset)) if before.folder == entry.folder => asset,
                _ => Arc::new(Asset::folder(entry.locator, &entry.folder, self.symlinks)),
            };
            next.insert(*entry.locator.as_bytes(), (entry, asset));
        }
        *known = next;
        let demo = self.demo.iter().map(|asset| (*DEMO_LOCATOR.as_bytes(), Arc::clone(asset)));
        let assets = known.iter().map(|(locator, (_, asset))| (*locator, Arc::clone(asset))).chain(demo).collect();
        self.current.store(Arc::new(Snapshot { assets }));
        Ok(())
    }

    fn stamp(&self) -> Seen {
        let metadata = std::fs::metadata(self.list.path()).ok()?;
        Some((metadata.modified().ok()?, metadata.len()))
    }

    fn changed(&self) -> bool {
        self.seen.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).0 != self.stamp()
    }

    /// Keeps the snapshot up to date for as long as this future is polled: a change of the list on disk
    /// shows within a second. A damaged list is logged once and changes nothing.
    pub async fn watch(self: Arc<Published>) {
        let mut ticks = tokio::time::interval(POLL);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let published = Arc::clone(&self);
            let look = move || if published.changed() { Some(published.reload()) } else { None };
            match tokio::task::spawn_blocking(look).await {
                Ok(Some(Ok(()))) => tracing::info!(assets = self.current.load().len(), "published folders changed"),
                Ok(Some(Err(error))) => tracing::error!(%error, "published folders stay as they were"),
                Ok(None) => {}
                // The runtime is ending.
                Err(_) => return,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::UtcTime;

    const NOW: UtcTime = UtcTime { unix_millis: 1_700_000_000_000 };

    #[tokio::test]
    async fn a_running_catalog_follows_the_list() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("film");
        std::fs::create_dir(&folder).unwrap();
        let list = PublishedFile::new(root.path().join("data"));
        let published = Arc::new(Published::open(list.clone(), Some(&folder), Symlinks::Inside).unwrap());
        assert_eq!(published.snapshot().len(), 1);
        assert_eq!(published.find(DEMO_LOCATOR.as_bytes()).unwrap().name, "film");
        let watch = tokio::spawn(Arc::clone(&published).watch());

        let entry = list.add(&folder, None, NOW).unwrap();
        let asset = within_two_seconds(|| published.find(entry.locator.as_bytes())).await;
        let other = root.path().join("other");
        std::fs::create_dir(&other).unwrap();
        let second = list.add(&other, None, NOW).unwrap();
        within_two_seconds(|| published.find(second.locator.as_bytes())).await;
        assert!(Arc::ptr_eq(&asset, &published.find(entry.locator.as_bytes()).unwrap()));

        std::fs::write(list.path(), "broken").unwrap();
        tokio::time::sleep(2 * POLL).await;
        assert_eq!(published.snapshot().len(), 3);
        assert!(published.reload().is_err());

        std::fs::remove_file(list.path()).unwrap();
        within_two_seconds(|| (published.snapshot().len() == 1).then_some(())).await;
        watch.abort();
    }

    async fn within_two_seconds<T>(mut look: impl FnMut() -> Option<T>) -> T {
        for _ in 0..40 {
            match look() {
                Some(found) => return found,
                None => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        }
        panic!("nothing changed in two seconds");
    }
}

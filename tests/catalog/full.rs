//! A disk without room.

use std::path::Path;
use std::process::Command;

use headwater::catalog::*;

use crate::stores::{NOW, by, options};

/// A small file system in memory, for as long as this lives.
struct Disk<'a>(&'a Path);

impl Drop for Disk<'_> {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0).status();
    }
}

impl<'a> Disk<'a> {
    fn mount(at: &'a Path, size: &str) -> Option<Disk<'a>> {
        let mounted =
            Command::new("mount").args(["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs"]).arg(at).output();
        mounted.is_ok_and(|out| out.status.success()).then_some(Disk(at))
    }

    fn grow(&self, size: &str) {
        let grown = Command::new("mount").args(["-o", &format!("remount,size={size}")]).arg(self.0).status();
        assert!(grown.unwrap().success());
    }
}

#[tokio::test]
async fn a_full_disk_is_a_clean_error() {
    let root = tempfile::tempdir().unwrap();
    let Some(disk) = Disk::mount(root.path(), "1500k") else {
        eprintln!("skipped: no file system can be mounted here");
        return;
    };
    let address = Address::File(root.path().join("data/catalog.db"));
    let catalog = Catalog::open(options(root.path(), &address)).await.unwrap();
    let mut made = Vec::new();
    let error = loop {
        let mut transaction = catalog.begin(by()).await.unwrap();
        let name = format!("{} {}", made.len(), "x".repeat(3000));
        let policy =
            NewAccessPolicy { name: Some(name), duration_milliseconds: Some(1), permissions: Permissions::READ };
        let result = match transaction.create_access_policy(policy).await {
            Ok(policy) => transaction.commit().await.map(|_| policy.id),
            Err(error) => Err(error),
        };
        match result {
            Ok(id) => made.push(id),
            Err(error) => break error,
        }
        assert!(made.len() < 5000, "the disk should be full by now");
    };
    assert!(matches!(error, Error::Full { .. }), "{error:?}");
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.to_string().contains("Make room"), "{error}");
    // What was acknowledged is there and can be read, and nothing of what failed.
    assert_eq!(catalog.count::<AccessPolicy>(None).await.unwrap(), made.len() as u64);
    for id in &made {
        catalog.get::<AccessPolicy>(id).await.unwrap();
    }
    disk.grow("16m");
    let mut transaction = catalog.begin(By::new("test", NOW)).await.unwrap();
    let policy = NewAccessPolicy { name: None, duration_milliseconds: Some(1), permissions: Permissions::READ };
    transaction.create_access_policy(policy).await.unwrap();
    transaction.commit().await.unwrap();
    catalog.close().await;
    let again = Catalog::open(options(root.path(), &address)).await.unwrap();
    assert_eq!(again.count::<AccessPolicy>(None).await.unwrap(), made.len() as u64 + 1);
    again.close().await;
}

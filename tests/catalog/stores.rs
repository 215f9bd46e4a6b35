//! The two databases, and what the tests make in them.

use std::path::Path;
use std::sync::Arc;

use headwater::catalog::{
    AccessPolicy, Address, Asset, By, Catalog, Limits, Locator, LocatorType, NewAccessPolicy, NewAsset, NewAssetFile,
    NewLocator, Options, Permissions,
};
use headwater::secrets::{KeySealer, SealError, Sealed, SecretBytes};
use headwater::time::UtcTime;

use crate::postgres;

/// The time of the tests.
pub const NOW: UtcTime = UtcTime { unix_millis: 1_700_000_000_000 };
pub const MINUTE: u64 = 60_000;

pub fn by() -> By {
    By::new("test", NOW)
}

/// Runs the same test on both.
#[macro_export]
macro_rules! on_both {
    ($($(#[$attribute:meta])* async fn $name:ident($site:ident: &Site) $body:block)*) => {
        mod cases {
            use super::*;
            use $crate::stores::Site;
            $(pub async fn $name($site: &Site) $body)*
        }
        mod sqlite {
            $($(#[$attribute])* #[tokio::test] async fn $name() {
                super::cases::$name(&$crate::stores::Site::sqlite().await).await;
            })*
        }
        mod postgres {
            $($(#[$attribute])* #[tokio::test] async fn $name() {
                if let Some(site) = $crate::stores::Site::postgres().await {
                    super::cases::$name(&site).await;
                    site.catalog.close().await;
                }
            })*
        }
    };
}

/// A catalogue in a folder of its own.
pub struct Site {
    pub catalog: Catalog,
    pub root: tempfile::TempDir,
    pub address: Address,
}

/// Seals so that a test can see what was sealed, and for whom.
pub struct GlassSealer;

impl KeySealer for GlassSealer {
    fn seal(&self, context: &str, secret: &SecretBytes) -> Result<Sealed, SealError> {
        let hex: String = secret.expose().iter().map(|b| format!("{b:02x}")).collect();
        Ok(Sealed { master: "glass".to_owned(), text: format!("{context}|{hex}") })
    }

    fn open(&self, context: &str, sealed: &Sealed) -> Result<SecretBytes, SealError> {
        let (owner, hex) = sealed.text.rsplit_once('|').ok_or(SealError::Damaged)?;
        if owner != context {
            return Err(SealError::Damaged);
        }
        let bytes = (0..hex.len()).step_by(2).map(|i| u8::from_str_radix(&hex[i..i + 2], 16));
        bytes.collect::<Result<Vec<u8>, _>>().map(SecretBytes::new).map_err(|_| SealError::Damaged)
    }
}

pub fn options(root: &Path, address: &Address) -> Options {
    let limits = Limits { filters: 3, filters_per_asset: 3, storage_accounts: 4, ..Limits::default() };
    let sealer = Arc::new(GlassSealer);
    Options { database: address.clone(), sealer, limits, ..Options::local(&root.join("data"), NOW) }
}

impl Site {
    pub async fn sqlite() -> Site {
        let root = tempfile::tempdir().unwrap();
        let address = Address::File(root.path().join("data/catalog.db"));
        Site::open(root, address).await
    }

    pub async fn postgres() -> Option<Site> {
        let address = Address::parse(Some(&postgres::database()?), Path::new("")).unwrap();
        Some(Site::open(tempfile::tempdir().unwrap(), address).await)
    }

    async fn open(root: tempfile::TempDir, address: Address) -> Site {
        let catalog = Catalog::open(options(root.path(), &address)).await.unwrap();
        Site { catalog, root, address }
    }

    /// The same catalogue as another process has it.
    pub async fn other(&self) -> Catalog {
        Catalog::open(options(self.root.path(), &self.address)).await.unwrap()
    }

    pub async fn asset(&self, name: &str) -> Asset {
        let new = NewAsset { name: Some(name.to_owned()), ..NewAsset::default() };
        self.catalog.create_asset(by(), new).await.unwrap()
    }

    /// An asset with a primary file.
    pub async fn film(&self, name: &str) -> Asset {
        let asset = self.asset(name).await;
        let mut transaction = self.catalog.begin(by()).await.unwrap();
        let file = NewAssetFile { is_primary: true, ..NewAssetFile::new(asset.id, "film.ism") };
        transaction.create_file(file).await.unwrap();
        transaction.commit().await.unwrap();
        asset
    }

    pub async fn policy(&self, minutes: u64, permissions: Permissions) -> AccessPolicy {
        let mut transaction = self.catalog.begin(by()).await.unwrap();
        let new = NewAccessPolicy { name: None, duration_milliseconds: Some(minutes * MINUTE), permissions };
        let policy = transaction.create_access_policy(new).await.unwrap();
        transaction.commit().await.unwrap();
        policy
    }

    pub async fn locator(&self, asset: &Asset, policy: &AccessPolicy) -> Locator {
        self.catalog.create_locator(by(), streaming(asset, policy)).await.unwrap()
    }
}

/// A locator for streaming, from now.
pub fn streaming(asset: &Asset, policy: &AccessPolicy) -> NewLocator {
    NewLocator {
        id: None,
        locator_type: LocatorType::OnDemandOrigin,
        asset_id: asset.id,
        access_policy_id: policy.id,
        start: None,
        name: None,
    }
}

/// One step as a change of its own: committed if it worked, and without effect if it did not.
#[macro_export]
macro_rules! change {
    ($site:expr, |$transaction:ident| $step:expr) => {{
        let mut $transaction = $site.catalog.begin($crate::stores::by()).await.unwrap();
        let result = $step.await;
        if result.is_ok() {
            $transaction.commit().await.unwrap();
        }
        result
    }};
}

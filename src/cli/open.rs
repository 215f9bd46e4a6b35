//! Opening the catalogue and storage as the settings say.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::Error;
use super::films::symlinks;
use crate::blob::Blobs;
use crate::catalog::{
    AccountContainers, Address, Backend, By, Catalog, NewStorageAccount, OpenAccount, Options, Version,
};
use crate::clock;
use crate::config::Config;
use crate::keys::{MasterKeySealer, MasterKeys};
use crate::store::account::Account;

/// The catalogue, and what opens containers for it.
pub(super) struct Opened {
    pub(super) catalog: Catalog,
    pub(super) containers: Arc<AccountContainers>,
}

/// The catalogue of these settings, with a demo film if `demo` is its folder.
pub(super) async fn catalog(config: &Config, demo: Option<PathBuf>) -> Result<Catalog, Error> {
    Ok(open(config, demo).await?.catalog)
}

/// The same, with storage.
pub(super) async fn open(config: &Config, demo: Option<PathBuf>) -> Result<Opened, Error> {
    let data_dir = config.storage.data_dir();
    let symlinks = symlinks(config);
    let master = MasterKeys::load(&config.keys.source(&data_dir))?;
    let recheck = config.storage_account.iter().filter_map(|a| Some((a.name.clone(), a.recheck()?))).collect();
    let containers = Arc::new(AccountContainers::new(&data_dir, symlinks, recheck));
    let options = Options {
        database: Address::parse(config.catalog.database.as_ref().map(|url| url.as_str()), &data_dir)?,
        containers: containers.clone(),
        sealer: Arc::new(MasterKeySealer::new(&master)),
        placement: config.catalog.placement,
        demo,
        symlinks,
        ..Options::local(&data_dir, clock::now())
    };
    let catalog = Catalog::open(options).await?;
    if master.keys().len() > 1 {
        let moved = catalog.reseal_secrets(By::new("headwater", clock::now())).await?;
        if moved > 0 {
            tracing::info!(moved, "stored secrets are sealed under the new master key; the old one can go");
        }
    }
    link_accounts(&catalog, config).await?;
    Ok(Opened { catalog, containers })
}

/// Storage accounts of the settings become those of the catalogue, or change them.
async fn link_accounts(catalog: &Catalog, config: &Config) -> Result<(), Error> {
    let known = catalog.storage_accounts().await?;
    for account in &config.storage_account {
        let (backend, key) = (account.backend()?, account.key()?);
        let name = account.name.clone();
        let new = NewStorageAccount { name: name.clone(), backend, capacity_bytes: None, weight: 1 };
        let present = known.iter().find(|known| known.name == name);
        let same_key = match (&key, present) {
            (Some(key), Some(_)) => {
                catalog.storage_account_key(&name).await?.is_some_and(|k| k.expose() == key.expose())
            }
            (key, _) => key.is_none(),
        };
        let becomes_default = account.default && present.is_none_or(|present| !present.is_default);
        let same = present.is_some_and(|present| present.backend == new.backend) && same_key;
        if same && !becomes_default {
            continue;
        }
        let mut transaction = catalog.begin(By::new("config.toml", clock::now())).await?;
        match present {
            None => drop(transaction.create_storage_account(new, key.as_ref()).await?),
            Some(present) => {
                let (capacity_bytes, weight) = (present.capacity_bytes, present.weight);
                let new = NewStorageAccount { capacity_bytes, weight, ..new };
                transaction.update_storage_account(new, key.as_ref(), None).await?;
            }
        }
        if becomes_default {
            transaction.set_default_storage_account(&name).await?;
        }
        transaction.commit().await?;
    }
    Ok(())
}

/// The endpoint for signed URLs of local accounts.
pub(super) async fn blobs(opened: &Opened) -> Result<Arc<Blobs>, Error> {
    let accounts = signed_accounts(opened).await?;
    Ok(Arc::new(Blobs::new(accounts, Arc::new(opened.catalog.clone()))))
}

/// How often it is looked whether accounts have changed, which costs nothing as long as nothing has.
const LOOK: Duration = Duration::from_secs(1);
/// How often what uploads have left behind is looked for, and how old that has to be.
const SWEEP: Duration = Duration::from_secs(3600);
const LEFT_BEHIND: Duration = Duration::from_secs(24 * 3600);

/// Keeps the endpoint's accounts those of the catalogue, and their folders tidy, for as long as it is polled.
pub(super) async fn keep_accounts(opened: Opened, blobs: Arc<Blobs>) {
    let mut seen = Version(0);
    let mut swept: Option<tokio::time::Instant> = None;
    let mut ticks = tokio::time::interval(LOOK);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let version = opened.catalog.snapshot().version;
        let (changed, sweep) = (version != seen, swept.is_none_or(|at| at.elapsed() >= SWEEP));
        if !changed && !sweep {
            continue;
        }
        match signed_accounts(&opened).await {
            Ok(accounts) => {
                seen = version;
                if sweep {
                    swept = Some(tokio::time::Instant::now());
                    for account in accounts.iter().filter_map(Account::signed) {
                        if let Err(error) = account.sweep(LEFT_BEHIND).await {
                            tracing::warn!(%error, account = account.name(), "old uploads cannot be removed");
                        }
                    }
                }
                blobs.replace(accounts);
            }
            Err(error) => tracing::warn!(%error, "storage accounts stay as they were"),
        }
    }
}

/// Those whose signed URLs are answered here.
async fn signed_accounts(opened: &Opened) -> Result<Vec<Account>, Error> {
    let mut accounts = Vec::new();
    for account in opened.catalog.storage_accounts().await? {
        if !matches!(account.backend, Backend::Folder { .. } | Backend::S3 { .. }) {
            continue;
        }
        let key = opened.catalog.storage_account_key(&account.name).await?;
        let open = OpenAccount { account, key };
        match opened.containers.account(&open) {
            Ok(account) => accounts.push(account),
            Err(error) => tracing::error!(%error, account = open.account.name, "a storage account cannot be opened"),
        }
    }
    Ok(accounts)
}

/// Who changes something from the command line.
pub(super) fn by() -> By {
    let user = std::env::var("USER").or_else(|_| std::env::var("LOGNAME"));
    By::new(user.map_or_else(|_| "command line".to_owned(), |user| format!("command line ({user})")), clock::now())
}

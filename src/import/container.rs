//! One container: what is in it, and what of that the catalogue does not know yet.

use std::collections::HashMap;

use sha2::{Digest, Sha256};

use super::locators::{self, Made};
use super::report::Change;
use super::table::{Table, guid};
use super::{Error, Options, SharedStore};
use crate::catalog::{
    self, Asset, AssetId, Catalog, ErrorKind, NewAsset, NewStorageAccount, Page, Recorded, StorageAccount,
};
use crate::inspect;
use crate::source::infer;
use crate::store::ObjectInfo;

/// What a container turned out to be.
pub(super) enum Looked {
    /// One with something to publish.
    Film(Found),
    /// Something else: its name, and why it is passed over.
    Other((String, String)),
}

/// A container with files.
pub(super) struct Found {
    pub container: String,
    pub name: String,
    pub objects: Vec<ObjectInfo>,
    /// What would stream under which name, and what keeps it from that.
    pub inspected: Option<Result<inspect::Report, String>>,
}

/// Containers of assets are named `asset-{guid}`; newer ones have any name, so those with a server manifest count.
pub(super) async fn look(container: &str, store: SharedStore, options: &Options) -> Looked {
    let is_asset = container.strip_prefix("asset-").and_then(guid).is_some();
    let objects = match store.list("").await {
        Ok(objects) => objects,
        Err(error) => return Looked::Other((container.to_owned(), format!("it cannot be listed: {error}"))),
    };
    if objects.is_empty() {
        return Looked::Other((container.to_owned(), "it is empty".to_owned()));
    }
    if !is_asset && !objects.iter().any(|object| has_ending(&object.path, "ism")) {
        return Looked::Other((container.to_owned(), "it is not named asset-GUID, and has no .ism".to_owned()));
    }
    let name = film_name(container, &objects);
    let inspected = match &options.inspect {
        Some(settings) => {
            let report = inspect::of_store(store, &name, settings).await;
            Some(report.map_err(|error| error.to_string()))
        }
        None => None,
    };
    Looked::Film(Found { container: container.to_owned(), name, objects, inspected })
}

/// What the asset is called, for storage does not know: as its server manifest, else as its first media file.
fn film_name(container: &str, objects: &[ObjectInfo]) -> String {
    let top = || objects.iter().map(|object| object.path.as_str()).filter(|path| !path.contains('/'));
    let manifest = top().find(|path| has_ending(path, "ism"));
    let file = manifest.or_else(|| top().find(|path| infer::is_media_file(path)));
    let stem = file.and_then(|file| file.rsplit_once('.')).map(|(stem, _)| stem);
    stem.filter(|stem| !stem.is_empty()).unwrap_or(container).to_owned()
}

fn has_ending(name: &str, ending: &str) -> bool {
    !name.contains('/') && name.rsplit_once('.').is_some_and(|(_, end)| end.eq_ignore_ascii_case(ending))
}

/// Assets of the account, by container.
pub(super) struct Known(HashMap<String, AssetId>);

impl Known {
    pub async fn load(catalog: &Catalog, account: &StorageAccount) -> Result<Known, Error> {
        let (mut known, mut page) = (HashMap::new(), Page::of(&account.name));
        loop {
            let assets = catalog.list_ordered::<Asset>(&page).await?;
            let Some((last, _)) = assets.last() else { return Ok(Known(known)) };
            page.after = Some(*last);
            for (_, asset) in assets {
                known.entry(asset.entity.container).or_insert(asset.entity.id);
            }
        }
    }
}

/// What was done for a container.
pub(super) struct Done {
    pub asset: AssetId,
    pub change: Change,
    pub recorded: Recorded,
    pub locators: Vec<Made>,
    pub problem: Option<String>,
}

impl Done {
    fn failed(self, problem: String) -> Done {
        Done { change: Change::Failed, problem: Some(problem), ..self }
    }
}

/// What the catalogue's rules refuse is a matter of this container; what else fails ends the import.
pub(super) fn refusal<T>(result: Result<T, catalog::Error>) -> Result<Result<T, String>, Error> {
    match result {
        Ok(value) => Ok(Ok(value)),
        Err(error) if matches!(error.kind(), ErrorKind::Unavailable | ErrorKind::Failed) => Err(error.into()),
        Err(error) => Ok(Err(error.to_string())),
    }
}

/// Where containers are taken in.
pub(super) struct Into<'a> {
    pub catalog: &'a Catalog,
    pub account: &'a StorageAccount,
    /// The catalogue knows the account.
    pub linked: bool,
    pub known: Known,
}

/// Makes the asset, its file records and its locators, as far as they are missing; all of it or nothing.
pub(super) async fn record(into: &Into<'_>, found: &Found, table: &Table, options: &Options) -> Result<Done, Error> {
    let account = into.account;
    let before = into.known.0.get(&found.container).copied();
    let asset = before.unwrap_or_else(|| asset_id(account, &found.container));
    let old = table.of(&found.container);
    let mut done =
        Done { asset, change: Change::Known, recorded: Recorded::default(), locators: Vec::new(), problem: None };
    let mut transaction = into.catalog.begin(options.by.clone()).await?;
    if !into.linked && options.dry_run {
        let (name, backend) = (account.name.clone(), account.backend.clone());
        let new = NewStorageAccount { name, backend, capacity_bytes: None, weight: account.weight };
        transaction.create_storage_account(new, None).await?;
    }
    if before.is_none() {
        let new = NewAsset {
            id: Some(asset),
            name: Some(found.name.clone()),
            storage_account: Some(account.name.clone()),
            container: Some(found.container.clone()),
            ..NewAsset::default()
        };
        // Another asset may have the id: a copy of a container in a second account, say.
        if let Err(problem) = refusal(transaction.import_asset(new).await)? {
            return Ok(done.failed(problem));
        }
        done.change = Change::New;
    }
    match refusal(transaction.record_stored_files(asset, &found.objects).await)? {
        Ok(recorded) => done.recorded = recorded,
        Err(problem) => return Ok(done.failed(problem)),
    }
    if done.change == Change::Known && done.recorded != Recorded::default() {
        done.change = Change::Changed;
    }
    done.locators = locators::make(&mut transaction, asset, old).await?;
    if !options.dry_run {
        transaction.commit().await?;
    }
    Ok(done)
}

/// The id that the asset had, if the container's name has it; else one that is the same next time.
fn asset_id(account: &StorageAccount, container: &str) -> AssetId {
    if let Some(guid) = container.strip_prefix("asset-").and_then(guid) {
        return AssetId(guid);
    }
    let digest = Sha256::new()
        .chain_update(b"headwater: an imported container\0")
        .chain_update(&account.name)
        .chain_update(b"/")
        .chain_update(container)
        .finalize();
    let mut bytes = [0; 16];
    bytes.copy_from_slice(digest.get(..16).unwrap_or(&[0; 16]));
    AssetId(uuid::Builder::from_custom_bytes(bytes).into_uuid())
}

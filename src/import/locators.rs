//! Locators of old, made again with their ids.

use uuid::Uuid;

use super::Error;
use super::container::refusal;
use super::table::OldLocator;
use crate::catalog::{
    self, AccessPolicy, AssetId, Locator, LocatorId, LocatorType, NewAccessPolicy, NewLocator, Page, Permissions,
    Stored, Transaction,
};
use crate::time::UtcTime;

/// What became of a locator.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Made {
    pub id: Uuid,
    pub line: usize,
    pub outcome: Outcome,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Outcome {
    New,
    Known,
    Expired,
    Failed(String),
}

/// Locators without an end last a hundred years, as those of the service's own tools.
const FOR_EVER_MILLISECONDS: u64 = 36_525 * 24 * 3600 * 1000;
/// Locators begin a little in the past, because clocks of nodes differ.
const HEAD_START_MILLISECONDS: u64 = 5 * 60 * 1000;

/// Makes those that are missing.
pub(super) async fn make(
    transaction: &mut Transaction<'_>,
    asset: AssetId,
    old: &[OldLocator],
) -> Result<Vec<Made>, Error> {
    let mut made = Vec::new();
    for locator in old {
        let outcome = refusal(one(transaction, asset, locator).await)?.unwrap_or_else(Outcome::Failed);
        made.push(Made { id: locator.id, line: locator.line, outcome });
    }
    Ok(made)
}

async fn one(transaction: &mut Transaction<'_>, asset: AssetId, old: &OldLocator) -> Result<Outcome, catalog::Error> {
    let id = LocatorId(old.id);
    if let Some(known) = transaction.find::<Locator>(&id).await? {
        return Ok(match known.asset_id == asset && known.locator_type == LocatorType::OnDemandOrigin {
            true => Outcome::Known,
            false => Outcome::Failed(format!("that locator is there already, for {}", known.asset_id)),
        });
    }
    let now = transaction.now();
    if old.expiration.is_some_and(|end| end.unix_millis <= now.unix_millis) {
        return Ok(Outcome::Expired);
    }
    let policy = policy(transaction, old.expiration).await?;
    // Ends exactly when it did; the policy may be of an earlier import.
    let start = match old.expiration {
        Some(end) => end.unix_millis.saturating_sub(policy.duration_milliseconds),
        None => now.unix_millis.saturating_sub(HEAD_START_MILLISECONDS),
    };
    let new = NewLocator {
        id: Some(id),
        locator_type: LocatorType::OnDemandOrigin,
        asset_id: asset,
        access_policy_id: policy.id,
        start: Some(UtcTime { unix_millis: start }),
        name: None,
    };
    transaction.create_locator(new).await?;
    Ok(Outcome::New)
}

/// The access policy of all locators with that end.
async fn policy(
    transaction: &mut Transaction<'_>,
    expiration: Option<UtcTime>,
) -> Result<AccessPolicy, catalog::Error> {
    let start = transaction.now().unix_millis.saturating_sub(HEAD_START_MILLISECONDS);
    let (name, duration) = match expiration {
        None => ("imported locators".to_owned(), FOR_EVER_MILLISECONDS),
        Some(end) => (format!("imported locators until {}", end.unix_millis), end.unix_millis.saturating_sub(start)),
    };
    let reads = |policy: &Stored<AccessPolicy>| policy.permissions == Permissions::READ;
    let known: Vec<Stored<AccessPolicy>> = transaction.list(&Page::named(&name)).await?;
    if let Some(policy) = known.into_iter().find(reads) {
        return Ok(policy.entity);
    }
    let (name, duration_milliseconds) = (Some(name), Some(duration));
    transaction
        .create_access_policy(NewAccessPolicy { name, duration_milliseconds, permissions: Permissions::READ })
        .await
}

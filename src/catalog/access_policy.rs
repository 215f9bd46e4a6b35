//! Access policies: for how long, and what for (object model §4.1).

use serde::{Deserialize, Serialize};

use super::entity::{Entity, Kind, Link, millis};
use super::error::Error;
use super::id::AccessPolicyId;
use super::numbers::flags;
use super::rules::{self, MAX_NAME};
use super::transaction::Transaction;
use super::{DeliveryPolicy, KeyPolicy};
use crate::time::UtcTime;

flags! {
    /// What a locator allows.
    Permissions 15 {
        /// Reading, streaming included.
        READ = 1,
        /// Uploading.
        WRITE = 2,
        /// Deleting files.
        DELETE = 4,
        /// Listing files.
        LIST = 8,
    }
}

/// An access policy.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct AccessPolicy {
    /// Its identifier.
    pub id: AccessPolicyId,
    /// Its name.
    pub name: Option<String>,
    /// For how long locators with it are valid, milliseconds. On the wire minutes with a fraction.
    pub duration_milliseconds: u64,
    /// What for.
    pub permissions: Permissions,
    /// When it was created.
    #[serde(with = "millis")]
    pub created: UtcTime,
    /// When it was last changed.
    #[serde(with = "millis")]
    pub last_modified: UtcTime,
}

impl Entity for AccessPolicy {
    const KIND: Kind = Kind::AccessPolicy;
    type Id = AccessPolicyId;

    fn id(&self) -> AccessPolicyId {
        self.id
    }

    fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }
}

/// What an access policy is created with.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct NewAccessPolicy {
    /// Its name.
    pub name: Option<String>,
    /// For how long, milliseconds; the reference answers 500 where it is missing.
    pub duration_milliseconds: Option<u64>,
    /// What for.
    pub permissions: Permissions,
}

/// The longest duration, milliseconds: ends of locators stay within the years that dates can write.
pub const MAX_DURATION_MILLISECONDS: u64 = 7000 * 366 * 24 * 3600 * 1000;

/// Milliseconds of a number of minutes as the wire has them, digits with an optional fraction and exponent;
/// rounded down.
///
/// # Errors
/// [`Error::Invalid`] for what is no number of minutes that a policy can have.
pub fn milliseconds_of_minutes(text: &str) -> Result<u64, Error> {
    let wrong = || {
        let problem =
            format!("{text:?} is no number of minutes above 0 and up to {}", MAX_DURATION_MILLISECONDS / 60_000);
        Error::invalid(Kind::AccessPolicy, "DurationInMinutes", problem)
    };
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().map_err(|_| wrong())?),
        None => (text, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    if digits.is_empty() || digits.len() > 30 || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(wrong());
    }
    let value: u128 = digits.parse().map_err(|_| wrong())?;
    let power = exponent.checked_sub(i32::try_from(fraction.len()).map_err(|_| wrong())?).ok_or_else(wrong)?;
    let value = value.checked_mul(60_000).ok_or_else(wrong)?;
    let milliseconds = match power {
        0..=20 => 10u128.checked_pow(power.unsigned_abs()).and_then(|ten| value.checked_mul(ten)).ok_or_else(wrong)?,
        -38..0 => value / 10u128.pow(power.unsigned_abs()),
        _ if value == 0 || power < 0 => 0,
        _ => return Err(wrong()),
    };
    match u64::try_from(milliseconds) {
        Ok(milliseconds @ 1..=MAX_DURATION_MILLISECONDS) => Ok(milliseconds),
        _ => Err(wrong()),
    }
}

impl Transaction<'_> {
    /// Creates an access policy.
    ///
    /// # Errors
    /// [`Error::NoDuration`], [`Error::Invalid`], [`Error::Quota`].
    pub async fn create_access_policy(&mut self, new: NewAccessPolicy) -> Result<AccessPolicy, Error> {
        rules::maybe_text(Kind::AccessPolicy, "Name", new.name.as_deref(), MAX_NAME)?;
        let duration_milliseconds = new.duration_milliseconds.ok_or(Error::NoDuration)?;
        if !(1..=MAX_DURATION_MILLISECONDS).contains(&duration_milliseconds) {
            let problem = format!("it has to be above 0 and at most {}", MAX_DURATION_MILLISECONDS / 60_000);
            return Err(Error::invalid(Kind::AccessPolicy, "DurationInMinutes", problem));
        }
        self.room_for_policy().await?;
        let (created, last_modified) = (self.now(), self.now());
        let (id, name, permissions) = (AccessPolicyId::random(), new.name, new.permissions);
        let policy = AccessPolicy { id, name, duration_milliseconds, permissions, created, last_modified };
        self.insert(&policy).await?;
        Ok(policy)
    }

    /// Deletes an access policy.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Conflict`] while a locator uses it.
    pub async fn delete_access_policy(&mut self, id: AccessPolicyId) -> Result<(), Error> {
        let policy = self.get::<AccessPolicy>(&id).await?.entity;
        let users = self.linking(Link::LocatorAccessPolicy, &id).await?;
        rules::unused(&format!("access policy {id}"), "locator", &users)?;
        self.remove(&policy).await
    }

    /// There can be one more policy, whatever its kind.
    pub(super) async fn room_for_policy(&mut self) -> Result<(), Error> {
        let limit = self.catalog.limits().policies;
        let count = self.count::<AccessPolicy>(None).await?
            + self.count::<DeliveryPolicy>(None).await?
            + self.count::<KeyPolicy>(None).await?;
        if count < limit { Ok(()) } else { Err(Error::Quota { limit, what: "policies" }) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn minutes_are_read_exactly() {
        for (text, milliseconds) in [
            ("1", 60_000),
            ("440.0", 26_400_000),
            ("0.5", 30_000),
            ("0.00002", 1),
            ("5.256E5", 31_536_000_000),
            ("1e0", 60_000),
            ("1e-3", 60),
            ("1440.000000000000000000", 86_400_000),
        ] {
            assert_eq!(milliseconds_of_minutes(text).unwrap(), milliseconds, "{text}");
        }
        for text in
            ["", "0", "-1", "+1", ".", "1e", "1e400", "1e-400", "0.000001", "NaN", "1,5", "1e2147483647", "9e18"]
        {
            assert!(milliseconds_of_minutes(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_of_minutes_is_read_or_refused(text in "[0-9.eE+-]{0,40}") {
            if let Ok(milliseconds) = milliseconds_of_minutes(&text) {
                prop_assert!((1..=MAX_DURATION_MILLISECONDS).contains(&milliseconds));
            }
        }
    }
}

//! Limits, and checks that several kinds of entities share.

use super::entity::Kind;
use super::error::Error;

/// How many of a thing there can be (object model §14).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Assets.
    pub assets: u64,
    /// Access policies, delivery policies and key authorization policies together.
    pub policies: u64,
    /// Locators of one asset: its container has five stored access policies.
    pub locators_per_asset: u64,
    /// Storage accounts.
    pub storage_accounts: u64,
    /// Streaming endpoints.
    pub streaming_endpoints: u64,
    /// Scale units of one streaming endpoint.
    pub scale_units: u32,
    /// Filters for all assets.
    pub filters: u64,
    /// Filters of one asset.
    pub filters_per_asset: u64,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            assets: 1_000_000,
            policies: 1_000_000,
            locators_per_asset: 5,
            storage_accounts: 1000,
            streaming_endpoints: 2,
            scale_units: 10,
            filters: 100,
            filters_per_asset: 100,
        }
    }
}

/// The longest name where the reference gives no other limit, in characters.
pub(super) const MAX_NAME: usize = 4000;

/// Refuses what is too long or has control characters, which neither databases nor headers take.
pub(super) fn text(kind: Kind, property: &'static str, text: &str, max: usize) -> Result<(), Error> {
    let length = text.chars().count();
    if length > max {
        return Err(Error::invalid(kind, property, format!("it has {length} characters and may have {max}")));
    }
    if text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t')) {
        return Err(Error::invalid(kind, property, "it has control characters; leave them out"));
    }
    Ok(())
}

/// As [`text`], where there is one.
pub(super) fn maybe_text(kind: Kind, property: &'static str, value: Option<&str>, max: usize) -> Result<(), Error> {
    value.map_or(Ok(()), |value| text(kind, property, value, max))
}

/// Refuses a change that would leave a reference to nothing.
pub(super) fn unused(what: &str, by: &str, users: &[String]) -> Result<(), Error> {
    match users {
        [] => Ok(()),
        [first, rest @ ..] => {
            let others = if rest.is_empty() { String::new() } else { format!(" and {} more", rest.len()) };
            Err(Error::conflict(format!("{what} is used by {by} {first}{others}; end that first")))
        }
    }
}

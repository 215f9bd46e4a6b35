//! What all entities have in common: a kind, an identifier, and a place in the database.

use std::borrow::Cow;
use std::fmt;
use std::ops::Deref;
use std::str::FromStr;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// The kinds of entities, by the names that the database and the audit log have for them.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// [`super::Asset`]
    Asset,
    /// [`super::AssetFile`]
    AssetFile,
    /// [`super::AccessPolicy`]
    AccessPolicy,
    /// [`super::Locator`]
    Locator,
    /// [`super::StorageAccount`]
    StorageAccount,
    /// [`super::ContentKey`]
    ContentKey,
    /// [`super::KeyPolicy`]
    KeyPolicy,
    /// [`super::KeyPolicyOption`]
    KeyPolicyOption,
    /// [`super::DeliveryPolicy`]
    DeliveryPolicy,
    /// [`super::StreamingEndpoint`]
    StreamingEndpoint,
    /// [`super::Filter`]
    Filter,
    /// [`super::AssetFilter`]
    AssetFilter,
    /// [`super::Operation`]
    Operation,
}

impl Kind {
    /// All of them.
    pub const ALL: [Kind; 13] = [
        Kind::Asset,
        Kind::AssetFile,
        Kind::AccessPolicy,
        Kind::Locator,
        Kind::StorageAccount,
        Kind::ContentKey,
        Kind::KeyPolicy,
        Kind::KeyPolicyOption,
        Kind::DeliveryPolicy,
        Kind::StreamingEndpoint,
        Kind::Filter,
        Kind::AssetFilter,
        Kind::Operation,
    ];

    /// Its name in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Kind::Asset => "asset",
            Kind::AssetFile => "asset_file",
            Kind::AccessPolicy => "access_policy",
            Kind::Locator => "locator",
            Kind::StorageAccount => "storage_account",
            Kind::ContentKey => "content_key",
            Kind::KeyPolicy => "key_policy",
            Kind::KeyPolicyOption => "key_policy_option",
            Kind::DeliveryPolicy => "delivery_policy",
            Kind::StreamingEndpoint => "streaming_endpoint",
            Kind::Filter => "filter",
            Kind::AssetFilter => "asset_filter",
            Kind::Operation => "operation",
        }
    }

    /// Its name for people, with an article.
    pub const fn what(self) -> &'static str {
        match self {
            Kind::Asset => "an asset",
            Kind::AssetFile => "a file",
            Kind::AccessPolicy => "an access policy",
            Kind::Locator => "a locator",
            Kind::StorageAccount => "a storage account",
            Kind::ContentKey => "a content key",
            Kind::KeyPolicy => "a content key authorization policy",
            Kind::KeyPolicyOption => "a content key authorization policy option",
            Kind::DeliveryPolicy => "an asset delivery policy",
            Kind::StreamingEndpoint => "a streaming endpoint",
            Kind::Filter => "a filter",
            Kind::AssetFilter => "an asset filter",
            Kind::Operation => "an operation",
        }
    }

    /// The kind of that name in the database.
    pub fn named(name: &str) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| kind.as_str() == name)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What the database keeps as one document.
pub trait Entity: Serialize + DeserializeOwned + Clone + fmt::Debug + Send + Sync + Unpin + 'static {
    /// Which kind it is.
    const KIND: Kind;
    /// Its identifier.
    type Id: fmt::Display + FromStr + Clone + PartialEq + Send + Sync;

    /// Its identifier.
    fn id(&self) -> Self::Id;

    /// What it belongs to: the id of the asset of a file, locator or asset filter; the storage account of an
    /// asset; the access policy is not a parent. Children can be listed by it.
    fn parent(&self) -> Option<String> {
        None
    }

    /// By what it can be looked up beside its id, and what has to be unique among its siblings where the
    /// reference says so.
    fn name(&self) -> Option<&str> {
        None
    }
}

/// An entity as the database has it, with the mark of this state.
#[derive(Clone, PartialEq, Debug)]
pub struct Stored<E> {
    /// What it is.
    pub entity: E,
    /// The number of the change that made it so. A change may name the version that it is meant for, and is
    /// refused if there has been another one since.
    pub version: Version,
}

impl<E> Deref for Stored<E> {
    type Target = E;

    fn deref(&self) -> &E {
        &self.entity
    }
}

/// The number of a change: one more than the change before, across all nodes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize)]
pub struct Version(pub u64);

/// Links of many to many.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Link {
    /// From an asset to its content keys.
    AssetContentKeys,
    /// From an asset to its delivery policies.
    AssetDeliveryPolicies,
    /// From a content key authorization policy to its options.
    KeyPolicyOptions,
    /// From a locator to its access policy: a property, not a link of the management API.
    LocatorAccessPolicy,
    /// From a content key to its authorization policy: likewise.
    ContentKeyPolicy,
}

impl Link {
    /// Its name in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Link::AssetContentKeys => "asset_content_key",
            Link::AssetDeliveryPolicies => "asset_delivery_policy",
            Link::KeyPolicyOptions => "key_policy_option",
            Link::LocatorAccessPolicy => "locator_access_policy",
            Link::ContentKeyPolicy => "content_key_policy",
        }
    }

    /// The kinds at its ends.
    pub const fn ends(self) -> (Kind, Kind) {
        match self {
            Link::AssetContentKeys => (Kind::Asset, Kind::ContentKey),
            Link::AssetDeliveryPolicies => (Kind::Asset, Kind::DeliveryPolicy),
            Link::KeyPolicyOptions => (Kind::KeyPolicy, Kind::KeyPolicyOption),
            Link::LocatorAccessPolicy => (Kind::Locator, Kind::AccessPolicy),
            Link::ContentKeyPolicy => (Kind::ContentKey, Kind::KeyPolicy),
        }
    }
}

/// A part of a list.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Page {
    /// Only children of this parent (see [`Entity::parent`]).
    pub parent: Option<String>,
    /// Only those of this name (see [`Entity::name`]).
    pub name: Option<String>,
    /// Only what was created after this one; the way to walk through long lists.
    pub after: Option<Ordinal>,
    /// So many of the others are passed over.
    pub skip: u64,
    /// And so many are given.
    pub limit: u32,
}

impl Page {
    /// The most entities of one answer of the management API (object model §1.1).
    pub const MAX: u32 = 1000;

    /// The first thousand.
    pub const fn first() -> Page {
        Page { parent: None, name: None, after: None, skip: 0, limit: Page::MAX }
    }

    /// The first thousand children of `parent`.
    pub fn of(parent: impl fmt::Display) -> Page {
        Page { parent: Some(parent.to_string()), ..Page::first() }
    }

    /// Those of that name.
    pub fn named(name: impl Into<String>) -> Page {
        Page { name: Some(name.into()), ..Page::first() }
    }
}

impl Default for Page {
    fn default() -> Page {
        Page::first()
    }
}

/// A name as the database has it for looking up: long ones would not fit into its indexes, so a digest takes
/// the place of their end.
pub(super) fn name_key(name: &str) -> Cow<'_, str> {
    const LONGEST: usize = 500;
    if name.len() <= LONGEST {
        return Cow::Borrowed(name);
    }
    let end = (0..=LONGEST).rev().find(|at| name.is_char_boundary(*at)).unwrap_or(0);
    let digest = Sha256::digest(name);
    let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    Cow::Owned(format!("{}\u{2026}{hex}", &name[..end]))
}

/// The place of an entity in the order of creation, which is the order of lists.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Ordinal(pub u64);

/// Times as integers, milliseconds since 1970.
pub(super) mod millis {
    use serde::{Deserialize, Deserializer, Serializer};

    use crate::time::UtcTime;

    pub(in crate::catalog) fn serialize<S: Serializer>(time: &UtcTime, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(time.unix_millis)
    }

    pub(in crate::catalog) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<UtcTime, D::Error> {
        u64::deserialize(deserializer).map(|unix_millis| UtcTime { unix_millis })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_names_have_keys_that_fit_and_differ() {
        let long = |end: &str| format!("{}{end}", "\u{1f3ac}".repeat(1000));
        let (a, b) = (long("a"), long("b"));
        assert_eq!(name_key("film"), "film");
        assert!(name_key(&a).len() < 600 && name_key(&a) != name_key(&b) && name_key(&a) == name_key(&long("a")));
    }

    #[test]
    fn names_of_kinds_are_unique_and_found_again() {
        for kind in Kind::ALL {
            assert_eq!(Kind::named(kind.as_str()), Some(kind));
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
        }
        assert_eq!(Kind::named("film"), None);
    }
}

//! Identifiers: `nb:{kind}:UUID:{guid}`, each kind a type of its own.
//!
//! The prefix's letters are read in any case and written as the reference has them; the GUID is written in
//! lower case (object model §1.2).

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::Uuid;

/// A text that is not an identifier of the wanted kind.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{text:?} is not the id of {what}; it has to be {prefix} and a GUID of the form 8-4-4-4-12")]
pub struct IdError {
    /// What was given, shortened.
    pub text: String,
    /// Of what it should be the id.
    pub what: &'static str,
    /// How such an id begins.
    pub prefix: &'static str,
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident $prefix:literal $what:literal)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub Uuid);

        impl $name {
            /// How ids of this kind begin.
            pub const PREFIX: &str = $prefix;

            /// A new one, of random bits.
            pub fn random() -> $name {
                $name(Uuid::new_v4())
            }

            /// The GUID.
            pub const fn guid(&self) -> Uuid {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}{}", $prefix, self.0.as_hyphenated())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<$name, IdError> {
                let wrong = || IdError { text: text.chars().take(100).collect(), what: $what, prefix: $prefix };
                guid_behind($prefix, text).map($name).ok_or_else(wrong)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<$name, D::Error> {
                let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    )*};
}

ids! {
    /// Of an asset.
    AssetId "nb:cid:UUID:" "an asset"
    /// Of a file record.
    AssetFileId "nb:cid:UUID:" "a file"
    /// Of an access policy.
    AccessPolicyId "nb:pid:UUID:" "an access policy"
    /// Of a locator; its GUID is what streaming URLs begin with.
    LocatorId "nb:lid:UUID:" "a locator"
    /// Of a content key; its GUID is the KID of protected media.
    ContentKeyId "nb:kid:UUID:" "a content key"
    /// Of a content key authorization policy.
    KeyPolicyId "nb:ckpid:UUID:" "a content key authorization policy"
    /// Of an option of such a policy.
    KeyPolicyOptionId "nb:ckpoid:UUID:" "a content key authorization policy option"
    /// Of an asset delivery policy.
    DeliveryPolicyId "nb:adpid:UUID:" "an asset delivery policy"
    /// Of a streaming endpoint, which was once called an origin.
    StreamingEndpointId "nb:oid:UUID:" "a streaming endpoint"
    /// Of a long-running operation.
    OperationId "nb:opid:UUID:" "an operation"
}

/// The GUID behind `prefix`, of the form 8-4-4-4-12 and no other.
fn guid_behind(prefix: &str, text: &str) -> Option<Uuid> {
    let guid = text.get(prefix.len()..).filter(|guid| guid.len() == 36)?;
    text.get(..prefix.len()).filter(|begin| begin.eq_ignore_ascii_case(prefix))?;
    Uuid::try_parse(guid).ok()
}

/// What stands between asset and name in the id of an asset filter.
const ASSET_FILTER_SEPARATOR: &str = "__###__";

/// Of an asset filter: `{asset id}__###__{name}`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct AssetFilterId {
    /// The asset that it belongs to.
    pub asset: AssetId,
    /// Its name among the asset's filters.
    pub name: String,
}

impl fmt::Display for AssetFilterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{ASSET_FILTER_SEPARATOR}{}", self.asset, self.name)
    }
}

impl FromStr for AssetFilterId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<AssetFilterId, IdError> {
        let wrong = || IdError {
            text: text.chars().take(100).collect(),
            what: "an asset filter, {asset id}__###__{name}",
            prefix: AssetId::PREFIX,
        };
        let (asset, name) = text.split_once(ASSET_FILTER_SEPARATOR).ok_or_else(wrong)?;
        let asset = asset.parse().map_err(|_| wrong())?;
        if name.is_empty() { Err(wrong()) } else { Ok(AssetFilterId { asset, name: name.to_owned() }) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn prefixes_are_those_of_the_reference() {
        let guid = Uuid::from_u128(0x0123_4567_89ab_cdef_0123_4567_89ab_cdef);
        assert_eq!(AssetId(guid).to_string(), "nb:cid:UUID:01234567-89ab-cdef-0123-456789abcdef");
        let read: LocatorId = "NB:LID:uuid:01234567-89AB-CDEF-0123-456789ABCDEF".parse().unwrap();
        assert_eq!(read.to_string(), "nb:lid:UUID:01234567-89ab-cdef-0123-456789abcdef");
        let error = "nb:kid:UUID:01234567-89ab-cdef-0123-456789abcdef".parse::<LocatorId>().unwrap_err();
        assert!(error.to_string().contains("nb:lid:UUID:"), "{error}");
    }

    #[test]
    fn other_forms_are_refused() {
        for text in [
            "",
            "nb:cid:UUID:",
            "01234567-89ab-cdef-0123-456789abcdef",
            "nb:cid:UUID:{01234567-89ab-cdef-0123-456789abcdef}",
            "nb:cid:UUID:0123456789abcdef0123456789abcdef",
            "nb:cid:UUID:01234567-89ab-cdef-0123-456789abcdeg",
            "nb:cid:UUID:01234567-89ab-cdef-0123-456789abcdef ",
            "nb:cid:UUID:01234567-89ab-cdef-0123-456789abcde\u{e9}",
            "nb:cid:UU\u{130}D:01234567-89ab-cdef-0123-456789abcdef",
        ] {
            assert!(text.parse::<AssetId>().is_err(), "{text}");
        }
        for text in ["", "x__###__y", "nb:cid:UUID:01234567-89ab-cdef-0123-456789abcdef__###__"] {
            assert!(text.parse::<AssetFilterId>().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(bits: u128, name in "[^_]{1,20}") {
            let id = ContentKeyId(Uuid::from_u128(bits));
            prop_assert_eq!(id.to_string().parse::<ContentKeyId>().unwrap(), id);
            prop_assert_eq!(id.to_string().to_uppercase().parse::<ContentKeyId>().unwrap(), id);
            let filter = AssetFilterId { asset: AssetId(id.0), name };
            prop_assert_eq!(filter.to_string().parse::<AssetFilterId>().unwrap(), filter);
        }

        #[test]
        fn any_text_is_read_or_refused(text in "\\PC{0,80}", guid in "[0-9a-fA-F-]{30,40}") {
            for text in [text, format!("nb:cid:UUID:{guid}")] {
                if let Ok(id) = text.parse::<AssetId>() {
                    prop_assert!(id.to_string().eq_ignore_ascii_case(&text));
                }
                let _ = text.parse::<AssetFilterId>();
            }
        }
    }
}

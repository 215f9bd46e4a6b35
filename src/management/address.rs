//! Addresses that clients send and get: the service's root, and entities in bodies.

use super::error::Error;
use super::model::MODEL;
use crate::odata::{EntityType, ResourcePath, Tail, Target, resolve};

/// The prefixes of the service, as clients write them.
const PREFIXES: [&str; 2] = ["/API", "/api"];

/// Splits a path into the service's prefix and what follows it.
pub fn split_root(path: &str) -> Option<(&'static str, &str)> {
    PREFIXES.iter().find_map(|prefix| {
        let rest = path.strip_prefix(prefix)?;
        (rest.is_empty() || rest.starts_with('/')).then_some((*prefix, rest))
    })
}

/// What follows the service's prefix in the path of an address, absolute or relative.
pub fn relative(address: &str) -> &str {
    let path = match address.split_once("://") {
        Some((_, rest)) => rest.find('/').map_or("", |slash| &rest[slash..]),
        None => address,
    };
    split_root(path).map_or(path, |(_, rest)| rest)
}

/// The key in the address of an entity of `entity`: `https://host/API/Assets('nb%3A…')`, `Assets('nb:…')`.
///
/// # Errors
/// [`Error::Address`].
pub fn key_of(address: &str, entity: &'static EntityType) -> Result<String, Error> {
    let wrong = || Error::Address { address: shorten(address), set: entity.set };
    let path = ResourcePath::parse(relative(address)).map_err(|_| wrong())?;
    match resolve(&path, &MODEL) {
        Ok(Target::Entities { entity: found, key: Some(key), steps, tail: Tail::Whole })
            if found == entity && steps.is_empty() =>
        {
            Ok(key)
        }
        _ => Err(wrong()),
    }
}

/// At most 100 characters.
pub fn shorten(text: &str) -> String {
    text.chars().take(100).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::management::model::ASSET;

    #[test]
    fn entities_are_found_in_all_addresses_that_clients_write() {
        for address in [
            "https://host/API/Assets('nb%3Acid%3AUUID%3A1')",
            "http://host:80/api/Assets('nb:cid:UUID:1')",
            "/API/Assets('nb:cid:UUID:1')",
            "Assets('nb:cid:UUID:1')",
            "https://account.restv2.west.media.azure.net/api/Assets('nb:cid:UUID:1')",
        ] {
            assert_eq!(key_of(address, &ASSET).unwrap(), "nb:cid:UUID:1", "{address}");
        }
        for address in ["", "https://host", "Files('a')", "Assets", "Assets('a')/Files", "nb:cid:UUID:1", "Assets('a"] {
            assert!(key_of(address, &ASSET).is_err(), "{address}");
        }
    }
}

//! Names of accounts and containers, as Azure Storage has them.

/// As those of containers, but never the form of a GUID: at the front of a URL's path those are locators.
pub fn is_account_name(name: &str) -> bool {
    is_container_name(name) && uuid::Uuid::parse_str(name).is_err()
}

/// 3 to 63 lower-case letters, digits and hyphens; each hyphen stands between two others. So it is never a
/// path.
pub fn is_container_name(name: &str) -> bool {
    let letters = name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    (3..=63).contains(&name.len()) && letters && !name.starts_with('-') && !name.ends_with('-') && !name.contains("--")
}

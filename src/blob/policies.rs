//! Locators as stored access policies: a signed URL that names one ends with it.

use uuid::Uuid;

use super::{Policies, Policy};
use crate::catalog::{self, Catalog, container_of};
use crate::store::sas::Permissions;

impl Policies for Catalog {
    fn find(&self, _: &str, container: &str, identifier: &str) -> Option<Policy> {
        let locator = Uuid::parse_str(identifier).ok()?;
        let snapshot = self.snapshot();
        let published = snapshot.find_sas(locator.as_bytes())?;
        let of_container = published.asset.map(container_of).as_deref() == Some(container);
        of_container.then(|| Policy {
            start: Some(published.start),
            expiry: Some(published.expiration),
            permissions: permissions(published.permissions),
        })
    }
}

/// What an access policy allows, in the words of signed URLs. Who may write may create.
pub fn permissions(of: catalog::Permissions) -> Permissions {
    let writes = of.contains(catalog::Permissions::WRITE);
    Permissions {
        read: of.contains(catalog::Permissions::READ),
        add: writes,
        create: writes,
        write: writes,
        delete: of.contains(catalog::Permissions::DELETE),
        list: of.contains(catalog::Permissions::LIST),
    }
}

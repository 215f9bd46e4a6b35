//! The entity sets: one file each, from the catalogue's entities to rows and from bodies to changes.

mod access_policies;
mod asset_filters;
mod assets;
mod content_keys;
mod delivery_policies;
mod files;
mod filters;
mod key_options;
mod key_policies;
mod locators;
mod operations;
mod rules;
mod storage_accounts;
mod streaming_endpoints;

use std::fmt;

use async_trait::async_trait;

use super::change::Change;
use super::context::Context;
use super::error::Error;
use super::row::Row;
use crate::catalog::{Catalog, Entity, OperationId, Ordinal, Page, Stored, Version};
use crate::odata::json::Body;
use crate::odata::{EntityType, Value, limits};

/// What an action brought.
#[derive(Debug)]
pub enum Acted {
    /// A value.
    Value(Value),
    /// An operation that goes on for a while.
    Operation(OperationId),
}

/// One entity set. What it does not have, it refuses.
#[async_trait]
pub trait EntitySet: Send + Sync {
    /// Its type.
    fn entity(&self) -> &'static EntityType;

    /// The property that holds the parent of [`Page::parent`], where one can be asked for by it.
    fn parent_property(&self) -> Option<&'static str> {
        None
    }

    /// The entity of that key, if there is one.
    async fn find(&self, context: &Context, key: &str) -> Result<Option<Row>, Error>;

    /// A part of the set in the order of creation.
    async fn list(&self, context: &Context, page: &Page) -> Result<Vec<(Ordinal, Row)>, Error>;

    /// The entities that a navigation property of one of them leads to.
    async fn related(&self, _context: &Context, _row: &Row, _navigation: &str) -> Result<Vec<Row>, Error> {
        Ok(Vec::new())
    }

    /// Creates an entity; the answer is its key.
    async fn create(&self, _change: &mut Change<'_>, _body: &Body) -> Result<String, Error> {
        Err(refused("POST", "these entities are not made by clients"))
    }

    /// Changes what the body mentions.
    async fn update(
        &self,
        _change: &mut Change<'_>,
        _key: &str,
        _body: &Body,
        _expected: Option<Version>,
    ) -> Result<(), Error> {
        Err(refused("MERGE", "these entities cannot be changed; delete it and create another"))
    }

    /// Deletes an entity.
    async fn delete(&self, _change: &mut Change<'_>, _key: &str) -> Result<(), Error> {
        Err(refused("DELETE", "these entities cannot be deleted"))
    }

    /// Links an entity to another.
    async fn link(&self, _change: &mut Change<'_>, _key: &str, _navigation: &str, _to: &str) -> Result<(), Error> {
        Err(refused("POST", "this link cannot be made; it follows from the entities' properties"))
    }

    /// Removes a link.
    async fn unlink(&self, _change: &mut Change<'_>, _key: &str, _navigation: &str, _to: &str) -> Result<(), Error> {
        Err(refused("DELETE", "this link cannot be removed; it follows from the entities' properties"))
    }

    /// Does what an action of the type does.
    async fn act(
        &self,
        _change: &mut Change<'_>,
        _key: &str,
        _action: &str,
        _parameters: &[(&'static str, Value)],
    ) -> Result<Acted, Error> {
        Err(refused("POST", "there is no such action"))
    }
}

fn refused(method: &str, instead: &'static str) -> Error {
    Error::Method { method: method.to_owned(), instead }
}

/// The sets.
static SETS: [&dyn EntitySet; 13] = [
    &access_policies::AccessPolicies,
    &asset_filters::AssetFilters,
    &assets::Assets,
    &content_keys::ContentKeys,
    &delivery_policies::DeliveryPolicies,
    &files::Files,
    &filters::Filters,
    &key_options::KeyOptions,
    &key_policies::KeyPolicies,
    &locators::Locators,
    &operations::Operations,
    &storage_accounts::StorageAccounts,
    &streaming_endpoints::StreamingEndpoints,
];

/// The set of entities of that type.
pub fn of(entity: &EntityType) -> &'static dyn EntitySet {
    SETS.into_iter().find(|set| set.entity() == entity).unwrap_or(&operations::Operations)
}

/// The catalogue's entity of that key; none for a key that is no identifier of the kind.
async fn find<E: Entity>(context: &Context, key: &str) -> Result<Option<Stored<E>>, Error> {
    let Ok(id) = key.parse::<E::Id>() else { return Ok(None) };
    Ok(context.catalog.find::<E>(&id).await?)
}

/// All children of an entity, up to the number that one answer can hold.
pub async fn children<E: Entity>(catalog: &Catalog, parent: &impl fmt::Display) -> Result<Vec<Stored<E>>, Error> {
    let (mut all, mut page) = (Vec::new(), Page::of(parent));
    loop {
        let rows = catalog.list_ordered::<E>(&page).await?;
        let last = rows.len() < page.limit as usize;
        page.after = rows.last().map(|(ordinal, _)| *ordinal);
        all.extend(rows.into_iter().map(|(_, stored)| stored));
        if last {
            return Ok(all);
        }
        if all.len() >= limits::EXPANDED {
            return Err(Error::Expanded { limit: limits::EXPANDED });
        }
    }
}

/// The identifier that a key is.
fn id_of<E: Entity>(entity: &EntityType, key: &str) -> Result<E::Id, Error> {
    key.parse().map_err(|_| missing(entity, key))
}

fn missing(entity: &EntityType, key: &str) -> Error {
    Error::NotFound { what: entity.name, key: super::address::shorten(key) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::management::model::MODEL;

    #[test]
    fn every_type_of_the_model_has_its_set() {
        for entity in MODEL.entities {
            assert_eq!(of(entity).entity().name, entity.name);
        }
    }
}

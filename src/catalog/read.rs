//! Reading entities, links, secrets and the audit log.

use std::fmt;

use super::Catalog;
use super::database::{Running, Value};
use super::entity::{Entity, Kind, Link, Ordinal, Page, Stored, Version, name_key};
use super::error::Error;
use super::transaction::secret_context;
use crate::secrets::{Sealed, SecretBytes};
use crate::time::UtcTime;

/// One record of the audit log.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ChangeRecord {
    /// The change that it was part of.
    pub version: Version,
    /// When.
    pub at: UtcTime,
    /// By whom.
    pub actor: String,
    /// `create`, `update`, `delete`, `link` or `unlink`, or what an operation is called.
    pub action: String,
    /// What kind of entity.
    pub kind: Kind,
    /// Which one.
    pub id: String,
    /// What it belongs or belonged to.
    pub parent: Option<String>,
    /// Its name, or the other end of a link.
    pub detail: String,
}

impl Catalog {
    /// An entity.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn get<E: Entity>(&self, id: &E::Id) -> Result<Stored<E>, Error> {
        get(&mut self.database().read().await?, id).await
    }

    /// An entity, if there is one of that id.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn find<E: Entity>(&self, id: &E::Id) -> Result<Option<Stored<E>>, Error> {
        find(&mut self.database().read().await?, id).await
    }

    /// A part of the list of a kind, in the order of creation.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn list<E: Entity>(&self, page: &Page) -> Result<Vec<Stored<E>>, Error> {
        list(&mut self.database().read().await?, page).await
    }

    /// As [`Catalog::list`], each with its place in the order of creation, for [`Page::after`].
    ///
    /// # Errors
    /// When the database fails.
    pub async fn list_ordered<E: Entity>(&self, page: &Page) -> Result<Vec<(Ordinal, Stored<E>)>, Error> {
        list_ordered(&mut self.database().read().await?, page).await
    }

    /// How many there are of a kind; with `parent`, how many of its children.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn count<E: Entity>(&self, parent: Option<&str>) -> Result<u64, Error> {
        count(&mut self.database().read().await?, E::KIND, parent).await
    }

    /// The entities that `from` links to, in the order in which they were linked.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn linked<E: Entity>(&self, link: Link, from: &impl fmt::Display) -> Result<Vec<Stored<E>>, Error> {
        linked(&mut self.database().read().await?, link, &from.to_string()).await
    }

    /// The entities that link to `to`.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn linking<E: Entity>(&self, link: Link, to: &impl fmt::Display) -> Result<Vec<Stored<E>>, Error> {
        let sql = "SELECT e.id, e.ordinal, e.version, e.body FROM link l JOIN entity e ON e.kind = $3 AND e.id = l.from_id \
                   WHERE l.kind = $1 AND l.to_id = $2 ORDER BY l.ordinal";
        let to = to.to_string();
        let values = [link.as_str().into(), (&to).into(), E::KIND.as_str().into()];
        let rows = self.database().read().await?.all(sql, &values).await?;
        rows.into_iter().map(|row| entity(row).map(|(_, stored)| stored)).collect()
    }

    /// The audit log after change `after`, oldest first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn changes(&self, after: Version, limit: u32) -> Result<Vec<ChangeRecord>, Error> {
        changes(&mut self.database().read().await?, after, limit).await
    }

    /// The number of the last change.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn version(&self) -> Result<Version, Error> {
        head(&mut self.database().read().await?).await
    }

    /// A secret of `owner`, opened; `None` if it has none of that name.
    pub(super) async fn secret(&self, owner: &str, name: &str) -> Result<Option<SecretBytes>, Error> {
        let sealed = sealed(&mut self.database().read().await?, owner, name).await?;
        Ok(match sealed {
            Some(sealed) => Some(self.sealer().open(&secret_context(owner, name), &sealed)?),
            None => None,
        })
    }
}

/// id, ordinal, version, body
type EntityRow = (String, i64, i64, String);

fn entity<E: Entity>((id, ordinal, version, body): EntityRow) -> Result<(Ordinal, Stored<E>), Error> {
    let damaged = |error: serde_json::Error| Error::Damaged { kind: E::KIND, id, detail: error.to_string() };
    let entity = serde_json::from_str(&body).map_err(damaged)?;
    let number = |n: i64| u64::try_from(n).unwrap_or(0);
    Ok((Ordinal(number(ordinal)), Stored { entity, version: Version(number(version)) }))
}

pub(super) async fn find<E: Entity>(running: &mut Running, id: &E::Id) -> Result<Option<Stored<E>>, Error> {
    let sql = "SELECT id, ordinal, version, body FROM entity WHERE kind = $1 AND id = $2";
    let row = running.first(sql, &[E::KIND.as_str().into(), (&id.to_string()).into()]).await?;
    row.map(|row| entity(row).map(|(_, stored)| stored)).transpose()
}

/// Those with identifiers from `first` to `last`, at most `limit`.
pub(super) async fn between<E: Entity>(
    running: &mut Running,
    first: &str,
    last: &str,
    limit: u64,
) -> Result<Vec<E>, Error> {
    let sql = "SELECT id, ordinal, version, body FROM entity WHERE kind = $1 AND id >= $2 AND id <= $3 LIMIT $4";
    let rows = running.all(sql, &[E::KIND.as_str().into(), first.into(), last.into(), limit.into()]).await?;
    rows.into_iter().map(|row| entity(row).map(|(_, stored)| stored.entity)).collect()
}

pub(super) async fn get<E: Entity>(running: &mut Running, id: &E::Id) -> Result<Stored<E>, Error> {
    find(running, id).await?.ok_or_else(|| Error::not_found(E::KIND, id))
}

pub(super) async fn list<E: Entity>(running: &mut Running, page: &Page) -> Result<Vec<Stored<E>>, Error> {
    Ok(list_ordered(running, page).await?.into_iter().map(|(_, stored)| stored).collect())
}

pub(super) async fn list_ordered<E: Entity>(
    running: &mut Running,
    page: &Page,
) -> Result<Vec<(Ordinal, Stored<E>)>, Error> {
    let after = page.after.map_or(0, |Ordinal(after)| after);
    let kind = E::KIND.as_str();
    let (after, limit, skip): (Value<'_>, Value<'_>, Value<'_>) =
        (after.into(), u64::from(page.limit).into(), page.skip.into());
    // A query each, so that each has its index.
    let name = page.name.as_deref().map(name_key);
    let rows = match (&page.parent, name.as_deref()) {
        (None, None) => {
            let sql = "SELECT id, ordinal, version, body FROM entity WHERE kind = $1 AND ordinal > $2 \
                       ORDER BY ordinal LIMIT $3 OFFSET $4";
            running.all(sql, &[kind.into(), after, limit, skip]).await?
        }
        (Some(parent), None) => {
            let sql = "SELECT id, ordinal, version, body FROM entity WHERE kind = $1 AND ordinal > $2 AND parent = $5 \
                       ORDER BY ordinal LIMIT $3 OFFSET $4";
            running.all(sql, &[kind.into(), after, limit, skip, parent.into()]).await?
        }
        (None, Some(name)) => {
            let sql = "SELECT id, ordinal, version, body FROM entity WHERE kind = $1 AND ordinal > $2 AND name = $5 \
                       ORDER BY ordinal LIMIT $3 OFFSET $4";
            running.all(sql, &[kind.into(), after, limit, skip, name.into()]).await?
        }
        (Some(parent), Some(name)) => {
            let sql = "SELECT id, ordinal, version, body FROM entity WHERE kind = $1 AND ordinal > $2 AND parent = $5 \
                       AND name = $6 ORDER BY ordinal LIMIT $3 OFFSET $4";
            running.all(sql, &[kind.into(), after, limit, skip, parent.into(), name.into()]).await?
        }
    };
    rows.into_iter().map(entity).collect()
}

pub(super) async fn count(running: &mut Running, kind: Kind, parent: Option<&str>) -> Result<u64, Error> {
    match parent {
        None => running.number("SELECT count FROM tally WHERE kind = $1", &[kind.as_str().into()]).await,
        Some(parent) => {
            let sql = "SELECT COUNT(*) FROM entity WHERE kind = $1 AND parent = $2";
            running.number(sql, &[kind.as_str().into(), parent.into()]).await
        }
    }
}

pub(super) async fn linked<E: Entity>(running: &mut Running, link: Link, from: &str) -> Result<Vec<Stored<E>>, Error> {
    let sql = "SELECT e.id, e.ordinal, e.version, e.body FROM link l JOIN entity e ON e.kind = $3 AND e.id = l.to_id \
               WHERE l.kind = $1 AND l.from_id = $2 ORDER BY l.ordinal";
    let rows = running.all(sql, &[link.as_str().into(), from.into(), E::KIND.as_str().into()]).await?;
    rows.into_iter().map(|row| entity(row).map(|(_, stored)| stored)).collect()
}

async fn ids(running: &mut Running, sql: &'static str, link: Link, id: &str) -> Result<Vec<String>, Error> {
    let rows: Vec<(String,)> = running.all(sql, &[link.as_str().into(), id.into()]).await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

pub(super) async fn linked_from(running: &mut Running, link: Link, id: &str) -> Result<Vec<String>, Error> {
    ids(running, "SELECT to_id FROM link WHERE kind = $1 AND from_id = $2 ORDER BY ordinal", link, id).await
}

pub(super) async fn linking_to(running: &mut Running, link: Link, id: &str) -> Result<Vec<String>, Error> {
    ids(running, "SELECT from_id FROM link WHERE kind = $1 AND to_id = $2 ORDER BY ordinal", link, id).await
}

pub(super) async fn sealed(running: &mut Running, owner: &str, name: &str) -> Result<Option<Sealed>, Error> {
    let sql = "SELECT master, sealed FROM secret WHERE owner = $1 AND name = $2";
    let row: Option<(String, String)> = running.first(sql, &[owner.into(), name.into()]).await?;
    Ok(row.map(|(master, text)| Sealed { master, text }))
}

pub(super) async fn head(running: &mut Running) -> Result<Version, Error> {
    running.number("SELECT sequence FROM head WHERE id = 1", &[]).await.map(Version)
}

pub(super) async fn changes(running: &mut Running, after: Version, limit: u32) -> Result<Vec<ChangeRecord>, Error> {
    let sql = "SELECT sequence, at, actor, action, kind, id, parent, detail FROM change \
               WHERE sequence > $1 ORDER BY sequence, position LIMIT $2";
    type ChangeRow = (i64, i64, String, String, String, String, Option<String>, String);
    let rows: Vec<ChangeRow> = running.all(sql, &[after.0.into(), u64::from(limit).into()]).await?;
    let record = |(sequence, at, actor, action, kind, id, parent, detail): ChangeRow| {
        let number = |n: i64| u64::try_from(n).unwrap_or(0);
        // A newer node may know more kinds; they are none of ours.
        let kind = Kind::named(&kind)?;
        let (version, at) = (Version(number(sequence)), UtcTime { unix_millis: number(at) });
        Some(ChangeRecord { version, at, actor, action, kind, id, parent, detail })
    };
    Ok(rows.into_iter().filter_map(record).collect())
}

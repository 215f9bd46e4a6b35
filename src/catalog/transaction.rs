//! A change of the catalogue: all of it or nothing, with an audit record for each step.
//!
//! A transaction begins by raising the one number in the table `head`. That row stays locked until it
//! ends, so changes of all nodes happen one after the other: a rule that looks at what is there cannot be
//! outrun, and who has seen number n has seen everything below it.

use std::fmt;

use super::Catalog;
use super::database::{Running, Value};
use super::entity::{Entity, Kind, Link, Page, Stored, Version, name_key};
use super::error::Error;
use super::read;
use crate::secrets::{Sealed, SecretBytes};
use crate::time::UtcTime;

/// Who changes something, and when.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct By {
    /// A user or program as the audit log names it.
    pub actor: String,
    /// The time of the change.
    pub now: UtcTime,
}

impl By {
    /// `actor`, at `now`.
    pub fn new(actor: impl Into<String>, now: UtcTime) -> By {
        By { actor: actor.into(), now }
    }
}

/// A change under way. What it has done is there for itself alone until [`Transaction::commit`]; dropped
/// without it, nothing has happened.
pub struct Transaction<'c> {
    pub(super) catalog: &'c Catalog,
    pub(super) running: Running,
    pub(super) by: By,
    sequence: u64,
    position: u64,
}

/// The longest detail of an audit record, bytes.
const MAX_DETAIL: usize = 500;

impl Catalog {
    /// Begins a change. Other changes wait until it ends, so it should do nothing slow.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the database is not there or other changes take too long.
    pub async fn begin(&self, by: By) -> Result<Transaction<'_>, Error> {
        let mut running = self.database().write().await?;
        let sql = "UPDATE head SET sequence = sequence + 1 WHERE id = 1 RETURNING sequence";
        let sequence = running.number(sql, &[]).await?;
        Ok(Transaction { catalog: self, running, by, sequence, position: 0 })
    }
}

impl Transaction<'_> {
    /// Makes the change durable. When this returns, the change survives the loss of power, and requests to
    /// this node see it.
    ///
    /// # Errors
    /// When the database refuses; then nothing was changed, unless [`Error::Unavailable`] says that the answer
    /// was lost.
    pub async fn commit(self) -> Result<Version, Error> {
        let version = Version(self.sequence);
        if self.position > 0 {
            self.running.commit().await?;
            self.catalog.committed().await;
        }
        Ok(version)
    }

    /// The time of the change.
    pub fn now(&self) -> UtcTime {
        self.by.now
    }

    /// An entity as it is at this point of the change.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn get<E: Entity>(&mut self, id: &E::Id) -> Result<Stored<E>, Error> {
        read::get(&mut self.running, id).await
    }

    /// An entity, if there is one of that id.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn find<E: Entity>(&mut self, id: &E::Id) -> Result<Option<Stored<E>>, Error> {
        read::find(&mut self.running, id).await
    }

    /// A part of the list of a kind.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn list<E: Entity>(&mut self, page: &Page) -> Result<Vec<Stored<E>>, Error> {
        read::list(&mut self.running, page).await
    }

    /// How many there are of a kind; with `parent`, how many of its children.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn count<E: Entity>(&mut self, parent: Option<&str>) -> Result<u64, Error> {
        read::count(&mut self.running, E::KIND, parent).await
    }

    /// The ids that are linked from `id`.
    pub(super) async fn linked(&mut self, link: Link, id: &impl fmt::Display) -> Result<Vec<String>, Error> {
        read::linked_from(&mut self.running, link, &id.to_string()).await
    }

    /// The ids that link to `id`.
    pub(super) async fn linking(&mut self, link: Link, id: &impl fmt::Display) -> Result<Vec<String>, Error> {
        read::linking_to(&mut self.running, link, &id.to_string()).await
    }

    /// The entity for a change that is meant for version `expected`.
    pub(super) async fn for_update<E: Entity>(&mut self, id: &E::Id, expected: Option<Version>) -> Result<E, Error> {
        let stored = self.get::<E>(id).await?;
        if expected.is_some_and(|version| version != stored.version) {
            return Err(Error::Changed { kind: E::KIND, id: id.to_string() });
        }
        Ok(stored.entity)
    }

    pub(super) async fn insert<E: Entity>(&mut self, entity: &E) -> Result<(), Error> {
        let (id, parent) = (entity.id().to_string(), entity.parent());
        self.record("create", E::KIND, &id, parent.as_deref(), entity.name().unwrap_or_default()).await?;
        let sql =
            "INSERT INTO entity (kind, id, parent, name, ordinal, version, body) VALUES ($1, $2, $3, $4, $5, $6, $7)";
        let (body, name) = (body(entity)?, entity.name().map(name_key));
        let values = [
            E::KIND.as_str().into(),
            (&id).into(),
            parent.as_deref().into(),
            name.as_deref().into(),
            // One number for each record of each change: unique, and in the order of creation.
            (self.sequence << 20 | self.position).into(),
            self.sequence.into(),
            (&body).into(),
        ];
        self.running.execute(sql, &values).await?;
        let sql =
            "INSERT INTO tally (kind, count) VALUES ($1, 1) ON CONFLICT (kind) DO UPDATE SET count = tally.count + 1";
        self.running.execute(sql, &[E::KIND.as_str().into()]).await.map(drop)
    }

    pub(super) async fn replace<E: Entity>(&mut self, entity: &E) -> Result<(), Error> {
        let (id, parent) = (entity.id().to_string(), entity.parent());
        self.record("update", E::KIND, &id, parent.as_deref(), entity.name().unwrap_or_default()).await?;
        let sql = "UPDATE entity SET parent = $3, name = $4, version = $5, body = $6 WHERE kind = $1 AND id = $2";
        let (body, name) = (body(entity)?, entity.name().map(name_key));
        let values = [
            E::KIND.as_str().into(),
            (&id).into(),
            parent.as_deref().into(),
            name.as_deref().into(),
            self.sequence.into(),
            (&body).into(),
        ];
        match self.running.execute(sql, &values).await? {
            0 => Err(Error::not_found(E::KIND, id)),
            _ => Ok(()),
        }
    }

    /// Removes an entity with its secrets and what it links to. What links to it is the caller's business.
    pub(super) async fn remove<E: Entity>(&mut self, entity: &E) -> Result<(), Error> {
        let (id, parent) = (entity.id().to_string(), entity.parent());
        self.record("delete", E::KIND, &id, parent.as_deref(), entity.name().unwrap_or_default()).await?;
        let sql = "DELETE FROM entity WHERE kind = $1 AND id = $2";
        self.running.execute(sql, &[E::KIND.as_str().into(), (&id).into()]).await?;
        let sql = "UPDATE tally SET count = count - 1 WHERE kind = $1";
        self.running.execute(sql, &[E::KIND.as_str().into()]).await?;
        self.running.execute("DELETE FROM link WHERE from_id = $1", &[(&id).into()]).await?;
        self.forget_secrets(&id).await
    }

    pub(super) async fn link(&mut self, link: Link, from: &str, to: &str) -> Result<(), Error> {
        self.record("link", link.ends().0, from, None, to).await?;
        let sql = "INSERT INTO link (kind, from_id, to_id, ordinal) VALUES ($1, $2, $3, $4)";
        let ordinal = self.sequence << 20 | self.position;
        self.running.execute(sql, &[link.as_str().into(), from.into(), to.into(), ordinal.into()]).await.map(drop)
    }

    pub(super) async fn unlink(&mut self, link: Link, from: &str, to: &str) -> Result<(), Error> {
        self.record("unlink", link.ends().0, from, None, to).await?;
        let sql = "DELETE FROM link WHERE kind = $1 AND from_id = $2 AND to_id = $3";
        match self.running.execute(sql, &[link.as_str().into(), from.into(), to.into()]).await? {
            0 => Err(Error::NotFound { kind: link.ends().1, id: to.to_owned() }),
            _ => Ok(()),
        }
    }

    /// Keeps a secret of `owner` under the master key, in the place of an older one of that name.
    pub(super) async fn seal(&mut self, owner: &str, name: &str, secret: &SecretBytes) -> Result<(), Error> {
        let Sealed { master, text } = self.catalog.sealer().seal(&secret_context(owner, name), secret)?;
        self.put_sealed(owner, name, &Sealed { master, text }).await
    }

    pub(super) async fn put_sealed(&mut self, owner: &str, name: &str, sealed: &Sealed) -> Result<(), Error> {
        let sql = "INSERT INTO secret (owner, name, master, sealed) VALUES ($1, $2, $3, $4) \
                   ON CONFLICT (owner, name) DO UPDATE SET master = excluded.master, sealed = excluded.sealed";
        let values = [owner.into(), name.into(), (&sealed.master).into(), (&sealed.text).into()];
        self.running.execute(sql, &values).await.map(drop)
    }

    pub(super) async fn forget_secrets(&mut self, owner: &str) -> Result<(), Error> {
        self.running.execute("DELETE FROM secret WHERE owner = $1", &[owner.into()]).await.map(drop)
    }

    /// Writes one record of the audit log.
    pub(super) async fn record(
        &mut self,
        action: &'static str,
        kind: Kind,
        id: &str,
        parent: Option<&str>,
        detail: &str,
    ) -> Result<(), Error> {
        self.position += 1;
        let sql = "INSERT INTO change (sequence, position, at, actor, action, kind, id, parent, detail) \
                   VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
        let end = (0..=MAX_DETAIL.min(detail.len())).rev().find(|at| detail.is_char_boundary(*at)).unwrap_or(0);
        let values: [Value<'_>; 9] = [
            self.sequence.into(),
            self.position.into(),
            self.by.now.unix_millis.into(),
            (&self.by.actor).into(),
            action.into(),
            kind.as_str().into(),
            id.into(),
            parent.into(),
            detail[..end].into(),
        ];
        self.running.execute(sql, &values).await.map(drop)
    }

    pub(super) async fn execute(&mut self, sql: &'static str, values: &[Value<'_>]) -> Result<u64, Error> {
        self.running.execute(sql, values).await
    }
}

/// To what a secret is bound: its owner and its name.
pub(super) fn secret_context(owner: &str, name: &str) -> String {
    format!("{owner}/{name}")
}

fn body<E: Entity>(entity: &E) -> Result<String, Error> {
    let failed = |error: serde_json::Error| Error::Database { detail: format!("{}: {error}", E::KIND) };
    serde_json::to_string(entity).map_err(failed)
}

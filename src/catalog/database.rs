//! One database, two kinds: SQLite in a file of our own, or PostgreSQL. The same migrations and the same
//! queries run on both; this is the one place that knows which it is.

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use sqlx::migrate::{MigrateError, Migration, MigrationType, Migrator};
use sqlx::postgres::{PgConnectOptions, PgListener, PgPool, PgPoolOptions, PgRow};
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteRow, SqliteSynchronous,
};
use sqlx::{ConnectOptions, FromRow, PgConnection, Postgres, SqlSafeStr, Sqlite, SqliteConnection};
use tokio::sync::{Mutex, OwnedMutexGuard};

use super::error::Error;

/// How long a change waits for another process's change, and anything for a connection.
const PATIENCE: Duration = Duration::from_secs(10);
/// Connections of one node.
const CONNECTIONS: u32 = 8;
/// What nodes say to each other when they have changed something.
const CHANNEL: &str = "headwater_catalogue";

const MIGRATIONS: [(i64, &str, &str); 1] = [(1, "catalogue", include_str!("migrations/0001_catalogue.sql"))];

/// Where the catalogue is kept.
#[derive(Clone, PartialEq, Eq)]
pub enum Address {
    /// An SQLite file, made if there is none.
    File(PathBuf),
    /// A PostgreSQL database, `postgres://user:password@host/name`.
    Postgres(String),
}

impl std::fmt::Debug for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Address::File(path) => write!(f, "File({})", path.display()),
            Address::Postgres(_) => f.write_str("Postgres(…)"),
        }
    }
}

impl Address {
    /// The name of the file in Headwater's own folder.
    pub const FILE: &str = "catalog.db";

    /// What `catalog.database` says; without it, a file in `data_dir`.
    ///
    /// # Errors
    /// [`Error::Address`] for another kind of database.
    pub fn parse(text: Option<&str>, data_dir: &Path) -> Result<Address, Error> {
        let wrong = |problem: &str| Err(Error::Address { problem: problem.to_owned() });
        let Some(text) = text.filter(|text| !text.is_empty()) else {
            return Ok(Address::File(data_dir.join(Address::FILE)));
        };
        match text.split_once("://") {
            Some(("postgres" | "postgresql", _)) => match PgConnectOptions::from_str(text) {
                Ok(_) => Ok(Address::Postgres(text.to_owned())),
                Err(_) => wrong("this is no PostgreSQL address; postgres://user@host:5432/name is one"),
            },
            Some((scheme, _)) => wrong(&format!("{scheme} is no database that Headwater knows")),
            None => Ok(Address::File(PathBuf::from(text))),
        }
    }
}

/// A value for a placeholder.
#[derive(Clone, Copy, Debug)]
pub(super) enum Value<'a> {
    Text(&'a str),
    Maybe(Option<&'a str>),
    Int(i64),
}

impl<'a> From<&'a str> for Value<'a> {
    fn from(text: &'a str) -> Value<'a> {
        Value::Text(text)
    }
}

impl<'a> From<&'a String> for Value<'a> {
    fn from(text: &'a String) -> Value<'a> {
        Value::Text(text)
    }
}

impl<'a> From<Option<&'a str>> for Value<'a> {
    fn from(text: Option<&'a str>) -> Value<'a> {
        Value::Maybe(text)
    }
}

/// Databases count in signed numbers; ours stay far below the sign.
impl From<u64> for Value<'_> {
    fn from(number: u64) -> Self {
        Value::Int(i64::try_from(number).unwrap_or(i64::MAX))
    }
}

/// What both databases can read a row as.
pub(super) trait Row: for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin {}

impl<T: for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin> Row for T {}

/// The pool.
pub(super) enum Database {
    /// SQLite lets one write at a time and has others of the process try again after a sleep; the mutex
    /// lets them wait in order instead.
    Sqlite {
        pool: SqlitePool,
        writer: std::sync::Arc<Mutex<()>>,
    },
    Postgres {
        pool: PgPool,
    },
}

/// Where a statement runs: a transaction.
pub(super) enum Running {
    Sqlite { transaction: sqlx::Transaction<'static, Sqlite>, _turn: Option<OwnedMutexGuard<()>> },
    Postgres { transaction: sqlx::Transaction<'static, Postgres> },
}

impl Database {
    /// Opens the database and brings its tables up to date.
    pub(super) async fn open(address: &Address) -> Result<Database, Error> {
        let database = match address {
            Address::File(path) => {
                if let Some(folder) = path.parent() {
                    let failed = |source| Error::Io { path: folder.to_owned(), done: "written", source };
                    std::fs::create_dir_all(folder).map_err(failed)?;
                }
                let options = SqliteConnectOptions::new()
                    .filename(path)
                    .create_if_missing(true)
                    .journal_mode(SqliteJournalMode::Wal)
                    // FULL: what was acknowledged has reached the disk.
                    .synchronous(SqliteSynchronous::Full)
                    .busy_timeout(PATIENCE)
                    .disable_statement_logging();
                let pool = SqlitePoolOptions::new().max_connections(CONNECTIONS).acquire_timeout(PATIENCE);
                Database::Sqlite {
                    pool: patient(|| pool.clone().connect_with(options.clone())).await?,
                    writer: std::sync::Arc::default(),
                }
            }
            Address::Postgres(url) => {
                let options = PgConnectOptions::from_str(url)?
                    .application_name("headwater")
                    // A node that vanishes in mid-change must not keep the others waiting.
                    .options([
                        ("lock_timeout", "10s"),
                        ("statement_timeout", "60s"),
                        ("idle_in_transaction_session_timeout", "15s"),
                    ])
                    .disable_statement_logging();
                let pool = PgPoolOptions::new().max_connections(CONNECTIONS).acquire_timeout(PATIENCE);
                Database::Postgres { pool: pool.connect_with(options).await? }
            }
        };
        database.migrate().await?;
        Ok(database)
    }

    async fn migrate(&self) -> Result<(), Error> {
        let migration = |(version, name, sql): (i64, &'static str, &'static str)| {
            Migration::new(version, name.into(), MigrationType::Simple, sql.into_sql_str(), false)
        };
        let migrator = Migrator::with_migrations(MIGRATIONS.map(migration).into());
        let mut tries = 0;
        loop {
            let run = match self {
                Database::Sqlite { pool, .. } => migrator.run(pool).await,
                Database::Postgres { pool } => migrator.run(pool).await,
            };
            tries += 1;
            match run {
                Ok(()) => return Ok(()),
                Err(MigrateError::VersionMissing(version)) => return Err(Error::NewerDatabase { version }),
                // Another process may be making the tables at this moment.
                Err(_) if tries < 5 => tokio::time::sleep(Duration::from_millis(100 << tries)).await,
                Err(error) => return Err(Error::Database { detail: error.to_string() }),
            }
        }
    }

    /// A transaction that will change something.
    pub(super) async fn write(&self) -> Result<Running, Error> {
        Ok(match self {
            Database::Sqlite { pool, writer } => {
                let turn = tokio::time::timeout(PATIENCE, std::sync::Arc::clone(writer).lock_owned()).await;
                let turn = turn.map_err(|_| Error::Unavailable { detail: "other changes take too long".into() })?;
                let transaction = pool.begin_with("BEGIN IMMEDIATE").await?;
                Running::Sqlite { transaction, _turn: Some(turn) }
            }
            Database::Postgres { pool } => Running::Postgres { transaction: pool.begin().await? },
        })
    }

    /// A transaction that only reads, and sees one moment.
    pub(super) async fn read(&self) -> Result<Running, Error> {
        Ok(match self {
            Database::Sqlite { pool, .. } => Running::Sqlite { transaction: pool.begin().await?, _turn: None },
            Database::Postgres { pool } => {
                let begin = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
                Running::Postgres { transaction: pool.begin_with(begin).await? }
            }
        })
    }

    /// What tells of other nodes' changes; SQLite has nothing of the kind.
    pub(super) async fn listen(&self) -> Result<Option<PgListener>, Error> {
        let Database::Postgres { pool } = self else { return Ok(None) };
        let mut listener = PgListener::connect_with(pool).await?;
        listener.listen(CHANNEL).await?;
        Ok(Some(listener))
    }

    pub(super) async fn close(&self) {
        match self {
            Database::Sqlite { pool, .. } => pool.close().await,
            Database::Postgres { pool } => pool.close().await,
        }
    }
}

macro_rules! bound {
    ($query:expr, $values:expr) => {{
        let mut query = $query;
        for value in $values {
            query = match *value {
                Value::Text(text) => query.bind(text.to_owned()),
                Value::Maybe(text) => query.bind(text.map(str::to_owned)),
                Value::Int(number) => query.bind(number),
            };
        }
        query
    }};
}

impl Running {
    /// Runs a statement and says how many rows it has changed.
    pub(super) async fn execute(&mut self, sql: &'static str, values: &[Value<'_>]) -> Result<u64, Error> {
        Ok(match self {
            Running::Sqlite { transaction, .. } => {
                let connection: &mut SqliteConnection = &mut *transaction;
                bound!(sqlx::query::<Sqlite>(sql), values).execute(connection).await?.rows_affected()
            }
            Running::Postgres { transaction } => {
                let connection: &mut PgConnection = &mut *transaction;
                bound!(sqlx::query::<Postgres>(sql), values).execute(connection).await?.rows_affected()
            }
        })
    }

    /// All rows of a query.
    pub(super) async fn all<T: Row>(&mut self, sql: &'static str, values: &[Value<'_>]) -> Result<Vec<T>, Error> {
        Ok(match self {
            Running::Sqlite { transaction, .. } => {
                let connection: &mut SqliteConnection = &mut *transaction;
                bound!(sqlx::query_as::<Sqlite, T>(sql), values).fetch_all(connection).await?
            }
            Running::Postgres { transaction } => {
                let connection: &mut PgConnection = &mut *transaction;
                bound!(sqlx::query_as::<Postgres, T>(sql), values).fetch_all(connection).await?
            }
        })
    }

    /// The first row of a query, if there is one.
    pub(super) async fn first<T: Row>(&mut self, sql: &'static str, values: &[Value<'_>]) -> Result<Option<T>, Error> {
        Ok(self.all(sql, values).await?.into_iter().next())
    }

    /// A number that a query counts.
    pub(super) async fn number(&mut self, sql: &'static str, values: &[Value<'_>]) -> Result<u64, Error> {
        let row: Option<(i64,)> = self.first(sql, values).await?;
        Ok(row.map_or(0, |(number,)| u64::try_from(number).unwrap_or(0)))
    }

    /// Makes what was done durable, and lets the other nodes know.
    pub(super) async fn commit(mut self) -> Result<(), Error> {
        if let Running::Postgres { transaction } = &mut self {
            let connection: &mut PgConnection = &mut *transaction;
            sqlx::query::<Postgres>("SELECT pg_notify($1, '')").bind(CHANNEL).execute(connection).await?;
        }
        match self {
            Running::Sqlite { transaction, _turn } => transaction.commit().await?,
            Running::Postgres { transaction } => transaction.commit().await?,
        }
        Ok(())
    }
}

/// Tries again for a while: a new file is locked while another process makes it a database.
async fn patient<T, F: Future<Output = Result<T, sqlx::Error>>>(mut open: impl FnMut() -> F) -> Result<T, Error> {
    let mut tries = 0;
    loop {
        tries += 1;
        match open().await.map_err(Error::from) {
            Err(Error::Unavailable { .. }) if tries < 10 => {
                tokio::time::sleep(Duration::from_millis(20 << tries)).await
            }
            opened => return opened,
        }
    }
}

/// SQLite's primary result codes and PostgreSQL's SQLSTATEs (its documentation, appendix A).
impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Error {
        let detail = error.to_string();
        match &error {
            sqlx::Error::Database(database) => {
                let code = database.code().unwrap_or_default().into_owned();
                // Extended codes of SQLite carry the primary one in their low byte.
                let primary = code.parse::<u32>().ok().filter(|_| code.len() < 5).map(|code| code & 0xff);
                match (primary, code.as_str()) {
                    (Some(13), _) | (_, "53100") => Error::Full { detail },
                    (Some(10), "778" | "1034") => Error::Full { detail },
                    (Some(5 | 6 | 14), _) => Error::Unavailable { detail },
                    (None, code) if ["08", "53", "57", "55"].iter().any(|class| code.starts_with(class)) => {
                        Error::Unavailable { detail }
                    }
                    _ => Error::Database { detail },
                }
            }
            sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed | sqlx::Error::Tls(_) => {
                Error::Unavailable { detail }
            }
            _ => Error::Database { detail },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        let data = Path::new("/data");
        let parse = |text| Address::parse(text, data);
        assert_eq!(parse(None).unwrap(), Address::File("/data/catalog.db".into()));
        assert_eq!(parse(Some("/x/y.db")).unwrap(), Address::File("/x/y.db".into()));
        let postgres = parse(Some("postgres://me:secret@db.example/headwater")).unwrap();
        assert!(matches!(&postgres, Address::Postgres(_)) && !format!("{postgres:?}").contains("secret"));
        for wrong in ["mysql://me:secret@x/y", "postgres://me:secret@[x/y"] {
            let error = parse(Some(wrong)).unwrap_err().to_string();
            assert!(error.contains("postgres://") && !error.contains("secret"), "{error}");
        }
    }
}

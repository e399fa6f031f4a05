//! Where the database comes from: the one that `DATABASE_URL` names, or a private PostgreSQL of our own.
//!
//! With `DATABASE_URL` the server uses that database and nothing else: when it cannot, it stops. Migrations run as the
//! owner, under a lock, so that any number of processes may start at once.

pub mod embedded;

use std::str::FromStr;
use std::time::Duration;

use migration::{Migrator, MigratorTrait};
use sea_orm::sqlx::postgres::{PgConnectOptions, PgConnection};
use sea_orm::sqlx::{self, ConnectOptions, Connection};
use sea_orm::{DatabaseConnection, DbErr, SqlxPostgresConnector};

use crate::config::StoreSettings;
use embedded::{DATABASE, Embedded, EmbeddedError};

/// The database, and as whom to reach it.
#[derive(Debug)]
pub struct Store {
    /// The server's role.
    pub app_url: String,
    /// The owner's, when it is known.
    pub owner_url: Option<String>,
    /// The private PostgreSQL, which runs as long as this.
    pub embedded: Option<Embedded>,
}

/// Why there is no database.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The private PostgreSQL did not start.
    #[error(transparent)]
    Embedded(#[from] EmbeddedError),
    /// The owner is needed and unknown.
    #[error("this needs the owner of the database: set DATABASE_OWNER_URL")]
    NoOwner,
    /// An owner, and no database.
    #[error(
        "DATABASE_OWNER_URL is set and DATABASE_URL is not. Set both for your own PostgreSQL, or neither for the private one"
    )]
    OwnerAlone,
    /// An address cannot be read.
    #[error("DATABASE_OWNER_URL is not a PostgreSQL address: {0}")]
    BadUrl(sqlx::Error),
    /// Migrations failed.
    #[error("the migrations did not run: {0}")]
    Migration(DbErr),
    /// The owner cannot sign in.
    #[error("the owner of the database cannot be reached: {0}")]
    Unreachable(sqlx::Error),
}

impl Store {
    /// Finds the database, starting the private one if none is named. Blocks while it starts.
    ///
    /// # Errors
    /// When it does not start.
    pub fn open(settings: &StoreSettings) -> Result<Self, StoreError> {
        if let Some(app_url) = settings.database_url.clone() {
            return Ok(Self { app_url, owner_url: settings.database_owner_url.clone(), embedded: None });
        }
        if settings.database_owner_url.is_some() {
            return Err(StoreError::OwnerAlone);
        }
        let embedded = embedded::start(&settings.embedded())?;
        let (app_url, owner_url) = (embedded.app_url(DATABASE), embedded.owner_url(DATABASE));
        Ok(Self { app_url, owner_url: Some(owner_url), embedded: Some(embedded) })
    }

    /// The owner's address.
    ///
    /// # Errors
    /// When it is not known.
    pub fn owner_url(&self) -> Result<&str, StoreError> {
        self.owner_url.as_deref().ok_or(StoreError::NoOwner)
    }
}

/// Which way to migrate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// To the newest version.
    Up,
    /// Back by this many steps. What the undone tables held is gone.
    Down(u32),
}

/// "Patient Logger" as a number: other programs take other locks.
const LOCK: i64 = 0x5061_7469_656e_744c;

/// Runs the migrations as the owner. Of several processes, one runs them and the others wait and find them done.
///
/// # Errors
/// When the owner cannot sign in, or a migration fails; then nothing has changed.
pub async fn migrate(owner_url: &str, direction: Direction) -> Result<(), StoreError> {
    let options = PgConnectOptions::from_str(owner_url).map_err(StoreError::BadUrl)?.disable_statement_logging();
    let mut lock = PgConnection::connect_with(&options).await.map_err(StoreError::Unreachable)?;
    sqlx::query("SELECT pg_advisory_lock($1)").bind(LOCK).execute(&mut lock).await.map_err(StoreError::Unreachable)?;
    let connection = connect(options).await?;
    let done = match direction {
        Direction::Up => Migrator::up(&connection, None).await,
        Direction::Down(steps) => Migrator::down(&connection, Some(steps)).await,
    };
    // The lock ends with its connection, also when this fails.
    connection.close().await.map_err(StoreError::Migration)?;
    lock.close().await.map_err(StoreError::Unreachable)?;
    done.map_err(StoreError::Migration)
}

/// Connects as the owner, under a name that the database shows to whoever watches it.
///
/// # Errors
/// When the owner cannot sign in.
pub async fn connect_owner(owner_url: &str, name: &str) -> Result<PgConnection, StoreError> {
    let options = PgConnectOptions::from_str(owner_url).map_err(StoreError::BadUrl)?;
    let options = options.application_name(name).disable_statement_logging();
    PgConnection::connect_with(&options).await.map_err(StoreError::Unreachable)
}

async fn connect(options: PgConnectOptions) -> Result<DatabaseConnection, StoreError> {
    let pool = sqlx::postgres::PgPoolOptions::new().max_connections(1).acquire_timeout(Duration::from_secs(10));
    let pool = pool.connect_with(options).await.map_err(StoreError::Unreachable)?;
    Ok(SqlxPostgresConnector::from_sqlx_postgres_pool(pool))
}

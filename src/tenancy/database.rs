use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use migration::MigratorTrait;
use sea_orm::sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sea_orm::sqlx::{self, ConnectOptions, PgPool, Row};
use sea_orm::{DbErr, QueryResult, Statement};

use super::sight::Sight;
use super::together::{Kind, Together};
use super::tx::{Tx, WriteTx, open_error, prepared};
use crate::audit::{Entry, Keeper, Known, Lane, Witness};
use crate::error::AppError;
use crate::kernel::{Clock, HospitalId};

/// How the pool behaves.
#[derive(Clone, Debug)]
pub struct DatabaseSettings {
    /// Address of the app role, as a libpq URL.
    pub url: String,
    /// Most connections at a time.
    pub pool_size: u32,
    /// How long a request may wait for one of them.
    pub acquire_timeout: Duration,
    /// How long one statement may run.
    pub statement_timeout: Duration,
}

/// The pool of the app role. It gives out transactions, never a connection.
#[derive(Clone, Debug)]
pub struct Database {
    pool: PgPool,
    statement_timeout: Duration,
    statements: Counter,
    known: Arc<Known>,
    lane: Lane,
    audits_reads: bool,
}

/// Counts statements sent to the database.
#[derive(Clone, Debug, Default)]
pub(super) struct Counter(Arc<AtomicU64>);

impl Counter {
    pub(super) fn add(&self, count: u64) {
        self.0.fetch_add(count, Ordering::Relaxed);
    }
}

/// Why the server must not use this database.
#[derive(Debug, thiserror::Error)]
pub enum NotSafe {
    /// PostgreSQL cannot be reached, or answers with an error.
    #[error("the database cannot be used: {0}")]
    Unreachable(#[from] sqlx::Error),
    /// The address cannot be read.
    #[error("DATABASE_URL is not a PostgreSQL address: {0}")]
    BadUrl(String),
    /// The server is too old.
    #[error("PostgreSQL {0} is too old: Patient Logger needs version 15 or newer")]
    TooOld(String),
    /// The role stands above the wall.
    #[error(
        "the role \"{role}\" {why}, so row level security would not hold it. Let DATABASE_URL name a role that is a \
         member of patient_logger_app and nothing more; src/database/roles.sql makes one"
    )]
    PowerfulRole {
        /// The role that DATABASE_URL names.
        role: String,
        /// What is wrong with it.
        why: String,
    },
    /// A commit would not wait for the disk.
    #[error(
        "synchronous_commit is off for this role, so an answer could leave before its audit event is durable. Run \
         `ALTER ROLE ... SET synchronous_commit = on` as an administrator, for the role that DATABASE_URL names"
    )]
    NotDurable,
    /// Tables without a wall.
    #[error(
        "row level security is not enabled and forced on: {0}. Run `patient-logger migrate`; if that does not help, \
         somebody has changed these tables by hand"
    )]
    OpenTables(String),
    /// The tables are not those this version was built for.
    #[error(
        "the database is at schema version {found}, this server needs {needed}. Run `patient-logger migrate`{hint}"
    )]
    WrongSchema {
        /// What is there.
        found: String,
        /// What is needed.
        needed: String,
        /// More advice.
        hint: &'static str,
    },
}

impl Database {
    /// Connects, and refuses a database on which the wall would not stand.
    ///
    /// # Errors
    /// See [`NotSafe`]; each says what to do.
    pub async fn connect(settings: &DatabaseSettings) -> Result<Self, NotSafe> {
        let options = PgConnectOptions::from_str(&settings.url)
            .map_err(|error| NotSafe::BadUrl(error.to_string()))?
            .application_name("patient-logger")
            .disable_statement_logging();
        let pool = PgPoolOptions::new()
            .max_connections(settings.pool_size)
            .acquire_timeout(settings.acquire_timeout)
            .test_before_acquire(false)
            .connect_with(options.clone())
            .await?;
        // A connection of its own: the events of answers must not wait behind requests for one of the pool.
        let known = Arc::new(Known::default());
        let lane = Lane::open(options.application_name("patient-logger-audit"), known.clone()).await?;
        let (statement_timeout, statements) = (settings.statement_timeout, Counter::default());
        let database = Self { pool, statement_timeout, statements, known, lane, audits_reads: true };
        database.check().await?;
        Ok(database)
    }

    /// The same database, where reads leave no events. Changes, sign-ins and refusals still do.
    pub fn without_audit_of_reads(self) -> Self {
        Self { audits_reads: false, ..self }
    }

    /// Most connections at a time.
    pub fn pool_size(&self) -> usize {
        usize::try_from(self.pool.options().get_max_connections()).unwrap_or(usize::MAX)
    }

    pub(super) fn audits_reads(&self) -> bool {
        self.audits_reads
    }

    /// Takes the events that no transaction of a change holds.
    pub(super) fn lane(&self) -> &Lane {
        &self.lane
    }

    /// Leaves events that no answer waits for: nothing was given, and how long it takes must not tell why.
    pub(crate) fn leave(&self, entry: Entry) {
        self.lane.submit(entry).unwatched();
    }

    /// Writes events of what no viewer and no transaction of a hospital did.
    ///
    /// # Errors
    /// UNAVAILABLE when they are not durable.
    pub(crate) async fn record(&self, entry: Entry) -> Result<(), AppError> {
        self.lane.submit(entry).durable().await
    }

    /// Opens a transaction that has no hospital, in which row level security shows no tenant's row: for sign-in, and for
    /// what belongs to no hospital.
    pub(crate) async fn begin_outside_hospitals(&self) -> Result<Tx, DbErr> {
        self.begin("READ WRITE", &Sight::none()).await
    }

    /// Opens a transaction in the hospital that a credential names, to look whether it holds.
    pub(crate) async fn begin_for_credential(&self, hospital: HospitalId) -> Result<WriteTx, DbErr> {
        self.begin_write(&Sight::hospital(hospital), None).await
    }

    pub(super) async fn begin_write(
        &self,
        sight: &Sight,
        witness: Option<(Arc<Witness>, Clock)>,
    ) -> Result<WriteTx, DbErr> {
        let tx = self.begin("ISOLATION LEVEL READ COMMITTED READ WRITE", sight).await?;
        Ok(WriteTx { tx, witness, known: self.known.clone() })
    }

    /// Asks about a credential with one statement that enters the hospital by itself, or goes through a door, and so needs no
    /// transaction around it: one round trip. Row level security shows a statement without a hospital nothing.
    ///
    /// It runs in a task of its own, for the reason that `Tx::begin` gives.
    pub(crate) async fn ask_for_credential(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        self.statements.add(1);
        let pool = self.pool.clone();
        let asked = tokio::spawn(async move { prepared(statement).fetch_all(&pool).await }).await;
        match asked {
            Ok(Ok(rows)) => Ok(rows.into_iter().next().map(Into::into)),
            Ok(Err(error)) => Err(open_error(error)),
            Err(_) => Err(DbErr::Custom("the question was not answered".into())),
        }
    }

    /// Asks one kind of question about credentials, which many requests ask at the same time.
    pub(crate) fn together<Q: Send + Sync + 'static, A: Send + 'static>(&self, kind: Kind<Q, A>) -> Together<Q, A> {
        Together::new(self.pool.clone(), self.statements.clone(), self.statement_timeout, kind)
    }

    /// Every setting is local to the transaction, so that it ends with it, also behind a pooler such as PgBouncer.
    ///
    /// Plans are made once for a statement: with the values known, PostgreSQL would plan nearly every page anew, as a `LIMIT $1`
    /// of 51 rows always looks cheaper than one of nobody knows how many. `tests/it/plans` reads both kinds of plan.
    pub(super) async fn begin(&self, mode: &str, sight: &Sight) -> Result<Tx, DbErr> {
        let begin = format!(
            "BEGIN {mode}; SELECT {}set_config('statement_timeout', '{}', true), set_config('lock_timeout', '2s', true), \
             set_config('idle_in_transaction_session_timeout', '10s', true), \
             set_config('plan_cache_mode', 'force_generic_plan', true)",
            sight.settings(),
            self.statement_timeout.as_millis()
        );
        Tx::begin(&self.pool, begin, self.statements.clone()).await
    }

    /// How many statements were sent since the start.
    pub fn statements(&self) -> u64 {
        self.statements.0.load(Ordering::Relaxed)
    }

    /// Whether the database answers and has this server's schema.
    ///
    /// # Errors
    /// See [`NotSafe`].
    pub async fn ready(&self) -> Result<(), NotSafe> {
        let found: Option<String> = sqlx::query_scalar("SELECT schema_version()").fetch_one(&self.pool).await.or_else(
            |error| match &error {
                sqlx::Error::Database(cause) if cause.code().as_deref() == Some("42883") => Ok(None),
                _ => Err(error),
            },
        )?;
        let needed = migration::Migrator::migrations().last().map(|last| last.name().to_owned()).unwrap_or_default();
        match found {
            Some(found) if found == needed => Ok(()),
            Some(found) if found > needed => Err(NotSafe::WrongSchema {
                found,
                needed,
                hint: " only with a newer server: this one is older than its database",
            }),
            found => Err(NotSafe::WrongSchema {
                found: found.unwrap_or_else(|| "none".into()),
                needed,
                hint: " with DATABASE_OWNER_URL set",
            }),
        }
    }

    /// Starts the job that seals the audit trail, with a connection of its own.
    pub fn keep_audit_trail(&self, clock: Clock) -> Keeper {
        Keeper::start(PgConnectOptions::clone(&self.pool.connect_options()), clock)
    }

    /// Writes the events that wait, and ends all connections.
    pub async fn close(&self) {
        self.lane.close().await;
        self.pool.close().await;
    }

    async fn check(&self) -> Result<(), NotSafe> {
        let version: String =
            sqlx::query_scalar("SELECT current_setting('server_version_num')").fetch_one(&self.pool).await?;
        if version.parse::<u32>().unwrap_or(0) < 150_000 {
            return Err(NotSafe::TooOld(version));
        }
        let role = sqlx::query(POWERS).fetch_one(&self.pool).await?;
        if let Some(why) = role.try_get::<Option<String>, _>("why")? {
            return Err(NotSafe::PowerfulRole { role: role.try_get("role")?, why });
        }
        self.ready().await?;
        let setting =
            |name: &'static str| sqlx::query_scalar("SELECT current_setting($1)").bind(name).fetch_one(&self.pool);
        let (commit, fsync): (String, String) = (setting("synchronous_commit").await?, setting("fsync").await?);
        if commit == "off" {
            return Err(NotSafe::NotDurable);
        }
        if fsync == "off" {
            tracing::warn!("PostgreSQL runs with fsync = off: a loss of power may lose changes and audit events");
        }
        let open: Vec<String> = sqlx::query_scalar(OPEN_TABLES).fetch_all(&self.pool).await?;
        if !open.is_empty() {
            return Err(NotSafe::OpenTables(open.join(", ")));
        }
        Ok(())
    }
}

/// What lifts the role above row level security, itself or through a role that it may become.
const POWERS: &str = "
    SELECT current_user::text AS role, (
        SELECT CASE WHEN r.rolsuper THEN 'is a superuser' WHEN r.rolbypassrls THEN 'has BYPASSRLS'
                    ELSE 'owns tables' END || CASE WHEN r.rolname = current_user THEN '' ELSE ' (through ' || r.rolname || ')' END
        FROM pg_roles r
        WHERE pg_has_role(current_user, r.oid, 'MEMBER')
          AND (r.rolsuper OR r.rolbypassrls
               OR EXISTS (SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
                          WHERE c.relowner = r.oid AND c.relkind IN ('r', 'p', 'v', 'm') AND n.nspname = 'public'))
        ORDER BY r.rolname = current_user DESC LIMIT 1
    ) AS why";

/// Tables that hold rows of hospitals, or that the app role can read, without forced row security.
const OPEN_TABLES: &str = "
    SELECT c.relname::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p')
      AND NOT (c.relrowsecurity AND c.relforcerowsecurity)
      AND (has_any_column_privilege(c.oid, 'SELECT, INSERT, UPDATE') OR has_table_privilege(c.oid, 'DELETE')
           OR EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'hospital_id'))
    ORDER BY 1";

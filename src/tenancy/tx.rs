use std::ops::Deref;
use std::sync::Arc;

use async_graphql::async_trait::async_trait;
use sea_orm::sea_query::{Asterisk, Expr, Func, PostgresQueryBuilder, Query, SelectStatement};
use sea_orm::sqlx::{self, AssertSqlSafe, Executor, PgPool, Postgres};
use sea_orm::{ConnectionTrait, DbBackend, DbErr, ExecResult, FromQueryResult, QueryResult, RuntimeErr, Statement};
use sea_query_sqlx::SqlxValues;
use tokio::sync::Mutex;

use super::database::Counter;
use crate::audit::{self, Entry, Facts, Known, Witness};
use crate::kernel::Clock;

/// How far the rows of a list are counted: whoever wants to know more of a longer list asks for part of it.
pub const MAX_COUNT: u64 = 10_000;

/// A transaction, as SeaORM sees it.
///
/// SeaORM's own transaction costs two round trips to open with a setting (`BEGIN`, then `set_config`); this one sends
/// both in one.
#[derive(Debug)]
pub struct Tx {
    inner: Mutex<Option<sqlx::Transaction<'static, Postgres>>>,
    statements: Counter,
}

impl Tx {
    /// Opens a transaction with `begin`, which may hold several statements.
    ///
    /// It runs in a task of its own: sqlx 0.9.0 forgets an open transaction when the future of a `BEGIN` is dropped
    /// halfway (transact-rs/sqlx#4385), and the next user of that connection would find the last one's hospital set.
    /// A task cannot be dropped halfway.
    pub(super) async fn begin(pool: &PgPool, begin: String, statements: Counter) -> Result<Self, DbErr> {
        statements.add(1);
        let pool = pool.clone();
        let opened = tokio::spawn(async move { pool.begin_with(AssertSqlSafe(begin)).await }).await;
        let inner = match opened {
            Ok(Ok(transaction)) => transaction,
            Ok(Err(error)) => return Err(open_error(error)),
            Err(_) => return Err(closed()),
        };
        Ok(Self { inner: Mutex::new(Some(inner)), statements })
    }

    /// The rows of `select`.
    ///
    /// # Errors
    /// When the database cannot say, or they are no `R`.
    pub async fn rows<R: FromQueryResult>(&self, select: &SelectStatement) -> Result<Vec<R>, DbErr> {
        self.query_all_raw(statement(select)).await?.iter().map(|row| R::from_query_result(row, "")).collect()
    }

    /// How many rows `select` has, counted to one more than [`MAX_COUNT`].
    ///
    /// # Errors
    /// When the database cannot say.
    pub async fn count(&self, mut select: SelectStatement) -> Result<u64, DbErr> {
        select.limit(MAX_COUNT + 1);
        let mut count = Query::select();
        count.expr_as(Func::count(Expr::col(Asterisk)), "count").from_subquery(select, "counted");
        let row = self.query_one_raw(statement(&count)).await?;
        Ok(row.map(|row| row.try_get::<i64>("", "count")).transpose()?.unwrap_or_default().unsigned_abs())
    }

    /// Ends a transaction that only read. Later use of it is an error, not a new transaction.
    ///
    /// Nobody waits for it: the rollback leaves together with the question that the pool asks each connection that comes back.
    pub(super) async fn leave(&self) {
        if self.inner.lock().await.take().is_some() {
            self.statements.add(1);
        }
    }

    async fn commit(&self) -> Result<(), DbErr> {
        let Some(transaction) = self.inner.lock().await.take() else { return Err(closed()) };
        self.statements.add(1);
        transaction.commit().await.map_err(query_error)
    }
}

/// A transaction that changes something. Dropped without [`WriteTx::commit`], it changes nothing.
#[derive(Debug)]
pub struct WriteTx {
    pub(super) tx: Tx,
    /// The witness of the request, when the change is a viewer's: its event is committed with it.
    pub(super) witness: Option<(Arc<Witness>, Clock)>,
    pub(super) known: Arc<Known>,
}

impl WriteTx {
    /// Makes the changes last, and the event that tells of them.
    ///
    /// # Errors
    /// When the database cannot say that it did.
    pub async fn commit(self) -> Result<(), DbErr> {
        match &self.witness {
            Some((witness, clock)) => {
                let facts = self.append(&witness.change(clock.now())).await?;
                self.tx.commit().await?;
                self.known.learn(facts);
                witness.recorded();
                Ok(())
            }
            None => self.tx.commit().await,
        }
    }

    /// Makes the changes last, and these events with them: for what happens where there is no viewer yet, or in a hospital
    /// that is not the viewer's.
    ///
    /// # Errors
    /// When the database cannot say that it did.
    pub(crate) async fn commit_with(self, entry: &Entry) -> Result<(), DbErr> {
        let facts = self.append(entry).await?;
        self.tx.commit().await?;
        self.known.learn(facts);
        Ok(())
    }

    async fn append(&self, entry: &Entry) -> Result<Facts, DbErr> {
        let mut inner = self.tx.inner.lock().await;
        let connection = &mut **inner.as_mut().ok_or_else(closed)?;
        self.tx.statements.add(1);
        let written = audit::append(connection, &self.known, &[entry]).await;
        // What this process believed to be there may be what is missing.
        written.map_err(query_error).inspect_err(|_| self.known.forget())
    }
}

impl Deref for WriteTx {
    type Target = Tx;

    fn deref(&self) -> &Tx {
        &self.tx
    }
}

fn closed() -> DbErr {
    DbErr::Custom("the transaction has ended".into())
}

/// Why there is no connection, or why what was said first on it failed.
pub(super) fn open_error(error: sqlx::Error) -> DbErr {
    match error {
        sqlx::Error::PoolTimedOut => DbErr::ConnectionAcquire(sea_orm::ConnAcquireErr::Timeout),
        sqlx::Error::Database(_) => query_error(error),
        error => DbErr::Conn(RuntimeErr::SqlxError(error.into())),
    }
}

fn query_error(error: sqlx::Error) -> DbErr {
    DbErr::Query(RuntimeErr::SqlxError(error.into()))
}

fn statement(select: &SelectStatement) -> Statement {
    let (sql, values) = select.build(PostgresQueryBuilder);
    Statement { sql, values: Some(values), db_backend: DbBackend::Postgres }
}

pub(super) fn prepared(statement: Statement) -> sqlx::query::Query<'static, Postgres, SqlxValues> {
    let values = statement.values.unwrap_or(sea_orm::Values(Vec::new()));
    sqlx::query_with(AssertSqlSafe(statement.sql), SqlxValues(values))
}

macro_rules! with_connection {
    ($self:ident, $connection:ident => $run:expr) => {{
        let mut inner = $self.inner.lock().await;
        let $connection = &mut **inner.as_mut().ok_or_else(closed)?;
        $self.statements.add(1);
        $run.await.map_err(query_error)
    }};
}

#[async_trait]
impl ConnectionTrait for Tx {
    fn get_database_backend(&self) -> DbBackend {
        DbBackend::Postgres
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        with_connection!(self, c => c.execute(prepared(statement))).map(Into::into)
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        with_connection!(self, c => c.execute(AssertSqlSafe(sql))).map(Into::into)
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        with_connection!(self, c => c.fetch_optional(prepared(statement))).map(|row| row.map(Into::into))
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        with_connection!(self, c => c.fetch_all(prepared(statement)))
            .map(|rows| rows.into_iter().map(Into::into).collect())
    }
}

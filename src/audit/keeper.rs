//! The background job of every server: seals what was recorded, posts which patients it was about, makes partitions ahead.
//!
//! Any number of servers may run it at once: the database lets one at a time work, and holds all of them together to the
//! pauses.

use std::time::Duration;

use sea_orm::sqlx::postgres::PgConnectOptions;
use sea_orm::sqlx::{self, ConnectOptions, Connection, PgConnection};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};

use crate::kernel::Clock;

/// How often it works.
const BEAT: Duration = Duration::from_secs(2);
/// Events of one sealing: some tenths of a second.
const SEAL_BATCH: i32 = 20_000;
/// After this time the next sealing may begin, in milliseconds; below [`BEAT`], so that one server alone never waits.
const SEAL_PAUSE: i32 = 1_500;
/// Events of one posting: a tenth of a second, or a second when each is about 50 patients.
const POST_BATCH: i32 = 5_000;
/// Posting has a tenth of the time: it then rests nine times as long as it took.
const POST_REST: i32 = 9;
/// How often partitions are made ahead.
const AHEAD: Duration = Duration::from_secs(3_600);
/// No beat takes longer. What does has lost its database.
const PATIENCE: Duration = Duration::from_secs(60);
/// An event that waits longer for its seal is worth a warning.
const LAG: chrono::Duration = chrono::Duration::seconds(30);

/// The job, as long as it runs.
#[derive(Debug)]
pub struct Keeper {
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

struct Job {
    options: PgConnectOptions,
    clock: Clock,
    connection: Option<PgConnection>,
    ahead: Option<Instant>,
    warned: Option<Instant>,
}

impl Keeper {
    /// Starts it, with a connection of its own as the server's role.
    pub fn start(options: PgConnectOptions, clock: Clock) -> Self {
        let (stop, mut stopped) = watch::channel(false);
        let mut job = Job { options, clock, connection: None, ahead: None, warned: None };
        let task = tokio::spawn(async move {
            while !*stopped.borrow() {
                match timeout(PATIENCE, job.beat()).await {
                    Ok(Ok(())) => {}
                    Ok(Err(error)) => job.failed(&error.to_string()),
                    Err(_) => job.failed("the database does not answer"),
                }
                tokio::select! { _ = stopped.changed() => {}, () = sleep(BEAT) => {} }
            }
            if let Some(connection) = job.connection {
                let _ = connection.close().await;
            }
        });
        Self { stop, task }
    }

    /// Ends it, after what it is doing now.
    pub async fn stop(self) {
        self.stop.send_replace(true);
        let _ = self.task.await;
    }
}

impl Job {
    async fn beat(&mut self) -> sqlx::Result<()> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.options.clone().application_name("patient-logger audit keeper").connect().await?,
        };
        if self.ahead.is_none_or(|made| made.elapsed() >= AHEAD) {
            sqlx::query("SELECT audit_partitions($1)").bind(self.clock.now()).execute(&mut connection).await?;
            self.ahead = Some(Instant::now());
        }
        let mut pause = SEAL_PAUSE;
        while call(&mut connection, "SELECT audit_seal($1, $2)", SEAL_BATCH, pause).await? >= SEAL_BATCH {
            pause = 0;
        }
        call(&mut connection, "SELECT audit_post($1, $2)", POST_BATCH, POST_REST).await?;
        self.watch(&mut connection).await?;
        // Only a connection on which all went well is used again.
        self.connection = Some(connection);
        Ok(())
    }

    async fn watch(&mut self, connection: &mut PgConnection) -> sqlx::Result<()> {
        let since: Option<chrono::DateTime<chrono::Utc>> =
            sqlx::query_scalar("SELECT unsealed_since FROM audit_state").fetch_one(connection).await?;
        let lag = since.map(|since| self.clock.now() - since).filter(|lag| *lag > LAG);
        if let Some(lag) = lag
            && self.warned.is_none_or(|warned| warned.elapsed() >= PATIENCE)
        {
            let seconds = lag.num_seconds();
            tracing::warn!(
                seconds,
                "the audit trail is sealed {seconds} s late: a transaction that has been open that long, in any database of \
                 this PostgreSQL, holds it up, or there is more to seal than it can"
            );
            self.warned = Some(Instant::now());
        }
        Ok(())
    }

    fn failed(&mut self, error: &str) {
        self.connection = None;
        tracing::error!(error, "the audit trail is not sealed now: {error}");
    }
}

async fn call(connection: &mut PgConnection, function: &'static str, batch: i32, other: i32) -> sqlx::Result<i32> {
    sqlx::query_scalar(function).bind(batch).bind(other).fetch_one(connection).await
}

//! One connection, when it is given up, and how the next one is made.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, RedisError, RedisResult};
use tokio::time::error::Elapsed;
use tokio::time::{sleep, timeout};

use super::{BUDGET, Shared};

/// Answers in a row that may be late before the connection is given up.
const LATE: u32 = 3;
/// Longest time to connect, and the pause before trying again.
const PAUSE: Duration = Duration::from_secs(1);

/// A connection that all requests share.
pub(super) struct Line {
    connection: MultiplexedConnection,
    late: AtomicU32,
    complained: AtomicBool,
}

impl Line {
    /// Another handle of the same connection.
    pub(super) fn connection(&self) -> MultiplexedConnection {
        self.connection.clone()
    }

    /// What an answer says: `Err` with the reason when the connection is not to be used any more.
    pub(super) fn judge<T>(&self, answer: Result<RedisResult<T>, Elapsed>) -> Result<Option<T>, String> {
        let error = match answer {
            Ok(Ok(value)) => {
                self.late.store(0, Ordering::Relaxed);
                return Ok(Some(value));
            }
            Ok(Err(error)) => error,
            Err(_) if self.late.fetch_add(1, Ordering::Relaxed) + 1 < LATE => return Ok(None),
            Err(_) => return Err(late()),
        };
        if error.is_unrecoverable_error() || error.is_timeout() {
            return Err(describe(&error));
        }
        // It answered, and refused: it is full, say, or still loading. Said once, not for every request.
        if !self.complained.swap(true, Ordering::Relaxed) {
            tracing::warn!(error = describe(&error), "Redis refuses: going on without it where it does");
        }
        Ok(None)
    }
}

/// Makes a connection beside the requests, however long that takes. Ends with the last handle. `told` is whether the log has
/// heard already that there is none.
pub(super) fn connect_beside(shared: &Arc<Shared>, mut told: bool) {
    let shared = Arc::downgrade(shared);
    tokio::spawn(async move {
        loop {
            let Some(client) = shared.upgrade().map(|shared| shared.client.clone()) else { return };
            match connect(&client).await {
                Ok(connection) => {
                    let Some(shared) = shared.upgrade() else { return };
                    let line = Line { connection, late: AtomicU32::new(0), complained: AtomicBool::new(false) };
                    tracing::info!("Redis is there and used");
                    *shared.line.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(line));
                    return;
                }
                Err(why) if !told => tracing::warn!(why, "Redis cannot be used: going on without it, and trying again"),
                Err(_) => {}
            }
            told = true;
            sleep(PAUSE).await;
        }
    });
}

/// A connection that keeps the budget.
async fn connect(client: &Client) -> Result<MultiplexedConnection, String> {
    // The budget is measured by who waits, so the library need not measure it again.
    let config = AsyncConnectionConfig::new().set_connection_timeout(Some(PAUSE)).set_response_timeout(None);
    let connecting = timeout(2 * PAUSE, client.get_multiplexed_async_connection_with_config(&config));
    let mut connection = connecting.await.map_err(|_| late())?.map_err(|error| describe(&error))?;
    let ping = redis::cmd("PING");
    let answer: RedisResult<String> = timeout(BUDGET, ping.query_async(&mut connection)).await.map_err(|_| late())?;
    answer.map(|_| connection).map_err(|error| describe(&error))
}

fn late() -> String {
    format!("it does not answer within {} ms", BUDGET.as_millis())
}

/// What an error is, without what Redis says, which may quote what was sent.
fn describe(error: &RedisError) -> String {
    match error.code() {
        Some(code) => format!("it answered {code}"),
        None if error.is_io_error() => error.to_string(),
        None => format!("{:?}", error.kind()),
    }
}

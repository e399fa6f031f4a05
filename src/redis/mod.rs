//! Redis: what several servers share and may forget. A help, never a need.
//!
//! Nothing of record is in it. Whoever asks gets an `Option`, and `None` says: go on without. So it may be down at the start or
//! later, slow, or flushed, and a request notes nothing but the loss of what Redis would have helped with:
//! - an answer has 50 ms, then the request goes on without it;
//! - after three of those in a row, or when the connection breaks, nobody asks any more. A task beside the requests connects
//!   again, once a second, and asks first whether Redis keeps the 50 ms; no request ever waits for a connection;
//! - the log has one line when Redis is lost and one when it is back.
//!
//! Keys begin with `patient-logger:1:`; the number changes with what values mean. No value holds patient data, and no key an
//! address, a name or an id of a person: [`Pseudonyms`](crate::keys::Pseudonyms) gives others.

mod line;

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{Client, RedisResult};

use line::Line;

/// Longest time for one answer.
const BUDGET: Duration = Duration::from_millis(50);
/// What every key begins with.
const PREFIX: &str = "patient-logger:1:";

/// A Redis, when it is there.
#[derive(Clone)]
pub struct Redis(Arc<Shared>);

struct Shared {
    client: Client,
    line: Mutex<Option<Arc<Line>>>,
}

/// A text that is no address of a Redis.
#[derive(Debug, thiserror::Error)]
#[error(
    "REDIS_URL is not an address of Redis ({0}). It begins with redis://, rediss:// for TLS, or unix:// for a socket"
)]
pub struct BadUrl(String);

/// A program that Redis runs as one step (Lua 5.1).
pub struct Script(redis::Script);

impl Script {
    /// A script with this text.
    pub fn new(text: &str) -> Self {
        Self(redis::Script::new(text))
    }
}

impl Redis {
    /// The Redis at `url`. It is not waited for: connecting begins now, in a task of its own, and never ends trying. To be called
    /// within a tokio runtime.
    ///
    /// # Errors
    /// When `url` cannot be the address of a Redis.
    pub fn open(url: &str) -> Result<Self, BadUrl> {
        let client = Client::open(url).map_err(|error| BadUrl(error.to_string()))?;
        let shared = Arc::new(Shared { client, line: Mutex::default() });
        line::connect_beside(&shared, false);
        Ok(Self(shared))
    }

    /// Whether it is used just now.
    pub fn is_up(&self) -> bool {
        self.0.line().is_some()
    }

    /// The value of a key; `None` when there is none, or no answer.
    pub async fn get(&self, key: &str) -> Option<Vec<u8>> {
        let command = redis::cmd("GET").arg(name(key)).to_owned();
        self.call(async move |mut line| command.query_async(&mut line).await).await.flatten()
    }

    /// Keeps a value for a while; `None` when there was no answer.
    pub async fn set(&self, key: &str, value: &[u8], life: Duration) -> Option<()> {
        let life = u64::try_from(life.as_millis()).unwrap_or(u64::MAX).max(1);
        let command = redis::cmd("SET").arg(name(key)).arg(value).arg("PX").arg(life).to_owned();
        self.call(async move |mut line| command.query_async(&mut line).await).await
    }

    /// Runs a script that answers with whole numbers; `None` when there was no answer. It may have run nevertheless.
    pub async fn run(&self, script: &Script, keys: &[String], arguments: &[f64]) -> Option<Vec<i64>> {
        let mut run = script.0.prepare_invoke();
        for key in keys {
            run.key(name(key));
        }
        run.arg(arguments);
        self.call(async move |mut line| run.invoke_async(&mut line).await).await
    }

    async fn call<T>(&self, ask: impl AsyncFnOnce(MultiplexedConnection) -> RedisResult<T>) -> Option<T> {
        let line = self.0.line()?;
        let answer = tokio::time::timeout(BUDGET, ask(line.connection())).await;
        match line.judge(answer) {
            Ok(answer) => answer,
            Err(broken) => {
                self.0.lose(&line, &broken);
                None
            }
        }
    }
}

impl Shared {
    /// The connection, if there is one.
    fn line(&self) -> Option<Arc<Line>> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Gives up a connection. Of all who find it broken, the first one does.
    fn lose(self: &Arc<Self>, line: &Arc<Line>, why: &str) {
        let mut current = self.line.lock().unwrap_or_else(PoisonError::into_inner);
        if current.as_ref().is_some_and(|current| Arc::ptr_eq(current, line)) {
            *current = None;
            tracing::warn!(why, "Redis is lost: going on without it");
            line::connect_beside(self, true);
        }
    }
}

fn name(key: &str) -> String {
    format!("{PREFIX}{key}")
}

impl fmt::Debug for Redis {
    /// The address may hold a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Redis")
    }
}

impl fmt::Debug for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Script({})", self.0.get_hash())
    }
}

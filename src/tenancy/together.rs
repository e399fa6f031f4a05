//! Questions that many requests ask about their credentials: one statement answers all that wait.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sea_orm::sqlx::{self, PgPool, Postgres, pool::PoolConnection, postgres::PgRow};
use sea_orm::{DbErr, QueryResult, RuntimeErr, Statement};
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::database::Counter;
use super::tx::{open_error, prepared};

/// Most questions of one statement.
const TOGETHER: usize = 256;

/// Asks one kind of question, in one statement and one round trip for all that came up while the database answered the ones
/// before. So the busier the server, the less a question costs; and nobody waits for company. The statement that answers a
/// question begins after it was asked: nothing is remembered.
pub struct Together<Q, A>(Arc<Shared<Q, A>>);

struct Shared<Q, A> {
    pool: PgPool,
    statements: Counter,
    patience: Duration,
    kind: Kind<Q, A>,
    waiting: Mutex<Waiting<Q, A>>,
}

/// How questions of a kind are asked, and their answers read.
pub(crate) struct Kind<Q, A> {
    /// The statement that asks them. It enters no transaction, so it goes through a door.
    pub(crate) ask: fn(&[Q]) -> Statement,
    /// Which question a row answers, counted from 1, and the answer. Some questions have none.
    pub(crate) read: fn(QueryResult) -> Result<(i64, A), DbErr>,
}

struct Waiting<Q, A> {
    asked: Vec<(Q, Reply<A>)>,
    /// Whether somebody asks them.
    attended: bool,
}

type Reply<A> = oneshot::Sender<Result<Option<A>, DbErr>>;

impl<Q: Send + Sync + 'static, A: Send + 'static> Together<Q, A> {
    pub(super) fn new(pool: PgPool, statements: Counter, patience: Duration, kind: Kind<Q, A>) -> Self {
        let waiting = Mutex::new(Waiting { asked: Vec::new(), attended: false });
        Self(Arc::new(Shared { pool, statements, patience, kind, waiting }))
    }

    /// The answer; `None` when the question has none.
    ///
    /// # Errors
    /// When the database cannot be asked.
    pub(crate) async fn ask(&self, question: Q) -> Result<Option<A>, DbErr> {
        let (reply, answer) = oneshot::channel();
        let attended = {
            let mut waiting = self.0.waiting();
            waiting.asked.push((question, reply));
            std::mem::replace(&mut waiting.attended, true)
        };
        if !attended {
            // A task of its own, for the reason that `Tx::begin` gives, and for those who wait with whoever asks first.
            tokio::spawn(Attendant(self.0.clone()).attend());
        }
        answer.await.unwrap_or_else(|_| Err(unanswered("nobody asked")))
    }
}

impl<Q, A> Shared<Q, A> {
    fn waiting(&self) -> MutexGuard<'_, Waiting<Q, A>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn answers(
        &self,
        kept: &mut Option<PoolConnection<Postgres>>,
        questions: &[Q],
    ) -> Result<Vec<Option<A>>, DbErr> {
        let mut tries = self.pool.options().get_max_connections();
        loop {
            let mut connection = match kept.take() {
                Some(connection) => connection,
                None => self.pool.acquire().await.map_err(open_error)?,
            };
            self.statements.add(1);
            let rows = prepared((self.kind.ask)(questions)).fetch_all(&mut *connection);
            match timeout(self.patience, rows).await {
                Ok(Ok(rows)) => {
                    *kept = Some(connection);
                    return self.read(rows, questions.len());
                }
                // It died in the pool, as others there may have: asking again does no harm.
                Ok(Err(error)) if has_died(&error) && tries > 0 => tries -= 1,
                Ok(Err(error)) => return Err(open_error(error)),
                Err(_) => {
                    connection.close_on_drop();
                    return Err(unanswered("it took too long"));
                }
            }
        }
    }

    fn read(&self, rows: Vec<PgRow>, questions: usize) -> Result<Vec<Option<A>>, DbErr> {
        let mut answers: Vec<Option<A>> = (0..questions).map(|_| None).collect();
        for row in rows {
            let (place, answer) = (self.kind.read)(row.into())?;
            let answers = usize::try_from(place - 1).ok().and_then(|place| answers.get_mut(place));
            *answers.ok_or_else(|| unanswered("a row answers no question"))? = Some(answer);
        }
        Ok(answers)
    }
}

/// Asks what waits, until nothing does. However it ends, the next question finds another one.
struct Attendant<Q, A>(Arc<Shared<Q, A>>);

impl<Q, A> Attendant<Q, A> {
    async fn attend(self) {
        let mut connection = None;
        loop {
            let (questions, replies): (Vec<Q>, Vec<Reply<A>>) = {
                let mut waiting = self.0.waiting();
                if waiting.asked.is_empty() {
                    waiting.attended = false;
                    break;
                }
                let asked = waiting.asked.len().min(TOGETHER);
                waiting.asked.drain(..asked).unzip()
            };
            match self.0.answers(&mut connection, &questions).await {
                Ok(answers) => {
                    replies.into_iter().zip(answers).for_each(|(reply, answer)| drop(reply.send(Ok(answer))))
                }
                Err(error) => {
                    replies.into_iter().for_each(|reply| drop(reply.send(Err(unanswered(&error.to_string())))));
                }
            }
        }
    }
}

impl<Q, A> Drop for Attendant<Q, A> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let mut waiting = self.0.waiting();
            waiting.asked.clear();
            waiting.attended = false;
        }
    }
}

/// Whether the connection ended, and not the question failed (PostgreSQL's class 57P: the server shuts down, or ended it).
fn has_died(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_) => true,
        sqlx::Error::Database(cause) => cause.code().is_some_and(|code| code.starts_with("57P")),
        _ => false,
    }
}

/// Whatever is wrong is wrong for all who wait, and may be over when they ask again.
fn unanswered(why: &str) -> DbErr {
    DbErr::Conn(RuntimeErr::Internal(why.to_owned()))
}

impl<Q, A> Clone for Together<Q, A> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<Q, A> fmt::Debug for Together<Q, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Together")
    }
}

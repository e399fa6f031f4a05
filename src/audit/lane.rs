//! The lane: one task and one connection that write the events of many requests with one commit.
//!
//! A read has a read-only snapshot and no commit of its own; giving it one would cost a third of the requests a second.
//! Here the events of all requests that end within about a millisecond share a commit, and each answer waits for its own.
//! What cannot be written fails the answers that wait for it, never silently.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sea_orm::sqlx::postgres::PgConnectOptions;
use sea_orm::sqlx::{self, Connection, PgConnection};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::Entry;
use super::append::{Known, append};
use crate::error::{AppError, ErrorCode, describe_sqlx};

/// Entries that may wait. Beyond them an answer fails at once: the database is too slow for what is asked of it.
const QUEUE: usize = 4_096;
/// Most events of one commit.
const BATCH: usize = 256;
/// How long a batch waits for company. Less wakes the task too often, more only delays answers.
const GATHER: Duration = Duration::from_millis(1);
/// Longest time to write a batch, for each of two tries.
const WRITE: Duration = Duration::from_secs(5);
/// Longest time to connect.
const CONNECT: Duration = Duration::from_secs(2);
/// Longest time for an answer to wait.
const ANSWER: Duration = Duration::from_secs(8);

/// Takes events and says when they are durable.
#[derive(Clone, Debug)]
pub struct Lane {
    sender: mpsc::Sender<Message>,
    writer: Arc<Mutex<Option<JoinHandle<()>>>>,
}

#[derive(Debug)]
enum Message {
    Write(Entry, oneshot::Sender<bool>),
    Stop,
}

/// What an answer waits for.
#[derive(Debug)]
#[must_use = "an answer must not leave before its events are durable"]
pub struct Receipt(Waiting);

#[derive(Debug)]
enum Waiting {
    Nothing,
    For(oneshot::Receiver<bool>),
    InVain,
}

impl Lane {
    /// Connects, and begins to write.
    ///
    /// # Errors
    /// When PostgreSQL cannot be reached.
    pub(crate) async fn open(options: PgConnectOptions, known: Arc<Known>) -> Result<Self, sqlx::Error> {
        let connection = Some(PgConnection::connect_with(&options).await?);
        let (sender, receiver) = mpsc::channel(QUEUE);
        let writer = tokio::spawn(Writer { options, connection, known }.run(receiver));
        Ok(Self { sender, writer: Arc::new(Mutex::new(Some(writer))) })
    }

    /// Hands events over. They are written whatever becomes of the receipt.
    pub fn submit(&self, entry: Entry) -> Receipt {
        if entry.events.is_empty() {
            return Receipt(Waiting::Nothing);
        }
        let (done, waits) = oneshot::channel();
        match self.sender.try_send(Message::Write(entry, done)) {
            Ok(()) => Receipt(Waiting::For(waits)),
            Err(_) => {
                tracing::error!("the audit trail takes no more events: its queue is full, or the server stops");
                Receipt(Waiting::InVain)
            }
        }
    }

    /// Writes what waits, and ends. Later events are refused.
    pub async fn close(&self) {
        let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(writer) = writer {
            let _ = self.sender.send(Message::Stop).await;
            let _ = writer.await;
        }
    }
}

impl Receipt {
    /// Of an answer that leaves no events.
    pub fn nothing() -> Self {
        Self(Waiting::Nothing)
    }

    /// Waits until the events are durable, at most 8 seconds.
    ///
    /// # Errors
    /// UNAVAILABLE when they are not: nothing of the answer may leave then.
    pub async fn durable(self) -> Result<(), AppError> {
        let durable = match self.0 {
            Waiting::Nothing => true,
            Waiting::For(waits) => matches!(timeout(ANSWER, waits).await, Ok(Ok(true))),
            Waiting::InVain => false,
        };
        let message = "The audit trail cannot be written, so there is no answer. Try again in a few seconds; send a change \
                       again with the same idempotencyKey or expectedVersion, as it may have been made.";
        if durable { Ok(()) } else { Err(AppError::public(ErrorCode::Unavailable, message)) }
    }

    /// Leaves the events to the lane, for what no answer may wait for.
    pub fn unwatched(self) {}
}

struct Writer {
    options: PgConnectOptions,
    connection: Option<PgConnection>,
    known: Arc<Known>,
}

impl Writer {
    async fn run(mut self, mut receiver: mpsc::Receiver<Message>) {
        let mut held = None;
        loop {
            let Some(first) = (match held.take() {
                Some(message) => Some(message),
                None => receiver.recv().await,
            }) else {
                break;
            };
            let (mut entries, mut waiting, mut events) = (Vec::new(), Vec::new(), 0);
            tokio::time::sleep(GATHER).await;
            let mut next = Some(first);
            while let Some(message) = next {
                match message {
                    Message::Stop => receiver.close(),
                    Message::Write(entry, done) => {
                        if events + entry.events.len() > BATCH && events > 0 {
                            held = Some(Message::Write(entry, done));
                            break;
                        }
                        events += entry.events.len();
                        entries.push(entry);
                        waiting.push(done);
                    }
                }
                next = receiver.try_recv().ok();
            }
            let durable = entries.is_empty() || self.write(&entries.iter().collect::<Vec<_>>()).await;
            for done in waiting {
                // Whoever does not wait any more has no answer to give.
                let _ = done.send(durable);
            }
        }
    }

    /// Whether the entries are durable. A second try with a fresh connection writes the same ids, so that what the first may
    /// have written is not written twice.
    async fn write(&mut self, entries: &[&Entry]) -> bool {
        for attempt in 1..=2 {
            let cause = match timeout(WRITE, self.try_write(entries)).await {
                Ok(Ok(())) => return true,
                Ok(Err(error)) => describe_sqlx(&error),
                Err(_) => "it took too long".to_owned(),
            };
            tracing::error!(attempt, entries = entries.len(), cause, "audit events could not be written");
            self.connection = None;
            self.known.forget();
        }
        false
    }

    async fn try_write(&mut self, entries: &[&Entry]) -> Result<(), sqlx::Error> {
        let connection = match &mut self.connection {
            Some(connection) => connection,
            None => {
                let connecting = timeout(CONNECT, PgConnection::connect_with(&self.options)).await;
                self.connection.insert(connecting.map_err(|_| sqlx::Error::PoolTimedOut)??)
            }
        };
        let facts = append(connection, &self.known, entries).await?;
        self.known.learn(facts);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::{ActorKind, AuditAction, AuditOutcome, RequestContext, Who};
    use crate::kernel::{HospitalId, Role};

    fn entry() -> Entry {
        let id = uuid::Uuid::now_v7();
        let who =
            Who { hospital_id: HospitalId(id), kind: ActorKind::Staff, id, session_id: None, role: Role::Clinician };
        let request = RequestContext::default();
        let event = request.event(chrono::DateTime::UNIX_EPOCH, who, AuditAction::Read, AuditOutcome::Ok);
        request.entry(vec![event])
    }

    #[tokio::test]
    async fn a_full_queue_and_a_lost_writer_fail_the_answer() {
        let (sender, receiver) = mpsc::channel(1);
        let lane = Lane { sender, writer: Arc::default() };
        let (waits, too_many) = (lane.submit(entry()), lane.submit(entry()));
        assert_eq!(too_many.durable().await.expect_err("the queue is full").code(), ErrorCode::Unavailable);
        drop(receiver);
        assert_eq!(waits.durable().await.expect_err("the writer is gone").code(), ErrorCode::Unavailable);
        assert!(lane.submit(Entry::default()).durable().await.is_ok(), "no events, nothing to wait for");
    }
}

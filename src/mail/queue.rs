//! The queue between those who write letters and the mail server.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use super::Letter;
use super::smtp::{Postman, Undelivered};

/// Most letters that wait. A letter is about a kilobyte.
const LENGTH: usize = 1_000;

pub(super) enum Job {
    Deliver {
        letter: Letter,
        tried: usize,
    },
    /// Answered when it is reached.
    Flush(oneshot::Sender<()>),
}

/// Starts the task that empties the queue. It ends with the last sender.
pub(super) fn start(postman: Postman, retry_after: Vec<Duration>) -> mpsc::Sender<Job> {
    let (sender, mut jobs) = mpsc::channel(LENGTH);
    // The task must not keep its own queue open.
    let queue = sender.downgrade();
    let retry_after: Arc<[Duration]> = retry_after.into();
    tokio::spawn(async move {
        while let Some(job) = jobs.recv().await {
            match job {
                Job::Deliver { letter, tried } => {
                    let Err(problem) = postman.deliver(&letter).await else { continue };
                    retry(&queue, letter, tried, problem, &retry_after);
                }
                Job::Flush(reached) => drop(reached.send(())),
            }
        }
    });
    sender
}

/// Puts a letter into the queue.
pub(super) fn put(queue: &mpsc::Sender<Job>, letter: Letter) {
    if queue.try_send(Job::Deliver { letter, tried: 0 }).is_err() {
        tracing::error!(
            length = LENGTH,
            "a letter was thrown away: the queue is full, so the mail server must be slow"
        );
    }
}

pub(super) async fn flush(queue: &mpsc::Sender<Job>) {
    let (reached, done) = oneshot::channel();
    if queue.send(Job::Flush(reached)).await.is_ok() {
        // It is dropped unanswered only when the runtime ends.
        let _ = done.await;
    }
}

/// Brings the letter back to the end of the queue after a while; the others do not wait for it.
fn retry(queue: &mpsc::WeakSender<Job>, letter: Letter, tried: usize, problem: Undelivered, retry_after: &[Duration]) {
    let after = retry_after.get(tried).filter(|_| !problem.is_final);
    let Some(&after) = after else {
        tracing::error!(problem = problem.what, tries = tried + 1, "a letter was not delivered and is given up");
        return;
    };
    tracing::warn!(problem = problem.what, tries = tried + 1, "a letter was not delivered yet");
    let queue = queue.clone();
    tokio::spawn(async move {
        tokio::time::sleep(after).await;
        let Some(queue) = queue.upgrade() else { return };
        if queue.try_send(Job::Deliver { letter, tried: tried + 1 }).is_err() {
            tracing::error!("a letter was thrown away: the queue is full");
        }
    });
}

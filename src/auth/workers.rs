//! Threads for what is slow on purpose.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;

use crate::error::{AppError, ErrorCode};

/// Computations at a time: each takes a core for about 27 ms and 19 MiB of memory.
const THREADS: usize = 2;
/// Computations that wait, about half a second for the last of them. More are refused at once.
const QUEUE: usize = 32;
/// When who was refused should come back.
const COME_BACK: Duration = Duration::from_secs(2);
/// How far the threads stand behind all others, up to 19. On Linux that belongs to the thread: another one that wakes up runs
/// at once, and of a core that both want for long these get about a tenth. At 19 it would be a seventieth, and while the
/// server is busy nobody could sign in.
#[cfg(target_os = "linux")]
const NICE: i32 = 10;

type Job = Box<dyn FnOnce() + Send>;

/// A few threads of their own, and a short queue for them.
#[derive(Clone)]
pub(super) struct Workers(SyncSender<Job>);

impl Workers {
    /// Starts the threads. They end with the last handle.
    ///
    /// # Panics
    /// When the system gives no threads.
    pub(super) fn start() -> Self {
        let (sender, receiver) = sync_channel(QUEUE);
        let receiver = Arc::new(Mutex::new(receiver));
        for _ in 0..THREADS {
            let receiver = Arc::clone(&receiver);
            let thread = std::thread::Builder::new().name("slow-hash".into());
            thread.spawn(move || work(&receiver)).expect("a thread can be started");
        }
        Self(sender)
    }

    /// Does some work when it is its turn.
    ///
    /// # Errors
    /// At once, when as many wait as may.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, AppError> {
        let (sender, receiver) = oneshot::channel();
        let job = move || drop(sender.send(work()));
        self.0.try_send(Box::new(job)).map_err(|_| {
            let message = "Too many people sign in just now. Try again in a few seconds.";
            AppError::public(ErrorCode::Unavailable, message).retry_after(COME_BACK)
        })?;
        receiver.await.map_err(|_| AppError::internal("slow work has failed"))
    }
}

fn work(jobs: &Mutex<Receiver<Job>>) {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::nice(NICE) {
        tracing::warn!(%error, "hashing passwords has the same priority as answering");
    }
    loop {
        // Unlocked before the job is done, so that the other thread gets the next one.
        let job = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(job) = job else { return };
        // What panics has an answer dropped; the thread goes on.
        let _ = catch_unwind(AssertUnwindSafe(job));
    }
}

impl fmt::Debug for Workers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Workers")
    }
}

#[cfg(test)]
mod tests {
    use std::task::{Context, Poll, Waker};

    use super::*;

    #[tokio::test]
    async fn two_work_some_wait_and_the_rest_is_told_at_once() {
        let workers = Workers::start();
        let (release, held) = sync_channel::<()>(0);
        let held = Arc::new(Mutex::new(held));
        let mut running = Vec::new();
        let mut refused = 0;
        for _ in 0..200 {
            let (workers, held) = (workers.clone(), Arc::clone(&held));
            let hold = move || held.lock().unwrap_or_else(PoisonError::into_inner).recv().is_err();
            let mut work = Box::pin(async move { workers.run(hold).await });
            // Asked once, so that it is in the queue or refused.
            match work.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
                Poll::Ready(Err(error)) => {
                    assert_eq!(error.code(), ErrorCode::Unavailable);
                    refused += 1;
                }
                _ => running.push(work),
            }
        }
        assert!((QUEUE..=QUEUE + THREADS).contains(&running.len()), "{}", running.len());
        assert_eq!(refused + running.len(), 200);
        drop(release);
        for work in running {
            assert!(work.await.is_ok());
        }
        assert!(workers.run(|| panic!("a fault")).await.is_err() && workers.run(|| true).await.is_ok());
    }
}

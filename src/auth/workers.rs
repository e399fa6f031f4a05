//! Threads for what is slow on purpose.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use argon2::Block;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use crate::error::{AppError, ErrorCode};

/// Computations at a time: each takes a core for about 27 ms and 19 MiB of memory.
const THREADS: usize = 2;
/// Computations that wait, about half a second for the last of them. More are refused at once.
const QUEUE: usize = 32;
/// When who was refused should come back.
const COME_BACK: Duration = Duration::from_secs(2);
/// How long a thread keeps its memory after the last computation.
const KEPT: Duration = Duration::from_secs(1);

/// Where a thread computes. Memory from the system for each hash would be given back under a lock of the whole process, and a
/// thread that stands behind all others would hold that for long.
pub(super) type Memory = Vec<Block>;

type Job = Box<dyn FnOnce(&mut Memory) + Send>;

/// A few threads of their own, and a short queue for them.
#[derive(Clone)]
pub(super) struct Workers {
    jobs: Sender<Job>,
    turns: Arc<Semaphore>,
}

/// A place in the queue. It is free again when the work is done, or this is dropped.
pub(super) struct Place {
    jobs: Sender<Job>,
    turn: OwnedSemaphorePermit,
}

impl Workers {
    /// Starts the threads. They end with the last handle.
    ///
    /// # Panics
    /// When the system gives no threads.
    pub(super) fn start() -> Self {
        let (jobs, receiver) = channel();
        let receiver = Arc::new(Mutex::new(receiver));
        for _ in 0..THREADS {
            let receiver = Arc::clone(&receiver);
            let thread = std::thread::Builder::new().name("slow-hash".into());
            thread.spawn(move || work(&receiver)).expect("a thread can be started");
        }
        Self { jobs, turns: Arc::new(Semaphore::new(THREADS + QUEUE)) }
    }

    /// A place in the queue.
    ///
    /// # Errors
    /// At once, when as many wait as may.
    pub(super) fn place(&self) -> Result<Place, AppError> {
        let turn = Arc::clone(&self.turns).try_acquire_owned().map_err(|_| {
            let message = "Too many people sign in just now. Try again in a few seconds.";
            AppError::public(ErrorCode::Unavailable, message).retry_after(COME_BACK)
        })?;
        Ok(Place { jobs: self.jobs.clone(), turn })
    }

    /// Does some work when it is its turn.
    ///
    /// # Errors
    /// At once, when as many wait as may.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Memory) -> T + Send + 'static,
    ) -> Result<T, AppError> {
        self.place()?.run(work).await
    }
}

impl Place {
    /// Does some work when it is its turn.
    ///
    /// # Errors
    /// When the work panics.
    pub(super) async fn run<T: Send + 'static>(
        self,
        work: impl FnOnce(&mut Memory) -> T + Send + 'static,
    ) -> Result<T, AppError> {
        let failed = || AppError::internal("slow work has failed");
        let (sender, receiver) = oneshot::channel();
        let Self { jobs, turn } = self;
        let job = move |memory: &mut Memory| {
            let done = work(memory);
            drop(turn);
            drop(sender.send(done));
        };
        jobs.send(Box::new(job)).map_err(|_| failed())?;
        receiver.await.map_err(|_| failed())
    }
}

fn work(jobs: &Mutex<Receiver<Job>>) {
    #[cfg(target_os = "linux")]
    if let Err(error) = stand_behind() {
        tracing::warn!(%error, "hashing passwords has the same priority as answering");
    }
    let mut memory = Memory::new();
    loop {
        // Unlocked before the job is done, so that the other thread gets the next one.
        let job = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv_timeout(KEPT);
        match job {
            // What panics has an answer dropped; the thread goes on.
            Ok(job) => drop(catch_unwind(AssertUnwindSafe(|| job(&mut memory)))),
            Err(RecvTimeoutError::Timeout) => memory = Memory::new(),
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

/// Lets all other threads go first: this one gets what they leave, and stops at once when one of them wakes up (SCHED_IDLE).
#[cfg(target_os = "linux")]
fn stand_behind() -> Result<(), thread_priority::Error> {
    use thread_priority::{NormalThreadSchedulePolicy, ThreadPriority, ThreadSchedulePolicy, unix};
    let policy = ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Idle);
    unix::set_thread_priority_and_policy(unix::thread_native_id(), ThreadPriority::Min, policy)
}

impl fmt::Debug for Workers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Workers")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn two_work_some_wait_and_the_rest_is_told_at_once() {
        let workers = Workers::start();
        let mut places: Vec<Place> = (0..THREADS + QUEUE).map(|_| workers.place().unwrap()).collect();
        for _ in 0..2 {
            let refusal = workers.run(|_| ()).await.unwrap_err();
            assert_eq!(refusal.code(), ErrorCode::Unavailable);
        }
        places.pop();
        assert!(workers.run(|_| panic!("a fault")).await.is_err(), "a fault takes no place and no thread with it");
        for place in places {
            assert!(place.run(|_| true).await.unwrap() && workers.place().is_ok());
        }
    }
}

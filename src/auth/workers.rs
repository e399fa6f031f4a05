//! Threads for what is slow on purpose.
//!
//! One thread or two compute in the time that all others leave, so that a crowd at the door is not felt inside. Alone they would
//! never come to it on a machine that is busy for long, so another thread does what has waited for two seconds; it takes its
//! share like others, if a small one.

use std::fmt;
use std::num::NonZero;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use argon2::Block;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use crate::error::{AppError, ErrorCode};
use crate::limits::hand_pass_back;

/// Most computations at a time: each takes a core for about 27 ms and 19 MiB of memory. Never more than on half of the cores:
/// what passes through that much memory is felt, whoever goes first.
const MOST_THREADS: usize = 2;
/// Computations that wait, half a second or so for the last of them. More are refused at once.
const QUEUE: usize = 32;
/// When who was refused should come back.
const COME_BACK: Duration = Duration::from_secs(2);
/// How long a computation waits for a core that nobody else wants.
const PATIENCE: Duration = Duration::from_secs(2);
/// How far the third thread stands behind others, up to 19. On Linux that belongs to the thread: of a core that both want it
/// gets about a tenth.
#[cfg(target_os = "linux")]
const NICE: i32 = 10;
/// How long a thread keeps its memory after the last computation.
const KEPT: Duration = Duration::from_secs(1);

/// Where a thread computes. Memory from the system for each hash would be given back under a lock of the whole process, and a
/// thread that stands behind all others would hold that for long.
pub(super) type Memory = Vec<Block>;

/// A computation, which may be begun twice. What it holds, such as a password, is dropped when it is done.
struct Job {
    work: Mutex<Option<Work>>,
    given: Instant,
}

type Work = Arc<dyn Fn(&mut Memory) + Send + Sync>;

/// A few threads of their own, and a short queue for them.
#[derive(Clone)]
pub(super) struct Workers {
    jobs: Jobs,
    turns: Arc<Semaphore>,
}

/// A place in the queue. It is free again when the work is done, or this is dropped.
pub(super) struct Place {
    jobs: Jobs,
    turn: OwnedSemaphorePermit,
}

/// Where jobs are handed over: every one to both.
#[derive(Clone)]
struct Jobs {
    now: Sender<Arc<Job>>,
    late: Sender<Arc<Job>>,
}

impl Workers {
    /// Starts the threads. They end with the last handle.
    ///
    /// # Panics
    /// When the system gives no threads.
    pub(super) fn start() -> Self {
        let (now, jobs) = channel();
        let jobs = Arc::new(Mutex::new(jobs));
        let start = |name: &str, run: Box<dyn FnOnce() + Send>| {
            thread::Builder::new().name(name.into()).spawn(run).expect("a thread can be started");
        };
        for _ in 0..threads() {
            let jobs = Arc::clone(&jobs);
            start("slow-hash", Box::new(move || work(&jobs)));
        }
        let (late, jobs) = channel();
        start("late-hash", Box::new(move || work_late(&jobs)));
        Self { jobs: Jobs { now, late }, turns: Arc::new(Semaphore::new(threads() + QUEUE)) }
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

    /// Does some work when it is its turn; it may be begun twice, and counts once.
    ///
    /// # Errors
    /// At once, when as many wait as may.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl Fn(&mut Memory) -> T + Send + Sync + 'static,
    ) -> Result<T, AppError> {
        self.place()?.run(work).await
    }
}

impl Place {
    /// Does some work when it is its turn; it may be begun twice, and counts once.
    ///
    /// # Errors
    /// When the work panics.
    pub(super) async fn run<T: Send + 'static>(
        self,
        work: impl Fn(&mut Memory) -> T + Send + Sync + 'static,
    ) -> Result<T, AppError> {
        let failed = || AppError::internal("slow work has failed");
        let (sender, receiver) = oneshot::channel();
        let Self { jobs, turn } = self;
        let waiting = Mutex::new(Some((turn, sender)));
        let work = move |memory: &mut Memory| {
            let done = catch_unwind(AssertUnwindSafe(|| work(memory)));
            let waiting = waiting.lock().unwrap_or_else(PoisonError::into_inner).take();
            // Whoever waits for what panicked is told by the sender's end.
            if let (Some((turn, sender)), Ok(done)) = (waiting, done) {
                drop(turn);
                drop(sender.send(done));
            }
        };
        let job = Arc::new(Job { work: Mutex::new(Some(Arc::new(work))), given: Instant::now() });
        jobs.late.send(Arc::clone(&job)).map_err(|_| failed())?;
        jobs.now.send(job).map_err(|_| failed())?;
        // Who waits here asks nothing of the database, and comes back to it no faster than the threads compute.
        hand_pass_back();
        receiver.await.map_err(|_| failed())
    }
}

fn threads() -> usize {
    let cores = thread::available_parallelism().map_or(1, NonZero::get);
    (cores / 2).clamp(1, MOST_THREADS)
}

impl Job {
    fn run(&self, memory: &mut Memory) {
        let work = self.work().clone();
        if let Some(work) = work {
            work(memory);
            self.work().take();
        }
    }

    fn work(&self) -> MutexGuard<'_, Option<Work>> {
        self.work.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn work(jobs: &Mutex<Receiver<Arc<Job>>>) {
    #[cfg(target_os = "linux")]
    if let Err(error) = stand_behind() {
        tracing::warn!(%error, "hashing passwords has the same priority as answering");
    }
    let mut memory = Memory::new();
    loop {
        // Unlocked before the job is done, so that the other thread gets the next one.
        let job = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv_timeout(KEPT);
        match job {
            Ok(job) => job.run(&mut memory),
            Err(RecvTimeoutError::Timeout) => memory = Memory::new(),
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

fn work_late(jobs: &Receiver<Arc<Job>>) {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::nice(NICE) {
        tracing::warn!(%error, "hashing passwords late has the same priority as answering");
    }
    // They come in the order in which they were given, so the first is the next to be late.
    for job in jobs {
        thread::sleep(PATIENCE.saturating_sub(job.given.elapsed()));
        job.run(&mut Memory::new());
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
    async fn some_work_some_wait_and_the_rest_is_told_at_once() {
        let workers = Workers::start();
        let mut places: Vec<Place> = (0..threads() + QUEUE).map(|_| workers.place().unwrap()).collect();
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

    #[tokio::test]
    async fn what_nobody_comes_to_is_done_late_and_once() {
        let workers = Workers::start();
        let (release, held) = channel::<()>();
        let held = Arc::new(Mutex::new(held));
        for _ in 0..threads() {
            let (held, place) = (held.clone(), workers.place().unwrap());
            tokio::spawn(place.run(move |_| {
                if thread::current().name() == Some("slow-hash") {
                    let _ = held.lock().unwrap().recv();
                }
            }));
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
        let done_by = workers.run(|_| thread::current().name().map(ToOwned::to_owned)).await.unwrap();
        assert_eq!(done_by.as_deref(), Some("late-hash"));
        drop(release);
        let done_by = workers.run(|_| thread::current().name().map(ToOwned::to_owned)).await.unwrap();
        assert_eq!(done_by.as_deref(), Some("slow-hash"));
    }
}

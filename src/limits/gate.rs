//! The gate: which requests run now, and which wait.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use crate::error::{AppError, ErrorCode};
use crate::kernel::HospitalId;

/// How long a hospital counts as being there after its last request.
const THERE: Duration = Duration::from_secs(1);
/// A hospital has at most so many times the passes that it leaves free. Three quarters of all, when it is alone: with fewer it
/// would wait where there is something to do, and with more a hospital that is stuck behind a lock would leave too few. The last
/// pass is for one that has none.
const LEFT_FREE: usize = 3;
/// Longest time for which a crowd waits for the sake of others: however much they ask, one of it comes in then.
const HELD_BACK: Duration = Duration::from_millis(20);

tokio::task_local! {
    /// The pass of the request that this task runs.
    static PASS: Mutex<Option<Pass>>;
}

/// How many requests there may be behind the gate and before it.
#[derive(Clone, Copy, Debug)]
pub struct GateBounds {
    /// Most requests that run at a time. A hospital never has more of them than `LEFT_FREE` allows.
    pub passes: usize,
    /// While so many run and a hospital is there that is no crowd, crowds wait. A crowd is a hospital that asks for more than half
    /// of the passes at a time.
    pub quiet: usize,
    /// Most requests of one hospital that wait.
    pub queue: usize,
    /// Longest time that one waits.
    pub patience: Duration,
}

impl GateBounds {
    /// GateBounds for requests that share so many connections to the database and so many processors.
    pub fn new(connections: usize, processors: usize) -> Self {
        Self {
            passes: connections.max(1),
            quiet: (processors / 2).max(1),
            queue: 128,
            patience: Duration::from_secs(1),
        }
    }
}

/// Lets requests run when it is their turn. Those of one hospital come in the order of their arrival; among hospitals, that one
/// is next of which the fewest run.
#[derive(Clone)]
pub struct Gate(Arc<Inner>);

struct Inner {
    bounds: GateBounds,
    lines: Mutex<Lines>,
}

#[derive(Default)]
struct Lines {
    /// Requests that run, of all lines.
    running: usize,
    /// How many have come so far.
    arrivals: u64,
    /// Whether it is looked again in a moment who may run.
    calls_later: bool,
    /// Those that are there: a hospital that has left takes no memory.
    by_hospital: HashMap<Option<HospitalId>, Line>,
}

/// The requests of one hospital, or of all who have not signed in.
struct Line {
    running: usize,
    waiting: VecDeque<Waiting>,
    /// When the last one came.
    asked: Instant,
    /// When the last one began to run.
    started: Instant,
}

struct Waiting {
    arrival: u64,
    call: oneshot::Sender<Pass>,
}

/// The right to run. Whoever waits comes in when it is dropped.
pub struct Pass {
    gate: Gate,
    hospital: Option<HospitalId>,
}

impl Gate {
    /// A gate with nobody behind it.
    pub fn new(bounds: GateBounds) -> Self {
        Self(Arc::new(Inner { bounds, lines: Mutex::default() }))
    }

    /// How much it lets in.
    pub fn bounds(&self) -> GateBounds {
        self.0.bounds
    }

    /// Waits for a pass. `hospital` has to be one that a verified credential names; all others are `None`, and one line.
    ///
    /// # Errors
    /// `UNAVAILABLE` when too many of the hospital wait already, or it takes too long.
    pub async fn enter(&self, hospital: Option<HospitalId>) -> Result<Pass, AppError> {
        let busy = || {
            let message = "The server is busy with other requests. Try again in a second.";
            AppError::public(ErrorCode::Unavailable, message).retry_after(Duration::from_secs(1))
        };
        let called = self.lines().join(hospital, self.0.bounds.queue).ok_or_else(busy)?;
        self.call();
        match tokio::time::timeout(self.0.bounds.patience, called).await {
            Ok(Ok(pass)) => Ok(pass),
            _ => Err(busy()),
        }
    }

    /// Calls those whose turn it is.
    fn call(&self) {
        loop {
            let mut lines = self.lines();
            let Some((hospital, call)) = lines.next(&self.0.bounds) else {
                if lines.holds_back(&self.0.bounds) && !std::mem::replace(&mut lines.calls_later, true) {
                    let gate = self.clone();
                    tokio::spawn(async move {
                        tokio::time::sleep(HELD_BACK).await;
                        gate.lines().calls_later = false;
                        gate.call();
                    });
                }
                return;
            };
            // Not locked while one is called: who has gone away meanwhile gives the pass back at once.
            drop(lines);
            drop(call.send(Pass { gate: self.clone(), hospital }));
        }
    }

    fn lines(&self) -> MutexGuard<'_, Lines> {
        self.0.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lines {
    /// Stands in line, unless it is too long.
    fn join(&mut self, hospital: Option<HospitalId>, longest: usize) -> Option<oneshot::Receiver<Pass>> {
        let asked = Instant::now();
        let line = self.by_hospital.entry(hospital).or_insert_with(|| Line::new(asked));
        line.asked = asked;
        if line.waiting.len() >= longest {
            line.waiting.retain(|waiting| !waiting.call.is_closed());
        }
        if line.waiting.len() >= longest {
            return None;
        }
        let (call, called) = oneshot::channel();
        self.arrivals += 1;
        line.waiting.push_back(Waiting { arrival: self.arrivals, call });
        Some(called)
    }

    /// Takes a pass for whoever is next, if one is free for anybody who waits.
    fn next(&mut self, bounds: &GateBounds) -> Option<(Option<HospitalId>, oneshot::Sender<Pass>)> {
        let free = bounds.passes - self.running;
        if free == 0 {
            return None;
        }
        self.by_hospital.retain(|_, line| {
            while line.waiting.front().is_some_and(|waiting| waiting.call.is_closed()) {
                line.waiting.pop_front();
            }
            line.is_there()
        });
        let holds_back = self.holds_back(bounds);
        let may_run = |line: &Line| {
            let is_held_back = holds_back && line.is_crowd(bounds) && line.started.elapsed() < HELD_BACK;
            let leaves_some = line.running < LEFT_FREE * free && (free > 1 || line.running == 0);
            leaves_some && !is_held_back
        };
        let open = self.by_hospital.iter_mut().filter(|(_, line)| may_run(line));
        let first = |line: &Line| line.waiting.front().map(|waiting| (line.running, waiting.arrival));
        let (hospital, line) = open.filter(|(_, line)| !line.waiting.is_empty()).min_by_key(|(_, line)| first(line))?;
        let waiting = line.waiting.pop_front()?;
        line.running += 1;
        line.started = Instant::now();
        self.running += 1;
        Some((*hospital, waiting.call))
    }

    /// Whether crowds wait for the sake of others. Strangers are not meant: those of every hospital are among them.
    fn holds_back(&self, bounds: &GateBounds) -> bool {
        let others = |(hospital, line): (&Option<HospitalId>, &Line)| hospital.is_some() && !line.is_crowd(bounds);
        self.running >= bounds.quiet && self.by_hospital.iter().any(others)
    }
}

impl Line {
    fn new(asked: Instant) -> Self {
        Self { running: 0, waiting: VecDeque::new(), asked, started: asked }
    }

    fn is_crowd(&self, bounds: &GateBounds) -> bool {
        self.running + self.waiting.len() > bounds.passes / 2
    }

    fn is_there(&self) -> bool {
        self.running > 0 || !self.waiting.is_empty() || self.asked.elapsed() < THERE
    }
}

impl Pass {
    /// Does the work of a request that has this pass.
    pub async fn keep<T>(self, work: impl Future<Output = T>) -> T {
        PASS.scope(Mutex::new(Some(self)), work).await
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        {
            let mut lines = self.gate.lines();
            lines.running -= 1;
            if let Some(line) = lines.by_hospital.get_mut(&self.hospital) {
                line.running -= 1;
            }
        }
        self.gate.call();
    }
}

/// Gives the pass of the request that this task runs to somebody else: what is to come has to wait for something that is no
/// matter of the database, and is bounded by that.
pub fn hand_pass_back() {
    let pass = PASS.try_with(|pass| pass.lock().unwrap_or_else(PoisonError::into_inner).take());
    drop(pass);
}

impl fmt::Debug for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Gate({:?})", self.0.bounds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    fn hospital(number: u128) -> Option<HospitalId> {
        Some(HospitalId(Uuid::from_u128(number)))
    }

    /// Only those come in whose turn it is; who has to wait is turned away.
    fn gate(passes: usize, queue: usize) -> Gate {
        Gate::new(GateBounds { passes, quiet: 1, queue, patience: Duration::ZERO })
    }

    async fn enter(gate: &Gate, number: u128, times: usize) -> Vec<Pass> {
        let mut passes = Vec::new();
        for _ in 0..times {
            passes.extend(gate.enter(hospital(number)).await);
        }
        passes
    }

    #[tokio::test]
    async fn a_hospital_leaves_some_free() {
        let gate = gate(16, 20);
        let one = enter(&gate, 1, 16).await;
        assert_eq!(one.len(), 12, "three quarters of all, alone");
        let two = enter(&gate, 2, 16).await;
        assert_eq!(two.len(), 3);
        let three = enter(&gate, 3, 16).await;
        assert_eq!((three.len(), enter(&gate, 4, 16).await.len()), (1, 0));
        drop((one, two, three));
        assert_eq!(enter(&gate, 5, 8).await.len(), 8);
        assert!(self::gate(1, 10).enter(None).await.is_ok(), "there is always one");
    }

    #[tokio::test]
    async fn who_waits_is_called_in_turn_and_hospitals_of_which_fewer_run_before_others() {
        let gate = Gate::new(GateBounds { patience: Duration::from_secs(60), ..self::gate(4, 10).bounds() });
        let mut runs = [enter(&gate, 1, 2).await, enter(&gate, 2, 1).await, enter(&gate, 3, 1).await];
        let (told, mut came) = tokio::sync::mpsc::unbounded_channel();
        for (name, number) in [("2a", 2), ("1a", 1), ("1b", 1)] {
            let (gate, told) = (gate.clone(), told.clone());
            tokio::spawn(async move { told.send((name, gate.enter(hospital(number)).await)) });
            tokio::task::yield_now().await;
        }
        runs[0].clear();
        let mut order = Vec::new();
        while order.len() < 3 {
            let (name, pass) = came.recv().await.unwrap();
            assert!(pass.is_ok());
            order.push(name);
        }
        assert_eq!(order, ["1a", "1b", "2a"]);
    }

    #[tokio::test]
    async fn a_line_has_an_end_and_who_left_does_not_stand_in_it() {
        let gate = Gate::new(GateBounds { patience: Duration::from_secs(60), ..self::gate(1, 2).bounds() });
        let runs = gate.enter(hospital(1)).await.unwrap();
        let wait = || {
            let gate = gate.clone();
            tokio::spawn(async move { gate.enter(hospital(1)).await.is_ok() })
        };
        let (left, stays) = (wait(), wait());
        tokio::task::yield_now().await;
        let refused = gate.enter(hospital(1)).await.err().unwrap();
        assert_eq!(
            (refused.code(), refused.extensions().get("retryAfterSeconds")),
            (ErrorCode::Unavailable, Some(&1.into()))
        );
        left.abort();
        assert!(left.await.is_err());
        let last = wait();
        tokio::task::yield_now().await;
        drop(runs);
        assert!(stays.await.unwrap() && last.await.unwrap());
    }

    #[tokio::test]
    async fn a_crowd_waits_for_others_but_not_for_ever() {
        let gate = Gate::new(GateBounds { patience: Duration::from_secs(60), ..self::gate(4, 10).bounds() });
        let passes = enter(&gate, 1, 3).await;
        let (told, mut came) = tokio::sync::mpsc::unbounded_channel();
        for _ in 0..5 {
            let (gate, told) = (gate.clone(), told.clone());
            tokio::spawn(async move { told.send(gate.enter(hospital(1)).await) });
        }
        tokio::task::yield_now().await;
        let other = gate.enter(hospital(2)).await.unwrap();
        let last_began = |at| gate.lines().by_hospital.get_mut(&hospital(1)).unwrap().started = at;
        last_began(Instant::now() + Duration::from_secs(3_600));
        drop(passes);
        assert_eq!(gate.lines().running, 1, "the other hospital's runs, and the crowd waits");
        // Not for ever, although the other one goes on.
        last_began(Instant::now());
        let late = came.recv().await.unwrap();
        drop((late, other));
        for _ in 0..4 {
            assert!(came.recv().await.unwrap().is_ok());
        }
    }

    #[tokio::test]
    async fn a_pass_comes_back_from_what_panics_and_from_what_hands_it_back() {
        let gate = gate(1, 10);
        let pass = gate.enter(None).await.unwrap();
        assert!(tokio::spawn(pass.keep(async { panic!("a fault") })).await.is_err());
        let pass = gate.enter(None).await.unwrap();
        let inside = gate.clone();
        pass.keep(async move {
            assert!(inside.enter(None).await.is_err(), "it is kept");
            hand_pass_back();
            hand_pass_back();
            assert!(inside.enter(None).await.is_ok());
        })
        .await;
        assert!(gate.enter(None).await.is_ok());
        hand_pass_back();
    }
}

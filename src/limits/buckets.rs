use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::local::Local;
use crate::kernel::Clock;
use crate::keys::Pseudonyms;
use crate::redis::{Redis, Script};

/// What a server alone fills buckets with while Redis is away, as a part of the rate.
const ALONE: f64 = 0.25;

/// One bucket.
#[derive(Clone, Debug, PartialEq)]
pub struct Bucket {
    /// Which one. A stranger cannot tell from it whose it is.
    pub(super) name: String,
    /// The most that it holds.
    pub capacity: f64,
    /// What it gets a second.
    pub rate: f64,
}

/// A bucket as it is after one has taken from it, or tried to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct State {
    /// Until it has what was asked for; 0 when it had.
    pub(super) wait_seconds: f64,
    /// What it holds.
    pub(super) left: f64,
}

/// What was taken, to be given back to where it came from.
#[derive(Clone, Debug)]
pub struct Taken {
    buckets: Vec<Bucket>,
    shared: bool,
    left: Vec<f64>,
}

impl Taken {
    /// Each bucket with what it held after it.
    pub fn each(&self) -> impl Iterator<Item = (&Bucket, f64)> {
        self.buckets.iter().zip(self.left.iter().copied())
    }
}

/// Not enough in one of the buckets; nothing was taken.
#[derive(Clone, Debug)]
pub struct Short {
    /// Which bucket has to be waited for longest, by its place among those asked.
    pub bucket: usize,
    /// What it holds.
    pub left: f64,
    /// How long until it has what was asked for, if nobody else takes from it.
    pub wait: Duration,
}

/// All buckets.
#[derive(Clone)]
pub struct Buckets(Arc<Inner>);

struct Inner {
    redis: Option<Redis>,
    script: Script,
    local: Local,
    clock: Clock,
    names: Pseudonyms,
}

impl Buckets {
    /// Buckets in this Redis, or in memory without one. Servers that share buckets have the same `names`.
    pub fn new(redis: Option<Redis>, clock: Clock, names: Pseudonyms) -> Self {
        let script = Script::new(include_str!("take.lua"));
        Self(Arc::new(Inner { redis, script, local: Local::new(), clock, names }))
    }

    /// The bucket of what `parts` say together. `rate` is a second and not 0.
    pub fn bucket(&self, parts: &[&str], capacity: f64, rate: f64) -> Bucket {
        let name = self.0.names.name(parts);
        // Half of the hash tells 2^64 buckets apart.
        let name = name[..16].iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        Bucket { name: format!("bucket:{name}"), capacity, rate }
    }

    /// Takes `amount`, which each of them can hold, from all of these buckets or from none of them. The smaller bucket first.
    ///
    /// # Errors
    /// When one of them does not hold that much now.
    pub async fn take(&self, buckets: Vec<Bucket>, amount: f64) -> Result<Taken, Short> {
        let (states, shared) = match self.0.take_shared(&buckets, amount).await {
            Some(states) => (states, true),
            None => (self.0.take_here(&buckets, amount), false),
        };
        let longest =
            states.iter().enumerate().max_by(|(_, one), (_, other)| one.wait_seconds.total_cmp(&other.wait_seconds));
        match longest {
            Some((bucket, state)) if state.wait_seconds > 0.0 => {
                let wait = Duration::try_from_secs_f64(state.wait_seconds).unwrap_or(Duration::MAX);
                Err(Short { bucket, left: state.left, wait })
            }
            _ => Ok(Taken { buckets, shared, left: states.iter().map(|state| state.left).collect() }),
        }
    }

    /// Gives `amount` back to the buckets that it was taken from. Nobody waits for it: where it goes to Redis, a task does
    /// it, and when Redis does not answer it is lost, which the next seconds make good.
    pub fn give_back(&self, taken: &Taken, amount: f64) {
        if amount <= 0.0 {
            return;
        }
        if !taken.shared {
            self.0.take_here(&taken.buckets, -amount);
            return;
        }
        let (inner, buckets) = (self.0.clone(), taken.buckets.clone());
        tokio::spawn(async move { inner.take_shared(&buckets, -amount).await });
    }
}

impl Inner {
    async fn take_shared(&self, buckets: &[Bucket], amount: f64) -> Option<Vec<State>> {
        let redis = self.redis.as_ref()?;
        let names: Vec<String> = buckets.iter().map(|bucket| bucket.name.clone()).collect();
        let sizes = buckets.iter().flat_map(|bucket| [bucket.capacity, bucket.rate]);
        let arguments: Vec<f64> = std::iter::once(amount).chain(sizes).collect();
        let answer = redis.run(&self.script, &names, &arguments).await?;
        let states =
            answer.chunks_exact(2).map(|pair| State { wait_seconds: pair[0] as f64 / 1e3, left: pair[1] as f64 });
        Some(states.collect())
    }

    fn take_here(&self, buckets: &[Bucket], amount: f64) -> Vec<State> {
        let now = self.clock.now();
        if self.redis.is_none() {
            return self.local.take(buckets, amount, now);
        }
        let slow = buckets.iter().map(|bucket| Bucket { rate: bucket.rate * ALONE, ..bucket.clone() });
        self.local.take(&slow.collect::<Vec<_>>(), amount, now)
    }
}

impl fmt::Debug for Buckets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Buckets")
    }
}

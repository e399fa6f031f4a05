//! Buckets in the memory of this server.

use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, Utc};
use quick_cache::sync::Cache;

use super::buckets::{Bucket, State};

/// Most buckets remembered, of about 200 bytes each. Those not used for longest go first, and are full when they come back.
const BUCKETS: usize = 50_000;

/// Buckets that nobody else sees.
pub(super) struct Local(Cache<String, Arc<Mutex<Level>>>);

#[derive(Clone, Copy)]
struct Level {
    amount: f64,
    at: DateTime<Utc>,
}

impl Local {
    pub(super) fn new() -> Self {
        Self(Cache::new(BUCKETS))
    }

    /// Takes `amount` from all buckets, or from none; a negative one is given back. As `take.lua` does.
    pub(super) fn take(&self, buckets: &[Bucket], amount: f64, now: DateTime<Utc>) -> Vec<State> {
        let levels: Vec<_> = buckets.iter().map(|bucket| self.level(bucket, now)).collect();
        // Always locked in the order in which they are given, which is from the smaller to the larger bucket.
        let mut levels: Vec<_> =
            levels.iter().map(|level| level.lock().unwrap_or_else(PoisonError::into_inner)).collect();
        for (bucket, level) in buckets.iter().zip(&mut levels) {
            level.fill(bucket, now);
        }
        let enough = levels.iter().all(|level| level.amount >= amount);
        let each = buckets.iter().zip(&mut levels).map(|(bucket, level)| {
            let short = (amount - level.amount).max(0.0);
            if enough {
                level.amount = (level.amount - amount).min(bucket.capacity);
            }
            State { wait_seconds: short / bucket.rate, left: level.amount }
        });
        each.collect()
    }

    fn level(&self, bucket: &Bucket, now: DateTime<Utc>) -> Arc<Mutex<Level>> {
        let full = || Ok::<_, Infallible>(Arc::new(Mutex::new(Level { amount: bucket.capacity, at: now })));
        let Ok(level) = self.0.get_or_insert_with(bucket.name.as_str(), full);
        level
    }
}

impl Level {
    fn fill(&mut self, bucket: &Bucket, now: DateTime<Utc>) {
        let seconds = (now - self.at).as_seconds_f64().max(0.0);
        self.amount = (self.amount + seconds * bucket.rate).min(bucket.capacity);
        // Also when the clock was set back: the time that it goes through twice fills the bucket once more, and no bucket
        // waits for a time long gone.
        self.at = now;
    }
}

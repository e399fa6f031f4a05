use async_graphql::{Name, Value};

use super::buckets::{Bucket, Buckets, Short, Taken};
use crate::error::{AppError, ErrorCode, seconds};
use crate::kernel::{Actor, Client, Viewer};

/// A bucket holds what it gets in this many seconds.
const BURST_SECONDS: f64 = 20.0;

/// What documents may cost in a second, in fields of answers; 0, the default, is no limit.
#[derive(Clone, Copy, Debug, Default)]
pub struct CostRates {
    /// Of one viewer: a member of staff in all sessions, a partner key, or an address from which nobody is signed in.
    pub viewer: u32,
    /// Of all viewers of one hospital.
    pub hospital: u32,
}

/// Holds viewers and hospitals to what their documents may cost.
///
/// A document is paid for before it runs, with the most that its answer may hold; what the answer did not hold is given back
/// after it. So nobody starts what cannot be paid for, and a page that is nearly empty is nearly free.
#[derive(Clone, Debug)]
pub struct CostLimits {
    buckets: Buckets,
    rates: CostRates,
    /// What one document may cost: a bucket that holds less would refuse some documents for ever.
    largest: f64,
}

/// A document that was paid for.
#[derive(Debug)]
pub struct Charge {
    buckets: Buckets,
    requested: u64,
    taken: Option<Taken>,
    payers: Vec<Payer>,
}

/// Who pays, in the words of `extensions.cost`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Payer {
    Viewer,
    Hospital,
}

impl CostLimits {
    /// Limits for documents of which the largest costs `largest`.
    pub fn new(buckets: Buckets, rates: CostRates, largest: u64) -> Self {
        Self { buckets, rates, largest: largest as f64 }
    }

    /// Takes what a document may cost, at least 1.
    ///
    /// # Errors
    /// `RATE_LIMITED`, with the time until it could be paid.
    pub async fn charge(&self, viewer: Option<&Viewer>, client: &Client, cost: u64) -> Result<Charge, AppError> {
        let requested = cost.max(1);
        let (payers, buckets): (Vec<Payer>, Vec<Bucket>) = self.payers(viewer, client).unzip();
        let taken = match buckets.is_empty() {
            true => None,
            false => Some(self.take(&payers, buckets, requested).await?),
        };
        Ok(Charge { buckets: self.buckets.clone(), requested, taken, payers })
    }

    async fn take(&self, payers: &[Payer], buckets: Vec<Bucket>, requested: u64) -> Result<Taken, AppError> {
        let sizes = buckets.clone();
        self.buckets.take(buckets, requested as f64).await.map_err(|short: Short| {
            let Bucket { capacity, rate, .. } = sizes[short.bucket];
            let whose = match payers[short.bucket] {
                Payer::Viewer => "you have",
                Payer::Hospital => "your hospital has",
            };
            let (left, wait) = (short.left.floor(), seconds(short.wait));
            let message = format!(
                "The document costs {requested}, and {whose} {left} of {capacity} left, with {rate} more each second. Ask for \
                 less, or try again in {wait} s."
            );
            AppError::public(ErrorCode::RateLimited, message).retry_after(short.wait)
        })
    }

    fn payers(&self, viewer: Option<&Viewer>, client: &Client) -> impl Iterator<Item = (Payer, Bucket)> {
        let payer = match viewer.map(|viewer| viewer.actor) {
            Some(Actor::Staff { id, .. }) => ["staff", &id.to_string()].map(str::to_owned),
            Some(Actor::PartnerKey(id)) => ["partner key", &id.to_string()].map(str::to_owned),
            None => ["nobody".to_owned(), client.network()],
        };
        let hospital = viewer.map(|viewer| ["hospital".to_owned(), viewer.hospital_id.to_string()]);
        let bucket = |payer: Payer, [kind, id]: [String; 2], rate: u32| {
            let rate = f64::from(rate);
            let capacity = (rate * BURST_SECONDS).max(self.largest);
            (rate > 0.0).then(|| (payer, self.buckets.bucket(&["cost", &kind, &id], capacity, rate)))
        };
        let viewer = bucket(Payer::Viewer, payer, self.rates.viewer);
        let hospital = hospital.and_then(|hospital| bucket(Payer::Hospital, hospital, self.rates.hospital));
        viewer.into_iter().chain(hospital)
    }
}

impl Charge {
    /// Gives back what the answer did not hold, which was `actual` fields. The result is `extensions.cost`.
    pub fn settle(self, actual: u64) -> Value {
        let actual = actual.clamp(1, self.requested);
        let back = (self.requested - actual) as f64;
        let mut cost = vec![("requested", Value::from(self.requested)), ("actual", Value::from(actual))];
        if let Some(taken) = &self.taken {
            self.buckets.give_back(taken, back);
            for (payer, (bucket, left)) in self.payers.iter().zip(taken.each()) {
                let available = (left + back).min(bucket.capacity);
                let state = [("limit", bucket.capacity), ("available", available), ("restoreRate", bucket.rate)];
                cost.push((
                    payer.name(),
                    object(state.map(|(name, number)| (name, Value::from(number.floor() as u64)))),
                ));
            }
        }
        object(cost)
    }
}

impl Payer {
    const fn name(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Hospital => "hospital",
        }
    }
}

fn object(members: impl IntoIterator<Item = (&'static str, Value)>) -> Value {
    Value::Object(members.into_iter().map(|(name, value)| (Name::new(name), value)).collect())
}

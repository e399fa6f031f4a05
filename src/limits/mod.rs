//! Limits: what one may spend, counted in token buckets, and how much runs at a time.
//!
//! # A bucket
//! It holds so much, is filled at a steady rate, and what does not fit into what it holds just now waits. [`Buckets::take`]
//! takes from several at once or from none of them, and says how long to wait; [`Buckets::give_back`] returns what was not
//! needed after all, behind the answer.
//!
//! # Where buckets are
//! In Redis when there is one: all servers share them, and one Lua script takes from all buckets of a request in one round trip.
//! The script asks Redis for the time. Clocks of several servers differ, and one that is an hour ahead would leave every bucket
//! without filling for an hour after it was set right.
//!
//! Otherwise in memory, a fixed number of them: whoever makes up addresses pushes out buckets, and a bucket that was pushed out
//! is full again. When Redis is lost, each server counts by itself and fills at a quarter of the rate, so that four servers
//! together still keep the limit.
//!
//! # What is limited
//! [`CostLimits`] the cost of documents, by viewer and by hospital. `domains::attempts` the guesses from one address.
//!
//! # What runs at a time
//! A request gets a pass from the [`Gate`] before it asks anything of the database, and keeps it until it has run.

mod buckets;
mod cost;
mod gate;
mod local;

pub use buckets::{Bucket, Buckets, Short, Taken};
pub use cost::{Charge, CostLimits, CostRates};
pub use gate::{Gate, GateBounds, Pass, hand_pass_back};

//! The audit trail: what was read, changed and refused, by whom, and the chain that proves it whole.
//!
//! | file | holds |
//! |---|---|
//! | `event.rs` | what an event says |
//! | `shape.rs` | which fields an operation asks for, stored once for all events alike |
//! | `witness.rs` | what one request sees and does, and the events that come of it |
//! | `append.rs` | the statement that writes events |
//! | `lane.rs` | the task that writes the events of many requests with one commit |
//! | `keeper.rs` | the background job: seals, posts, makes partitions |
//! | `format.md`, `chain.rs` | what is hashed and how |
//! | `trail.rs`, `copy.rs` | reading the whole trail, as the owner |
//! | `verify` | finding what is not as it was |
//! | `heads.rs`, `export.rs`, `retain.rs` | what is kept elsewhere, what is checked elsewhere, what goes after years |
//!
//! The SQL side is in the migration `m20261120_000011_audit`.
//!
//! # How nothing is answered unrecorded
//! Types that stand for data of patients can only be made with the request's scope, and making one notes the patient
//! ([`Witness::saw`]). A change is committed with its event, in one transaction. Everything else, reads and refusals, goes
//! through the [`Lane`], and the answer leaves when its [`Receipt`] says that the events are durable.
#![doc = include_str!("format.md")]

mod append;
mod chain;
mod copy;
mod event;
mod export;
mod heads;
mod keeper;
mod lane;
mod retain;
mod shape;
mod trail;
mod verify;
mod witness;

pub(crate) use append::{Facts, Known, append};
pub use chain::{Hash, Seal, genesis, hex, leaf_record, path, root, sha256};
pub use event::{ActorKind, AuditAction, AuditOutcome, Event, event_id, event_time};
pub use heads::{Head, Heads};
pub use keeper::Keeper;
pub use lane::{Lane, Receipt};
pub use shape::Shape;
pub use trail::{Trail, TrailError, TrailHospital};
pub use verify::{Fault, Finding, Place, Verified, YEARS_KEPT};
pub use witness::{Ending, Entry, RequestContext, Who, Witness};

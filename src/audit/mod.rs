//! The audit trail: what was read, changed and refused, by whom, and the chain that proves it whole.
//!
//! | file | holds |
//! |---|---|
//! | `event.rs` | what an event says |
//! | `keeper.rs` | the background job: seals, posts, makes partitions |
//! | `format.md`, `chain.rs` | what is hashed and how |
//! | `trail.rs`, `copy.rs` | reading the whole trail, as the owner |
//! | `verify` | finding what is not as it was |
//! | `heads.rs`, `export.rs`, `retain.rs` | what is kept elsewhere, what is checked elsewhere, what goes after years |
//!
//! The SQL side is in the migration `m20261120_000011_audit`.
#![doc = include_str!("format.md")]

mod chain;
mod copy;
mod event;
mod export;
mod heads;
mod keeper;
mod retain;
mod trail;
mod verify;

pub use chain::{Hash, Seal, genesis, path, root};
pub use event::{ActorKind, AuditAction, AuditOutcome, Event};
pub use heads::{Head, Heads};
pub use keeper::Keeper;
pub use trail::{Trail, TrailError, TrailHospital};
pub use verify::{Fault, Finding, Place, Verified, YEARS_KEPT};

//! The audit trail: what was read, changed and refused, by whom, and the chain that proves it whole.
//!
//! | file | holds |
//! |---|---|
//! | `event.rs` | what an event says |

mod event;

pub use event::{ActorKind, AuditAction, AuditOutcome, Event};

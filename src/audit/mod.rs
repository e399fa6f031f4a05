//! The audit trail: what was read, changed and refused, by whom, and the chain that proves it whole.
//!
//! | file | holds |
//! |---|---|
//! | `event.rs` | what an event says |
//! | `shape.rs` | which fields an operation asks for, stored once for all events alike |
//! | `witness.rs` | what one request sees and does, and the events that come of it |
//! | `append.rs` | the statement that writes events |
//! | `lane.rs` | the task that writes the events of many requests with one commit |
//!
//! # How nothing is answered unrecorded
//! Types that stand for data of patients can only be made with the request's scope, and making one notes the patient
//! ([`Witness::saw`]). A change is committed with its event, in one transaction. Everything else, reads and refusals, goes
//! through the [`Lane`], and the answer leaves when its [`Receipt`] says that the events are durable.

mod append;
mod event;
mod lane;
mod shape;
mod witness;

pub(crate) use append::{Facts, Known, append};
pub use event::{ActorKind, AuditAction, AuditOutcome, Event};
pub use lane::{Lane, Receipt};
pub use shape::Shape;
pub use witness::{Ending, Entry, RequestContext, Who, Witness};

//! Invitations: how people join a hospital.
//!
//! - An administrator names an address, a name and a role. The person gets a letter with a token, and joins with it: chooses a
//!   password, or gives the one of an account that the address has already. Nobody else learns which of the two.
//! - So an invitation never changes an account that somebody uses in another hospital, and no administrator knows a password.
//! - A token works once, for 72 hours, in the hospital that gave it. A new invitation of an address ends the one before.

mod accept;
mod input;
mod mutation;
mod object;
mod query;
mod repo;
mod service;

pub(super) use super::no_loaders as loaders;
pub use accept::Joining;
pub use mutation::Mutation;
pub use object::{InvitationConnection, InvitationEdge, InvitationObject};
pub use query::Query;

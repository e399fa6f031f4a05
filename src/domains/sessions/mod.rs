//! Sessions: a sign-in of a member of staff in one hospital, from the password to the end.
//!
//! | file | holds |
//! |---|---|
//! | `authenticate.rs` | the question of every request: does this session still stand, and in which role? |
//! | `open.rs` | a new session, and the tokens that a client gets |
//! | `refresh.rs` | rotation, the grace, and what happens when a used token comes back |
//! | `service.rs` | listing and ending |
//!
//! The rules (OWASP ASVS 5.0, chapter 7; RFC 9700, 4.14):
//! - A session ends at its sign-out, when it is revoked, after [`Lifetimes::idle`] without a refresh, and 12 hours after
//!   the password in any case. All of it is in PostgreSQL, and asked with each request: nothing is remembered, so there is
//!   nothing that could bring an ended session back.
//! - Role and permissions come from the staff record, never from the token. In a hospital that requires a second factor, a
//!   session of somebody without one can do little more than set one up; that ends with the next request after it is there.
//! - A refresh token works once. Its successor is given again for ten seconds, to the bearer of the parent only; anything
//!   else that presents a used token ends the session and those to which it was switched.
//!
//! Whose a credential is, is asked before there is a viewer; so these files use `Database` directly, in the hospital
//! that the credential names.

mod authenticate;
mod mutation;
mod object;
mod open;
mod refresh;
mod repo;
mod service;

pub(super) use super::Nothing as Query;
pub(super) use super::no_loaders as loaders;
pub use authenticate::{Lifetimes, Sessions};
pub use mutation::Mutation;
pub use object::Session;
pub(super) use open::Opened;
pub(super) use repo::{ContextRow, Ending};
pub(super) use service::{contexts, end_all, list};

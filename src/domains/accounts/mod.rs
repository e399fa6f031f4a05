//! Accounts: signing in, prolonging that, changing the hospital, and who one is then.
//!
//! An account is a login. Before sign-in there is no hospital, so the one statement that looks for an account runs outside
//! of all of them, through the function `sign_in_door` (see the migrations). A wrong address, a wrong password and a wrong code
//! are one answer, in the same time; `credentials.rs` is the only place that finds them out, also for the domains
//! `invitations`, `passwords` and `second_factors`.

mod account;
mod credentials;
mod mutation;
mod object;
mod payload;
mod query;
mod repo;
mod service;

pub(super) use super::no_loaders as loaders;
pub(super) use account::{Account, Factor, Opens, Password};
pub use credentials::Credentials;
pub(super) use credentials::{Proof, Proven, code_of};
pub(super) use mutation::request;
pub use mutation::{Mutation, RefreshSessionPayload, SignInPayload, SwitchContextPayload};
pub use object::{ViewerObject, WorkContext};
pub(super) use payload::tokens_payload;
pub use query::Query;
pub use service::SignIn;

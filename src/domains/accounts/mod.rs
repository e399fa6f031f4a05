//! Accounts: signing in, prolonging that, changing the hospital, and who one is then.
//!
//! An account is a login. Before sign-in there is no hospital, so the one statement that looks for an account runs outside
//! of all of them, through the function `sign_in_door` (see the migrations). A wrong address and a wrong password are one
//! answer, in the same time.

mod mutation;
mod object;
mod query;
mod repo;
mod service;

pub(super) use super::no_loaders as loaders;
pub use mutation::{Mutation, RefreshSessionPayload, SignInPayload, SwitchContextPayload};
pub use object::{ViewerObject, WorkContext};
pub use query::Query;
pub use service::SignIn;

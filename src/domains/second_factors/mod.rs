//! Second factors: a code beside the password, from an authenticator app (TOTP, RFC 6238) or a list of recovery codes.
//!
//! - An account may have one. `startSecondFactor` makes the secret, `confirmSecondFactor` shows that it arrived; from then on
//!   `signIn` asks for a code, in every hospital.
//! - Each code works once. A code of the app is accepted 30 seconds early or late.
//! - A hospital may require one. Who has none may then only set one up there: `session_standing` (see the migrations) says so with
//!   each request.
//! - The secret is sealed with a key that is not in the database; of recovery codes only hashes are kept.

mod mutation;
mod service;

pub(super) use super::Nothing as Query;
pub(super) use super::no_loaders as loaders;
pub use mutation::Mutation;

//! From a credential to a [`Viewer`](crate::kernel::Viewer): passwords and access tokens.
//!
//! What a person types is checked by [`Passwords`]; what a program sends with each request by [`Tokens`]. Sessions that
//! can be refreshed and revoked, and keys for partners, join them here.

mod passwords;
mod tokens;

pub use passwords::{PasswordProblem, Passwords};
pub use tokens::{AccessToken, SigningKey, SigningKeyError, Tokens};

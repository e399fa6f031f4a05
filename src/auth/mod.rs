//! From a credential to a [`Viewer`](crate::kernel::Viewer): passwords, access tokens, partners' keys.
//!
//! What a person types is checked by [`Passwords`]; what a program sends with each request by [`Tokens`], or, for a
//! partner's system, as a [`PartnerKey`]. Sessions that can be refreshed and revoked join them here.

mod partner_key;
mod passwords;
mod tokens;

pub use partner_key::PartnerKey;
pub use passwords::{PasswordProblem, Passwords};
pub use tokens::{AccessToken, SigningKey, SigningKeyError, Tokens};

//! From a credential to a [`Viewer`](crate::kernel::Viewer): passwords, access tokens, partners' keys.
//!
//! What a person types is checked by [`Passwords`]; what a program sends with each request by [`Tokens`], or, for a
//! partner's system, as a [`PartnerKey`]. A [`RefreshToken`] prolongs a session; the sessions themselves, with the rules by
//! which they end, are `domains::sessions`.

mod opaque;
mod partner_key;
mod passwords;
mod refresh_token;
mod tokens;

pub use partner_key::PartnerKey;
pub use passwords::{PasswordProblem, Passwords};
pub use refresh_token::RefreshToken;
pub use tokens::{AccessToken, Tokens};

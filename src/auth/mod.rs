//! From a credential to a [`Viewer`](crate::kernel::Viewer): passwords, access tokens, partners' keys.
//!
//! What a person types is checked by [`Passwords`] and [`SecondFactor`]; what a program sends with each request by [`Tokens`],
//! or, for a partner's system, as a [`PartnerKey`]. A [`RefreshToken`] prolongs a session; the sessions themselves, with the
//! rules by which they end, are `domains::sessions`. An [`InvitationToken`] and a [`ResetToken`] come by letter.

mod letter_tokens;
mod opaque;
mod partner_key;
mod passwords;
mod refresh_token;
mod second_factor;
mod tokens;
mod workers;

pub use letter_tokens::{InvitationToken, ResetToken};
pub use partner_key::PartnerKey;
pub use passwords::{PasswordProblem, PasswordRule, Passwords, Turn};
pub use refresh_token::RefreshToken;
pub use second_factor::{RecoveryCode, SecondFactor};
pub use tokens::{AccessToken, Tokens};

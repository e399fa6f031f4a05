//! Passwords: changing one's own, and choosing a new one with a token from a letter.
//!
//! | file | holds |
//! |---|---|
//! | `change.rs` | `changePassword`, for who knows the present one |
//! | `reset.rs` | `requestPasswordReset`, `startPasswordReset`, `resetPassword` |
//!
//! The rules (OWASP ASVS 5.0, 6.2 and 6.4; NIST SP 800-63B-4, 3.1.1):
//! - A password has 15 to 128 characters, 8 beside a second factor, and is none that is easy to guess; nothing more.
//! - Nobody but its owner chooses it: an administrator starts a reset and never ends one.
//! - A new password ends what the account has open, in every hospital; a change keeps the session that made it.
//! - A reset proves the mailbox and no more: it does not sign in, and leaves the second factor as it is. But where an
//!   administrator chose the password before, it is the first sign of the owner, and ends what was set up until then.
//! - A password that an administrator chose opens that hospital only, however often it is changed, until a letter shows the owner:
//!   who changes it may be that administrator.

mod change;
mod mutation;
mod reset;

pub(super) use super::Nothing as Query;
pub(super) use super::no_loaders as loaders;
pub use mutation::Mutation;
pub(super) use reset::Occasion;
pub use reset::PasswordResets;

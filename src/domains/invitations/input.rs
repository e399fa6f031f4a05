use async_graphql::{ID, InputObject};

use crate::kernel::Role;

/// Somebody who is to join.
#[derive(Debug, InputObject)]
pub struct InviteStaffInput {
    /// E-mail address, to which the letter goes and with which the person will sign in.
    pub(super) email: String,
    /// Name as colleagues know it, 1 to 100 characters. The person may write it differently when joining.
    pub(super) name: String,
    /// The role.
    pub(super) role: Role,
}

/// An invitation to take back.
#[derive(Debug, InputObject)]
pub struct RevokeInvitationInput {
    /// The invitation.
    pub(super) id: ID,
}

/// Somebody who joins.
#[derive(Debug, InputObject)]
pub struct AcceptInvitationInput {
    /// The token from the letter, which begins with `pli_`.
    #[graphql(secret)]
    pub(super) token: String,
    /// Name as colleagues know it, 1 to 100 characters; as the invitation has it when left out.
    pub(super) name: Option<String>,
    /// The password to sign in with from now on: 15 to 128 characters, any, but none that is easy to guess. If the address has an
    /// account already, from another hospital, the password of that account; it stays as it is.
    #[graphql(secret)]
    pub(super) password: String,
    /// The six digits that the authenticator app shows, or a recovery code: if the address has an account already that has a
    /// second factor.
    #[graphql(secret)]
    pub(super) code: Option<String>,
}

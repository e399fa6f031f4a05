use async_graphql::Enum;

use super::{UserError, UserErrorCode};

/// Why you cannot change or delete something. An empty list of reasons means that you can.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum CannotReason {
    /// You lack the permission that the mutation needs.
    NoPermission,
    /// Somebody else recorded it, and you may only change your own.
    NotAuthor,
    /// The record is archived and does not change any more.
    Archived,
    /// The record is deleted.
    Deleted,
    /// This member of staff is deactivated.
    Deactivated,
    /// A hospital keeps at least one active administrator.
    LastAdmin,
}

impl CannotReason {
    /// The same reason as the answer of a mutation about the object that `field` of its input names.
    pub fn user_error(self, field: &str) -> UserError {
        let (code, message) = match self {
            Self::NoPermission => (UserErrorCode::NoPermission, "You lack the permission for this."),
            Self::NotAuthor => {
                (UserErrorCode::NotAuthor, "Only the clinician who recorded this task log may change it.")
            }
            Self::Archived => (UserErrorCode::Archived, "This patient is archived and does not change any more."),
            Self::Deleted => return UserError::not_found(field, "task log"),
            Self::Deactivated => (UserErrorCode::Deactivated, "This member of staff is deactivated."),
            Self::LastAdmin => (
                UserErrorCode::LastAdmin,
                "This is the last active administrator of your hospital. Make somebody else one first.",
            ),
        };
        UserError::new(code, &[field], message)
    }
}

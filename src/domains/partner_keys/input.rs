use async_graphql::{ID, InputObject};

use crate::graphql::DateTime;
use crate::kernel::Permission;

/// A new key for a partner.
#[derive(Debug, InputObject)]
pub struct CreatePartnerKeyInput {
    /// Which partner and which system, 1 to 100 characters. Two keys of the same name may be alive at a time, for changing
    /// from one to the next.
    pub(super) name: String,
    /// What the key may do beyond what every partner may: READ_PATIENT_IDENTITY, READ_TASK_NOTES. Nothing when left out.
    pub(super) permissions: Option<Vec<Permission>>,
    /// When the key ends by itself: in the future, at most 365 days ahead.
    pub(super) expires_at: DateTime,
    /// Networks from which the key may be used, such as `203.0.113.0/24`; at most 20. From anywhere when left out.
    pub(super) allowed_networks: Option<Vec<String>>,
}

/// A key to revoke.
#[derive(Debug, InputObject)]
pub struct RevokePartnerKeyInput {
    /// The key.
    pub(super) id: ID,
}

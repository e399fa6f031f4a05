use async_graphql::{ID, OneofObject};

use crate::kernel::Role;

/// For whom access is explained: give exactly one of these.
#[derive(Debug, OneofObject)]
pub enum ExplainAccessAs {
    /// Anybody with this role. For PARTNER: a key to which nothing was granted.
    Role(Role),
    /// This member of staff of your hospital.
    StaffId(ID),
    /// This partner key of your hospital, with what was granted to it.
    PartnerKeyId(ID),
}

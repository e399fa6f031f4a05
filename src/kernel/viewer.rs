use chrono::{DateTime, Utc};

use super::{HospitalId, Permission, Role, SessionId, StaffId};

/// Who sends a request, from a verified credential.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Viewer {
    /// The hospital that the viewer works in. Everything the request does happens there.
    pub hospital_id: HospitalId,
    /// The viewer's staff record in it.
    pub staff_id: StaffId,
    /// The role there.
    pub role: Role,
    /// The sign-in that the credential belongs to.
    pub session_id: SessionId,
    /// When the credential ends.
    pub expires_at: DateTime<Utc>,
}

impl Viewer {
    /// Whether the viewer may do this.
    pub fn may(&self, permission: Permission) -> bool {
        self.role.permissions().any(|held| held == permission)
    }
}

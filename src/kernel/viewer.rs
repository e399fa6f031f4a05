use chrono::{DateTime, Utc};
use serde::Deserialize;
use uuid::Uuid;

use super::{BreakGlassId, HospitalId, PartnerKeyId, PatientId, Permission, PermissionSet, Role, SessionId, StaffId};

/// Who sends a request, from a verified credential.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Viewer {
    /// The hospital that the viewer belongs to. Everything the request does happens there.
    pub hospital_id: HospitalId,
    /// Who it is.
    pub actor: Actor,
    /// The role there.
    pub role: Role,
    /// What the viewer may do.
    pub permissions: PermissionSet,
    /// When the credential ends.
    pub expires_at: DateTime<Utc>,
    /// The restricted records that the viewer has opened in an emergency.
    pub glasses: Vec<Glass>,
}

/// A restricted record that somebody has opened in an emergency.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Glass {
    /// The opening.
    pub id: BreakGlassId,
    /// Whose record.
    pub patient_id: PatientId,
    /// Why.
    pub reason: String,
    /// When it closes.
    pub expires_at: DateTime<Utc>,
}

/// A person or a partner's system.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Actor {
    /// A member of staff who has signed in.
    Staff {
        /// The staff record.
        id: StaffId,
        /// The sign-in that the credential belongs to.
        session_id: SessionId,
    },
    /// A partner's key. It reads and never changes anything.
    PartnerKey(PartnerKeyId),
}

impl Viewer {
    /// Whether the viewer may do this.
    pub fn may(&self, permission: Permission) -> bool {
        self.permissions.contains(permission)
    }

    /// The id of the staff record or of the key.
    pub fn actor_id(&self) -> Uuid {
        match self.actor {
            Actor::Staff { id, .. } => id.0,
            Actor::PartnerKey(id) => id.0,
        }
    }

    /// The staff record, of a person.
    pub fn staff_id(&self) -> Option<StaffId> {
        match self.actor {
            Actor::Staff { id, .. } => Some(id),
            Actor::PartnerKey(_) => None,
        }
    }

    /// Whether this is a partner's key, which only reads.
    pub fn only_reads(&self) -> bool {
        matches!(self.actor, Actor::PartnerKey(_))
    }
}

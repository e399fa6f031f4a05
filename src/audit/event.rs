use async_graphql::Enum;
use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::kernel::{HospitalId, Role};

macro_rules! names {
    ($(#[doc = $about:literal])+ $type:ident { $(#[doc = $doc:literal] $variant:ident = $name:literal;)* }) => {
        $(#[doc = $about])+
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Enum)]
        pub enum $type { $(#[doc = $doc] $variant,)* }

        impl $type {
            /// Every one.
            pub const ALL: [Self; [$($name),*].len()] = [$(Self::$variant),*];

            /// The name that the API and the database use.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }
        }
    };
}

names! {
    /// Who did it.
    ActorKind {
        /// A member of staff.
        Staff = "STAFF";
        /// A partner's system, with its key.
        PartnerKey = "PARTNER_KEY";
    }
}

names! {
    /// What was done. The fields of the event say it exactly, such as `Mutation.createTaskLog`.
    AuditAction {
        /// Data was asked for.
        Read = "READ";
        /// Something was created, changed or deleted, or was to be.
        Change = "CHANGE";
        /// Somebody signed in, or tried to.
        SignIn = "SIGN_IN";
        /// A session was ended.
        SignOut = "SIGN_OUT";
        /// The audit trail was read.
        ReadAudit = "READ_AUDIT";
        /// A restricted record was opened in an emergency.
        BreakGlass = "BREAK_GLASS";
    }
}

names! {
    /// What came of it.
    AuditOutcome {
        /// All that was asked for was given or done.
        Ok = "OK";
        /// Some fields were refused or failed; the rest was given.
        Partial = "PARTIAL";
        /// Nothing was given or done, because it is not allowed, or there is no such thing.
        Refused = "REFUSED";
        /// Nothing was given or done, because something went wrong.
        Failed = "FAILED";
    }
}

/// One row of the trail. It holds names and ids, never a value of a patient's record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// The hospital in which it happened.
    pub hospital_id: HospitalId,
    /// When.
    pub at: DateTime<Utc>,
    /// A version 7 UUID: events of one moment have an order.
    pub id: Uuid,
    /// The request: as in `x-request-id` and in the log.
    pub request_id: Uuid,
    /// Who, of which kind.
    pub actor_kind: ActorKind,
    /// Who.
    pub actor_id: Uuid,
    /// The session of a member of staff.
    pub session_id: Option<Uuid>,
    /// In which role.
    pub role: Role,
    /// From where, as trusted proxies say.
    pub address: Option<String>,
    /// What was done.
    pub action: AuditAction,
    /// What came of it.
    pub outcome: AuditOutcome,
    /// The operation's name in the document, if it has one.
    pub operation: Option<String>,
    /// Which fields: an id in `audit_shapes`.
    pub shape_id: Option<Uuid>,
    /// What was changed or named, when it is one thing.
    pub subject_id: Option<Uuid>,
    /// How many records of patients the answer holds or the change touched.
    pub row_count: i32,
    /// The patients whose records these are, each once, in the order of their ids.
    pub patients: Vec<Uuid>,
    /// The purpose or reason, where one was given.
    pub reason: Option<String>,
}

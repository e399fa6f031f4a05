use std::sync::atomic::{AtomicU32, Ordering};

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

            /// The one with this name.
            pub fn of(name: &str) -> Option<Self> {
                Self::ALL.into_iter().find(|one| one.name() == name)
            }

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
        /// A restricted record was opened in an emergency, or was to be. `reason` says why.
        BreakGlass = "BREAK_GLASS";
        /// Data of a restricted record was given to who had opened it in an emergency: `reason` was the one then.
        BreakGlassRead = "BREAK_GLASS_READ";
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

/// A new id for an event of this time (RFC 9562, 5.7). It says the time to the millisecond, so that an event is found by its
/// id alone, although the trail is kept in the order of time.
pub fn event_id(at: DateTime<Utc>) -> Uuid {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    // The 26 bits behind the time count, on both sides of the variant, so that events of one moment keep their order. The
    // last 48 are random, for the other processes.
    let time = u128::from(at.timestamp_millis().unsigned_abs()) << 80;
    let (high, low) = (u128::from(count >> 14 & 0xfff) << 64, u128::from(count & 0x3fff) << 48);
    let random = Uuid::new_v4().as_u128() >> 80;
    Uuid::from_u128(time | 7 << 76 | high | 0b10 << 62 | low | random)
}

/// The time that an id of an event says: the event lies in the millisecond that begins then. `None` when it is no such id.
pub fn event_time(id: Uuid) -> Option<DateTime<Utc>> {
    let (seconds, nanoseconds) = id.get_timestamp()?.to_unix();
    DateTime::from_timestamp(i64::try_from(seconds).ok()?, nanoseconds)
}

/// One row of the trail. It holds names and ids, never a value of a patient's record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// The hospital in which it happened.
    pub hospital_id: HospitalId,
    /// When.
    pub at: DateTime<Utc>,
    /// A version 7 UUID of this time, by which the event is found again: see [`event_id`].
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_says_its_millisecond_and_those_of_one_moment_keep_their_order() {
        let at = "2026-03-01T12:00:00.123456Z".parse().unwrap();
        let ids: Vec<Uuid> = (0..40_000).map(|_| event_id(at)).collect();
        assert!(ids.is_sorted_by(|one, next| one < next));
        for id in [ids[0], ids[39_999]] {
            assert_eq!(id.get_version_num(), 7);
            assert_eq!(event_time(id), Some("2026-03-01T12:00:00.123Z".parse().unwrap()));
        }
        assert_eq!(event_time(Uuid::new_v4()), None);
    }
}

use std::fmt;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// What an id is the id of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A login.
    Account,
    /// An event of the audit trail.
    AuditEvent,
    /// An opening of a restricted record.
    BreakGlass,
    /// A hospital.
    Hospital,
    /// An invitation to join a hospital.
    Invitation,
    /// A key of a partner.
    PartnerKey,
    /// A patient.
    Patient,
    /// A sign-in.
    Session,
    /// A member of staff.
    Staff,
    /// A task log.
    TaskLog,
}

impl Kind {
    const ALL: [Self; 10] = [
        Self::Account,
        Self::AuditEvent,
        Self::BreakGlass,
        Self::Hospital,
        Self::Invitation,
        Self::PartnerKey,
        Self::Patient,
        Self::Session,
        Self::Staff,
        Self::TaskLog,
    ];

    const fn prefix(self) -> &'static str {
        match self {
            Self::Account => "acc",
            Self::AuditEvent => "evt",
            Self::BreakGlass => "btg",
            Self::Hospital => "hos",
            Self::Invitation => "inv",
            Self::PartnerKey => "key",
            Self::Patient => "pat",
            Self::Session => "ses",
            Self::Staff => "stf",
            Self::TaskLog => "log",
        }
    }

    const fn noun(self) -> &'static str {
        match self {
            Self::Account => "an account",
            Self::AuditEvent => "an event of the audit trail",
            Self::BreakGlass => "an opening of a restricted record",
            Self::Hospital => "a hospital",
            Self::Invitation => "an invitation",
            Self::PartnerKey => "a partner key",
            Self::Patient => "a patient",
            Self::Session => "a session",
            Self::Staff => "a member of staff",
            Self::TaskLog => "a task log",
        }
    }
}

/// An id as callers see it: opaque to them, with its kind in front, such as `pat_0199…`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GlobalId {
    /// What it is the id of.
    pub kind: Kind,
    /// The id itself, a UUIDv7 (RFC 9562), so that ids sort by the time they were made.
    pub uuid: Uuid,
}

impl GlobalId {
    /// Reads an id of any kind.
    ///
    /// # Errors
    /// When the text is not an id of this API.
    pub fn parse(text: &str) -> Result<Self, IdError> {
        let malformed = || IdError(format!("\"{}\" is not an id of this API.", shown(text)));
        let (prefix, digits) = text.split_once('_').ok_or_else(malformed)?;
        let kind = Kind::ALL.into_iter().find(|kind| kind.prefix() == prefix).ok_or_else(malformed)?;
        // Only the form that is given out is taken, so that one thing has one id.
        if digits.len() != 32 || digits.bytes().any(|byte| !matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
            return Err(malformed());
        }
        Uuid::try_parse(digits).map(|uuid| Self { kind, uuid }).map_err(|_| malformed())
    }
}

/// Why a text is not the id that was wanted. The message is for the caller.
#[derive(Debug, PartialEq, Eq)]
pub struct IdError(pub String);

fn shown(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(40).collect()
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $kind:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl $name {
            /// Reads the id as callers send it.
            ///
            /// # Errors
            /// When the text is no id, or the id of something else.
            pub fn parse(text: &str) -> Result<Self, IdError> {
                let id = GlobalId::parse(text)?;
                if id.kind == Kind::$kind {
                    return Ok(Self(id.uuid));
                }
                Err(IdError(format!(
                    "\"{text}\" is the id of {}; the id of {} begins with \"{}_\".",
                    id.kind.noun(), Kind::$kind.noun(), Kind::$kind.prefix(),
                )))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}_{}", Kind::$kind.prefix(), self.0.simple())
            }
        }
    };
}

id!(
    /// The id of a login.
    AccountId, Account
);
id!(
    /// The id of an event of the audit trail.
    AuditEventId, AuditEvent
);
id!(
    /// The id of an opening of a restricted record.
    BreakGlassId, BreakGlass
);
id!(
    /// The id of a hospital.
    HospitalId, Hospital
);
id!(
    /// The id of an invitation.
    InvitationId, Invitation
);
id!(
    /// The id of a key of a partner.
    PartnerKeyId, PartnerKey
);
id!(
    /// The id of a patient.
    PatientId, Patient
);
id!(
    /// The id of a sign-in.
    SessionId, Session
);
id!(
    /// The id of a member of staff.
    StaffId, Staff
);
id!(
    /// The id of a task log.
    TaskLogId, TaskLog
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_names_its_kind_and_has_one_spelling() {
        let id = PatientId(Uuid::from_u128(0x0199_0000_0000_7000_8000_0000_0000_0001));
        assert_eq!(PatientId::parse(&id.to_string()), Ok(id));
        assert!(TaskLogId::parse(&id.to_string()).unwrap_err().0.contains("is the id of a patient"));
        for text in ["", "pat", "pat_", "pat_1", "dog_01990000000070008000000000000001"] {
            assert!(PatientId::parse(text).is_err(), "{text}");
        }
        assert!(PatientId::parse(&id.to_string().to_uppercase()).is_err());
        assert!(PatientId::parse(&format!("pat_{}", id.0.hyphenated())).is_err());
    }
}

use async_graphql::Enum;
use serde::{Deserialize, Serialize};

/// What a member of staff is in a hospital. It decides the permissions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Enum, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Role {
    /// Manages patients and staff, and may correct any task log.
    Admin,
    /// A nurse or a doctor: records what is done for patients.
    Clinician,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 2] = [Self::Admin, Self::Clinician];

    /// The name that the API uses.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Admin => "ADMIN",
            Self::Clinician => "CLINICIAN",
        }
    }

    /// What the role may do, in the order of [`Permission`].
    pub fn permissions(self) -> impl Iterator<Item = Permission> {
        Permission::ALL.into_iter().filter(move |permission| permission.holders().includes(self))
    }
}

/// Who holds a permission.
#[derive(Clone, Copy, Debug)]
pub enum Holders {
    /// Everyone, signed in or not.
    Everyone,
    /// These roles.
    Roles(&'static [Role]),
}

impl Holders {
    fn includes(self, role: Role) -> bool {
        match self {
            Self::Everyone => true,
            Self::Roles(roles) => roles.contains(&role),
        }
    }
}

macro_rules! permissions {
    ($($(#[$doc:meta])* $variant:ident = $name:literal: $holders:expr;)*) => {
        /// An act that the API can allow or refuse. The `@access` label of a field names the permission it needs.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Enum)]
        pub enum Permission { $($(#[$doc])* $variant,)* }

        impl Permission {
            /// Every permission.
            pub const ALL: [Self; [$($name),*].len()] = [$(Self::$variant),*];

            /// The name that the API uses.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// Who holds it: the one place that maps permissions to roles.
            pub const fn holders(self) -> Holders {
                match self { $(Self::$variant => $holders,)* }
            }
        }
    };
}

const STAFF: Holders = Holders::Roles(&[Role::Admin, Role::Clinician]);
const ADMINS: Holders = Holders::Roles(&[Role::Admin]);
const CLINICIANS: Holders = Holders::Roles(&[Role::Clinician]);

permissions! {
    /// Needs nothing: whoever can reach it may read it. Held by everyone, signed in or not.
    Public = "PUBLIC": Holders::Everyone;
    /// Use the API as a member of a hospital. Held by ADMIN, CLINICIAN.
    SignedIn = "SIGNED_IN": STAFF;
    /// See that a patient exists, the room and the status. Held by ADMIN, CLINICIAN.
    ReadPatients = "READ_PATIENTS": STAFF;
    /// See who a patient is: name, MRN and date of birth. Held by ADMIN, CLINICIAN.
    ReadPatientIdentity = "READ_PATIENT_IDENTITY": STAFF;
    /// See how to reach a patient or the family: telephone and e-mail. Held by ADMIN.
    ReadPatientContact = "READ_PATIENT_CONTACT": ADMINS;
    /// Create, change and archive patients. Held by ADMIN.
    ManagePatients = "MANAGE_PATIENTS": ADMINS;
    /// See task logs without their notes. Held by ADMIN, CLINICIAN.
    ReadTaskLogs = "READ_TASK_LOGS": STAFF;
    /// See the notes of task logs. Held by ADMIN, CLINICIAN.
    ReadTaskNotes = "READ_TASK_NOTES": STAFF;
    /// See deleted task logs and the earlier versions of changed ones. Held by ADMIN.
    ReadTaskLogRevisions = "READ_TASK_LOG_REVISIONS": ADMINS;
    /// Record task logs as the clinician who did the task. Held by CLINICIAN.
    RecordTaskLogs = "RECORD_TASK_LOGS": CLINICIANS;
    /// Change and delete one's own task logs. Held by ADMIN, CLINICIAN.
    ChangeTaskLogs = "CHANGE_TASK_LOGS": STAFF;
    /// Change and delete anybody's task logs, giving a reason. Held by ADMIN.
    CorrectTaskLogs = "CORRECT_TASK_LOGS": ADMINS;
    /// See who works in the hospital: name and role. Held by ADMIN, CLINICIAN.
    ReadStaff = "READ_STAFF": STAFF;
    /// See the e-mail address and the status of members of staff. Held by ADMIN.
    ReadStaffAccounts = "READ_STAFF_ACCOUNTS": ADMINS;
    /// Create, change and deactivate members of staff. Held by ADMIN.
    ManageStaff = "MANAGE_STAFF": ADMINS;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_are_those_of_the_schema() {
        for permission in Permission::ALL {
            assert_eq!(async_graphql::resolver_utils::enum_value(permission).to_string(), permission.name());
        }
    }
}

use async_graphql::Enum;
use serde::{Deserialize, Serialize};

macro_rules! roles {
    ($(#[doc = $doc:literal] $variant:ident = $name:literal;)*) => {
        /// What somebody is in a hospital. It decides the permissions.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Enum, Serialize, Deserialize)]
        #[serde(rename_all = "SCREAMING_SNAKE_CASE")]
        pub enum Role { $(#[doc = $doc] $variant,)* }

        impl Role {
            /// Every role.
            pub const ALL: [Self; [$($name),*].len()] = [$(Self::$variant),*];

            /// The one with this name.
            pub fn of(name: &str) -> Option<Self> {
                Self::ALL.into_iter().find(|role| role.name() == name)
            }

            /// The name that the API uses.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// Who has it.
            pub fn description(self) -> &'static str {
                match self { $(Self::$variant => $doc.trim_start(),)* }
            }
        }
    };
}

roles! {
    /// Manages patients and staff, and may correct any task log.
    Admin = "ADMIN";
    /// A nurse or a doctor: records what is done for patients.
    Clinician = "CLINICIAN";
    /// Another system, with a key that only reads. Never a member of staff.
    Partner = "PARTNER";
}

impl Role {
    /// What the role may do. A partner key may have been granted more.
    pub fn permissions(self) -> PermissionSet {
        Permission::ALL.into_iter().filter(|permission| permission.holders().includes(self)).collect()
    }
}

/// Who holds a permission.
#[derive(Clone, Copy, Debug)]
pub enum Holders {
    /// Everyone, signed in or not.
    Everyone,
    /// These roles.
    Roles(&'static [Role]),
    /// These roles, and each partner key to which it was granted.
    RolesAndGrants(&'static [Role]),
}

impl Holders {
    fn includes(self, role: Role) -> bool {
        match self {
            Self::Everyone => true,
            Self::Roles(roles) | Self::RolesAndGrants(roles) => roles.contains(&role),
        }
    }
}

/// A set of permissions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct PermissionSet(u64);

impl PermissionSet {
    /// Whether the set has this one.
    pub const fn contains(self, permission: Permission) -> bool {
        self.0 & permission.bit() != 0
    }

    /// Its members, in the order of [`Permission::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Permission> {
        Permission::ALL.into_iter().filter(move |permission| self.contains(*permission))
    }
}

impl FromIterator<Permission> for PermissionSet {
    fn from_iter<I: IntoIterator<Item = Permission>>(permissions: I) -> Self {
        Self(permissions.into_iter().fold(0, |set, permission| set | permission.bit()))
    }
}

macro_rules! permissions {
    ($($(#[doc = $doc:literal])* $variant:ident = $name:literal: $holders:expr;)*) => {
        /// An act that the API can allow or refuse. The `@access` label of a field names the permission it needs.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Enum)]
        pub enum Permission { $($(#[doc = $doc])* $variant,)* }

        impl Permission {
            /// Every permission.
            pub const ALL: [Self; [$($name),*].len()] = [$(Self::$variant),*];

            /// The name that the API uses.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// What it allows, and who holds it.
            pub fn description(self) -> &'static str {
                match self { $(Self::$variant => concat!($($doc),*).trim_start(),)* }
            }

            /// Who holds it: the one place that maps permissions to roles.
            pub const fn holders(self) -> Holders {
                match self { $(Self::$variant => $holders,)* }
            }

            const fn bit(self) -> u64 {
                1 << self as u32
            }
        }
    };
}

const EVERYONE: Holders = Holders::Everyone;
const SIGNED_IN: Holders = Holders::Roles(&[Role::Admin, Role::Clinician, Role::Partner]);
const STAFF: Holders = Holders::Roles(&[Role::Admin, Role::Clinician]);
const STAFF_AND_GRANTS: Holders = Holders::RolesAndGrants(&[Role::Admin, Role::Clinician]);
const ADMINS: Holders = Holders::Roles(&[Role::Admin]);
const CLINICIANS: Holders = Holders::Roles(&[Role::Clinician]);

permissions! {
    /// Needs nothing: whoever can reach it may read it. Held by everyone, signed in or not.
    Public = "PUBLIC": EVERYONE;
    /// Use the API in a hospital. Held by ADMIN, CLINICIAN, PARTNER.
    SignedIn = "SIGNED_IN": SIGNED_IN;
    /// See that a patient exists, the room and the status. Held by ADMIN, CLINICIAN, PARTNER.
    ReadPatients = "READ_PATIENTS": SIGNED_IN;
    /// See who a patient is: name, MRN and date of birth. Held by ADMIN, CLINICIAN, and PARTNER keys that were granted it.
    ReadPatientIdentity = "READ_PATIENT_IDENTITY": STAFF_AND_GRANTS;
    /// See how to reach a patient or the family: telephone and e-mail. Held by ADMIN.
    ReadPatientContact = "READ_PATIENT_CONTACT": ADMINS;
    /// Create, change and archive patients. Held by ADMIN.
    ManagePatients = "MANAGE_PATIENTS": ADMINS;
    /// Restrict patients' records, and lift that. Held by ADMIN.
    RestrictPatients = "RESTRICT_PATIENTS": ADMINS;
    /// Open every restricted record as if it were not. Held by ADMIN.
    ReadRestrictedPatients = "READ_RESTRICTED_PATIENTS": ADMINS;
    /// Open a restricted record for an hour in an emergency, giving a reason. Held by CLINICIAN.
    BreakGlass = "BREAK_GLASS": CLINICIANS;
    /// See task logs without their notes. Held by ADMIN, CLINICIAN, PARTNER.
    ReadTaskLogs = "READ_TASK_LOGS": SIGNED_IN;
    /// See the notes of task logs. Held by ADMIN, CLINICIAN, and PARTNER keys that were granted it.
    ReadTaskNotes = "READ_TASK_NOTES": STAFF_AND_GRANTS;
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
    /// Invite, change and deactivate members of staff, and decide how they sign in. Held by ADMIN.
    ManageStaff = "MANAGE_STAFF": ADMINS;
    /// Make, see and revoke the keys of partners. Held by ADMIN.
    ManagePartnerKeys = "MANAGE_PARTNER_KEYS": ADMINS;
    /// Read the audit trail: who saw, changed and was refused what, and the proofs of it. Held by ADMIN.
    ReadAudit = "READ_AUDIT": ADMINS;
    /// Ask what somebody else of the hospital would be allowed to read. Held by ADMIN.
    ExplainAccessOfOthers = "EXPLAIN_ACCESS_OF_OTHERS": ADMINS;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_are_those_of_the_schema() {
        for permission in Permission::ALL {
            assert_eq!(async_graphql::resolver_utils::enum_value(permission).to_string(), permission.name());
        }
        for role in Role::ALL {
            assert_eq!(async_graphql::resolver_utils::enum_value(role).to_string(), role.name());
        }
        assert!(Permission::ALL.len() <= 62, "the sets of permissions are 64 bits wide, here and in `access`");
    }

    #[test]
    fn the_descriptions_say_who_holds_what() {
        for permission in Permission::ALL {
            let names = |roles: &[Role]| roles.iter().map(|role| role.name()).collect::<Vec<_>>().join(", ");
            let holders = match permission.holders() {
                Holders::Everyone => "Held by everyone, signed in or not.".to_owned(),
                Holders::Roles(roles) => format!("Held by {}.", names(roles)),
                Holders::RolesAndGrants(roles) => {
                    format!("Held by {}, and PARTNER keys that were granted it.", names(roles))
                }
            };
            assert!(permission.description().ends_with(&holders), "{}: write \"{holders}\"", permission.name());
        }
    }
}

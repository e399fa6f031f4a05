use async_graphql::{Enum, ID, InputObject, MaybeUndefined};

use super::repo::{Criteria, RoleRow, StaffStatusRow, staff_role};
use crate::error::AppError;
use crate::graphql::label::access;
use crate::graphql::{search_words, unless_null};
use crate::kernel::{Permission, Role};

/// Whether a member of staff may sign in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "super::repo::StaffStatusRow")]
pub enum StaffStatus {
    /// May sign in.
    Active,
    /// May not sign in any more; what the person recorded stays.
    Deactivated,
}

/// Which members of staff a list holds. Conditions are joined by "and"; a condition that is left out does not count.
#[derive(Debug, Default, InputObject)]
pub struct StaffFilter {
    /// Words that are each part of the name, upper or lower case.
    text: MaybeUndefined<String>,
    /// Members of staff with one of these roles.
    roles: MaybeUndefined<Vec<Role>>,
    /// Members of staff with one of these statuses.
    #[graphql(directive = access::apply(Permission::ReadStaffAccounts))]
    statuses: MaybeUndefined<Vec<StaffStatus>>,
}

impl StaffFilter {
    pub(super) fn criteria(self) -> Result<Criteria, AppError> {
        let roles = unless_null("filter.roles", self.roles)?;
        let statuses = unless_null("filter.statuses", self.statuses)?;
        Ok(Criteria {
            words: search_words(unless_null("filter.text", self.text)?)?,
            roles: roles.map(|roles| roles.into_iter().filter_map(staff_role).collect()),
            statuses: statuses.map(|statuses| statuses.into_iter().map(StaffStatusRow::from).collect()),
        })
    }
}

/// Which clinicians a list holds.
#[derive(Debug, Default, InputObject)]
pub struct ClinicianFilter {
    /// Words that are each part of the name, upper or lower case.
    text: MaybeUndefined<String>,
}

impl ClinicianFilter {
    pub(super) fn criteria(self) -> Result<Criteria, AppError> {
        Ok(Criteria {
            words: search_words(unless_null("filter.text", self.text)?)?,
            roles: Some(vec![RoleRow::Clinician]),
            // To list the active ones only would show the status to those who may not read it.
            statuses: None,
        })
    }
}

/// A new member of staff.
#[derive(Debug, InputObject)]
pub struct CreateStaffInput {
    /// E-mail address, for signing in.
    pub(super) email: String,
    /// Name as colleagues know it, 1 to 100 characters.
    pub(super) name: String,
    /// The role.
    pub(super) role: Role,
    /// Password for the first sign-in, 15 to 128 characters, none that is easy to guess. A person who has an account already keeps the password of
    /// that account, and this one is not used; the answer does not tell.
    #[graphql(secret)]
    pub(super) initial_password: String,
    /// Makes a retry safe: the same key with the same input finds the member of staff that the first call made.
    pub(super) idempotency_key: Option<String>,
}

/// A change of a member of staff. A field that is left out stays as it is.
#[derive(Debug, InputObject)]
pub struct UpdateStaffInput {
    /// The member of staff.
    pub(super) id: ID,
    /// The version that you read. When it is no longer the present one, nothing changes.
    pub(super) expected_version: Option<i32>,
    /// Name.
    pub(super) name: MaybeUndefined<String>,
    /// Role. It holds from the next request on.
    pub(super) role: MaybeUndefined<Role>,
}

/// A member of staff who leaves.
#[derive(Debug, InputObject)]
pub struct DeactivateStaffInput {
    /// The member of staff.
    pub(super) id: ID,
    /// The version that you read. When it is no longer the present one, nothing changes.
    pub(super) expected_version: Option<i32>,
}

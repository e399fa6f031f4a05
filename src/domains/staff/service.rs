use chrono::{DateTime, Utc};
use sea_orm::{DbErr, Set};
use uuid::Uuid;

use super::input::{CreateStaffInput, DeactivateStaffInput, UpdateStaffInput};
use super::object::Staff;
use super::repo::{self, Criteria, RoleRow, StaffChange, StaffRow, StaffStatusRow};
use crate::auth::{PasswordRule, Passwords};
use crate::domains::idempotency_keys::{self, Claim};
use crate::domains::{accounts, hospitals};
use crate::error::{AppError, violated_constraint};
use crate::graphql::{CannotReason, Check, Fail, UserError, UserErrorCode};
use crate::kernel::{AccountId, HospitalId, Permission, Role, StaffId, Viewer, text};
use crate::tenancy::{HospitalScope, Page, PageRequest, WriteTx};

pub(super) async fn list(
    scope: &HospitalScope,
    criteria: &Criteria,
    page: &PageRequest,
) -> Result<Page<Staff>, AppError> {
    let rows = repo::list(&*scope.read().await?, criteria, page).await?;
    Ok(page.page(rows).map(Staff::new))
}

pub(super) async fn count(scope: &HospitalScope, criteria: &Criteria) -> Result<u64, AppError> {
    Ok(repo::count(&*scope.read().await?, criteria).await?)
}

pub(super) async fn by_ids(scope: &HospitalScope, mut ids: Vec<StaffId>) -> Result<Vec<Staff>, AppError> {
    ids.sort_unstable();
    ids.dedup();
    let rows = repo::by_ids(&*scope.read().await?, ids).await?;
    Ok(rows.into_iter().map(Staff::new).collect())
}

pub(super) async fn emails(
    scope: &HospitalScope,
    accounts: Vec<AccountId>,
) -> Result<Vec<(AccountId, String)>, AppError> {
    Ok(repo::emails(&*scope.read().await?, accounts).await?)
}

/// The address that this member of staff signs in with.
pub(in crate::domains) async fn email_of(scope: &HospitalScope, staff: &Staff) -> Result<Option<String>, AppError> {
    Ok(emails(scope, vec![staff.account_id()]).await?.pop().map(|(_, email)| email))
}

/// Somebody who joins a hospital.
pub(in crate::domains) struct NewStaff {
    pub(in crate::domains) email: String,
    pub(in crate::domains) name: String,
    pub(in crate::domains) role: RoleRow,
    /// Opens the account if there is none of that address yet. An account that exists keeps its own.
    pub(in crate::domains) password_hash: String,
}

pub(super) async fn create(
    scope: &HospitalScope,
    passwords: &Passwords,
    input: CreateStaffInput,
) -> Result<Staff, Fail> {
    let mut check = Check::default();
    let name = check.text("name", &input.name, 100, text::line);
    let email = check.email("email", &input.email);
    let role = checked_role(&mut check, input.role);
    let hospital = hospitals::name_in_tx(&*scope.read().await?, scope.hospital_id()).await?;
    // A request holds one connection at a time, and none while it computes.
    scope.close().await;
    let rule = PasswordRule { beside_factor: false, words: vec![name.clone(), email.clone(), hospital] };
    if let Err(problem) = passwords.check(&input.initial_password, rule).await? {
        check.refuse(accounts::code_of(problem), "initialPassword", problem.message("initialPassword"));
    }
    check.done()?;
    // Hashed whether the account is new or not: the time must not tell.
    let password_hash = passwords.hash(&input.initial_password).await?;

    let id = StaffId(Uuid::now_v7());
    let fingerprint = format!("{email}\n{name}\n{}", input.role.name());
    let tx = scope.write().await?;
    let key = input.idempotency_key.as_deref();
    if let Claim::Done(made) = idempotency_keys::claim(scope, &tx, "createStaff", key, &fingerprint, id.0).await? {
        scope.witness().subject(made);
        let row = repo::lock(&tx, scope.hospital_id(), StaffId(made)).await?.ok_or_else(not_found)?;
        return Ok(Staff::new(row));
    }
    let new = NewStaff { email, name, role, password_hash };
    let account = AccountId(Uuid::now_v7());
    let (staff, _) = join_in_tx(&tx, scope.hospital_id(), id, account, new, scope.clock.now()).await?;
    scope.witness().subject(id.0);
    tx.commit().await?;
    Ok(staff)
}

/// Lets somebody join. Gives the account as well: `new_account`, unless the address has one already.
pub(in crate::domains) async fn join_in_tx(
    tx: &WriteTx,
    hospital: HospitalId,
    id: StaffId,
    new_account: AccountId,
    new: NewStaff,
    now: DateTime<Utc>,
) -> Result<(Staff, AccountId), Fail> {
    let account = repo::account(tx, new_account, &new.email, &new.password_hash).await?;
    let row = StaffRow {
        hospital_id: hospital.0,
        id: id.0,
        account_id: account.0,
        name: new.name,
        role: new.role,
        status: StaffStatusRow::Active,
        version: 1,
        created_at: now,
        updated_at: now,
    };
    let row = repo::insert(tx, row).await.map_err(already_here)?;
    Ok((Staff::new(row), account))
}

/// A member of staff who works in the viewer's hospital; `staffId` of the input names it.
pub(in crate::domains) async fn active(scope: &HospitalScope, id: StaffId) -> Result<Staff, Fail> {
    let member = by_ids(scope, vec![id]).await?.pop();
    let member = member.ok_or_else(|| UserError::not_found("staffId", "member of staff"))?;
    if member.is_active() { Ok(member) } else { Err(CannotReason::Deactivated.user_error("staffId").into()) }
}

/// Whether somebody with this address works here already, or did.
pub(in crate::domains) async fn is_here_in_tx(tx: &WriteTx, email: &str) -> Result<bool, DbErr> {
    repo::knows(tx, email).await
}

/// Whether the account of a member of staff has a second factor.
pub(in crate::domains) async fn has_second_factor(scope: &HospitalScope, staff: &Staff) -> Result<bool, AppError> {
    Ok(repo::has_second_factor(&*scope.read().await?, staff.account_id()).await?)
}

pub(super) async fn update(scope: &HospitalScope, input: UpdateStaffInput) -> Result<Staff, Fail> {
    let id = StaffId::parse(&input.id)?;
    scope.witness().subject(id.0);
    let tx = scope.write().await?;
    let admins = repo::lock_active_admins(&tx).await?;
    let row = repo::lock(&tx, scope.hospital_id(), id).await?.ok_or_else(not_found)?;
    still(scope, &row, input.expected_version)?;
    let mut check = Check::default();
    let mut new = row.clone();
    if let Some(name) = check.required("name", input.name) {
        new.name = check.text("name", &name, 100, text::line);
    }
    if let Some(role) = check.required("role", input.role) {
        new.role = checked_role(&mut check, role);
    }
    check.done()?;
    if new == row {
        return Ok(Staff::new(row));
    }
    if new.role != RoleRow::Admin {
        keep_an_admin(scope, &admins, &row, "role")?;
    }
    let change = StaffChange { name: Set(new.name), role: Set(new.role), ..StaffChange::default() };
    finish(scope, tx, &row, change).await
}

pub(super) async fn deactivate(scope: &HospitalScope, input: DeactivateStaffInput) -> Result<Staff, Fail> {
    let id = StaffId::parse(&input.id)?;
    scope.witness().subject(id.0);
    let tx = scope.write().await?;
    let admins = repo::lock_active_admins(&tx).await?;
    let row = repo::lock(&tx, scope.hospital_id(), id).await?.ok_or_else(not_found)?;
    still(scope, &row, input.expected_version)?;
    keep_an_admin(scope, &admins, &row, "id")?;
    let change = StaffChange { status: Set(StaffStatusRow::Deactivated), ..StaffChange::default() };
    finish(scope, tx, &row, change).await
}

async fn finish(scope: &HospitalScope, tx: WriteTx, row: &StaffRow, change: StaffChange) -> Result<Staff, Fail> {
    let change = StaffChange {
        hospital_id: sea_orm::Unchanged(row.hospital_id),
        id: sea_orm::Unchanged(row.id),
        version: Set(row.version + 1),
        updated_at: Set(scope.clock.now()),
        ..change
    };
    let row = repo::update(&tx, change).await?;
    tx.commit().await?;
    Ok(Staff::new(row))
}

/// The record is the one that the caller read, and may still change.
fn still(scope: &HospitalScope, row: &StaffRow, expected_version: Option<i32>) -> Result<(), UserError> {
    if let Some(reason) = cannot_update(&scope.viewer, row).first() {
        return Err(reason.user_error("id"));
    }
    if let Some(expected) = expected_version
        && expected != row.version
    {
        return Err(UserError::version_conflict(expected, row.version));
    }
    Ok(())
}

/// Why this viewer cannot change the member of staff; empty when nothing speaks against it.
pub(super) fn cannot_update(viewer: &Viewer, row: &StaffRow) -> Vec<CannotReason> {
    if !viewer.may(Permission::ManageStaff) {
        return vec![CannotReason::NoPermission];
    }
    if row.status == StaffStatusRow::Deactivated {
        return vec![CannotReason::Deactivated];
    }
    Vec::new()
}

/// Why this viewer cannot deactivate the member of staff, where these are the active administrators.
pub(super) fn cannot_deactivate(viewer: &Viewer, row: &StaffRow, admins: &[StaffId]) -> Vec<CannotReason> {
    let reasons = cannot_update(viewer, row);
    // A hospital without an administrator could never get one again.
    if reasons.is_empty() && admins == [StaffId(row.id)] { vec![CannotReason::LastAdmin] } else { reasons }
}

/// The active administrators, as far as it matters: two are enough to know that neither is the last.
pub(super) async fn active_admins(scope: &HospitalScope) -> Result<Vec<StaffId>, AppError> {
    Ok(repo::two_active_admins(&*scope.read().await?).await?)
}

fn keep_an_admin(scope: &HospitalScope, admins: &[StaffRow], leaving: &StaffRow, field: &str) -> Result<(), UserError> {
    let admins: Vec<StaffId> = admins.iter().map(|admin| StaffId(admin.id)).collect();
    match cannot_deactivate(&scope.viewer, leaving, &admins).first() {
        Some(reason) => Err(reason.user_error(field)),
        None => Ok(()),
    }
}

/// The role as it is stored; a clinician's when it is refused.
pub(in crate::domains) fn checked_role(check: &mut Check, role: Role) -> RoleRow {
    repo::staff_role(role).unwrap_or_else(|| {
        let message = "role must be ADMIN or CLINICIAN. For a partner's system make a partner key.";
        check.refuse(UserErrorCode::Invalid, "role", message);
        RoleRow::Clinician
    })
}

fn not_found() -> UserError {
    UserError::not_found("id", "member of staff")
}

fn already_here(error: DbErr) -> Fail {
    if violated_constraint(&error) == Some("staff_hospital_id_account_id_key") { taken().into() } else { error.into() }
}

/// An address that cannot join because it has.
pub(in crate::domains) fn taken() -> UserError {
    let message = "Somebody with this e-mail address works in your hospital already, or did and was deactivated.";
    UserError::new(UserErrorCode::Taken, &["email"], message)
}

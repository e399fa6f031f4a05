use chrono::Duration;
use uuid::Uuid;

use super::input::{BreakGlassInput, LiftRestrictionInput, RestrictPatientInput};
use super::object::BreakGlass;
use super::repo::{self, Criteria, GrantRow, RestrictionRow};
use crate::audit::AuditAction;
use crate::domains::patients::{self, Patient};
use crate::error::AppError;
use crate::graphql::{Check, Fail, UserError, UserErrorCode};
use crate::kernel::{BreakGlassId, Glass, PatientId, text};
use crate::tenancy::{HospitalScope, Page, PageRequest};

const REASON: usize = 500;
/// The shortest reason for opening a record that says anything.
const REASON_TO_OPEN: usize = 10;
/// How long a record stays open.
const OPEN: Duration = Duration::minutes(60);

pub(super) async fn restrict(scope: &HospitalScope, input: RestrictPatientInput) -> Result<Patient, Fail> {
    let id = PatientId::parse(&input.id)?;
    let mut check = Check::default();
    let reason = check.text("reason", &input.reason, REASON, text::line);
    scope.witness().subject(id.0);
    scope.witness().reason(Some(&reason));
    check.done()?;
    let tx = scope.write().await?;
    let patient = patients::lock_in_tx(scope, &tx, id).await?.ok_or_else(not_found)?;
    let before = repo::lock(&tx, scope.hospital_id(), id).await?.filter(|row| row.lifted_at.is_none());
    let row = RestrictionRow {
        hospital_id: scope.hospital_id().0,
        patient_id: id.0,
        reason,
        // Another reason closes nothing that somebody has opened.
        restricted_at: before.map_or_else(|| scope.clock.now(), |row| row.restricted_at),
        restricted_by_id: scope.staff_id()?.0,
        lifted_at: None,
    };
    repo::save(&tx, row).await?;
    tx.commit().await?;
    Ok(patient)
}

pub(super) async fn lift(scope: &HospitalScope, input: LiftRestrictionInput) -> Result<Patient, Fail> {
    let id = PatientId::parse(&input.id)?;
    scope.witness().subject(id.0);
    let tx = scope.write().await?;
    let patient = patients::lock_in_tx(scope, &tx, id).await?.ok_or_else(not_found)?;
    if let Some(row) = repo::lock(&tx, scope.hospital_id(), id).await?.filter(|row| row.lifted_at.is_none()) {
        repo::lift(&tx, &row, scope.clock.now()).await?;
    }
    tx.commit().await?;
    Ok(patient)
}

/// Opens a restricted record to the viewer, from now on also to the rest of this request.
pub(super) async fn break_glass(scope: &HospitalScope, input: BreakGlassInput) -> Result<PatientId, Fail> {
    let id = PatientId::parse(&input.patient_id)?;
    let mut check = Check::default();
    let reason = check.text("reason", &input.reason, REASON, text::line);
    if (1..REASON_TO_OPEN).contains(&reason.chars().count()) {
        let message = format!("reason must have at least {REASON_TO_OPEN} characters.");
        check.refuse(UserErrorCode::TooShort, "reason", message);
    }
    scope.witness().action(AuditAction::BreakGlass);
    scope.witness().subject(id.0);
    scope.witness().reason(Some(&reason));
    check.done()?;
    let tx = scope.write().await?;
    if repo::in_force(&tx, vec![id]).await?.is_empty() {
        return Err(match patients::lock_for_task(&tx, id).await? {
            Some(_) => {
                let message = "This record is not restricted. You can read it as it is.";
                UserError::new(UserErrorCode::NotRestricted, &["patientId"], message).into()
            }
            None => UserError::not_found("patientId", "patient").into(),
        });
    }
    let now = scope.clock.now();
    let row = GrantRow {
        hospital_id: scope.hospital_id().0,
        id: Uuid::now_v7(),
        patient_id: id.0,
        staff_id: scope.staff_id()?.0,
        reason: reason.clone(),
        opened_at: now,
        expires_at: now + OPEN,
    };
    let glass = Glass { id: BreakGlassId(row.id), patient_id: id, reason, expires_at: row.expires_at };
    repo::insert_grant(&tx, row).await?;
    scope.witness().asked_about(id);
    tx.commit().await?;
    scope.witness().broke(glass);
    Ok(id)
}

pub(super) async fn list(
    scope: &HospitalScope,
    criteria: Criteria,
    page: &PageRequest,
) -> Result<Page<BreakGlass>, AppError> {
    ask_about(scope, criteria);
    let rows = repo::list(&*scope.read().await?, criteria, page).await?;
    Ok(page.page(rows).map(|row| BreakGlass::seen(scope, row)))
}

pub(super) async fn count(scope: &HospitalScope, criteria: Criteria) -> Result<u64, AppError> {
    ask_about(scope, criteria);
    Ok(repo::count(&*scope.read().await?, criteria).await?)
}

/// How often a patient's record was opened tells something of the patient, also when no opening is shown.
fn ask_about(scope: &HospitalScope, criteria: Criteria) {
    criteria.patient.into_iter().for_each(|patient| scope.witness().asked_about(patient));
}

fn not_found() -> UserError {
    UserError::not_found("id", "patient")
}

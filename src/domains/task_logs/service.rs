use chrono::{DateTime, Datelike, Duration, Utc};
use sea_orm::{Set, Unchanged};
use uuid::Uuid;

use super::bounds;
use super::input::{CreateTaskLogInput, DeleteTaskLogInput, TaskLogOrderField, TaskLogSort, UpdateTaskLogInput};
use super::object::TaskLog;
use super::repo::{self, Criteria, TaskLogChange, TaskLogRow};
use super::stats::{self, TaskLogGroupBy, TaskLogStats};
use crate::domains::idempotency_keys::{self, Claim};
use crate::domains::{hospitals, patients, restrictions};
use crate::error::AppError;
use crate::graphql::{CannotReason, Check, Fail, UserError, UserErrorCode};
use crate::kernel::{PatientId, Permission, StaffId, TaskLogId, Viewer, text};
use crate::tenancy::{HospitalScope, Page, PageRequest, WriteTx};

const DESCRIPTION: usize = 2_000;
const NOTES: usize = 10_000;
const REASON: usize = 500;

/// How far the clock of a bedside device may be ahead.
const CLOCK_SKEW: Duration = Duration::minutes(5);

pub(super) async fn list(
    scope: &HospitalScope,
    criteria: &Criteria,
    sort: TaskLogSort,
    page: &PageRequest,
) -> Result<Page<TaskLog>, AppError> {
    ask_about(scope, criteria);
    let rows = repo::list(&*scope.read().await?, criteria, sort, page).await?;
    Ok(page.page(rows).map(|row| TaskLog::seen(scope, row)))
}

pub(super) async fn count(
    scope: &HospitalScope,
    criteria: &Criteria,
    field: TaskLogOrderField,
) -> Result<u64, AppError> {
    ask_about(scope, criteria);
    Ok(repo::count(&*scope.read().await?, criteria, field).await?)
}

pub(super) async fn by_ids(scope: &HospitalScope, ids: Vec<TaskLogId>) -> Result<Vec<TaskLog>, AppError> {
    let deleted_too = scope.viewer.may(Permission::ReadTaskLogRevisions);
    let rows = repo::by_ids(&*scope.read().await?, ids, deleted_too).await?;
    Ok(rows.into_iter().map(|row| TaskLog::seen(scope, row)).collect())
}

pub(super) async fn stats(
    scope: &HospitalScope,
    mut criteria: Criteria,
    by: TaskLogGroupBy,
) -> Result<TaskLogStats, AppError> {
    bounds::stats(&mut criteria, scope.clock.now())?;
    ask_about(scope, &criteria);
    let hospital = hospitals::current(scope).await?;
    Ok(stats::read(&*scope.read().await?, &criteria, by, hospital.time_zone_name()).await?)
}

/// A number of a patient's task logs tells something of the patient, also when no log is shown.
fn ask_about(scope: &HospitalScope, criteria: &Criteria) {
    criteria.patients.iter().flatten().for_each(|patient| scope.witness().asked_about(*patient));
}

pub(super) async fn create(
    scope: &HospitalScope,
    input: CreateTaskLogInput,
    fingerprint: &str,
) -> Result<TaskLog, Fail> {
    let patient = PatientId::parse(&input.patient_id)?;
    scope.witness().subject(patient.0);
    let clinician = scope.staff_id()?.0;
    let now = scope.clock.now();
    let mut check = Check::default();
    let row = TaskLogRow {
        hospital_id: scope.hospital_id().0,
        id: Uuid::now_v7(),
        patient_id: patient.0,
        clinician_id: clinician,
        task_type: input.task_type.into(),
        description: check.text("description", &input.description, DESCRIPTION, text::paragraph),
        notes: input.notes.map(|notes| check.text("notes", &notes, NOTES, text::paragraph)),
        completed_at: input.completed_at.map_or(now, |time| completed_at(&mut check, time.0, now)),
        recorded_at: now,
        updated_at: now,
        version: 1,
        changed_by_id: clinician,
        change_reason: None,
        deleted_at: None,
    };
    check.done()?;
    let tx = scope.write().await?;
    let key = input.idempotency_key.as_deref();
    let claim = idempotency_keys::claim(scope, &tx, "createTaskLog", key, fingerprint, row.id).await?;
    let Some(archived) = patients::lock_for_task(&tx, patient).await? else {
        return Err(restrictions::why_not_there(&tx, patient, "patientId").await?.into());
    };
    let row = match claim {
        Claim::New if archived => {
            let message = "This patient is archived and takes no new task logs.";
            return Err(UserError::new(UserErrorCode::Archived, &["patientId"], message).into());
        }
        Claim::New => repo::insert(&tx, row).await?,
        // A log that has been deleted since is not there any more, not even for whoever recorded it.
        Claim::Done(id) => {
            let row = repo::lock(&tx, scope.hospital_id(), TaskLogId(id)).await?;
            let row = row.filter(|row| row.deleted_at.is_none());
            row.ok_or_else(|| UserError::not_found("idempotencyKey", "task log"))?
        }
    };
    scope.witness().subject(row.id);
    let log = TaskLog::seen(scope, row);
    tx.commit().await?;
    Ok(log)
}

pub(super) async fn update(scope: &HospitalScope, input: UpdateTaskLogInput) -> Result<TaskLog, Fail> {
    let mut check = Check::default();
    let (tx, row, reason) = open(scope, &mut check, &input.id, input.expected_version, input.reason).await?;
    let now = scope.clock.now();
    let mut new = row.clone();
    if let Some(task_type) = check.required("taskType", input.task_type) {
        new.task_type = task_type.into();
    }
    if let Some(value) = check.required("description", input.description) {
        new.description = check.text("description", &value, DESCRIPTION, text::paragraph);
    }
    if let Some(time) = check.required("completedAt", input.completed_at) {
        new.completed_at = completed_at(&mut check, time.0, now);
    }
    if !input.notes.is_undefined() {
        new.notes = input.notes.take().map(|value| check.text("notes", &value, NOTES, text::paragraph));
    }
    check.done()?;
    if new == row {
        return Ok(TaskLog::seen(scope, row));
    }
    let change = TaskLogChange {
        task_type: Set(new.task_type),
        description: Set(new.description),
        notes: Set(new.notes),
        completed_at: Set(new.completed_at),
        ..TaskLogChange::default()
    };
    finish(scope, tx, &row, change, reason).await
}

pub(super) async fn delete(scope: &HospitalScope, input: DeleteTaskLogInput) -> Result<TaskLogId, Fail> {
    let mut check = Check::default();
    let (tx, row, reason) = open(scope, &mut check, &input.id, input.expected_version, input.reason).await?;
    check.done()?;
    let change = TaskLogChange { deleted_at: Set(Some(scope.clock.now())), ..TaskLogChange::default() };
    finish(scope, tx, &row, change, reason).await?;
    Ok(TaskLogId(row.id))
}

/// Opens a task log for a change: it exists, the viewer may change it, and it is the version that the viewer read.
/// What is wrong with the reason is left in `check`.
async fn open(
    scope: &HospitalScope,
    check: &mut Check,
    id: &str,
    expected_version: Option<i32>,
    reason: Option<String>,
) -> Result<(WriteTx, TaskLogRow, Option<String>), Fail> {
    let id = TaskLogId::parse(id)?;
    let reason = reason.map(|reason| check.text("reason", &reason, REASON, text::line));
    scope.witness().subject(id.0);
    scope.witness().reason(reason.as_deref());
    let tx = scope.write().await?;
    let row = repo::lock(&tx, scope.hospital_id(), id).await?;
    let row = row.ok_or_else(not_found)?;
    if let Some(cannot) = cannot_change(&scope.viewer, &row).first() {
        return Err(cannot.user_error("id").into());
    }
    if reason.is_none() && !is_author(&scope.viewer, &row) {
        let message = "Say why you change a task log that somebody else recorded.";
        return Err(UserError::new(UserErrorCode::ReasonRequired, &["reason"], message).into());
    }
    if let Some(expected) = expected_version
        && expected != row.version
    {
        return Err(UserError::version_conflict(expected, row.version).into());
    }
    Ok((tx, row, reason))
}

/// Why this viewer cannot change or delete the task log; empty when nothing speaks against it.
pub(super) fn cannot_change(viewer: &Viewer, row: &TaskLogRow) -> Vec<CannotReason> {
    if !viewer.may(Permission::ChangeTaskLogs) {
        return vec![CannotReason::NoPermission];
    }
    if row.deleted_at.is_some() {
        return vec![CannotReason::Deleted];
    }
    if !is_author(viewer, row) && !viewer.may(Permission::CorrectTaskLogs) {
        return vec![CannotReason::NotAuthor];
    }
    Vec::new()
}

fn is_author(viewer: &Viewer, row: &TaskLogRow) -> bool {
    viewer.staff_id() == Some(StaffId(row.clinician_id))
}

/// Writes the change as the next version.
async fn finish(
    scope: &HospitalScope,
    tx: WriteTx,
    row: &TaskLogRow,
    change: TaskLogChange,
    reason: Option<String>,
) -> Result<TaskLog, Fail> {
    let change = TaskLogChange {
        hospital_id: Unchanged(row.hospital_id),
        id: Unchanged(row.id),
        version: Set(row.version + 1),
        updated_at: Set(scope.clock.now()),
        changed_by_id: Set(scope.staff_id()?.0),
        change_reason: Set(reason),
        ..change
    };
    let log = TaskLog::seen(scope, repo::update(&tx, change).await?);
    tx.commit().await?;
    Ok(log)
}

fn completed_at(check: &mut Check, time: DateTime<Utc>, now: DateTime<Utc>) -> DateTime<Utc> {
    if time > now + CLOCK_SKEW {
        check.refuse(UserErrorCode::InFuture, "completedAt", "completedAt may be at most five minutes in the future.");
    }
    if time.year() < 1900 {
        check.refuse(UserErrorCode::Invalid, "completedAt", "completedAt must be in 1900 or later.");
    }
    chrono::SubsecRound::trunc_subsecs(time, 6)
}

fn not_found() -> UserError {
    UserError::not_found("id", "task log")
}

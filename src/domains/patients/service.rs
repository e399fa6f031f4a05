use chrono::NaiveDate;
use sea_orm::{DbErr, Set};
use uuid::Uuid;

use super::input::{ArchivePatientInput, CreatePatientInput, PatientOrderField, PatientSort, UpdatePatientInput};
use super::object::{Patient, Record};
use super::repo::{self, Criteria, PatientChange, PatientRow, PatientStatusRow};
use crate::domains::idempotency_keys::{self, Claim};
use crate::error::{AppError, violated_constraint};
use crate::graphql::{CannotReason, Check, Fail, UserError, UserErrorCode};
use crate::kernel::{PatientId, Permission, Viewer, text};
use crate::tenancy::{HospitalScope, MAX_COUNT, Page, PageRequest, Tx};

const NAME: usize = 100;
const ROOM: usize = 10;
const PHONE: usize = 32;

pub(super) async fn list(
    scope: &HospitalScope,
    criteria: &Criteria,
    sort: PatientSort,
    page: &PageRequest,
) -> Result<Page<Patient>, AppError> {
    let tx = scope.read().await?;
    let rows = repo::list(&tx, criteria, &words(&tx, criteria).await?, sort, page).await?;
    if sort.field != PatientOrderField::CreatedAt || !shows_stubs(scope, criteria) {
        return Ok(page.page(rows).map(|row| Patient::seen(scope, row)));
    }
    let stubs = repo::list_stubs(&tx, criteria.archived, sort.ascending, page).await?;
    let mut records: Vec<Record> = rows.into_iter().map(Record::Open).collect();
    records.extend(stubs.into_iter().map(Record::Closed));
    records.sort_unstable_by_key(Record::creation);
    // As both were read: from the end of the list when the page is.
    if sort.ascending == page.backward {
        records.reverse();
    }
    Ok(page.page(records).map(|record| Patient::of(scope, record)))
}

pub(super) async fn count(scope: &HospitalScope, criteria: &Criteria) -> Result<u64, AppError> {
    let tx = scope.read().await?;
    let open = repo::count(&tx, criteria, &words(&tx, criteria).await?).await?;
    let closed = if shows_stubs(scope, criteria) { repo::count_stubs(&tx, criteria.archived).await? } else { 0 };
    Ok(open + closed)
}

/// Whether a list with these conditions tells of closed records. One with a condition on what is in a record does not: it
/// would tell whether the record meets it.
fn shows_stubs(scope: &HospitalScope, criteria: &Criteria) -> bool {
    let Criteria { words, rooms, statuses, archived: _ } = criteria;
    closes(scope) && words.is_empty() && rooms.is_none() && statuses.is_none()
}

/// Whether there may be records that are closed to the viewer.
fn closes(scope: &HospitalScope) -> bool {
    !scope.viewer.may(Permission::ReadRestrictedPatients)
}

/// The words that are searched for as patients have them, the rarest first: the others are looked for at those whom it finds.
async fn words(tx: &Tx, criteria: &Criteria) -> Result<Vec<String>, AppError> {
    if criteria.words.is_empty() {
        return Ok(Vec::new());
    }
    let words = repo::words(tx, &criteria.words).await?;
    if words.iter().all(|word| word.count.unsigned_abs() > MAX_COUNT) {
        return Err(AppError::bad_input(format!(
            "filter.text finds more than {MAX_COUNT} patients. Write more of a name or of the MRN."
        )));
    }
    Ok(words.into_iter().map(|word| word.word).collect())
}

pub(super) async fn by_ids(scope: &HospitalScope, mut ids: Vec<PatientId>) -> Result<Vec<Patient>, AppError> {
    ids.sort_unstable();
    ids.dedup();
    let tx = scope.read().await?;
    let rows = repo::by_ids(&tx, ids.clone()).await?;
    // Nearly always all are there, and there is nothing more to ask.
    ids.retain(|id| rows.iter().all(|row| row.id != id.0));
    let stubs = if ids.is_empty() || !closes(scope) { Vec::new() } else { repo::stubs_by_ids(&tx, &ids).await? };
    let records = rows.into_iter().map(Record::Open).chain(stubs.into_iter().map(Record::Closed));
    Ok(records.map(|record| Patient::of(scope, record)).collect())
}

pub(super) async fn by_mrn(scope: &HospitalScope, mrn: &str) -> Result<Option<Patient>, AppError> {
    if !is_mrn(mrn) {
        return Ok(None);
    }
    let tx = scope.read().await?;
    if let Some(row) = repo::by_mrn(&tx, mrn).await? {
        return Ok(Some(Patient::seen(scope, row)));
    }
    // Who may break the glass must find what to open.
    if !scope.viewer.may(Permission::BreakGlass) {
        return Ok(None);
    }
    let stub = repo::stub_by_mrn(&tx, mrn).await?;
    Ok(stub.map(|stub| Patient::of(scope, Record::Closed(stub))))
}

pub(super) async fn create(
    scope: &HospitalScope,
    input: CreatePatientInput,
    fingerprint: &str,
) -> Result<Patient, Fail> {
    let now = scope.clock.now();
    let mut check = Check::default();
    let row = PatientRow {
        hospital_id: scope.hospital_id().0,
        id: Uuid::now_v7(),
        mrn: mrn(&mut check, &input.mrn),
        first_name: check.text("firstName", &input.first_name, NAME, text::line),
        last_name: check.text("lastName", &input.last_name, NAME, text::line),
        date_of_birth: date_of_birth(&mut check, input.date_of_birth.0, now.date_naive()),
        room: input.room.map(|room| check.text("room", &room, ROOM, text::line)),
        status: input.status.map_or(PatientStatusRow::Admitted, Into::into),
        contact_phone: input.contact_phone.map(|phone| check.text("contactPhone", &phone, PHONE, text::line)),
        contact_email: input.contact_email.map(|email| check.email("contactEmail", &email)),
        archived_at: None,
        version: 1,
        created_at: now,
        updated_at: now,
    };
    check.done()?;
    let tx = scope.write().await?;
    let key = input.idempotency_key.as_deref();
    let claim = idempotency_keys::claim(scope, &tx, "createPatient", key, fingerprint, row.id).await?;
    let row = match claim {
        Claim::New => repo::insert(&tx, row).await.map_err(mrn_taken)?,
        Claim::Done(id) => repo::lock(&tx, scope.hospital_id(), PatientId(id)).await?.ok_or_else(not_found)?,
    };
    scope.witness().subject(row.id);
    let patient = Patient::seen(scope, row);
    tx.commit().await?;
    Ok(patient)
}

pub(super) async fn update(scope: &HospitalScope, input: UpdatePatientInput) -> Result<Patient, Fail> {
    let id = PatientId::parse(&input.id)?;
    scope.witness().subject(id.0);
    let tx = scope.write().await?;
    let row = repo::lock(&tx, scope.hospital_id(), id).await?.ok_or_else(not_found)?;
    still(scope, &row, input.expected_version)?;

    let now = scope.clock.now();
    let mut check = Check::default();
    let mut new = row.clone();
    if let Some(value) = check.required("mrn", input.mrn) {
        new.mrn = mrn(&mut check, &value);
    }
    if let Some(value) = check.required("firstName", input.first_name) {
        new.first_name = check.text("firstName", &value, NAME, text::line);
    }
    if let Some(value) = check.required("lastName", input.last_name) {
        new.last_name = check.text("lastName", &value, NAME, text::line);
    }
    if let Some(value) = check.required("dateOfBirth", input.date_of_birth) {
        new.date_of_birth = date_of_birth(&mut check, value.0, now.date_naive());
    }
    if let Some(value) = check.required("status", input.status) {
        new.status = value.into();
    }
    if !input.room.is_undefined() {
        new.room = input.room.take().map(|value| check.text("room", &value, ROOM, text::line));
    }
    if !input.contact_phone.is_undefined() {
        new.contact_phone =
            input.contact_phone.take().map(|value| check.text("contactPhone", &value, PHONE, text::line));
    }
    if !input.contact_email.is_undefined() {
        new.contact_email = input.contact_email.take().map(|value| check.email("contactEmail", &value));
    }
    check.done()?;
    if new == row {
        return Ok(Patient::seen(scope, row));
    }
    let change = PatientChange {
        hospital_id: Set(row.hospital_id),
        id: Set(row.id),
        mrn: Set(new.mrn),
        first_name: Set(new.first_name),
        last_name: Set(new.last_name),
        date_of_birth: Set(new.date_of_birth),
        room: Set(new.room),
        status: Set(new.status),
        contact_phone: Set(new.contact_phone),
        contact_email: Set(new.contact_email),
        version: Set(row.version + 1),
        updated_at: Set(now),
        ..Default::default()
    };
    let row = repo::update(&tx, change).await.map_err(mrn_taken)?;
    let patient = Patient::seen(scope, row);
    tx.commit().await?;
    Ok(patient)
}

pub(super) async fn archive(scope: &HospitalScope, input: ArchivePatientInput) -> Result<Patient, Fail> {
    let id = PatientId::parse(&input.id)?;
    scope.witness().subject(id.0);
    let tx = scope.write().await?;
    let row = repo::lock(&tx, scope.hospital_id(), id).await?.ok_or_else(not_found)?;
    still(scope, &row, input.expected_version)?;
    let now = scope.clock.now();
    let change = PatientChange {
        hospital_id: Set(row.hospital_id),
        id: Set(row.id),
        archived_at: Set(Some(now)),
        version: Set(row.version + 1),
        updated_at: Set(now),
        ..Default::default()
    };
    let row = repo::update(&tx, change).await?;
    let patient = Patient::seen(scope, row);
    tx.commit().await?;
    Ok(patient)
}

/// The record is the one that the caller read, and may still change.
fn still(scope: &HospitalScope, row: &PatientRow, expected_version: Option<i32>) -> Result<(), UserError> {
    if let Some(reason) = cannot_change(&scope.viewer, row).first() {
        return Err(reason.user_error("id"));
    }
    if let Some(expected) = expected_version
        && expected != row.version
    {
        return Err(UserError::version_conflict(expected, row.version));
    }
    Ok(())
}

/// Why this viewer cannot change or archive the patient; empty when nothing speaks against it.
pub(super) fn cannot_change(viewer: &Viewer, row: &PatientRow) -> Vec<CannotReason> {
    if !viewer.may(Permission::ManagePatients) {
        return vec![CannotReason::NoPermission];
    }
    row.archived_at.iter().map(|_| CannotReason::Archived).collect()
}

fn not_found() -> UserError {
    UserError::not_found("id", "patient")
}

fn is_mrn(text: &str) -> bool {
    (1..=32).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

fn mrn(check: &mut Check, mrn: &str) -> String {
    if !is_mrn(mrn) {
        check.refuse(UserErrorCode::Invalid, "mrn", "mrn must have 1 to 32 letters, digits and hyphens.");
    }
    mrn.to_owned()
}

/// The oldest person on record lived 122 years; a date before 1880 is a slip of the finger. Tomorrow is allowed for
/// time zones ahead of UTC.
fn date_of_birth(check: &mut Check, date: NaiveDate, today: NaiveDate) -> NaiveDate {
    let earliest = NaiveDate::from_ymd_opt(1880, 1, 1).unwrap_or(NaiveDate::MIN);
    if date < earliest {
        check.refuse(UserErrorCode::Invalid, "dateOfBirth", "dateOfBirth must be in 1880 or later.");
    }
    if Some(date) > today.succ_opt() {
        check.refuse(UserErrorCode::InFuture, "dateOfBirth", "dateOfBirth must not be in the future.");
    }
    date
}

fn mrn_taken(error: DbErr) -> Fail {
    if violated_constraint(&error) == Some("patients_mrn_key") {
        return UserError::new(UserErrorCode::Taken, &["mrn"], "Another patient of your hospital has this MRN.").into();
    }
    error.into()
}

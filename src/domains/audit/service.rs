use std::collections::HashMap;

use chrono::{DateTime as Time, Utc};
use uuid::Uuid;

use super::input::Wanted;
use super::object::{Activity, AuditEvent};
use super::proof::AuditProof;
use super::repo::{self, Criteria, EventRow};
use crate::audit::{AuditAction, event_time};
use crate::error::{AppError, ErrorCode};
use crate::graphql::DateTime;
use crate::kernel::{AuditEventId, PatientId, Permission};
use crate::tenancy::{HospitalScope, Page, PageRequest};

/// Reading the trail is itself recorded as that, with the patient who was asked for.
fn reads(scope: &HospitalScope, patient: Option<PatientId>) -> Result<(), AppError> {
    if !scope.viewer.may(Permission::ReadAudit) {
        return Err(AppError::public(ErrorCode::Forbidden, "You need READ_AUDIT to read the audit trail."));
    }
    scope.witness().action(AuditAction::ReadAudit);
    if let Some(patient) = patient {
        scope.witness().asked_about(patient);
    }
    Ok(())
}

/// A page of the hospital's events.
pub(super) async fn list(
    scope: &HospitalScope,
    wanted: &Wanted,
    page: &PageRequest,
) -> Result<Page<AuditEvent>, AppError> {
    reads(scope, wanted.patient)?;
    let rows = match wanted.mentioned {
        None => repo::page(&*scope.read().await?, scope.hospital_id(), &wanted.criteria, page).await?,
        Some(who) => mentions(scope, &[who], &wanted.criteria, page).await?.remove(&who).unwrap_or_default(),
    };
    Ok(page.page(rows).map(AuditEvent::new))
}

/// What is asked of the events about a patient.
pub(super) fn history(
    scope: &HospitalScope,
    patient: PatientId,
    from: Option<DateTime>,
    to: Option<DateTime>,
) -> Result<Criteria, AppError> {
    reads(scope, Some(patient))?;
    let time = |time: Option<DateTime>| -> Option<Time<Utc>> { time.map(|DateTime(time)| time) };
    Ok(Criteria { from: time(from), to: time(to), ..Criteria::default() })
}

/// The same page of the events about each of these patients.
pub(super) async fn histories(
    scope: &HospitalScope,
    patients: &[Uuid],
    criteria: &Criteria,
    page: &PageRequest,
) -> Result<HashMap<Uuid, Page<AuditEvent>>, AppError> {
    let mut rows = mentions(scope, patients, criteria, page).await?;
    let page_of = |patient: &Uuid| (*patient, page.page(rows.remove(patient).unwrap_or_default()).map(AuditEvent::new));
    Ok(patients.iter().map(page_of).collect())
}

/// How many events there are, or how many mention somebody.
pub(super) async fn count(
    scope: &HospitalScope,
    mentioned: Option<Uuid>,
    criteria: &Criteria,
) -> Result<u64, AppError> {
    let (tx, hospital) = (scope.read().await?, scope.hospital_id());
    Ok(match mentioned {
        None => repo::count(&tx, hospital, criteria).await?,
        Some(who) => repo::count_of(&tx, hospital, who, criteria).await?,
    })
}

/// What the viewer did here, newest first.
pub(super) async fn recent_activity(scope: &HospitalScope, page: &PageRequest) -> Result<Page<Activity>, AppError> {
    let me = scope.viewer.actor_id();
    let rows = mentions(scope, &[me], &own(me), page).await?.remove(&me).unwrap_or_default();
    Ok(page.page(rows).map(Activity::new))
}

/// How much the viewer did here.
pub(super) async fn count_activity(scope: &HospitalScope) -> Result<u64, AppError> {
    let me = scope.viewer.actor_id();
    count(scope, Some(me), &own(me)).await
}

fn own(me: Uuid) -> Criteria {
    Criteria { actor: Some(me), ..Criteria::default() }
}

async fn mentions(
    scope: &HospitalScope,
    who: &[Uuid],
    criteria: &Criteria,
    page: &PageRequest,
) -> Result<HashMap<Uuid, Vec<EventRow>>, AppError> {
    let mut pages: HashMap<Uuid, Vec<EventRow>> = HashMap::new();
    for (who, row) in repo::pages_of(&*scope.read().await?, scope.hospital_id(), who, criteria, page).await? {
        pages.entry(who).or_default().push(row);
    }
    Ok(pages)
}

/// The proof that an event is in the chain; none while it is not sealed.
pub(super) async fn proof(scope: &HospitalScope, id: AuditEventId) -> Result<Option<AuditProof>, AppError> {
    reads(scope, None)?;
    let Some(millisecond) = event_time(id.0) else { return Ok(None) };
    let tx = scope.read().await?;
    let Some(event) = repo::by_id(&tx, scope.hospital_id(), id.0, millisecond).await? else { return Ok(None) };
    match repo::seal_of(&tx, &event).await? {
        Some(seal) => AuditProof::new(event, seal).map(Some),
        None => Ok(None),
    }
}

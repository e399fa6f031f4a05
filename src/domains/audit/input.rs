use async_graphql::{ID, InputObject, MaybeUndefined};
use chrono::{DateTime as Time, Duration, Utc};
use uuid::Uuid;

use super::repo::Criteria;
use crate::audit::{AuditAction, AuditOutcome};
use crate::error::AppError;
use crate::graphql::label::access;
use crate::graphql::{DateTime, unless_null};
use crate::kernel::{GlobalId, Kind, PatientId, Permission};

/// Which events a list holds. Conditions are joined by "and"; a condition that is left out does not count. With `action` or
/// `outcome`, and without `patientId`, give `from`, at most 31 days before `to`.
#[derive(Debug, Default, InputObject)]
pub struct AuditFilter {
    /// Events about this patient.
    #[graphql(directive = access::apply(Permission::ReadPatients))]
    patient_id: MaybeUndefined<ID>,
    /// Events of this member of staff or partner key.
    #[graphql(directive = access::apply(Permission::ReadStaff))]
    actor_id: MaybeUndefined<ID>,
    /// Events of this action.
    action: MaybeUndefined<AuditAction>,
    /// Events with this outcome.
    outcome: MaybeUndefined<AuditOutcome>,
    /// Events from this time on.
    from: MaybeUndefined<DateTime>,
    /// Events until just before this time; until now when left out.
    to: MaybeUndefined<DateTime>,
}

/// The longest span of time that may be searched for what no index leads to: some hundred thousand events of a busy hospital.
const SPAN: Duration = Duration::days(31);

/// A filter that has been checked.
pub(super) struct Wanted {
    pub(super) patient: Option<PatientId>,
    /// Whom the events mention: the patient, else the actor.
    pub(super) mentioned: Option<Uuid>,
    pub(super) criteria: Criteria,
}

impl AuditFilter {
    pub(super) fn wanted(self, now: Time<Utc>) -> Result<Wanted, AppError> {
        let patient = unless_null("filter.patientId", self.patient_id)?;
        let patient = patient.map(|id| PatientId::parse(&id)).transpose()?;
        let actor = unless_null("filter.actorId", self.actor_id)?.map(|id| actor(&id)).transpose()?;
        let criteria = Criteria {
            actor,
            action: unless_null("filter.action", self.action)?,
            outcome: unless_null("filter.outcome", self.outcome)?,
            from: unless_null("filter.from", self.from)?.map(|DateTime(time)| time),
            to: unless_null("filter.to", self.to)?.map(|DateTime(time)| time),
        };
        if (criteria.action.is_some() || criteria.outcome.is_some()) && patient.is_none() {
            let to = criteria.to.unwrap_or(now);
            if criteria.from.is_none_or(|from| to - from > SPAN) {
                return Err(AppError::bad_input(
                    "With filter.action or filter.outcome, and without filter.patientId, give filter.from, at most 31 days \
                     before filter.to, or before now when that is left out. Ask for longer times in several requests.",
                ));
            }
        }
        let mentioned = patient.map(|patient| patient.0).or(actor);
        Ok(Wanted { patient, mentioned, criteria })
    }
}

fn actor(id: &str) -> Result<Uuid, AppError> {
    let id = GlobalId::parse(id)?;
    match id.kind {
        Kind::Staff | Kind::PartnerKey => Ok(id.uuid),
        _ => Err(AppError::bad_input(
            "filter.actorId must be the id of a member of staff or of a partner key: it begins with \"stf_\" or \"key_\".",
        )),
    }
}

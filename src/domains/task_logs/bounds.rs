//! Which lists can be read without reading the hospital's whole history.
//!
//! An index leads to one patient, clinician or type, and from there along the time of completion; or along one of the two
//! times through the whole hospital. What more is asked for is looked for row by row on the way, so the way must have an end:
//! the task logs of the patients who are named, or a span of time.

use chrono::{DateTime, Duration, Utc};

use super::input::TaskLogOrderField;
use super::list::Parent;
use super::repo::{Criteria, Lead, Range};
use crate::error::AppError;

/// The longest span in which is looked row by row: some hundred thousand task logs of a busy hospital.
const SEARCHED: Duration = Duration::days(31);

/// The longest span that is counted in groups.
const COUNTED: Duration = Duration::days(366);

/// The span that is counted in groups when none is named.
const COUNTED_UNASKED: Duration = Duration::days(30);

impl Range {
    fn is_within(self, span: Duration, now: DateTime<Utc>) -> bool {
        self.from.is_some_and(|from| self.to.unwrap_or(now) - from <= span)
    }

    fn is_given(self) -> bool {
        self.from.is_some() || self.to.is_some()
    }
}

/// Refuses a list whose rows no index leads to.
///
/// # Errors
/// When conditions need another beside them; the message says which.
pub(super) fn list(
    criteria: &Criteria,
    field: TaskLogOrderField,
    parent: Option<Parent>,
    now: DateTime<Utc>,
) -> Result<(), AppError> {
    let are_a_patients = match parent {
        None => criteria.patients.is_some(),
        Some(parent) => matches!(parent, Parent::Patient(_)),
    };
    if are_a_patients {
        return Ok(());
    }
    if parent.is_some() && field == TaskLogOrderField::UpdatedAt {
        return Err(AppError::bad_input(
            "The task logs of a member of staff can be sorted by COMPLETED_AT only. To sort by UPDATED_AT, ask taskLogs for \
             them, with filter.clinicianIds and filter.updatedAt.",
        ));
    }
    let (sorted_by, range, other) = match field {
        TaskLogOrderField::CompletedAt => {
            ("filter.completedAt", criteria.completed, ("filter.updatedAt", criteria.updated))
        }
        TaskLogOrderField::UpdatedAt => {
            ("filter.updatedAt", criteria.updated, ("filter.completedAt", criteria.completed))
        }
    };
    let lead = if parent.is_some() { None } else { Lead::of(criteria, field) };
    let searched = [
        ("filter.patientIds", criteria.patients.is_some()),
        ("filter.clinicianIds", criteria.clinicians.is_some() && lead != Some(Lead::Clinician)),
        ("filter.taskTypes", criteria.types.is_some() && lead != Some(Lead::TaskType)),
        (other.0, other.1.is_given()),
        ("filter.text", !criteria.words.is_empty()),
    ];
    let searched: Vec<&str> = searched.into_iter().filter_map(|(name, given)| given.then_some(name)).collect();
    if searched.is_empty() || range.is_within(SEARCHED, now) {
        return Ok(());
    }
    let or_patients = if parent.is_none() { ", or give filter.patientIds" } else { "" };
    Err(AppError::bad_input(format!(
        "No index leads to {searched} in this order. Also give {sorted_by} with from at most {days} days before to, or before \
         now when to is left out{or_patients}. Ask for longer times in several requests.",
        searched = searched.join(" and "),
        days = SEARCHED.num_days(),
    )))
}

/// The span that is counted in groups; the whole history of patients who are named.
///
/// # Errors
/// When it is too long; the message says so.
pub(super) fn stats(criteria: &mut Criteria, now: DateTime<Utc>) -> Result<(), AppError> {
    if criteria.patients.is_some() {
        return Ok(());
    }
    let completed = &mut criteria.completed;
    completed.from = completed.from.or_else(|| completed.to.unwrap_or(now).checked_sub_signed(COUNTED_UNASKED));
    let span = if criteria.words.is_empty() { COUNTED } else { SEARCHED };
    if criteria.completed.is_within(span, now) {
        return Ok(());
    }
    Err(AppError::bad_input(format!(
        "filter.completedAt.from may be at most {} days before to, or before now when to is left out, and at most {} days with \
         filter.text; with filter.patientIds there is no limit. Ask for longer times in several requests.",
        COUNTED.num_days(),
        SEARCHED.num_days(),
    )))
}

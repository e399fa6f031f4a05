use async_graphql::{Enum, ID, InputObject, MaybeUndefined};
use chrono::Datelike;

use super::repo::{Criteria, Range, TaskTypeRow};
use crate::error::AppError;
use crate::graphql::label::access;
use crate::graphql::{DateTime, OrderDirection, ids, search_words, unless_null};
use crate::kernel::{PatientId, Permission, StaffId};

/// What kind of task was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Enum)]
#[graphql(remote = "super::repo::TaskTypeRow")]
pub enum TaskType {
    /// A medicine was given.
    Medication,
    /// Vital signs were taken.
    Vitals,
    /// Something was observed.
    Observation,
    /// A wound or a dressing was cared for.
    WoundCare,
    /// A sample was taken for the laboratory.
    LabSample,
    /// The patient was moved or helped to move.
    Mobility,
    /// Food or drink was given.
    Nutrition,
    /// The patient was washed or helped to wash.
    Hygiene,
    /// Anything else; the description says what.
    Other,
}

/// A span of time.
#[derive(Clone, Copy, Debug, InputObject)]
pub struct DateTimeRange {
    /// From this time on.
    from: MaybeUndefined<DateTime>,
    /// Until just before this time.
    to: MaybeUndefined<DateTime>,
}

impl DateTimeRange {
    fn range(self, name: &str) -> Result<Range, AppError> {
        let time = |side: &str, time| {
            Ok::<_, AppError>(unless_null(&format!("{name}.{side}"), time)?.map(|DateTime(time)| time))
        };
        let range = Range { from: time("from", self.from)?, to: time("to", self.to)? };
        for time in [range.from, range.to].into_iter().flatten() {
            if !(1..=9999).contains(&time.year()) {
                return Err(AppError::bad_input(format!("{name} must lie in the years 1 to 9999.")));
            }
        }
        Ok(range)
    }
}

/// Which task logs a list holds. Conditions are joined by "and"; a condition that is left out does not count.
///
/// With `patientIds`, or on a patient, everything goes together. Otherwise one of `clinicianIds` and `taskTypes` goes with
/// the order COMPLETED_AT; for both, for `text`, for either in the order UPDATED_AT, and for the other time than the list is
/// sorted by, also give the time that the list is sorted by, `from` at most 31 days before `to`, or before now when `to` is
/// left out.
#[derive(Debug, Default, InputObject)]
pub struct TaskLogFilter {
    /// Task logs of one of these patients.
    #[graphql(directive = access::apply(Permission::ReadPatients))]
    patient_ids: MaybeUndefined<Vec<ID>>,
    /// Task logs of one of these clinicians.
    #[graphql(directive = access::apply(Permission::ReadStaff))]
    clinician_ids: MaybeUndefined<Vec<ID>>,
    /// Task logs of one of these types.
    task_types: MaybeUndefined<Vec<TaskType>>,
    /// Task logs completed in this span of time.
    completed_at: MaybeUndefined<DateTimeRange>,
    /// Task logs last changed in this span of time: for a system that fetches what is new.
    updated_at: MaybeUndefined<DateTimeRange>,
    /// Words that are each part of the description, upper or lower case.
    text: MaybeUndefined<String>,
    /// True for deleted task logs only; otherwise the list holds those that are not deleted.
    #[graphql(directive = access::apply(Permission::ReadTaskLogRevisions))]
    deleted: MaybeUndefined<bool>,
}

/// Most ids in one filter.
const MAX_IDS: usize = 100;

impl TaskLogFilter {
    pub(super) fn criteria(self) -> Result<Criteria, AppError> {
        let patients = unless_null("filter.patientIds", self.patient_ids)?;
        let clinicians = unless_null("filter.clinicianIds", self.clinician_ids)?;
        for (name, ids) in [("patientIds", &patients), ("clinicianIds", &clinicians)] {
            if ids.as_ref().is_some_and(|ids| ids.len() > MAX_IDS) {
                return Err(AppError::bad_input(format!("filter.{name} may hold at most {MAX_IDS} ids.")));
            }
        }
        let types = unless_null("filter.taskTypes", self.task_types)?;
        let completed = unless_null("filter.completedAt", self.completed_at)?;
        let updated = unless_null("filter.updatedAt", self.updated_at)?;
        Ok(Criteria {
            patients: patients.map(|list| ids(list, PatientId::parse)).transpose()?,
            clinicians: clinicians.map(|list| ids(list, StaffId::parse)).transpose()?,
            types: types.map(|types| types.into_iter().map(TaskTypeRow::from).collect()),
            completed: completed.map(|range| range.range("filter.completedAt")).transpose()?.unwrap_or_default(),
            updated: updated.map(|range| range.range("filter.updatedAt")).transpose()?.unwrap_or_default(),
            words: search_words(unless_null("filter.text", self.text)?)?,
            deleted: unless_null("filter.deleted", self.deleted)?.unwrap_or(false),
        })
    }
}

/// The order of a list of task logs.
#[derive(Clone, Copy, Debug, InputObject)]
pub struct TaskLogOrder {
    /// What to sort by.
    field: TaskLogOrderField,
    /// Which way.
    direction: OrderDirection,
}

/// What task logs can be sorted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Enum)]
pub enum TaskLogOrderField {
    /// When the task was done.
    CompletedAt,
    /// When the task log last changed.
    UpdatedAt,
}

/// An order that has been decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct TaskLogSort {
    pub(super) field: TaskLogOrderField,
    pub(super) ascending: bool,
}

impl TaskLogSort {
    /// Without a wish: most recently completed first.
    pub(super) fn new(order: Option<TaskLogOrder>) -> Self {
        match order {
            Some(order) => Self { field: order.field, ascending: order.direction == OrderDirection::Asc },
            None => Self { field: TaskLogOrderField::CompletedAt, ascending: false },
        }
    }

    /// Names the list, so that a cursor fits the order it was made in.
    pub(super) const fn list(self) -> &'static str {
        match (self.field, self.ascending) {
            (TaskLogOrderField::CompletedAt, true) => "task logs by completion",
            (TaskLogOrderField::CompletedAt, false) => "task logs by completion, descending",
            (TaskLogOrderField::UpdatedAt, true) => "task logs by update",
            (TaskLogOrderField::UpdatedAt, false) => "task logs by update, descending",
        }
    }
}

/// A task that was done. You are its clinician.
#[derive(Debug, InputObject)]
pub struct CreateTaskLogInput {
    /// For whom.
    pub(super) patient_id: ID,
    /// What kind of task.
    pub(super) task_type: TaskType,
    /// What was done, 1 to 2,000 characters.
    pub(super) description: String,
    /// Anything else worth knowing, up to 10,000 characters.
    pub(super) notes: Option<String>,
    /// When it was done; now when left out. At most five minutes in the future.
    pub(super) completed_at: Option<DateTime>,
    /// Makes a retry safe: the same key with the same input finds the task log that the first call made.
    pub(super) idempotency_key: Option<String>,
}

/// A change of a task log. A field that is left out stays as it is.
#[derive(Debug, InputObject)]
pub struct UpdateTaskLogInput {
    /// The task log.
    pub(super) id: ID,
    /// The version that you read. When it is no longer the present one, nothing changes.
    pub(super) expected_version: Option<i32>,
    /// What kind of task.
    pub(super) task_type: MaybeUndefined<TaskType>,
    /// What was done.
    pub(super) description: MaybeUndefined<String>,
    /// Anything else worth knowing; null for nothing.
    pub(super) notes: MaybeUndefined<String>,
    /// When it was done. At most five minutes in the future.
    pub(super) completed_at: MaybeUndefined<DateTime>,
    /// Why it changes, up to 500 characters. Needed to change somebody else's task log.
    pub(super) reason: Option<String>,
}

/// A task log to delete.
#[derive(Debug, InputObject)]
pub struct DeleteTaskLogInput {
    /// The task log.
    pub(super) id: ID,
    /// The version that you read. When it is no longer the present one, nothing changes.
    pub(super) expected_version: Option<i32>,
    /// Why it is deleted, up to 500 characters. Needed to delete somebody else's task log.
    pub(super) reason: Option<String>,
}

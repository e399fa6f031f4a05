//! Task logs counted in groups.

use async_graphql::{Context, Enum, Object, Result};
use chrono::{DateTime as Time, NaiveDate, Utc};
use sea_orm::DbErr;
use uuid::Uuid;

use super::input::TaskType;
use super::object::member;
use super::repo::{self, Criteria, TaskTypeRow};
use crate::domains::patients::{self, Patient};
use crate::domains::staff::Staff;
use crate::error::AppError;
use crate::graphql::label::access;
use crate::graphql::{Date, DateTime};
use crate::kernel::{PatientId, Permission, StaffId};
use crate::tenancy::Tx;

/// What makes a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum TaskLogGroupBy {
    /// The kind of task. Largest group first.
    TaskType,
    /// Who did it. Largest group first.
    #[graphql(directive = access::apply(Permission::ReadStaff))]
    Clinician,
    /// For whom it was done. Largest group first.
    #[graphql(directive = access::apply(Permission::ReadPatients))]
    Patient,
    /// The day on which it was done, in the hospital's time zone. Latest day first.
    Day,
}

/// The task logs that fit, counted in groups.
#[derive(Clone, Debug)]
pub struct TaskLogStats {
    from: Option<Time<Utc>>,
    total: i64,
    group_count: i64,
    groups: Vec<TaskLogGroup>,
}

/// Task logs that have something in common, and how many they are. One of the fields says what, by `groupBy`.
#[derive(Clone, Debug)]
pub struct TaskLogGroup {
    key: GroupKey,
    count: i64,
}

#[derive(Clone, Debug)]
enum GroupKey {
    TaskType(TaskTypeRow),
    Clinician(Uuid),
    Patient(Uuid),
    Day(NaiveDate),
}

/// Most groups in one answer.
const MAX_GROUPS: u64 = 100;

/// Reads the groups. A day is a day in `time_zone`.
pub(super) async fn read(
    tx: &Tx,
    criteria: &Criteria,
    by: TaskLogGroupBy,
    time_zone: &str,
) -> Result<TaskLogStats, DbErr> {
    let (key, order) = match by {
        TaskLogGroupBy::TaskType => (repo::GroupBy::TaskType, repo::GroupOrder::Largest),
        TaskLogGroupBy::Clinician => (repo::GroupBy::Clinician, repo::GroupOrder::Largest),
        TaskLogGroupBy::Patient => (repo::GroupBy::Patient, repo::GroupOrder::Largest),
        TaskLogGroupBy::Day => (repo::GroupBy::Day(time_zone), repo::GroupOrder::Latest),
    };
    let mut stats = TaskLogStats { from: criteria.completed.from, total: 0, group_count: 0, groups: Vec::new() };
    for row in repo::groups(tx, criteria, key, order, MAX_GROUPS).await? {
        stats.total = row.try_get("", "total")?;
        stats.group_count = row.try_get("", "group_count")?;
        let key = match by {
            TaskLogGroupBy::TaskType => GroupKey::TaskType(row.try_get("", "key")?),
            TaskLogGroupBy::Clinician => GroupKey::Clinician(row.try_get("", "key")?),
            TaskLogGroupBy::Patient => GroupKey::Patient(row.try_get("", "key")?),
            TaskLogGroupBy::Day => GroupKey::Day(row.try_get("", "key")?),
        };
        stats.groups.push(TaskLogGroup { key, count: row.try_get("", "count")? });
    }
    Ok(stats)
}

/// The task logs that fit, counted in groups.
#[Object(directive = access::apply(Permission::ReadTaskLogs))]
impl TaskLogStats {
    /// From when on the task logs that are counted were completed; null when all of the patients in `patientIds` are.
    async fn counted_from(&self) -> Option<DateTime> {
        self.from.map(DateTime)
    }

    /// How many task logs fit.
    async fn total_count(&self) -> i64 {
        self.total
    }

    /// How many groups there are, also of those that `groups` does not show.
    async fn group_count(&self) -> i64 {
        self.group_count
    }

    /// The first groups: the largest, or, by day, the latest. Empty groups are left out.
    async fn groups(
        &self,
        #[graphql(desc = "How many groups at most, 1 to 100; 100 when left out.")] first: Option<i32>,
    ) -> Result<Vec<TaskLogGroup>> {
        let first = first.map_or(Ok(MAX_GROUPS), u64::try_from).unwrap_or(0);
        if !(1..=MAX_GROUPS).contains(&first) {
            return Err(AppError::bad_input(format!("first must be from 1 to {MAX_GROUPS}.")).into());
        }
        Ok(self.groups.iter().take(usize::try_from(first).unwrap_or(usize::MAX)).cloned().collect())
    }
}

/// Task logs that have something in common, and how many they are. One of the fields says what, by `groupBy`.
#[Object(directive = access::apply(Permission::ReadTaskLogs))]
impl TaskLogGroup {
    /// Their kind; null unless grouped by TASK_TYPE.
    async fn task_type(&self) -> Option<TaskType> {
        match self.key {
            GroupKey::TaskType(task_type) => Some(task_type.into()),
            _ => None,
        }
    }

    /// Who did them; null unless grouped by CLINICIAN.
    #[graphql(directive = access::apply(Permission::ReadStaff))]
    async fn clinician(&self, ctx: &Context<'_>) -> Result<Option<Staff>> {
        match self.key {
            GroupKey::Clinician(id) => Ok(Some(member(ctx, StaffId(id)).await?)),
            _ => Ok(None),
        }
    }

    /// For whom they were done; null unless grouped by PATIENT.
    #[graphql(directive = access::apply(Permission::ReadPatients))]
    async fn patient(&self, ctx: &Context<'_>) -> Result<Option<Patient>> {
        match self.key {
            GroupKey::Patient(id) => Ok(patients::by_id(ctx, PatientId(id)).await?),
            _ => Ok(None),
        }
    }

    /// On which day they were done, in the hospital's time zone; null unless grouped by DAY.
    async fn day(&self) -> Option<Date> {
        match self.key {
            GroupKey::Day(day) => Some(Date(day)),
            _ => None,
        }
    }

    /// How many they are.
    async fn count(&self) -> i64 {
        self.count
    }
}

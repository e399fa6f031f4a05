//! An earlier version of a task log, kept by a trigger.

use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;

use crate::task_log::TaskType;

/// One earlier version.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "task_log_revisions")]
pub struct Model {
    /// The hospital.
    #[sea_orm(primary_key, auto_increment = false)]
    pub hospital_id: Uuid,
    /// The task log.
    #[sea_orm(primary_key, auto_increment = false)]
    pub task_log_id: Uuid,
    /// The version that this was.
    #[sea_orm(primary_key, auto_increment = false)]
    pub version: i32,
    /// The kind of task, then.
    pub task_type: TaskType,
    /// The description, then.
    #[sea_orm(column_type = "Text")]
    pub description: String,
    /// The notes, then.
    #[sea_orm(column_type = "Text", nullable)]
    pub notes: Option<String>,
    /// The time of completion, then.
    pub completed_at: DateTime<Utc>,
    /// When this version was written.
    pub changed_at: DateTime<Utc>,
    /// Who wrote it.
    pub changed_by_id: Uuid,
    /// Why, where a reason was given.
    pub change_reason: Option<String>,
}

impl ActiveModelBehavior for ActiveModel {}

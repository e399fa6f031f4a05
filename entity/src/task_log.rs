//! One thing done for one patient.

use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;

/// One task log, in its present version.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "task_logs")]
pub struct Model {
    /// The hospital of the patient.
    #[sea_orm(primary_key, auto_increment = false)]
    pub hospital_id: Uuid,
    /// Identifies the task log within the hospital.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// For whom.
    pub patient_id: Uuid,
    /// By whom.
    pub clinician_id: Uuid,
    /// What kind of task.
    pub task_type: TaskType,
    /// What was done.
    #[sea_orm(column_type = "Text")]
    pub description: String,
    /// Anything else worth knowing.
    #[sea_orm(column_type = "Text", nullable)]
    pub notes: Option<String>,
    /// When it was done.
    pub completed_at: DateTime<Utc>,
    /// When it was first written down.
    pub recorded_at: DateTime<Utc>,
    /// When this version was written.
    pub updated_at: DateTime<Utc>,
    /// Counts changes, from 1.
    pub version: i32,
    /// Who wrote this version.
    pub changed_by_id: Uuid,
    /// Why this version was written, where a reason was given.
    pub change_reason: Option<String>,
    /// When the task log was deleted.
    pub deleted_at: Option<DateTime<Utc>>,
}

/// What kind of task was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "String", db_type = "Text", rename_all = "SCREAMING_SNAKE_CASE")]
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
    /// Anything else.
    Other,
}

impl ActiveModelBehavior for ActiveModel {}

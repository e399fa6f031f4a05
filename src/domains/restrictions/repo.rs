use entity::{break_glass_grant, patient_restriction};
use sea_orm::sea_query::{Expr, OnConflict};
use sea_orm::{
    ColumnTrait, DbErr, EntityTrait, IntoActiveModel, QueryFilter, QuerySelect, QueryTrait, Select, Set, Unchanged,
};

use crate::kernel::{HospitalId, PatientId, StaffId};
use crate::tenancy::{PageRequest, Tx};

pub(super) use break_glass_grant::Model as GrantRow;
pub(in crate::domains) use patient_restriction::Model as RestrictionRow;

/// Which openings a list holds.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Criteria {
    pub(super) patient: Option<PatientId>,
    pub(super) staff: Option<StaffId>,
}

/// The restrictions of these patients that are not lifted.
pub(super) async fn in_force(tx: &Tx, patients: Vec<PatientId>) -> Result<Vec<RestrictionRow>, DbErr> {
    use patient_restriction::{Column, Entity};
    Entity::find()
        .filter(Column::PatientId.eq_any(patients.into_iter().map(|id| id.0)))
        .filter(Column::LiftedAt.is_null())
        .all(tx)
        .await
}

/// The restriction of a patient, lifted or not, held against other changes until the transaction ends.
pub(super) async fn lock(tx: &Tx, hospital: HospitalId, patient: PatientId) -> Result<Option<RestrictionRow>, DbErr> {
    patient_restriction::Entity::find_by_id((hospital.0, patient.0)).lock_exclusive().one(tx).await
}

/// Writes the restriction of a patient, in the place of the one that there may have been.
pub(super) async fn save(tx: &Tx, row: RestrictionRow) -> Result<(), DbErr> {
    use patient_restriction::{Column, Entity};
    let over = OnConflict::columns([Column::HospitalId, Column::PatientId])
        .update_columns([Column::Reason, Column::RestrictedAt, Column::RestrictedById, Column::LiftedAt])
        .to_owned();
    let row = row.into_active_model();
    Entity::insert(row).on_conflict(over).exec_without_returning(tx).await.map(|_| ())
}

/// Lifts the restriction of a patient.
pub(super) async fn lift(tx: &Tx, row: &RestrictionRow, at: chrono::DateTime<chrono::Utc>) -> Result<(), DbErr> {
    let change = patient_restriction::ActiveModel {
        hospital_id: Unchanged(row.hospital_id),
        patient_id: Unchanged(row.patient_id),
        lifted_at: Set(Some(at)),
        ..Default::default()
    };
    patient_restriction::Entity::update(change).exec(tx).await.map(|_| ())
}

pub(super) async fn insert_grant(tx: &Tx, row: GrantRow) -> Result<(), DbErr> {
    let row = row.into_active_model();
    break_glass_grant::Entity::insert(row).exec_without_returning(tx).await.map(|_| ())
}

fn matching(criteria: Criteria) -> Select<break_glass_grant::Entity> {
    use break_glass_grant::{Column, Entity};
    let mut select = Entity::find();
    if let Some(patient) = criteria.patient {
        select = select.filter(Column::PatientId.eq(patient.0));
    }
    if let Some(staff) = criteria.staff {
        select = select.filter(Column::StaffId.eq(staff.0));
    }
    select
}

pub(super) async fn list(tx: &Tx, criteria: Criteria, page: &PageRequest) -> Result<Vec<GrantRow>, DbErr> {
    use break_glass_grant::{Column, Entity};
    let mut select = matching(criteria);
    let columns = [Column::OpenedAt, Column::Id].map(|column| Expr::col((Entity, column)));
    page.apply(QueryTrait::query(&mut select), columns, false);
    select.all(tx).await
}

pub(super) async fn count(tx: &Tx, criteria: Criteria) -> Result<u64, DbErr> {
    tx.count(matching(criteria).into_query()).await
}

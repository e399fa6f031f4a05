use chrono::{DateTime, Utc};
use entity::idempotency_key;
use sea_orm::{DbErr, EntityTrait, Set, TryInsertResult};
use uuid::Uuid;

use crate::kernel::{HospitalId, StaffId};
use crate::tenancy::Tx;

/// Writes the key; false when it is there already. Waits while another transaction is about to write it.
#[expect(clippy::too_many_arguments, reason = "one for each column")]
pub(super) async fn insert(
    tx: &Tx,
    hospital: HospitalId,
    staff: StaffId,
    key: &str,
    mutation: &str,
    input_hash: &[u8],
    created_id: Uuid,
    now: DateTime<Utc>,
) -> Result<bool, DbErr> {
    let row = idempotency_key::ActiveModel {
        hospital_id: Set(hospital.0),
        staff_id: Set(staff.0),
        key: Set(key.to_owned()),
        mutation: Set(mutation.to_owned()),
        input_hash: Set(input_hash.to_owned()),
        created_id: Set(created_id),
        created_at: Set(now),
    };
    let inserted = idempotency_key::Entity::insert(row).on_conflict_do_nothing().exec_without_returning(tx).await?;
    // SeaORM counts rows here; a conflict is an insertion of none.
    Ok(matches!(inserted, TryInsertResult::Inserted(1)))
}

pub(super) async fn find(
    tx: &Tx,
    hospital: HospitalId,
    staff: StaffId,
    key: &str,
) -> Result<Option<idempotency_key::Model>, DbErr> {
    idempotency_key::Entity::find_by_id((hospital.0, staff.0, key.to_owned())).one(tx).await
}

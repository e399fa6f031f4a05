use entity::hospital;
use sea_orm::{DbErr, EntityTrait, Set, Unchanged};

use crate::kernel::HospitalId;
use crate::tenancy::Tx;

pub(super) use hospital::Model as HospitalRow;

pub(super) async fn current(tx: &Tx, id: HospitalId) -> Result<Option<HospitalRow>, DbErr> {
    hospital::Entity::find_by_id(id.0).one(tx).await
}

pub(super) async fn require_second_factor(tx: &Tx, id: HospitalId, required: bool) -> Result<HospitalRow, DbErr> {
    let change = hospital::ActiveModel {
        id: Unchanged(id.0),
        second_factor_required: Set(required),
        ..hospital::ActiveModel::default()
    };
    hospital::Entity::update(change).exec(tx).await
}

use entity::hospital;
use sea_orm::{DbErr, EntityTrait};

use crate::kernel::HospitalId;
use crate::tenancy::Tx;

pub(super) use hospital::Model as HospitalRow;

pub(super) async fn current(tx: &Tx, id: HospitalId) -> Result<Option<HospitalRow>, DbErr> {
    hospital::Entity::find_by_id(id.0).one(tx).await
}

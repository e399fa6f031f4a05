use chrono::{DateTime, Utc};
use entity::partner_key::{self, Column, Entity};
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, DbErr, EntityTrait, QueryFilter, QuerySelect, QueryTrait, Set, Unchanged};

use crate::kernel::{HospitalId, PartnerKeyId};
use crate::tenancy::{PageRequest, Tx};

pub(super) use partner_key::{ActiveModel as PartnerKeyChange, Model as PartnerKeyRow};

pub(super) async fn list(tx: &Tx, page: &PageRequest) -> Result<Vec<PartnerKeyRow>, DbErr> {
    let mut select = Entity::find();
    let columns = [Column::CreatedAt, Column::Id].map(|column| Expr::col((Entity, column)));
    page.apply(QueryTrait::query(&mut select), columns, false);
    select.all(tx).await
}

pub(super) async fn count(tx: &Tx) -> Result<u64, DbErr> {
    tx.count(Entity::find().into_query()).await
}

pub(super) async fn by_id(tx: &Tx, hospital: HospitalId, id: PartnerKeyId) -> Result<Option<PartnerKeyRow>, DbErr> {
    Entity::find_by_id((hospital.0, id.0)).one(tx).await
}

pub(super) async fn by_ids(tx: &Tx, ids: Vec<PartnerKeyId>) -> Result<Vec<PartnerKeyRow>, DbErr> {
    Entity::find().filter(Column::Id.eq_any(ids.into_iter().map(|id| id.0))).all(tx).await
}

/// The key, held against other changes until the transaction ends.
pub(super) async fn lock(tx: &Tx, hospital: HospitalId, id: PartnerKeyId) -> Result<Option<PartnerKeyRow>, DbErr> {
    Entity::find_by_id((hospital.0, id.0)).lock_exclusive().one(tx).await
}

/// The keys of this name that are neither revoked nor expired, held until the transaction ends.
pub(super) async fn lock_alive(tx: &Tx, name: &str, now: DateTime<Utc>) -> Result<Vec<PartnerKeyRow>, DbErr> {
    Entity::find()
        .filter(Column::Name.eq(name))
        .filter(Column::RevokedAt.is_null())
        .filter(Column::ExpiresAt.gt(now))
        .lock_exclusive()
        .all(tx)
        .await
}

pub(super) async fn insert(tx: &Tx, row: PartnerKeyRow) -> Result<PartnerKeyRow, DbErr> {
    let row = PartnerKeyChange {
        hospital_id: Set(row.hospital_id),
        id: Set(row.id),
        name: Set(row.name),
        secret_hash: Set(row.secret_hash),
        permissions: Set(row.permissions),
        allowed_networks: Set(row.allowed_networks),
        created_by_id: Set(row.created_by_id),
        created_at: Set(row.created_at),
        expires_at: Set(row.expires_at),
        revoked_at: Set(row.revoked_at),
        last_used_at: Set(row.last_used_at),
    };
    Entity::insert(row).exec_with_returning(tx).await
}

pub(super) async fn revoke(
    tx: &Tx,
    hospital: HospitalId,
    id: PartnerKeyId,
    at: DateTime<Utc>,
) -> Result<PartnerKeyRow, DbErr> {
    let change = PartnerKeyChange {
        hospital_id: Unchanged(hospital.0),
        id: Unchanged(id.0),
        revoked_at: Set(Some(at)),
        ..PartnerKeyChange::default()
    };
    Entity::update(change).exec(tx).await
}

pub(super) async fn used(tx: &Tx, hospital: HospitalId, id: PartnerKeyId, at: DateTime<Utc>) -> Result<(), DbErr> {
    let change = PartnerKeyChange { last_used_at: Set(Some(at)), ..PartnerKeyChange::default() };
    let update = Entity::update_many().set(change);
    update.filter(Column::HospitalId.eq(hospital.0)).filter(Column::Id.eq(id.0)).exec(tx).await.map(|_| ())
}

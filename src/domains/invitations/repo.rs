use chrono::{DateTime, Utc};
use entity::invitation;
use invitation::{Column, Entity};
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, DbErr, EntityTrait, QueryFilter, QuerySelect, QueryTrait, Set, Unchanged};

use crate::kernel::{HospitalId, InvitationId, StaffId};
use crate::tenancy::{PageRequest, Tx};

pub(super) use invitation::{ActiveModel as InvitationChange, Model as InvitationRow};

pub(super) async fn list(tx: &Tx, page: &PageRequest) -> Result<Vec<InvitationRow>, DbErr> {
    let mut select = Entity::find();
    let columns = [Column::CreatedAt, Column::Id].map(|column| Expr::col((Entity, column)));
    page.apply(QueryTrait::query(&mut select), columns, false);
    select.all(tx).await
}

pub(super) async fn count(tx: &Tx) -> Result<u64, DbErr> {
    tx.count(Entity::find().into_query()).await
}

/// The invitation, held against other changes until the transaction ends.
pub(super) async fn lock(tx: &Tx, hospital: HospitalId, id: InvitationId) -> Result<Option<InvitationRow>, DbErr> {
    Entity::find_by_id((hospital.0, id.0)).lock_exclusive().one(tx).await
}

pub(super) async fn insert(tx: &Tx, row: InvitationRow) -> Result<InvitationRow, DbErr> {
    let row = InvitationChange {
        hospital_id: Set(row.hospital_id),
        id: Set(row.id),
        email: Set(row.email),
        name: Set(row.name),
        role: Set(row.role),
        token_hash: Set(row.token_hash),
        invited_by_id: Set(row.invited_by_id),
        created_at: Set(row.created_at),
        expires_at: Set(row.expires_at),
        revoked_at: Set(row.revoked_at),
        accepted_at: Set(row.accepted_at),
        staff_id: Set(row.staff_id),
    };
    Entity::insert(row).exec_with_returning(tx).await
}

/// Revokes what this address was sent before and did not accept.
pub(super) async fn revoke_pending(tx: &Tx, email: &str, at: DateTime<Utc>) -> Result<(), DbErr> {
    let update = Entity::update_many()
        .set(InvitationChange { revoked_at: Set(Some(at)), ..InvitationChange::default() })
        .filter(Column::Email.eq(email))
        .filter(Column::AcceptedAt.is_null())
        .filter(Column::RevokedAt.is_null());
    update.exec(tx).await.map(|_| ())
}

pub(super) async fn revoke(tx: &Tx, row: &InvitationRow, at: DateTime<Utc>) -> Result<InvitationRow, DbErr> {
    Entity::update(InvitationChange { revoked_at: Set(Some(at)), ..key(row) }).exec(tx).await
}

pub(super) async fn accept(tx: &Tx, row: &InvitationRow, staff: StaffId, at: DateTime<Utc>) -> Result<(), DbErr> {
    let change = InvitationChange { accepted_at: Set(Some(at)), staff_id: Set(Some(staff.0)), ..key(row) };
    Entity::update(change).exec(tx).await.map(|_| ())
}

fn key(row: &InvitationRow) -> InvitationChange {
    InvitationChange { hospital_id: Unchanged(row.hospital_id), id: Unchanged(row.id), ..InvitationChange::default() }
}

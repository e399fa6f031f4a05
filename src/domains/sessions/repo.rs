use chrono::{DateTime, Utc};
use entity::{refresh_token, session};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbBackend, DbErr, EntityTrait, FromQueryResult, QueryFilter, QueryOrder, QueryResult,
    QuerySelect, Set, Statement, Unchanged,
};
use session::{Column, Entity};
use uuid::Uuid;

use crate::auth::RefreshToken;
use crate::kernel::{Client, Glass, HospitalId, Permission, PermissionSet, Role, SessionId, StaffId};
use crate::tenancy::{Kind, Tx};

pub(super) use refresh_token::{ActiveModel as RefreshTokenChange, Model as RefreshTokenRow};
pub(super) use session::{ActiveModel as SessionChange, Model as SessionRow};

/// Most sessions in a list.
const LISTED: u64 = 50;

/// Whose a session is, and in which role.
#[derive(Clone, Debug)]
pub(super) struct Standing {
    pub(super) staff_id: StaffId,
    pub(super) role: Role,
    pub(super) last_used_at: DateTime<Utc>,
    /// The hospital requires a second factor, and the account has none.
    lacks_second_factor: bool,
    glasses: Vec<Glass>,
}

/// Which sessions of a member of staff are ended.
#[derive(Clone, Copy, Debug)]
pub(in crate::domains) enum Ending {
    /// All of them.
    All,
    /// Those of one sign-in.
    SignIn(Uuid),
    /// All but this one.
    AllBut(SessionId),
}

/// A place where an account works.
#[derive(Clone, Debug, FromQueryResult)]
pub(in crate::domains) struct ContextRow {
    pub(in crate::domains) staff_id: Uuid,
    role: String,
    pub(in crate::domains) hospital_id: Uuid,
    pub(in crate::domains) hospital_slug: String,
    pub(in crate::domains) hospital_name: String,
}

impl ContextRow {
    pub(in crate::domains) fn role(&self) -> Option<Role> {
        Role::of(&self.role)
    }
}

/// The question whether a session stands, at a time.
pub(super) type StandingQuestion = (HospitalId, SessionId, DateTime<Utc>);

/// Such questions of any hospitals. See `session_standings_door` in the migrations.
pub(super) const STANDINGS: Kind<StandingQuestion, Standing> = Kind {
    ask: |asked| {
        let sql = "SELECT place, staff_id, role, last_used_at, lacks_second_factor, glasses
                   FROM session_standings_door($1, $2, $3)";
        let hospitals: Vec<Uuid> = asked.iter().map(|(hospital, ..)| hospital.0).collect();
        let sessions: Vec<Uuid> = asked.iter().map(|(_, session, _)| session.0).collect();
        let times: Vec<DateTime<Utc>> = asked.iter().map(|(.., time)| *time).collect();
        let values = [hospitals.into(), sessions.into(), times.into()];
        Statement::from_sql_and_values(DbBackend::Postgres, sql, values)
    },
    read: |row| Ok((row.try_get("", "place")?, Standing::read(row)?)),
};

pub(super) async fn standing_in_tx(
    tx: &Tx,
    hospital: HospitalId,
    id: SessionId,
    now: DateTime<Utc>,
) -> Result<Option<Standing>, DbErr> {
    let sql = "SELECT staff_id, role, last_used_at, lacks_second_factor, glasses FROM standing_of($1, $2, $3)";
    let values = [hospital.0.into(), id.0.into(), now.into()];
    let asked = Statement::from_sql_and_values(DbBackend::Postgres, sql, values);
    tx.query_one_raw(asked).await?.map(Standing::read).transpose()
}

impl Standing {
    #[expect(clippy::needless_pass_by_value, reason = "it stands in `map`")]
    fn read(row: QueryResult) -> Result<Self, DbErr> {
        let role: String = row.try_get("", "role")?;
        let known = Role::of(&role);
        let glasses: Option<String> = row.try_get("", "glasses")?;
        let glasses = glasses.map(|glasses| serde_json::from_str(&glasses)).transpose();
        Ok(Self {
            staff_id: StaffId(row.try_get("", "staff_id")?),
            role: known.ok_or_else(|| DbErr::Type("a role that nobody knows".into()))?,
            last_used_at: row.try_get("", "last_used_at")?,
            lacks_second_factor: row.try_get("", "lacks_second_factor")?,
            glasses: glasses.map_err(|error| DbErr::Type(error.to_string()))?.unwrap_or_default(),
        })
    }

    /// What the session may do: what its role may; or, until there is the second factor that the hospital requires, only what
    /// everybody who is signed in may, which is enough to set one up.
    pub(super) fn permissions(&self) -> PermissionSet {
        let all = self.role.permissions();
        if !self.lacks_second_factor {
            return all;
        }
        all.iter().filter(|permission| matches!(permission, Permission::Public | Permission::SignedIn)).collect()
    }

    /// The restricted records that the session has open: none, when somebody may not open any more.
    pub(super) fn glasses(&self) -> Vec<Glass> {
        if self.permissions().contains(Permission::BreakGlass) { self.glasses.clone() } else { Vec::new() }
    }
}

/// Where the owner of a session of this hospital works. See `context_door` in the migrations.
pub(super) async fn contexts(tx: &Tx, id: SessionId) -> Result<Vec<ContextRow>, DbErr> {
    let sql = "SELECT staff_id, role, hospital_id, hospital_slug, hospital_name FROM context_door($1)";
    let rows = tx.query_all_raw(Statement::from_sql_and_values(DbBackend::Postgres, sql, [id.0.into()])).await?;
    rows.iter().map(|row| ContextRow::from_query_result(row, "")).collect()
}

pub(super) async fn by_id(tx: &Tx, hospital: HospitalId, id: SessionId) -> Result<Option<SessionRow>, DbErr> {
    Entity::find_by_id((hospital.0, id.0)).one(tx).await
}

/// The sessions of a member of staff that stand, the latest use first.
pub(super) async fn of_staff(tx: &Tx, staff: StaffId, now: DateTime<Utc>) -> Result<Vec<SessionRow>, DbErr> {
    Entity::find()
        .filter(Column::StaffId.eq(staff.0))
        .filter(Column::RevokedAt.is_null())
        .filter(Column::ExpiresAt.gt(now))
        .order_by_desc(Column::LastUsedAt)
        .order_by_desc(Column::Id)
        .limit(LISTED)
        .all(tx)
        .await
}

/// The session, held against other changes until the transaction ends.
pub(super) async fn lock(tx: &Tx, hospital: HospitalId, id: SessionId) -> Result<Option<SessionRow>, DbErr> {
    Entity::find_by_id((hospital.0, id.0)).lock_exclusive().one(tx).await
}

pub(super) async fn insert(tx: &Tx, row: SessionRow) -> Result<(), DbErr> {
    let row = SessionChange {
        hospital_id: Set(row.hospital_id),
        id: Set(row.id),
        sign_in_id: Set(row.sign_in_id),
        staff_id: Set(row.staff_id),
        device: Set(row.device),
        address: Set(row.address),
        created_at: Set(row.created_at),
        last_used_at: Set(row.last_used_at),
        expires_at: Set(row.expires_at),
        absolute_expires_at: Set(row.absolute_expires_at),
        revoked_at: Set(row.revoked_at),
    };
    Entity::insert(row).exec_without_returning(tx).await.map(|_| ())
}

pub(super) async fn prolong(
    tx: &Tx,
    row: &SessionRow,
    client: &Client,
    now: DateTime<Utc>,
    expires_at: DateTime<Utc>,
) -> Result<SessionRow, DbErr> {
    let change = SessionChange {
        device: Set(client.device.clone()),
        address: Set(client.address.map(|address| address.to_string())),
        last_used_at: Set(now),
        expires_at: Set(expires_at),
        ..key(row)
    };
    Entity::update(change).exec(tx).await
}

pub(super) async fn revoke(tx: &Tx, row: &SessionRow, at: DateTime<Utc>) -> Result<SessionRow, DbErr> {
    Entity::update(SessionChange { revoked_at: Set(Some(at)), ..key(row) }).exec(tx).await
}

fn key(row: &SessionRow) -> SessionChange {
    SessionChange { hospital_id: Unchanged(row.hospital_id), id: Unchanged(row.id), ..SessionChange::default() }
}

/// Ends what a member of staff has open in this hospital, and says how many that were.
pub(super) async fn revoke_all(tx: &Tx, staff: StaffId, ending: Ending, at: DateTime<Utc>) -> Result<u64, DbErr> {
    let open = Entity::update_many()
        .set(SessionChange { revoked_at: Set(Some(at)), ..SessionChange::default() })
        .filter(Column::StaffId.eq(staff.0))
        .filter(Column::RevokedAt.is_null())
        .filter(Column::ExpiresAt.gt(at));
    let open = match ending {
        Ending::All => open,
        Ending::SignIn(id) => open.filter(Column::SignInId.eq(id)),
        Ending::AllBut(spared) => open.filter(Column::Id.ne(spared.0)),
    };
    open.exec(tx).await.map(|done| done.rows_affected)
}

/// Notes a use, unless one after `unless_after` is noted already.
pub(super) async fn used(
    tx: &Tx,
    hospital: HospitalId,
    id: SessionId,
    at: DateTime<Utc>,
    unless_after: DateTime<Utc>,
) -> Result<(), DbErr> {
    let update = Entity::update_many()
        .set(SessionChange { last_used_at: Set(at), ..SessionChange::default() })
        .filter(Column::HospitalId.eq(hospital.0))
        .filter(Column::Id.eq(id.0))
        .filter(Column::LastUsedAt.lte(unless_after));
    update.exec(tx).await.map(|_| ())
}

/// What is stored of a refresh token.
pub(super) async fn token(tx: &Tx, token: &RefreshToken) -> Result<Option<RefreshTokenRow>, DbErr> {
    let key = (token.hospital_id.0, token.session_id.0, token.secret_hash().to_vec());
    refresh_token::Entity::find_by_id(key).one(tx).await
}

/// When the session was refreshed, `earlier` times before the last time; `None` when it was not so often.
pub(super) async fn refreshed(tx: &Tx, token: &RefreshToken, earlier: u64) -> Result<Option<DateTime<Utc>>, DbErr> {
    use refresh_token::Column;
    refresh_token::Entity::find()
        .select_only()
        .column(Column::IssuedAt)
        .filter(Column::HospitalId.eq(token.hospital_id.0))
        .filter(Column::SessionId.eq(token.session_id.0))
        .filter(Column::ParentHash.is_not_null())
        .order_by_desc(Column::IssuedAt)
        .offset(earlier)
        .limit(1)
        .into_tuple()
        .one(tx)
        .await
}

pub(super) async fn insert_token(tx: &Tx, row: RefreshTokenRow) -> Result<(), DbErr> {
    let row = RefreshTokenChange {
        hospital_id: Set(row.hospital_id),
        session_id: Set(row.session_id),
        hash: Set(row.hash),
        parent_hash: Set(row.parent_hash),
        issued_at: Set(row.issued_at),
        expires_at: Set(row.expires_at),
        used_at: Set(row.used_at),
        sealed_child: Set(row.sealed_child),
    };
    refresh_token::Entity::insert(row).exec_without_returning(tx).await.map(|_| ())
}

pub(super) async fn use_token(
    tx: &Tx,
    token: &RefreshToken,
    sealed_child: Vec<u8>,
    at: DateTime<Utc>,
) -> Result<(), DbErr> {
    let change = RefreshTokenChange {
        hospital_id: Unchanged(token.hospital_id.0),
        session_id: Unchanged(token.session_id.0),
        hash: Unchanged(token.secret_hash().into()),
        used_at: Set(Some(at)),
        sealed_child: Set(Some(sealed_child)),
        ..RefreshTokenChange::default()
    };
    refresh_token::Entity::update(change).exec(tx).await.map(|_| ())
}

use chrono::{DateTime, Duration, SubsecRound, Utc};
use sea_orm::sqlx::{self, Connection};
use uuid::Uuid;

use super::{SeedError, writer};
use crate::auth::PartnerKey;
use crate::kernel::{HospitalId, PartnerKeyId};

/// The hospital that the demo's partner reads from.
pub const DEMO_PARTNER_HOSPITAL: &str = "riverside";
const NAME: &str = "Cancer registry (demo)";
const ID: PartnerKeyId = PartnerKeyId(Uuid::from_u128(0x0192_0000_0000_7000_8000_0000_0000_0001));
const LIFE: Duration = Duration::days(365);

/// The key of the demo's partner, which is no secret: it is the same at each start, and works for a year from there.
///
/// # Errors
/// See [`SeedError`]; the demo's hospitals must be there.
pub async fn demo_partner_key(owner_url: &str, now: DateTime<Utc>) -> Result<String, SeedError> {
    let now = now.trunc_subsecs(6);
    let mut connection = writer::connect(owner_url).await?;
    let mut tx = connection.begin().await?;
    let hospital = writer::hospital_with_slug(&mut tx, DEMO_PARTNER_HOSPITAL).await?;
    let key = PartnerKey::with_secret(HospitalId(hospital), ID, b"demo-only-partner-key");
    writer::enter_hospital(&mut tx, hospital).await?;
    sqlx::query(
        "INSERT INTO partner_keys (hospital_id, id, name, secret_hash, permissions, allowed_networks, created_by_id,
                                   created_at, expires_at)
         SELECT $1, $2, $3, $4, '{}', '{}', id, $5, $6 FROM staff WHERE role = 'ADMIN' ORDER BY created_at, id LIMIT 1
         ON CONFLICT (hospital_id, id) DO UPDATE SET expires_at = excluded.expires_at, revoked_at = NULL",
    )
    .bind(hospital)
    .bind(ID.0)
    .bind(NAME)
    .bind(&key.secret_hash()[..])
    .bind(now)
    .bind(now + LIFE)
    .execute(&mut *tx)
    .await?;
    tx.commit().await?;
    connection.close().await?;
    Ok(key.reveal())
}

use chrono::{DateTime, SubsecRound, Utc};
use chrono_tz::Tz;
use sea_orm::sqlx::{self, Connection};
use uuid::{NoContext, Timestamp, Uuid};

use super::{SeedError, writer};
use crate::kernel::{HospitalId, text};

/// A hospital to onboard, with its first administrator.
#[derive(Clone, Debug)]
pub struct NewHospital {
    /// Short name for sign-in: lower-case letters, digits and hyphens.
    pub slug: String,
    /// Display name.
    pub name: String,
    /// Name of a time zone in the IANA database.
    pub time_zone: String,
    /// Display name of the administrator.
    pub admin_name: String,
    /// Address that the administrator signs in with. Capitals do not matter.
    pub admin_email: String,
    /// Hash of the administrator's password. Not used when the address has an account already.
    pub password_hash: String,
}

/// A hospital that was onboarded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Onboarded {
    /// Its id.
    pub hospital_id: HospitalId,
    /// Whether the administrator had an account already: then the password is that account's, not the one given.
    pub account_existed: bool,
}

/// Onboards a hospital, all of it or nothing.
///
/// # Errors
/// See [`SeedError`]; each says what to do.
pub async fn create_hospital(owner_url: &str, new: &NewHospital, now: DateTime<Utc>) -> Result<Onboarded, SeedError> {
    let now = now.trunc_subsecs(6);
    let slug = slug(&new.slug)?;
    let (name, admin_name) = (person_or_place(&new.name)?, person_or_place(&new.admin_name)?);
    let zone: Tz = new.time_zone.parse().map_err(|_| SeedError::BadTimeZone(new.time_zone.clone()))?;
    let email = email(&new.admin_email)?;

    let mut connection = writer::connect(owner_url).await?;
    let mut tx = connection.begin().await?;
    writer::lock(&mut tx).await?;
    if writer::slugs(&mut tx).await?.iter().any(|taken| taken == slug) {
        return Err(SeedError::SlugTaken(slug.to_owned()));
    }
    let [hospital, account, staff] = [(); 3].map(|()| new_id(now));
    writer::enter_hospital(&mut tx, hospital).await?;
    sqlx::query("INSERT INTO hospitals (id, slug, name, time_zone, created_at) VALUES ($1, $2, $3, $4, $5)")
        .bind(hospital)
        .bind(slug)
        .bind(name)
        .bind(zone.name())
        .bind(now)
        .execute(&mut *tx)
        .await?;
    // The door that administrators hire through: an account of that address keeps its password.
    let found: Uuid = sqlx::query_scalar("SELECT account_door($1, $2, $3)")
        .bind(account)
        .bind(&email)
        .bind(&new.password_hash)
        .fetch_one(&mut *tx)
        .await?;
    sqlx::query(
        "INSERT INTO staff (hospital_id, id, account_id, name, role, status, version, created_at, updated_at)
         VALUES ($1, $2, $3, $4, 'ADMIN', 'ACTIVE', 1, $5, $5)",
    )
    .bind(hospital)
    .bind(staff)
    .bind(found)
    .bind(admin_name)
    .bind(now)
    .execute(&mut *tx)
    .await?;
    // A hospital that nobody can sign in to is not onboarded.
    let opens: bool =
        sqlx::query_scalar("SELECT EXISTS (SELECT FROM sign_in_door($1) AS place WHERE place.hospital_id = $2)")
            .bind(&email)
            .bind(hospital)
            .fetch_one(&mut *tx)
            .await?;
    if !opens {
        return Err(SeedError::PasswordElsewhere(email));
    }
    tx.commit().await?;
    connection.close().await?;
    Ok(Onboarded { hospital_id: HospitalId(hospital), account_existed: found != account })
}

/// A UUIDv7 of this time.
fn new_id(now: DateTime<Utc>) -> Uuid {
    let seconds = u64::try_from(now.timestamp()).unwrap_or(0);
    Uuid::new_v7(Timestamp::from_unix(NoContext, seconds, now.timestamp_subsec_nanos()))
}

/// The rule of the table's own check.
fn slug(slug: &str) -> Result<&str, SeedError> {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let fits = (1..=40).contains(&slug.len())
        && slug.bytes().all(|byte| plain(byte) || byte == b'-')
        && slug.bytes().next().is_some_and(plain)
        && slug.bytes().last().is_some_and(plain);
    fits.then_some(slug).ok_or_else(|| SeedError::BadSlug(slug.to_owned()))
}

fn person_or_place(name: &str) -> Result<String, SeedError> {
    text::line(name, 100).map_err(|_| SeedError::BadName(name.to_owned()))
}

fn email(address: &str) -> Result<String, SeedError> {
    let lower = address.trim().to_ascii_lowercase();
    let fits = (3..=254).contains(&lower.len())
        && lower.bytes().all(|byte| byte.is_ascii_graphic())
        && lower
            .split_once('@')
            .is_some_and(|(local, host)| !local.is_empty() && !host.is_empty() && !host.contains('@'));
    if fits { Ok(lower) } else { Err(SeedError::BadEmail(address.to_owned())) }
}

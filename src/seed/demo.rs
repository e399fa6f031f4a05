use chrono::{DateTime, SubsecRound, Utc};
use chrono_tz::Tz;
use sea_orm::sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};

use super::history::History;
use super::people::{Account, House, Member, Scale};
use super::rng::Rng;
use super::{SeedError, TABLES, writer};
use crate::auth::Passwords;
use crate::kernel::Role;

/// The password of everybody in the demo.
pub const DEMO_PASSWORD: &str = "demo-only-password";

/// A sign-in of the demo.
#[derive(Clone, Copy, Debug)]
pub struct DemoPerson {
    /// Who it is, in words.
    pub label: &'static str,
    /// The address to sign in with.
    pub email: &'static str,
    /// The slug of the hospital to sign in to.
    pub hospital: &'static str,
    /// The role there.
    pub role: Role,
}

/// The sign-ins of the demo: two hospitals, each with an administrator and a clinician, and one who works in both.
pub const DEMO_PEOPLE: &[DemoPerson] = &[
    person("Administrator at Riverside", "admin@riverside.example", RIVERSIDE, Role::Admin),
    person("Clinician at Riverside", "clinician@riverside.example", RIVERSIDE, Role::Clinician),
    person("Administrator at Lakeview", "admin@lakeview.example", LAKEVIEW, Role::Admin),
    person("Clinician at Lakeview", "clinician@lakeview.example", LAKEVIEW, Role::Clinician),
    person("Agency clinician at Riverside", FLOAT, RIVERSIDE, Role::Clinician),
    person("Agency clinician at Lakeview", FLOAT, LAKEVIEW, Role::Clinician),
];

const fn person(label: &'static str, email: &'static str, hospital: &'static str, role: Role) -> DemoPerson {
    DemoPerson { label, email, hospital, role }
}

const RIVERSIDE: &str = "riverside";
const LAKEVIEW: &str = "lakeview";
const FLOAT: &str = "float@agency.example";
const SCALE: Scale = Scale { staff: 14, patients: 40, task_logs: 3000, discharged_of_twenty: 4 };
const NUMBER: u64 = 20;

/// Adds the demo's hospitals with their sign-ins and one restricted record, and says whether it had to.
///
/// One transaction, which waits for another process that does the same: afterwards the demo is there once, or not at all.
///
/// # Errors
/// See [`SeedError`]; each says what to do.
pub async fn demo(owner_url: &str, now: DateTime<Utc>) -> Result<bool, SeedError> {
    let mut connection = writer::connect(owner_url).await?;
    let made = add(&mut connection, now.trunc_subsecs(6)).await?;
    connection.close().await?;
    Ok(made)
}

async fn add(connection: &mut PgConnection, now: DateTime<Utc>) -> Result<bool, SeedError> {
    let mut tx = connection.begin().await?;
    writer::lock(&mut tx).await?;
    let slugs = writer::slugs(&mut tx).await?;
    let mut taken = slugs.into_iter().filter(|slug| slug == RIVERSIDE || slug == LAKEVIEW);
    match (taken.next(), taken.next()) {
        (None, _) => {}
        (Some(_), Some(_)) => {
            tx.rollback().await?;
            return Ok(false);
        }
        (Some(slug), None) => return Err(SeedError::DemoSlugTaken(slug)),
    }
    // Not before it is needed: it takes a good part of a start.
    let password_hash = Passwords::new().hash(DEMO_PASSWORD).await;
    let password_hash = password_hash.map_err(|error| SeedError::Password(error.message().to_owned()))?;
    let mut houses = [
        House::new(RIVERSIDE, "Riverside General Hospital", Tz::Europe__London, &SCALE, NUMBER, now),
        House::new(LAKEVIEW, "Lakeview Medical Center", Tz::America__Chicago, &SCALE, NUMBER, now),
    ];
    for (house, names) in
        houses.iter_mut().zip([["Margaret Ashworth", "Tomás Byrne"], ["Grace Mensah", "Daniel Kovács"]])
    {
        for (member, name) in house.staff.iter_mut().zip(names) {
            member.name = name.to_owned();
        }
    }
    let float = hire_float(&mut houses);
    let accounts: Vec<_> = houses.iter().flat_map(|house| &house.accounts).chain([&float]).collect();
    writer::accounts(&mut tx, &accounts, &password_hash).await?;
    for house in &houses {
        writer::enter_hospital(&mut tx, house.id).await?;
        writer::hospital(&mut tx, house).await?;
        writer::patients(&mut tx, house).await?;
        let mut history = History::new(house, now);
        while let Some(batch) = history.batch(writer::BATCH) {
            writer::task_logs(&mut tx, house.id, &batch).await?;
        }
    }
    writer::enter_hospital(&mut tx, houses[0].id).await?;
    writer::restriction(&mut tx, &houses[0], now).await?;
    tx.execute(AssertSqlSafe(format!("ANALYZE {TABLES}"))).await?;
    tx.commit().await?;
    Ok(true)
}

/// The clinician of an agency: one account, at work in both hospitals.
fn hire_float(houses: &mut [House]) -> Account {
    let joined_at = houses[0].opened_at + chrono::Duration::days(30);
    let account = Account { id: Rng::new(NUMBER, FLOAT).id(joined_at), email: FLOAT.into(), created_at: joined_at };
    for house in houses {
        let id = house.rng.id(joined_at);
        let name = "Imani Clarke".to_owned();
        house.staff.push(Member { id, account_id: account.id, name, role: Role::Clinician, joined_at, left_at: None });
    }
    account
}

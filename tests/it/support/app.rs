use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chrono::{DateTime, Utc};
use patient_logger::app::{App, AppOptions};
use patient_logger::auth::Passwords;
use patient_logger::domains::sessions::Lifetimes;
use patient_logger::http::{HttpState, Limits, serve};
use patient_logger::kernel::{Clock, HospitalId, Role, SessionId, StaffId};
use patient_logger::keys::Keys;
use patient_logger::limits::{Gate, GateBounds};
use patient_logger::tenancy::{Database, DatabaseSettings};
use sea_orm::sqlx::{self, Connection, PgConnection};
use tokio::net::TcpListener;
use tokio::sync::OnceCell;
use uuid::Uuid;

use super::{Actor, MailServer, TestDatabase};

/// The password of everybody.
pub const PASSWORD: &str = "a password for tests";
const LIFETIMES: Lifetimes = Lifetimes { access_token: Duration::from_secs(600), idle: Duration::from_secs(15 * 60) };

/// A server on a free port, with a database of its own and a clock that the test sets.
pub struct TestApp {
    pub app: Arc<App>,
    pub database: TestDatabase,
    pub mail: MailServer,
    pub url: String,
    options: AppOptions,
    now: Arc<Mutex<DateTime<Utc>>>,
    hospitals: AtomicU32,
}

/// A hospital with an administrator and two clinicians.
#[derive(Clone, Debug)]
pub struct Hospital {
    pub id: HospitalId,
    pub slug: String,
    pub admin: Person,
    pub clinician: Person,
    pub colleague: Person,
}

/// A member of staff.
#[derive(Clone, Debug)]
pub struct Person {
    pub hospital: HospitalId,
    pub staff: StaffId,
    pub email: String,
    pub role: Role,
    /// A session that lasts for years, of which `actor` has the token.
    pub session: SessionId,
}

impl TestApp {
    pub async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    /// A server with other settings.
    pub async fn start_with(set: impl FnOnce(&mut HttpState)) -> Self {
        Self::start_sized(4, set).await
    }

    /// A server with other bounds of the transport.
    pub async fn start_within(bound: impl FnOnce(&mut Limits)) -> Self {
        let database = TestDatabase::migrated().await;
        let options = AppOptions::default();
        Self::start_on(database, Keys::random(), start(), 4, options, async |url| url, |_, limits| bound(limits)).await
    }

    /// A server with at most this many connections to PostgreSQL.
    pub async fn start_sized(pool_size: u32, set: impl FnOnce(&mut HttpState)) -> Self {
        Self::start_through(pool_size, async |url| url, set).await
    }

    /// A server that reaches its database by another way.
    pub async fn start_through(
        pool_size: u32,
        way: impl AsyncFnOnce(String) -> String,
        set: impl FnOnce(&mut HttpState),
    ) -> Self {
        Self::start_on(
            TestDatabase::migrated().await,
            Keys::random(),
            start(),
            pool_size,
            AppOptions::default(),
            way,
            |state, _| set(state),
        )
        .await
    }

    /// A server behind a proxy, which tells the addresses of clients.
    pub async fn behind_a_proxy() -> Self {
        Self::start_with(|state| state.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()]).await
    }

    /// A server that does something else than usual.
    pub async fn start_as(options: AppOptions) -> Self {
        let database = TestDatabase::migrated().await;
        Self::start_on(database, Keys::random(), start(), 4, options, async |url| url, |_, _| {}).await
    }

    /// Another server beside this one, the same in all but the address.
    pub async fn beside(&self) -> Self {
        let (database, keys, options) = (self.database.clone(), self.app.keys.clone(), self.options.clone());
        Self::start_on(database, keys, self.now(), 4, options, async |url| url, |_, _| {}).await
    }

    /// Another server, the same in all but the address: a copy of the database, the same keys and time. This one loses its
    /// connections to the database over it and should not be asked any more.
    pub async fn copy(&self) -> Self {
        let database = self.database.copy().await;
        let (keys, options) = (self.app.keys.clone(), self.options.clone());
        Self::start_on(database, keys, self.now(), 4, options, async |url| url, |_, _| {}).await
    }

    async fn start_on(
        database: TestDatabase,
        keys: Keys,
        now: DateTime<Utc>,
        pool_size: u32,
        options: AppOptions,
        way: impl AsyncFnOnce(String) -> String,
        set: impl FnOnce(&mut HttpState, &mut Limits),
    ) -> Self {
        let settings = DatabaseSettings {
            url: way(database.app_url()).await,
            pool_size,
            acquire_timeout: Duration::from_secs(10),
            statement_timeout: Duration::from_secs(10),
        };
        let now = Arc::new(Mutex::new(now));
        let clock = Clock::from_fn({
            let now = now.clone();
            move || *now.lock().unwrap()
        });
        let pool = Database::connect(&settings).await.unwrap();
        let mail = MailServer::start().await;
        let mailed = AppOptions { mailer: mail.mailer(), ..options.clone() };
        let app = Arc::new(App::new(pool, keys, LIFETIMES, clock, mailed).unwrap());
        let mut state = HttpState::new(app.clone());
        // However slow the machine is that tests run on: only tests about it turn anybody away.
        state.gate = Gate::new(GateBounds { patience: Duration::from_secs(60), ..state.gate.bounds() });
        let mut limits = Limits { connections: 256, stalled: Duration::from_secs(15), drain: Duration::from_secs(5) };
        set(&mut state, &mut limits);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(serve(listener, state, limits, std::future::pending()));
        Self { app, database, mail, url, options, now, hospitals: AtomicU32::new(0) }
    }

    /// The time that the server believes it is.
    pub fn now(&self) -> DateTime<Utc> {
        *self.now.lock().unwrap()
    }

    /// Moves the server's clock.
    pub fn wait(&self, time: chrono::Duration) {
        *self.now.lock().unwrap() += time;
    }

    /// A new hospital.
    pub async fn hospital(&self) -> Hospital {
        let number = self.hospitals.fetch_add(1, Ordering::Relaxed);
        let slug = format!("hospital-{number}");
        let id = HospitalId(Uuid::now_v7());
        let mut owner = self.database.owner().await;
        let mut tx = owner.begin().await.unwrap();
        sqlx::query("SELECT set_config('app.current_hospital_id', $1, true)")
            .bind(id.0.to_string())
            .execute(&mut *tx)
            .await
            .unwrap();
        sqlx::query(
            "INSERT INTO hospitals (id, slug, name, time_zone, created_at) VALUES ($1, $2, $3, 'Europe/London', now())",
        )
        .bind(id.0)
        .bind(&slug)
        .bind(format!("Hospital {number}"))
        .execute(&mut *tx)
        .await
        .unwrap();
        let admin = person(&mut tx, self.now(), id, Role::Admin, "Ada Admin", &format!("admin@{slug}.example")).await;
        let clinician =
            person(&mut tx, self.now(), id, Role::Clinician, "Carl Clinician", &format!("clinician@{slug}.example"))
                .await;
        let colleague =
            person(&mut tx, self.now(), id, Role::Clinician, "Dora Doctor", &format!("colleague@{slug}.example")).await;
        tx.commit().await.unwrap();
        Hospital { id, slug, admin, clinician, colleague }
    }

    /// Makes a person of another hospital work in this one too, with a password of their own choosing.
    pub async fn employ(&self, hospital: &Hospital, email: &str, role: Role) -> Person {
        let mut owner = self.database.owner().await;
        let mut tx = owner.begin().await.unwrap();
        sqlx::query("SELECT set_config('app.current_hospital_id', $1, true)")
            .bind(hospital.id.0.to_string())
            .execute(&mut *tx)
            .await
            .unwrap();
        let person = person(&mut tx, self.now(), hospital.id, role, "Flo Float", email).await;
        tx.commit().await.unwrap();
        let mut superuser = self.database.superuser().await;
        let sql = "UPDATE accounts SET password_chosen_by = NULL WHERE email = $1";
        sqlx::query(sql).bind(email).execute(&mut superuser).await.unwrap();
        person
    }

    /// Somebody who has signed in.
    pub fn actor(&self, person: &Person) -> Actor {
        let token = self.app.tokens.issue(person.staff, person.hospital, person.role, person.session).unwrap();
        Actor::new(&self.url, Some(token.token))
    }

    pub fn admin(&self, hospital: &Hospital) -> Actor {
        self.actor(&hospital.admin)
    }

    pub fn clinician(&self, hospital: &Hospital) -> Actor {
        self.actor(&hospital.clinician)
    }

    pub fn colleague(&self, hospital: &Hospital) -> Actor {
        self.actor(&hospital.colleague)
    }

    /// Somebody who has not signed in, at an address that [`TestApp::behind_a_proxy`] lets them have.
    pub fn stranger_at(&self, address: &str) -> Actor {
        let headers = [("x-forwarded-for".parse().unwrap(), address.parse().unwrap())].into_iter().collect();
        let client = reqwest::Client::builder().no_proxy().default_headers(headers).build().unwrap();
        Actor { client, ..self.anonymous() }
    }

    /// Somebody who has not signed in.
    pub fn anonymous(&self) -> Actor {
        Actor::new(&self.url, None)
    }
}

fn start() -> DateTime<Utc> {
    "2026-03-01T12:00:00Z".parse().unwrap()
}

async fn person(
    tx: &mut PgConnection,
    now: DateTime<Utc>,
    hospital: HospitalId,
    role: Role,
    name: &str,
    email: &str,
) -> Person {
    static HASH: OnceCell<String> = OnceCell::const_new();
    let hash = HASH.get_or_init(async || Passwords::new().hash(PASSWORD).await.unwrap()).await;
    let account: Uuid = sqlx::query_scalar("SELECT account_door($1, $2, $3)")
        .bind(Uuid::now_v7())
        .bind(email)
        .bind(hash)
        .fetch_one(&mut *tx)
        .await
        .unwrap();
    let staff = StaffId(Uuid::now_v7());
    let sql = "INSERT INTO staff (hospital_id, id, account_id, name, role, status, version, created_at, updated_at)
               VALUES ($1, $2, $3, $4, $5, 'ACTIVE', 1, now(), now())";
    sqlx::query(sql)
        .bind(hospital.0)
        .bind(staff.0)
        .bind(account)
        .bind(name)
        .bind(role.name())
        .execute(&mut *tx)
        .await
        .unwrap();
    let session = SessionId(Uuid::now_v7());
    let sql =
        "INSERT INTO sessions (hospital_id, id, sign_in_id, staff_id, device, created_at, last_used_at, expires_at,
                   absolute_expires_at)
               VALUES ($1, $2, $2, $3, 'a test', $4, $4, $4 + interval '10 years', $4 + interval '10 years')";
    sqlx::query(sql).bind(hospital.0).bind(session.0).bind(staff.0).bind(now).execute(&mut *tx).await.unwrap();
    Person { hospital, staff, email: email.to_owned(), role, session }
}

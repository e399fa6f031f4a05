//! What field-level authorization costs: `cargo bench --bench access`.
//!
//! A page of 100 task logs with patient and clinician, from a real PostgreSQL, is answered in three ways by turns:
//! without the authorizer (the parsed document as it was sent), with it and everything allowed, and with one field of every
//! row refused. The last is compared with the same page for somebody who may read that field, without the authorizer.
//! The figures are ratios of the medians of one run; they include SQL, execution and writing the answer as JSON.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_graphql::parser::parse_query;
use async_graphql::{Request, Response, Variables};
use patient_logger::app::{App, AppOptions, Lifetimes};
use patient_logger::audit::RequestContext;
use patient_logger::database::embedded::{self, DATABASE, Options};
use patient_logger::database::{Direction, migrate};
use patient_logger::domains;
use patient_logger::kernel::{Clock, Viewer};
use patient_logger::keys::Keys;
use patient_logger::packages::Packages;
use patient_logger::seed::{DEMO_PASSWORD, demo};
use patient_logger::tenancy::{Database, DatabaseSettings, HospitalScope};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const ROUNDS: usize = 400;
const PAGE: &str = "{ taskLogs(first: 100) { nodes { id taskType description completedAt
    patient { id firstName lastName mrn } clinician { id name } } } }";
const PAGE_WITH_CONTACT: &str = "{ taskLogs(first: 100) { nodes { id taskType description completedAt
    patient { id firstName lastName mrn contactPhone } clinician { id name } } } }";

struct Bench {
    app: App,
    clinician: Viewer,
    admin: Viewer,
}

impl Bench {
    /// The document as it was sent: no label is asked.
    async fn without(&self, text: &str, viewer: &Viewer) -> usize {
        let document = parse_query(text).expect("the document is right");
        let (scope, mut request) = self.request(Request::new(""), viewer);
        request.set_parsed_query(document);
        let response = self.app.schema.execute(request).await;
        finish(&scope, &response).await
    }

    /// As the server does it.
    async fn with(&self, text: &str, viewer: &Viewer) -> usize {
        let caller = self.app.documents.caller(Some(viewer.permissions), true);
        let plan =
            self.app.documents.prepare(text, None, &Variables::default(), &caller).expect("the document is right");
        let request = plan.request(Variables::default()).expect("something is allowed");
        let (scope, request) = self.request(request, viewer);
        let mut response = self.app.schema.execute(request).await;
        plan.patch(&mut response);
        finish(&scope, &response).await
    }

    fn request(&self, request: Request, viewer: &Viewer) -> (Arc<HospitalScope>, Request) {
        let scope = HospitalScope::new(
            self.app.database.clone(),
            self.app.clock.clone(),
            viewer.clone(),
            RequestContext::default(),
        );
        let scope = Arc::new(scope);
        let request = domains::loaders(request.data(scope.clone()), &scope);
        (scope, request)
    }
}

async fn finish(scope: &HospitalScope, response: &Response) -> usize {
    scope.close().await;
    serde_json::to_vec(response).expect("an answer is JSON").len()
}

fn median(mut times: Vec<Duration>) -> f64 {
    times.sort_unstable();
    times[times.len() / 2].as_secs_f64() * 1e6
}

async fn bench(app_url: String, owner_url: &str) {
    migrate(owner_url, Direction::Up).await.expect("the migrations run");
    let clock = Clock::system();
    demo(owner_url, clock.now()).await.expect("the demo data loads");
    let second = Duration::from_secs(10);
    let settings = DatabaseSettings { url: app_url, pool_size: 2, acquire_timeout: second, statement_timeout: second };
    let database = Database::connect(&settings).await.expect("the database is safe");
    let lifetimes = Lifetimes { access_token: Duration::from_secs(600), idle: Duration::from_secs(600) };
    let app = App::new(database, Keys::random(), lifetimes, clock, AppOptions::default());
    let app = app.expect("the schema is labelled");
    let [clinician, admin] = viewers(&app).await;
    let bench = Bench { app, clinician, admin };

    let mut times = [const { Vec::new() }; 4];
    for round in 0..ROUNDS + 50 {
        let mut measured = [Duration::ZERO; 4];
        for (index, time) in measured.iter_mut().enumerate() {
            let started = Instant::now();
            let bytes = match index {
                0 => bench.without(PAGE, &bench.clinician).await,
                1 => bench.with(PAGE, &bench.clinician).await,
                2 => bench.without(PAGE_WITH_CONTACT, &bench.admin).await,
                _ => bench.with(PAGE_WITH_CONTACT, &bench.clinician).await,
            };
            *time = started.elapsed();
            assert!(bytes > 10_000, "a page has 100 rows");
        }
        // The first rounds warm the caches up.
        if round >= 50 {
            times.iter_mut().zip(measured).for_each(|(times, time)| times.push(time));
        }
    }
    let [off, on, off_contact, refused] = times.map(median);
    println!("a page of 100 rows, medians of {ROUNDS} rounds by turns, in microseconds");
    println!("  everything allowed      without {off:8.0}   with {on:8.0}   ratio {:.3}", on / off);
    println!(
        "  one field in each row   allowed, without {off_contact:8.0}   refused, with {refused:8.0}   ratio {:.3}",
        refused / off_contact
    );
}

/// A clinician and an administrator of the demo, signed in.
async fn viewers(app: &App) -> [Viewer; 2] {
    let mut viewers = Vec::new();
    for who in ["clinician", "admin"] {
        let document = format!(
            "mutation {{ signIn(input: {{ email: \"{who}@riverside.example\", password: \"{DEMO_PASSWORD}\" }}) {{ accessToken }} }}"
        );
        let answer = app.schema.execute(document.as_str()).await.data.into_json().expect("an answer");
        let token = answer["signIn"]["accessToken"].as_str().expect("a token").to_owned();
        viewers.push(app.sessions.viewer(&token).await.expect("the database answers").expect("a viewer"));
    }
    viewers.try_into().expect("two viewers")
}

fn main() {
    let root = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let packages = Packages { cache_dir: root.join("packages"), registry: None, downloads: true };
    let server = embedded::start(&Options::new(root.join("bench-access"), packages)).expect("PostgreSQL starts");
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    runtime.block_on(bench(server.app_url(DATABASE), &server.owner_url(DATABASE)));
}

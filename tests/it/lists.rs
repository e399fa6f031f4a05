//! Lists, filters, counts and ids: each row once, in any order, and never a row of somebody else.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use chrono::{DateTime, Duration, SecondsFormat, Utc};
use patient_logger::kernel::{
    AccountId, HospitalId, InvitationId, PartnerKeyId, PatientId, SessionId, StaffId, TaskLogId,
};
use sea_orm::sqlx::{self, PgConnection};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::{Actor, Answer, Hospital, TestApp};

/// Part of every text of the other hospital.
const CANARY: &str = "canary";
/// The hidden machinery: an answer with one of these words shows it.
const INSIDES: [&str; 8] =
    ["SQLSTATE", "task_logs", "_fkey", "_pkey", "violates", "relation \"", "syntax error", "sqlx"];

const TYPES: [&str; 9] =
    ["MEDICATION", "VITALS", "OBSERVATION", "WOUND_CARE", "LAB_SAMPLE", "MOBILITY", "NUTRITION", "HYGIENE", "OTHER"];

/// A hospital with rows, beside another one whose rows are all marked.
struct World {
    app: TestApp,
    one: Hospital,
    two: Hospital,
    patients: Vec<PatientRow>,
    logs: Vec<LogRow>,
}

#[derive(Clone, Debug)]
struct PatientRow {
    id: Uuid,
    mrn: String,
    first_name: String,
    last_name: String,
    room: Option<&'static str>,
    status: &'static str,
    archived: bool,
    created_at: DateTime<Utc>,
}

#[derive(Clone, Debug)]
struct LogRow {
    id: Uuid,
    patient: Uuid,
    clinician: Uuid,
    task_type: &'static str,
    description: String,
    completed_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
    deleted: bool,
}

/// The same numbers on every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % sides as u64).unwrap()
    }

    fn one_of<T: Clone>(&mut self, things: &[T]) -> T {
        things[self.roll(things.len())].clone()
    }

    fn some_of<T: Clone>(&mut self, things: &[T], most: usize) -> Vec<T> {
        (0..self.roll(most + 1)).map(|_| self.one_of(things)).collect()
    }
}

fn start() -> DateTime<Utc> {
    "2026-02-01T00:00:00Z".parse().unwrap()
}

impl World {
    /// Rows made to collide: few names, few times, so that most sort keys are shared by several rows.
    async fn new(patients: usize, logs: usize) -> Self {
        let app = TestApp::start().await;
        let (one, two) = (app.hospital().await, app.hospital().await);
        let mut superuser = app.database.superuser().await;
        let canary = "UPDATE hospitals SET name = 'canary' WHERE id = $1";
        sqlx::query(canary).bind(two.id.0).execute(&mut superuser).await.unwrap();
        let canary = "UPDATE staff SET name = 'canary ' || name WHERE hospital_id = $1";
        sqlx::query(canary).bind(two.id.0).execute(&mut superuser).await.unwrap();

        let mut dice = Dice(0x9E37_79B9_7F4A_7C15);
        let mut made = Vec::new();
        for hospital in [&one, &two] {
            let mut patients: Vec<PatientRow> = (0..patients).map(|number| some_patient(&mut dice, number)).collect();
            let mut logs: Vec<LogRow> = (0..logs).map(|_| some_log(&mut dice, &patients, hospital)).collect();
            if hospital.id == two.id {
                for patient in &mut patients {
                    patient.mrn = format!("canary-{}", patient.mrn);
                    patient.first_name = format!("canary {}", patient.first_name);
                }
                for log in &mut logs {
                    log.description = format!("canary {}", log.description);
                }
            }
            insert_patients(&mut superuser, hospital, &patients).await;
            insert_logs(&mut superuser, hospital, &logs).await;
            made.push((patients, logs));
        }
        let (patients, logs) = made.swap_remove(0);
        Self { app, one, two, patients, logs }
    }

    fn admin(&self) -> Actor {
        self.app.admin(&self.one)
    }

    fn clinician(&self) -> Actor {
        self.app.clinician(&self.one)
    }

    /// The task logs that are not deleted and fit, most recently completed first.
    fn recent(&self, fits: impl Fn(&LogRow) -> bool) -> Vec<Value> {
        let mut rows: Vec<&LogRow> = self.logs.iter().filter(|log| fits(log)).collect();
        rows.sort_by_key(|log| std::cmp::Reverse((log.completed_at, log.id)));
        rows.into_iter().map(|log| json!({ "id": TaskLogId(log.id).to_string() })).collect()
    }
}

fn some_patient(dice: &mut Dice, number: usize) -> PatientRow {
    PatientRow {
        id: Uuid::now_v7(),
        mrn: format!("mrn-{:03}", number * 7 % 1000),
        first_name: dice.one_of(&["ada", "bo"]).to_owned(),
        last_name: dice.one_of(&["lovelace", "nightingale", "o'neil"]).to_owned(),
        room: dice.one_of(&[None, Some("1A"), Some("1B"), Some("2%")]),
        status: dice.one_of(&["ADMITTED", "DISCHARGED"]),
        archived: false,
        created_at: start() + Duration::hours(dice.roll(3) as i64),
    }
}

fn some_log(dice: &mut Dice, patients: &[PatientRow], staff: &Hospital) -> LogRow {
    LogRow {
        id: Uuid::now_v7(),
        patient: dice.one_of(patients).id,
        clinician: dice.one_of(&[staff.clinician.staff.0, staff.colleague.staff.0]),
        task_type: dice.one_of(&TYPES),
        description: format!("{} {}", dice.one_of(&["Pulse", "pulse and TEMPERATURE", "Dressing"]), dice.roll(10)),
        completed_at: start() + Duration::hours(dice.roll(4) as i64),
        updated_at: start() + Duration::hours(4 + dice.roll(4) as i64),
        deleted: false,
    }
}

async fn insert_patients(superuser: &mut PgConnection, hospital: &Hospital, rows: &[PatientRow]) {
    for row in rows {
        let sql = "INSERT INTO patients (hospital_id, id, mrn, first_name, last_name, date_of_birth, room, status, contact_phone,
                   archived_at, version, created_at, updated_at) VALUES ($1, $2, $3, $4, $5, '1980-02-29', $6, $7, $8, $9, 1, $10, $10)";
        sqlx::query(sql)
            .bind(hospital.id.0)
            .bind(row.id)
            .bind(&row.mrn)
            .bind(&row.first_name)
            .bind(&row.last_name)
            .bind(row.room)
            .bind(row.status)
            .bind(row.mrn.starts_with(CANARY).then_some(CANARY))
            .bind(row.archived.then_some(row.created_at))
            .bind(row.created_at)
            .execute(&mut *superuser)
            .await
            .unwrap();
    }
}

async fn insert_logs(superuser: &mut PgConnection, hospital: &Hospital, rows: &[LogRow]) {
    for row in rows {
        let sql = "INSERT INTO task_logs (hospital_id, id, patient_id, clinician_id, task_type, description, notes, completed_at,
                   recorded_at, updated_at, version, changed_by_id, deleted_at)
                   VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8, $9, 1, $4, $10)";
        sqlx::query(sql)
            .bind(hospital.id.0)
            .bind(row.id)
            .bind(row.patient)
            .bind(row.clinician)
            .bind(row.task_type)
            .bind(&row.description)
            .bind(row.description.starts_with(CANARY).then_some(CANARY))
            .bind(row.completed_at)
            .bind(row.updated_at)
            .bind(row.deleted.then_some(row.updated_at))
            .execute(&mut *superuser)
            .await
            .unwrap();
    }
}

/// Asks, and looks through the answer for what must be in none.
async fn ask(actor: &Actor, query: &str, variables: Value) -> Answer {
    let answer = actor.ask_with(query, variables).await;
    let text = answer.body.to_string();
    assert!(!text.to_lowercase().contains(CANARY), "{query} shows a row of another hospital: {text}");
    for word in INSIDES {
        assert!(!text.contains(word), "{query} shows the machinery: {text}");
    }
    answer
}

/// The only connection of an answer, wherever it hangs.
fn connection(value: &Value) -> Option<&Value> {
    let object = value.as_object()?;
    if object.contains_key("pageInfo") { Some(value) } else { object.values().find_map(connection) }
}

/// A list: a document with PAGE where its arguments go, and what tells its rows apart, in the order of the list.
struct List {
    document: String,
    rows: Vec<Value>,
}

impl List {
    fn new(field: &str, arguments: &str, around: (&str, &str), key: &str, rows: Vec<Value>) -> Self {
        let (before, after) = around;
        let selection = format!(
            "{{ edges {{ cursor node {{ {key} }} }} nodes {{ {key} }} pageInfo {{ startCursor endCursor hasNextPage hasPreviousPage }} totalCount }}"
        );
        Self { document: format!("{{ {before} {field}({arguments} PAGE) {selection} {after} }}"), rows }
    }

    async fn page(&self, actor: &Actor, arguments: &str) -> Value {
        let answer = ask(actor, &self.document.replace("PAGE", arguments), json!({})).await;
        connection(answer.data()).unwrap_or_else(|| panic!("{}", answer.body)).clone()
    }

    /// Walks the whole list in pages of `size`, and checks each page as a whole.
    async fn walk(&self, actor: &Actor, size: usize, backward: bool) {
        let mut cursor: Option<String> = None;
        let mut left = self.rows.len();
        loop {
            let (first, after) = if backward { ("last", "before") } else { ("first", "after") };
            let cursor_argument = cursor.as_ref().map_or(String::new(), |cursor| format!("{after}: \"{cursor}\""));
            let page = self.page(actor, &format!("{first}: {size} {cursor_argument}")).await;
            let take = left.min(size);
            let done = self.rows.len() - left;
            let expected = if backward { &self.rows[left - take..left] } else { &self.rows[done..done + take] };
            assert_eq!(page["nodes"], json!(expected), "{} {arguments} {page}", self.document, arguments = first);
            let nodes: Vec<&Value> = page["edges"].as_array().unwrap().iter().map(|edge| &edge["node"]).collect();
            assert_eq!(json!(nodes), page["nodes"]);
            left -= take;
            let (start, end) = match page["edges"].as_array().unwrap().as_slice() {
                [] => (Value::Null, Value::Null),
                edges => (edges[0]["cursor"].clone(), edges[edges.len() - 1]["cursor"].clone()),
            };
            let info = json!({ "startCursor": start, "endCursor": end,
                "hasNextPage": if backward { cursor.is_some() } else { left > 0 },
                "hasPreviousPage": if backward { left > 0 } else { cursor.is_some() } });
            assert_eq!(page["pageInfo"], info, "{} {first}", self.document);
            assert_eq!(page["totalCount"], self.rows.len());
            if left == 0 {
                return;
            }
            cursor = page["pageInfo"][if backward { "startCursor" } else { "endCursor" }].as_str().map(str::to_owned);
        }
    }
}

fn sorted<T, K: Ord>(rows: &[T], descending: bool, key: impl Fn(&T) -> K, show: impl Fn(&T) -> Value) -> Vec<Value> {
    let mut rows: Vec<&T> = rows.iter().collect();
    rows.sort_by_key(|row| key(row));
    if descending {
        rows.reverse();
    }
    rows.into_iter().map(show).collect()
}

/// Every list in every order.
async fn lists(world: &World) -> Vec<List> {
    let mut lists = Vec::new();
    let whole = ("", "");
    for (descending, direction) in [(false, "ASC"), (true, "DESC")] {
        let order = |field: &str| format!("orderBy: {{ field: {field}, direction: {direction} }}");
        let show = |row: &PatientRow| json!({ "id": PatientId(row.id).to_string() });
        let by_name = |row: &PatientRow| (row.last_name.clone(), row.first_name.clone(), row.id);
        let rows = sorted(&world.patients, descending, by_name, show);
        lists.push(List::new("patients", &order("NAME"), whole, "id", rows));
        let rows = sorted(&world.patients, descending, |row| (row.mrn.clone(), row.id), show);
        lists.push(List::new("patients", &order("MRN"), whole, "id", rows));
        let rows = sorted(&world.patients, descending, |row| (row.created_at, row.id), show);
        lists.push(List::new("patients", &order("CREATED_AT"), whole, "id", rows));

        let show = |row: &LogRow| json!({ "id": TaskLogId(row.id).to_string() });
        let (patient, clinician) = (world.patients[0].id, world.one.clinician.staff.0);
        let of_patient: Vec<LogRow> = world.logs.iter().filter(|log| log.patient == patient).cloned().collect();
        let of_clinician: Vec<LogRow> = world.logs.iter().filter(|log| log.clinician == clinician).cloned().collect();
        let on_patient = format!("node(id: \"{}\") {{ ... on Patient {{", PatientId(patient));
        let on_clinician = format!("node(id: \"{}\") {{ ... on Staff {{", StaffId(clinician));
        for (around, logs) in [
            (whole, &world.logs),
            ((on_patient.as_str(), "} }"), &of_patient),
            ((on_clinician.as_str(), "} }"), &of_clinician),
        ] {
            let rows = sorted(logs, descending, |row| (row.completed_at, row.id), show);
            lists.push(List::new("taskLogs", &order("COMPLETED_AT"), around, "id", rows));
            let rows = sorted(logs, descending, |row| (row.updated_at, row.id), show);
            lists.push(List::new("taskLogs", &order("UPDATED_AT"), around, "id", rows));
        }
    }
    let show = |row: &(&str, Uuid)| json!({ "id": StaffId(row.1).to_string() });
    let mut staff = vec![
        ("Ada Admin", world.one.admin.staff.0),
        ("Carl Clinician", world.one.clinician.staff.0),
        ("Dora Doctor", world.one.colleague.staff.0),
    ];
    for number in 0..5 {
        let role = patient_logger::kernel::Role::Clinician;
        let person = world.app.employ(&world.one, &format!("flo{number}@agency.example"), role).await;
        staff.push(("Flo Float", person.staff.0));
    }
    lists.push(List::new("staff", "", whole, "id", sorted(&staff, false, |row| *row, show)));
    lists.push(List::new("clinicians", "", whole, "id", sorted(&staff[1..], false, |row| *row, show)));

    let patient = PatientId(world.patients[0].id).to_string();
    let log = world.clinician().task_log(&patient, "version 1").await;
    for version in 2..=8 {
        let input = json!({ "id": log, "description": format!("version {version}") });
        world.clinician().mutate("updateTaskLog", input, "taskLog { version }").await;
    }
    let on_log = format!("node(id: \"{log}\") {{ ... on TaskLog {{");
    let versions = (1..=7).rev().map(|version| json!({ "version": version })).collect();
    lists.push(List::new("revisions", "", (&on_log, "} }"), "version", versions));
    let input = json!({ "id": log });
    assert_eq!(world.clinician().mutate("deleteTaskLog", input, "").await, json!({ "userErrors": [] }));
    lists
}

#[tokio::test]
async fn every_list_in_every_order_can_be_paged_both_ways_and_shows_each_row_once() {
    let world = World::new(10, 12).await;
    let admin = world.admin();
    // With the version that the deletion left behind.
    let mut lists = lists(&world).await;
    if let Some(revisions) = lists.last_mut() {
        revisions.rows.insert(0, json!({ "version": 8 }));
    }
    assert_eq!(lists.len(), 21);
    for list in &lists {
        for size in [1, 3, 100] {
            for backward in [false, true] {
                list.walk(&admin, size, backward).await;
            }
        }
    }
}

#[tokio::test]
async fn rows_that_come_meanwhile_repeat_and_drop_no_other() {
    let world = World::new(4, 30).await;
    let mut superuser = world.app.database.superuser().await;
    let list = List::new("taskLogs", "", ("", ""), "id", world.recent(|_| true));
    let mut dice = Dice(77);
    for backward in [false, true] {
        let (mut seen, mut cursor) = (Vec::new(), String::new());
        loop {
            let (first, after) = if backward { ("last", "before") } else { ("first", "after") };
            let page = list.page(&world.admin(), &format!("{first}: 4 {cursor}")).await;
            seen.extend(page["nodes"].as_array().unwrap().clone());
            let (end, more) = if backward { ("startCursor", "hasPreviousPage") } else { ("endCursor", "hasNextPage") };
            if page["pageInfo"][more] == false {
                break;
            }
            cursor = format!("{after}: {}", page["pageInfo"][end]);
            // In front of the reader, behind, and on the very same times.
            let mut new = dice.one_of(&world.logs);
            new.id = Uuid::now_v7();
            insert_logs(&mut superuser, &world.one, &[new]).await;
        }
        let mut once = seen.clone();
        once.sort_by_key(ToString::to_string);
        once.dedup();
        assert_eq!(once.len(), seen.len(), "a row came twice");
        assert!(list.rows.iter().all(|row| seen.contains(row)), "a row was dropped");
    }
}

#[tokio::test]
async fn page_arguments_that_make_no_sense_are_refused_with_the_reason() {
    let world = World::new(2, 2).await;
    let admin = world.admin();
    let list = List::new("patients", "", ("", ""), "id", Vec::new());
    let cursor = list.page(&admin, "first: 1").await["pageInfo"]["endCursor"].clone();
    let either = "Give first or last, not both.";
    for (arguments, message) in [
        ("first: 0".to_owned(), "first must be from 1 to 100; it is 0."),
        ("first: -1".to_owned(), "first must be from 1 to 100; it is -1."),
        ("first: 101".to_owned(), "first must be from 1 to 100; it is 101."),
        ("last: 0".to_owned(), "last must be from 1 to 100; it is 0."),
        ("last: 101".to_owned(), "last must be from 1 to 100; it is 101."),
        ("first: -2147483648".to_owned(), "first must be from 1 to 100; it is -2147483648."),
        ("first: 1 last: 1".to_owned(), either),
        (format!("first: 1 last: 1 after: {cursor} before: {cursor}"), either),
        (format!("last: 1 after: {cursor}"), "after goes with first; use before with last."),
        (format!("last: 1 after: {cursor} before: {cursor}"), "after goes with first; use before with last."),
        (format!("first: 1 before: {cursor}"), "before goes with last; use after with first."),
        (format!("before: {cursor}"), "before goes with last; use after with first."),
    ] {
        for field in ["patients", "staff", "clinicians", "taskLogs"] {
            let answer =
                ask(&admin, &format!("{{ {field}({arguments}) {{ pageInfo {{ hasNextPage }} }} }}"), json!({})).await;
            let errors = json!([{ "message": message, "path": [field], "locations": [{ "line": 1, "column": 3 }],
                "extensions": { "code": "BAD_USER_INPUT" } }]);
            assert_eq!(answer.body, json!({ "data": { field: null }, "errors": errors }), "{arguments}");
        }
    }
    // What is no page at all ends the document before it runs.
    for (size, code) in [
        ("2147483647", "QUERY_TOO_COMPLEX"),
        ("2147483648", "QUERY_TOO_COMPLEX"),
        ("99999999999999999999", "GRAPHQL_VALIDATION_FAILED"),
        ("1.5", "GRAPHQL_VALIDATION_FAILED"),
        ("\"1\"", "GRAPHQL_VALIDATION_FAILED"),
        ("true", "GRAPHQL_VALIDATION_FAILED"),
    ] {
        for field in ["first", "last"] {
            let answer = ask(&admin, &format!("{{ patients({field}: {size}) {{ nodes {{ id }} }} }}"), json!({})).await;
            assert_eq!(answer.body["errors"][0]["extensions"]["code"], code, "{field}: {size} {}", answer.body);
        }
    }
    for (groups, message) in [
        ("0", "first must be from 1 to 100."),
        ("-1", "first must be from 1 to 100."),
        ("101", "first must be from 1 to 100."),
    ] {
        let query = format!("{{ taskLogStats(groupBy: DAY) {{ groups(first: {groups}) {{ count }} }} }}");
        let answer = ask(&admin, &query, json!({})).await;
        assert_eq!((answer.code(), answer.body["errors"][0]["message"].as_str()), ("BAD_USER_INPUT", Some(message)));
    }
}

#[tokio::test]
async fn a_cursor_fits_only_the_list_the_order_and_the_hospital_that_it_came_from() {
    let world = World::new(3, 3).await;
    let admin = world.admin();
    let ordered = |field: &str, order: &str| List::new(field, order, ("", ""), "id", Vec::new());
    let by_name = ordered("patients", "orderBy: { field: NAME, direction: ASC }");
    let end = async |list: &List, actor: &Actor| {
        list.page(actor, "first: 1").await["pageInfo"]["endCursor"].as_str().unwrap().to_owned()
    };
    let good = end(&by_name, &admin).await;
    assert_eq!(good, end(&by_name, &world.clinician()).await, "a row has one cursor in a list");

    let mut bad = vec![
        String::new(),
        "x".into(),
        "null".into(),
        "MQ".into(),
        "🜁".into(),
        format!("{good}="),
        format!("{good}A"),
        good[..good.len() - 2].to_owned(),
        "A".repeat(5_000),
        end(&ordered("patients", "orderBy: { field: NAME, direction: DESC }"), &admin).await,
        end(&ordered("patients", "orderBy: { field: MRN, direction: ASC }"), &admin).await,
        end(&ordered("patients", ""), &admin).await,
        end(&ordered("staff", ""), &admin).await,
        end(&ordered("taskLogs", ""), &admin).await,
    ];
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(&good).unwrap();
    for place in 0..bytes.len() {
        let mut tampered = bytes.clone();
        tampered[place] ^= 1;
        bad.push(BASE64_URL_SAFE_NO_PAD.encode(tampered));
    }
    // The other hospital has patients and staff that sort just like ours.
    let theirs = world
        .app
        .admin(&world.two)
        .ask("{ patients(first: 1, orderBy: { field: NAME, direction: ASC }) { pageInfo { endCursor } } }")
        .await;
    bad.push(theirs.data()["patients"]["pageInfo"]["endCursor"].as_str().unwrap().to_owned());

    let mut answers = Vec::new();
    for cursor in bad {
        for page in [format!("first: 1, after: {}", json!(cursor)), format!("last: 1, before: {}", json!(cursor))] {
            answers.push((cursor.clone(), ask(&admin, &by_name.document.replace("PAGE", &page), json!({})).await));
        }
    }
    assert_eq!(answers[0].1.code(), "BAD_USER_INPUT");
    for (cursor, answer) in &answers {
        assert_eq!(answer, &answers[0].1, "{cursor}");
    }
    let swapped =
        format!("{{ clinicians(first: 1, after: \"{}\") {{ totalCount }} }}", end(&ordered("staff", ""), &admin).await);
    assert_eq!(ask(&admin, &swapped, json!({})).await.code(), "BAD_USER_INPUT", "staff and clinicians are two lists");
    assert_eq!(
        by_name.page(&admin, &format!("first: 1, after: \"{good}\"")).await["nodes"].as_array().unwrap().len(),
        1
    );
}

#[tokio::test]
async fn a_cursor_shows_nothing_of_its_row() {
    let world = World::new(1, 0).await;
    let patient = &world.patients[0];
    for order in ["NAME", "MRN", "CREATED_AT"] {
        let query =
            format!("{{ patients(orderBy: {{ field: {order}, direction: ASC }}) {{ pageInfo {{ endCursor }} }} }}");
        let answer = ask(&world.admin(), &query, json!({})).await;
        let cursor = answer.data()["patients"]["pageInfo"]["endCursor"].as_str().unwrap();
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(cursor).unwrap();
        let time = patient.created_at.to_rfc3339_opts(SecondsFormat::Secs, true);
        let id = patient.id.simple().to_string();
        for secret in [&patient.last_name, &patient.first_name, &patient.mrn, &time, &id] {
            for part in secret.as_bytes().windows(4) {
                assert!(!bytes.windows(4).any(|window| window == part), "{order} shows {secret}");
            }
        }
        assert!(!bytes.windows(4).any(|window| patient.id.as_bytes().windows(4).any(|part| window == part)));
    }
}

/// Whether every word is part of one of the texts, upper or lower case.
fn has_words(text: Option<&str>, texts: &[&str]) -> bool {
    let texts: Vec<String> = texts.iter().map(|text| text.to_lowercase()).collect();
    let mut words = text.unwrap_or_default().split_whitespace();
    words.all(|word| texts.iter().any(|text| text.contains(&word.to_lowercase())))
}

fn within(range: &Value, time: DateTime<Utc>) -> bool {
    let side = |name: &str| range[name].as_str().map(|text| text.parse::<DateTime<Utc>>().unwrap());
    side("from").is_none_or(|from| from <= time) && side("to").is_none_or(|to| time < to)
}

fn listed(list: &Value, item: &str) -> bool {
    list.as_array().is_none_or(|list| list.iter().any(|one| one == item))
}

fn time(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::AutoSi, true)
}

#[tokio::test]
async fn a_filter_of_task_logs_finds_what_it_says_alone_and_combined() {
    let mut world = World::new(5, 0).await;
    let mut dice = Dice(4_711);
    world.logs = (0..60).map(|_| some_log(&mut dice, &world.patients, &world.one)).collect();
    for log in &mut world.logs {
        log.deleted = dice.roll(4) == 0;
        log.description =
            format!("{} {}", dice.one_of(&["100% SpO2", "a_b", "c\\d", "Dose: 5 mg", "dose given"]), log.description);
    }
    insert_logs(&mut world.app.database.superuser().await, &world.one, &world.logs).await;

    let patients: Vec<String> = world.patients.iter().map(|row| PatientId(row.id).to_string()).collect();
    let clinicians =
        [&world.one.clinician, &world.one.colleague, &world.one.admin].map(|person| person.staff.to_string());
    let times: Vec<String> = world.logs.iter().flat_map(|log| [time(log.completed_at), time(log.updated_at)]).collect();
    let words =
        ["100%", "%", "_", "a_b", "axb", "\\", "c\\d", "dose 5", "DOSE", "pulse temperature", "%%", "\\%", "'", "1"];
    let range = |dice: &mut Dice| {
        let mut range = json!({});
        for side in ["from", "to"] {
            if dice.roll(3) > 0 {
                range[side] = json!(dice.one_of(&times));
            }
        }
        range
    };
    let names = ["patientIds", "clinicianIds", "taskTypes", "completedAt", "updatedAt", "text", "deleted"];
    let mut sizes = std::collections::BTreeSet::new();
    for round in 0..180 {
        let mut filter = json!({});
        for (index, name) in names.into_iter().enumerate() {
            // Each alone at first, then mixed.
            if if round < 42 { round % 7 == index } else { dice.roll(5) < 2 } {
                filter[name] = match name {
                    "patientIds" => json!(dice.some_of(&patients, 4)),
                    "clinicianIds" => json!(dice.some_of(&clinicians, 3)),
                    "taskTypes" => json!(dice.some_of(&TYPES, 7)),
                    "text" => json!(dice.one_of(&words)),
                    "deleted" => json!(dice.roll(2) == 0),
                    _ => range(&mut dice),
                };
            }
        }
        let fits = |log: &LogRow| {
            listed(&filter["patientIds"], &PatientId(log.patient).to_string())
                && listed(&filter["clinicianIds"], &StaffId(log.clinician).to_string())
                && listed(&filter["taskTypes"], log.task_type)
                && within(&filter["completedAt"], log.completed_at)
                && within(&filter["updatedAt"], log.updated_at)
                && has_words(filter["text"].as_str(), &[&log.description])
                && log.deleted == (filter["deleted"] == true)
        };
        let patient = &world.patients[round % 5];
        let list = |rows: Vec<Value>| json!({ "totalCount": rows.len(), "nodes": rows });
        let all = list(world.recent(fits));
        let expected = json!({
            "taskLogs": all,
            "taskLogStats": { "totalCount": all["totalCount"] },
            "patient": { "taskLogs": list(world.recent(|log| fits(log) && log.patient == patient.id)) },
            "staff": { "nodes": [{ "taskLogs": list(world.recent(|log| fits(log) && log.clinician == world.one.clinician.staff.0)) }] },
        });
        let query = "query($filter: TaskLogFilter, $patient: ID!) {
            taskLogs(first: 100, filter: $filter) { nodes { id } totalCount }
            taskLogStats(filter: $filter, groupBy: TASK_TYPE) { totalCount }
            patient(id: $patient) { taskLogs(first: 100, filter: $filter) { nodes { id } totalCount } }
            staff(first: 1, filter: { text: \"carl\" }) { nodes { taskLogs(first: 100, filter: $filter) { nodes { id } totalCount } } } }";
        let variables = json!({ "filter": filter, "patient": PatientId(patient.id).to_string() });
        let answer = ask(&world.admin(), query, variables).await;
        assert_eq!(*answer.data(), expected, "{filter}");
        sizes.insert(all["totalCount"].to_string());
    }
    assert!(sizes.len() > 15, "the filters find different things: {sizes:?}");
}

#[tokio::test]
async fn a_filter_of_patients_finds_what_it_says_alone_and_combined() {
    let mut world = World::new(0, 0).await;
    let mut dice = Dice(815);
    for number in 0..60 {
        let mut row = some_patient(&mut dice, number);
        row.archived = dice.roll(4) == 0;
        row.first_name = dice.one_of(&["Ada_Bo", "ada", "Adam 5%", "Back\\slash"]).to_owned();
        world.patients.push(row);
    }
    insert_patients(&mut world.app.database.superuser().await, &world.one, &world.patients).await;
    let words =
        ["ada", "ADA love", "mrn-0", "MRN-01 o'neil", "_", "a_b", "axb", "%", "5%", "\\", "k\\s", "nobody", "a e"];
    let mut sizes = std::collections::BTreeSet::new();
    for round in 0..150 {
        let mut filter = json!({});
        for (index, name) in ["text", "rooms", "statuses", "archived"].into_iter().enumerate() {
            if if round < 40 { round % 4 == index } else { dice.roll(2) == 0 } {
                filter[name] = match name {
                    "text" => json!(dice.one_of(&words)),
                    "rooms" => json!(dice.some_of(&["1A", "1B", "2%", "%", "1a"], 3)),
                    "statuses" => json!(dice.some_of(&["ADMITTED", "DISCHARGED"], 2)),
                    _ => json!(dice.roll(2) == 0),
                };
            }
        }
        let fits = |row: &&PatientRow| {
            has_words(filter["text"].as_str(), &[&row.first_name, &row.last_name, &row.mrn])
                && (filter["rooms"].is_null() || row.room.is_some_and(|room| listed(&filter["rooms"], room)))
                && listed(&filter["statuses"], row.status)
                && row.archived == (filter["archived"] == true)
        };
        let rows: Vec<PatientRow> = world.patients.iter().filter(fits).cloned().collect();
        let rows =
            sorted(&rows, true, |row| (row.created_at, row.id), |row| json!({ "id": PatientId(row.id).to_string() }));
        let query =
            "query($filter: PatientFilter) { patients(first: 100, filter: $filter) { nodes { id } totalCount } }";
        let answer = ask(&world.clinician(), query, json!({ "filter": filter })).await;
        assert_eq!(*answer.data(), json!({ "patients": { "nodes": rows, "totalCount": rows.len() } }), "{filter}");
        sizes.insert(rows.len());
    }
    assert!(sizes.len() > 10, "the filters find different things: {sizes:?}");
}

#[tokio::test]
async fn upper_and_lower_case_are_one_in_every_script_that_has_them() {
    let world = World::new(0, 0).await;
    let admin = world.admin();
    for (number, name) in ["Ångström", "Αθηνά", "Жуков", "Müller"].into_iter().enumerate() {
        let input =
            json!({ "mrn": number.to_string(), "firstName": "x", "lastName": name, "dateOfBirth": "1980-02-29" });
        let payload = admin.mutate("createPatient", input, "patient { lastName }").await;
        assert_eq!(payload, json!({ "patient": { "lastName": name }, "userErrors": [] }));
        for text in [name.to_lowercase(), name.to_uppercase()] {
            let query = "query($text: String!) { patients(filter: { text: $text }) { nodes { lastName } } }";
            let answer = ask(&admin, query, json!({ "text": text })).await;
            assert_eq!(answer.data()["patients"]["nodes"], json!([{ "lastName": name }]), "{text}");
        }
    }
}

/// The types of the schema by name, as introspection shows them.
async fn schema(actor: &Actor) -> std::collections::BTreeMap<String, Value> {
    let query = "{ __schema { types { name kind
        fields { name args { name type { ...T } } type { ...T } } inputFields { name type { ...T } } } } }
        fragment T on __Type { name kind ofType { name kind ofType { name kind ofType { name } } } }";
    let answer = actor.ask(query).await;
    let types = answer.data()["__schema"]["types"].as_array().unwrap().clone();
    types.into_iter().map(|ty| (ty["name"].as_str().unwrap().to_owned(), ty)).collect()
}

/// The name of a type without its lists and exclamation marks.
fn named(ty: &Value) -> &str {
    if ty["ofType"].is_object() { named(&ty["ofType"]) } else { ty["name"].as_str().unwrap() }
}

fn each(list: &Value) -> impl Iterator<Item = &Value> {
    list.as_array().into_iter().flatten()
}

fn name(thing: &Value) -> &str {
    thing["name"].as_str().unwrap()
}

#[tokio::test]
async fn null_in_a_filter_is_an_error_that_names_it() {
    let world = World::new(1, 1).await;
    let admin = world.admin();
    let types = schema(&admin).await;
    let (patient, staff) = (PatientId(world.patients[0].id).to_string(), world.one.admin.staff.to_string());
    let mut tried = Vec::new();
    for ty in types.values() {
        for field in each(&ty["fields"]) {
            let Some(filter) = each(&field["args"]).find(|argument| argument["name"] == "filter") else { continue };
            let call = match (name(ty), name(field)) {
                ("Query", "taskLogStats") => "{ taskLogStats(groupBy: DAY, filter: FILTER) { totalCount } }".to_owned(),
                ("Query", list) => format!("{{ {list}(filter: FILTER) {{ totalCount }} }}"),
                ("Patient", list) => {
                    format!("{{ patient(id: \"{patient}\") {{ {list}(filter: FILTER) {{ totalCount }} }} }}")
                }
                ("Staff", list) => {
                    format!(
                        "{{ node(id: \"{staff}\") {{ ... on Staff {{ {list}(filter: FILTER) {{ totalCount }} }} }} }}"
                    )
                }
                (ty, field) => panic!("say here how a document reaches {ty}.{field}"),
            };
            // The filter, its fields, and theirs.
            let mut nulls = vec![("filter".to_owned(), Value::Null)];
            let input = named(&filter["type"]);
            for field in each(&types[input]["inputFields"]) {
                let path = format!("filter.{}", name(field));
                nulls.push((path.clone(), json!({ name(field): null })));
                for inner in each(&types[named(&field["type"])]["inputFields"]) {
                    nulls.push((format!("{path}.{}", name(inner)), json!({ name(field): { name(inner): null } })));
                }
            }
            for (path, value) in nulls {
                let literal = value.to_string().replace('"', "");
                let by_variable = format!("query($f: {input}) {}", call.replace("FILTER", "$f"));
                for (query, variables) in
                    [(call.replace("FILTER", &literal), json!({})), (by_variable, json!({ "f": value }))]
                {
                    let answer = ask(&admin, &query, variables).await;
                    let message = format!("{path} is null. Leave it out to set no condition, or give it a value.");
                    assert_eq!(
                        (answer.code(), &answer.body["errors"][0]["message"]),
                        ("BAD_USER_INPUT", &json!(message)),
                        "{query}"
                    );
                }
                tried.push(format!("{}.{}({path})", name(ty), name(field)));
            }
        }
    }
    assert!(tried.len() > 50, "{tried:?}");
}

#[tokio::test]
async fn stats_count_what_a_hand_counts() {
    let world = World::new(5, 60).await;
    let counted = |key: &dyn Fn(&LogRow) -> String| {
        let mut groups = std::collections::BTreeMap::<String, usize>::new();
        world.logs.iter().for_each(|log| *groups.entry(key(log)).or_default() += 1);
        // Largest first; among equals, by key.
        let mut groups: Vec<(String, usize)> = groups.into_iter().collect();
        groups.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        groups
    };
    let query = "query($by: TaskLogGroupBy!) { taskLogStats(groupBy: $by) { totalCount groupCount
        groups { taskType clinician { id } patient { id } day count } } }";
    let stats =
        async |by: &str| ask(&world.clinician(), query, json!({ "by": by })).await.data()["taskLogStats"].clone();
    let group = |change: Value, count: usize| {
        let mut group = json!({ "taskType": null, "clinician": null, "patient": null, "day": null, "count": count });
        change.as_object().unwrap().iter().for_each(|(name, value)| group[name] = value.clone());
        group
    };
    let check = async |by: &str, groups: Vec<Value>| {
        assert_eq!(stats(by).await, json!({ "totalCount": 60, "groupCount": groups.len(), "groups": groups }), "{by}");
    };
    let by_type = counted(&|log| log.task_type.to_owned());
    check("TASK_TYPE", by_type.iter().map(|(key, count)| group(json!({ "taskType": key }), *count)).collect()).await;
    let by_clinician = counted(&|log| StaffId(log.clinician).to_string());
    check(
        "CLINICIAN",
        by_clinician.iter().map(|(key, count)| group(json!({ "clinician": { "id": key } }), *count)).collect(),
    )
    .await;
    let by_patient = counted(&|log| PatientId(log.patient).to_string());
    check(
        "PATIENT",
        by_patient.iter().map(|(key, count)| group(json!({ "patient": { "id": key } }), *count)).collect(),
    )
    .await;
    check("DAY", vec![group(json!({ "day": "2026-02-01" }), 60)]).await;

    let nobody = "{ taskLogStats(groupBy: DAY, filter: { taskTypes: [] }) { totalCount groupCount groups { count } } }";
    let nothing = json!({ "totalCount": 0, "groupCount": 0, "groups": [] });
    assert_eq!(ask(&world.admin(), nobody, json!({})).await.data()["taskLogStats"], nothing);
}

#[tokio::test]
async fn a_day_in_the_stats_is_a_day_on_the_hospitals_clock_also_when_that_clock_changes() {
    let world = World::new(1, 0).await;
    let mut dice = Dice(1);
    let mut log =
        |at: &str| LogRow { completed_at: at.parse().unwrap(), ..some_log(&mut dice, &world.patients, &world.one) };
    // London goes forward on 2026-03-29 at 01:00 UTC and went back on 2025-10-26 at 01:00 UTC.
    let logs = [
        ("2025-10-25T22:59:59.999999Z", "2025-10-25"),
        ("2025-10-25T23:00:00Z", "2025-10-26"),
        ("2025-10-26T00:30:00Z", "2025-10-26"),
        ("2025-10-26T23:59:59.999999Z", "2025-10-26"),
        ("2025-10-27T00:00:00Z", "2025-10-27"),
        ("2026-03-28T23:59:59.999999Z", "2026-03-28"),
        ("2026-03-29T00:00:00Z", "2026-03-29"),
        ("2026-03-29T22:59:59.999999Z", "2026-03-29"),
        ("2026-03-29T23:00:00Z", "2026-03-30"),
    ];
    let rows: Vec<LogRow> = logs.iter().map(|(at, _)| log(at)).collect();
    let mut superuser = world.app.database.superuser().await;
    insert_logs(&mut superuser, &world.one, &rows).await;
    let query = "{ taskLogStats(groupBy: DAY) { totalCount groupCount groups { day count } } }";
    let group = |day: &str, count: usize| json!({ "day": day, "count": count });
    let expected = json!({ "totalCount": 9, "groupCount": 6, "groups": [
        group("2026-03-30", 1), group("2026-03-29", 2), group("2026-03-28", 1),
        group("2025-10-27", 1), group("2025-10-26", 3), group("2025-10-25", 1) ] });
    assert_eq!(ask(&world.clinician(), query, json!({})).await.data()["taskLogStats"], expected);

    // A list that is cut says so: 130 days more than it can show.
    let days = (0..130).map(|day| log(&time(start() - Duration::days(200 + day))));
    insert_logs(&mut superuser, &world.one, &days.collect::<Vec<_>>()).await;
    let query = "{ taskLogStats(groupBy: DAY) { totalCount groupCount groups { day } two: groups(first: 2) { day } } }";
    let answer = ask(&world.clinician(), query, json!({})).await;
    let stats = &answer.data()["taskLogStats"];
    assert_eq!((&stats["totalCount"], &stats["groupCount"]), (&json!(139), &json!(136)));
    let groups = stats["groups"].as_array().unwrap();
    assert_eq!(groups.len(), 100);
    assert!(groups.is_sorted_by(|one, other| one["day"].as_str() > other["day"].as_str()));
    assert_eq!(stats["two"], json!(groups[..2]));
}

#[tokio::test]
async fn an_id_finds_its_object_again_whatever_its_kind() {
    let world = World::new(1, 1).await;
    let (one, patient, log) = (&world.one, PatientId(world.patients[0].id), TaskLogId(world.logs[0].id));
    let node = |kind: &str, id: String| json!({ "__typename": kind, "id": id });
    let found = [
        node("Hospital", one.id.to_string()),
        node("Patient", patient.to_string()),
        node("Staff", one.admin.staff.to_string()),
        node("TaskLog", log.to_string()),
        node("Patient", patient.to_string()),
    ];
    let mut ids: Vec<Value> = found.iter().map(|node| node["id"].clone()).collect();
    let mut expected = found.to_vec();
    let new = Uuid::now_v7();
    // What has no node, what does not exist, and what is another hospital's.
    for absent in [
        AccountId(new).to_string(),
        SessionId(new).to_string(),
        PatientId(new).to_string(),
        HospitalId(new).to_string(),
        world.two.id.to_string(),
        world.two.admin.staff.to_string(),
    ] {
        ids.insert(ids.len() / 2, json!(absent));
        expected.insert(expected.len() / 2, Value::Null);
    }
    for actor in [world.admin(), world.clinician()] {
        let query = "query($ids: [ID!]!) { nodes(ids: $ids) { __typename id } }";
        assert_eq!(ask(&actor, query, json!({ "ids": ids })).await.data()["nodes"], json!(expected));
        for (id, node) in ids.iter().zip(&expected) {
            let query = "query($id: ID!) { node(id: $id) { __typename id } }";
            assert_eq!(ask(&actor, query, json!({ "id": id })).await.data()["node"], *node);
        }
        for (ids, message) in [
            (vec![patient.to_string(); 101], "ids may hold at most 100 ids; it holds 101."),
            (vec![patient.to_string(), "pat_1".into()], "\"pat_1\" is not an id of this API."),
        ] {
            let answer = ask(&actor, "query($ids: [ID!]!) { nodes(ids: $ids) { id } }", json!({ "ids": ids })).await;
            assert_eq!((answer.code(), &answer.body["errors"][0]["message"]), ("BAD_USER_INPUT", &json!(message)));
        }
    }
}

/// Where an id can be given: the kind that is wanted there, and a document that gives `$id` there.
const ID_PLACES: [(&str, &str, &str); 21] = [
    ("Query.node(id)", "", "query($id: ID!) { node(id: $id) { __typename id } }"),
    ("Query.nodes(ids)", "", "query($id: ID!) { nodes(ids: [$id]) { __typename id } }"),
    ("Query.patient(id)", "pat", "query($id: ID!) { patient(id: $id) { id mrn taskLogs { totalCount } } }"),
    ("Query.taskLog(id)", "log", "query($id: ID!) { taskLog(id: $id) { id description patient { mrn } } }"),
    (
        "TaskLogFilter.patientIds",
        "pat",
        "query($id: ID!) {
        taskLogs(filter: { patientIds: [$id] }) { totalCount nodes { id } }
        taskLogStats(filter: { patientIds: [$id] }, groupBy: PATIENT) { totalCount groupCount groups { count } }
        patients { nodes { taskLogs(filter: { patientIds: [$id] }) { totalCount nodes { id } } } } }",
    ),
    (
        "TaskLogFilter.clinicianIds",
        "stf",
        "query($id: ID!) {
        taskLogs(filter: { clinicianIds: [$id] }) { totalCount nodes { id } }
        taskLogStats(filter: { clinicianIds: [$id] }, groupBy: CLINICIAN) { totalCount groupCount groups { count } }
        staff { nodes { taskLogs(filter: { clinicianIds: [$id] }) { totalCount nodes { id } } } } }",
    ),
    (
        "UpdatePatientInput.id",
        "pat",
        "mutation($id: ID!) { updatePatient(input: { id: $id, room: \"9Z\" }) {
        patient { id } userErrors { code message field } } }",
    ),
    (
        "ArchivePatientInput.id",
        "pat",
        "mutation($id: ID!) { archivePatient(input: { id: $id }) {
        patient { id } userErrors { code message field } } }",
    ),
    (
        "UpdateStaffInput.id",
        "stf",
        "mutation($id: ID!) { updateStaff(input: { id: $id, name: \"X\", role: ADMIN }) {
        staff { id } userErrors { code message field } } }",
    ),
    (
        "DeactivateStaffInput.id",
        "stf",
        "mutation($id: ID!) { deactivateStaff(input: { id: $id }) {
        staff { id } userErrors { code message field } } }",
    ),
    (
        "CreateTaskLogInput.patientId",
        "pat",
        "mutation($id: ID!) {
        createTaskLog(input: { patientId: $id, taskType: OTHER, description: \"x\", idempotencyKey: \"k\" }) {
        taskLog { id } userErrors { code message field } } }",
    ),
    (
        "UpdateTaskLogInput.id",
        "log",
        "mutation($id: ID!) { updateTaskLog(input: { id: $id, notes: \"x\", reason: \"y\" }) {
        taskLog { id } userErrors { code message field } } }",
    ),
    (
        "DeleteTaskLogInput.id",
        "log",
        "mutation($id: ID!) { deleteTaskLog(input: { id: $id, reason: \"y\" }) {
        deletedTaskLogId userErrors { code message field } } }",
    ),
    (
        "ExplainAccessAs.staffId",
        "stf",
        "query($id: ID!) { explainAccess(document: \"{ hospital { name } }\", as: { staffId: $id }) { allowed } }",
    ),
    (
        "ExplainAccessAs.partnerKeyId",
        "key",
        "query($id: ID!) { explainAccess(document: \"{ hospital { name } }\", as: { partnerKeyId: $id }) { allowed } }",
    ),
    (
        "RevokePartnerKeyInput.id",
        "key",
        "mutation($id: ID!) { revokePartnerKey(input: { id: $id }) {
        partnerKey { id } userErrors { code message field } } }",
    ),
    (
        "RevokeSessionInput.id",
        "ses",
        "mutation($id: ID!) { revokeSession(input: { id: $id }) {
        session { id } userErrors { code message field } } }",
    ),
    (
        "RevokeInvitationInput.id",
        "inv",
        "mutation($id: ID!) { revokeInvitation(input: { id: $id }) {
        invitation { id } userErrors { code message field } } }",
    ),
    (
        "StartPasswordResetInput.staffId",
        "stf",
        "mutation($id: ID!) { startPasswordReset(input: { staffId: $id }) {
        staff { id } userErrors { code message field } } }",
    ),
    (
        "ResetSecondFactorInput.staffId",
        "stf",
        "mutation($id: ID!) { resetSecondFactor(input: { staffId: $id }) {
        staff { id } userErrors { code message field } } }",
    ),
    (
        "SwitchContextInput.staffId",
        "stf",
        "mutation($id: ID!) { switchContext(input: { staffId: $id }) {
        accessToken viewer { id } userErrors { code message field } } }",
    ),
];

/// The answer as it comes over the wire, without what is new on each: the id of the request is in a header.
async fn wire(actor: &Actor, query: &str, id: &str) -> (u16, String) {
    let response = actor.post().json(&json!({ "query": query, "variables": { "id": id } })).send().await.unwrap();
    let status = response.status().as_u16();
    (status, response.text().await.unwrap())
}

/// Everything that is in the database.
async fn everything(superuser: &mut PgConnection) -> Vec<String> {
    let sql = "SELECT 'h' || t::text FROM hospitals t UNION ALL SELECT 'a' || t::text FROM accounts t
        UNION ALL SELECT 's' || t::text FROM staff t UNION ALL SELECT 'p' || t::text FROM patients t
        UNION ALL SELECT 'l' || t::text FROM task_logs t UNION ALL SELECT 'r' || t::text FROM task_log_revisions t
        UNION ALL SELECT 'k' || t::text FROM idempotency_keys t UNION ALL SELECT 'e' || t::text FROM sessions t
        UNION ALL SELECT 't' || t::text FROM refresh_tokens t UNION ALL SELECT 'i' || t::text FROM invitations t ORDER BY 1";
    sqlx::query_scalar(sql).fetch_all(superuser).await.unwrap()
}

#[tokio::test]
async fn every_place_that_takes_an_id_treats_the_other_hospitals_like_one_that_does_not_exist() {
    let world = World::new(1, 1).await;
    let types = schema(&world.admin()).await;
    let mut places = Vec::new();
    for ty in types.values() {
        let inputs = each(&ty["inputFields"]).map(|field| (format!("{}.{}", name(ty), name(field)), field));
        let arguments = each(&ty["fields"]).flat_map(|field| {
            let coordinate = format!("{}.{}", name(ty), name(field));
            each(&field["args"]).map(move |argument| (format!("{coordinate}({})", name(argument)), argument))
        });
        places
            .extend(inputs.chain(arguments).filter(|(_, input)| named(&input["type"]) == "ID").map(|(place, _)| place));
    }
    let mut known = ID_PLACES.map(|(place, ..)| place.to_owned());
    known.sort();
    places.sort();
    assert_eq!(places, known, "a place that takes an id belongs into ID_PLACES, with a document that gives one there");

    let mut superuser = world.app.database.superuser().await;
    let theirs = async |table: &str, superuser: &mut PgConnection| -> Uuid {
        let sql = format!("SELECT id FROM {table} WHERE hospital_id = $1 ORDER BY id LIMIT 1");
        sqlx::query_scalar(sqlx::AssertSqlSafe(sql)).bind(world.two.id.0).fetch_one(superuser).await.unwrap()
    };
    world.app.admin(&world.two).partner_key(json!([])).await;
    let invite = async |admin: Actor| {
        let input = json!({ "email": "new@x.example", "name": "New", "role": "CLINICIAN" });
        admin.mutate("inviteStaff", input, "invitation { id }").await["invitation"]["id"].as_str().unwrap().to_owned()
    };
    let (own_invitation, their_invitation) = (invite(world.admin()).await, invite(world.app.admin(&world.two)).await);
    let viewer = world.admin().partner_key(json!([])).await.ask("{ viewer { id } }").await;
    let own_key = viewer.data()["viewer"]["id"].as_str().unwrap().to_owned();
    let new = Uuid::now_v7();
    // Kind, an id of the other hospital, one of nobody, one of ours.
    let ids = [
        (
            "pat",
            PatientId(theirs("patients", &mut superuser).await).to_string(),
            PatientId(new).to_string(),
            PatientId(world.patients[0].id).to_string(),
        ),
        (
            "log",
            TaskLogId(theirs("task_logs", &mut superuser).await).to_string(),
            TaskLogId(new).to_string(),
            TaskLogId(world.logs[0].id).to_string(),
        ),
        ("stf", world.two.colleague.staff.to_string(), StaffId(new).to_string(), world.one.colleague.staff.to_string()),
        ("hos", world.two.id.to_string(), HospitalId(new).to_string(), world.one.id.to_string()),
        (
            "key",
            PartnerKeyId(theirs("partner_keys", &mut superuser).await).to_string(),
            PartnerKeyId(new).to_string(),
            own_key,
        ),
        (
            "ses",
            world.two.admin.session.to_string(),
            SessionId(new).to_string(),
            world.one.colleague.session.to_string(),
        ),
        ("inv", their_invitation, InvitationId(new).to_string(), own_invitation),
    ];
    let nouns = [
        ("pat", "a patient"),
        ("log", "a task log"),
        ("stf", "a member of staff"),
        ("hos", "a hospital"),
        ("key", "a partner key"),
        ("ses", "a session"),
        ("inv", "an invitation"),
    ];
    let noun = |kind: &str| nouns.iter().find(|(prefix, _)| *prefix == kind).unwrap().1;
    let before = everything(&mut superuser).await;
    for (place, wanted, query) in ID_PLACES {
        let mut mistaken = 0;
        for actor in [world.admin(), world.clinician()] {
            for (kind, foreign, absent, own) in &ids {
                if wanted.is_empty() || kind == &wanted {
                    let answer = wire(&actor, query, absent).await;
                    assert_eq!(wire(&actor, query, foreign).await, answer, "{place}");
                    assert!(!answer.1.contains("INTERNAL"), "{place} {}", answer.1);
                } else {
                    let (_, text) = wire(&actor, query, own).await;
                    let body: Value = serde_json::from_str(&text).unwrap();
                    let error = &body["errors"][0];
                    if error["extensions"]["code"] == "FORBIDDEN" {
                        continue;
                    }
                    let message = format!(
                        "\"{own}\" is the id of {}; the id of {} begins with \"{wanted}_\".",
                        noun(kind),
                        noun(wanted)
                    );
                    assert_eq!(
                        (&error["extensions"]["code"], &error["message"]),
                        (&json!("BAD_USER_INPUT"), &json!(message)),
                        "{place}"
                    );
                    mistaken += 1;
                }
            }
        }
        assert!(wanted.is_empty() || mistaken >= 3, "{place} was tried with ids of other kinds");
    }
    assert_eq!(everything(&mut superuser).await, before, "nothing changed");
}

#[tokio::test]
async fn a_text_that_no_row_can_hold_finds_nothing_and_is_no_fault() {
    let world = World::new(1, 1).await;
    for text in ["", " ", "\u{202e}", "\u{10ffff}", &"x".repeat(10_000)] {
        let query =
            "query($text: String!) { patient(mrn: $text) { id } patients(filter: { rooms: [$text] }) { totalCount } }";
        let answer = ask(&world.admin(), query, json!({ "text": text })).await;
        assert_eq!(*answer.data(), json!({ "patient": null, "patients": { "totalCount": 0 } }), "{text:?}");
    }
    let query = "query($text: String!) { patients(filter: { rooms: [$text] }) { totalCount } }";
    assert_eq!(ask(&world.admin(), query, json!({ "text": "1A\0" })).await.code(), "BAD_USER_INPUT");
    for text in ["", "  ", "\0", "a\u{202e}b", &"x".repeat(101)] {
        for list in ["patients", "staff", "clinicians", "taskLogs"] {
            let query = format!("query($text: String!) {{ {list}(filter: {{ text: $text }}) {{ totalCount }} }}");
            let answer = ask(&world.admin(), &query, json!({ "text": text })).await;
            let message = "filter.text must have 1 to 100 printable characters.";
            assert_eq!((answer.code(), &answer.body["errors"][0]["message"]), ("BAD_USER_INPUT", &json!(message)));
        }
    }
}

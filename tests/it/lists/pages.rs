//! Pages, their order and their cursors.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use chrono::SecondsFormat;
use patient_logger::kernel::{PatientId, StaffId, TaskLogId};
use serde_json::{Value, json};
use uuid::Uuid;

use super::world::{Dice, LogRow, PatientRow, World, ask, insert_logs, sorted};
use crate::support::Actor;

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
            if around.0 == on_clinician {
                continue;
            }
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
    assert_eq!(lists.len(), 19);
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

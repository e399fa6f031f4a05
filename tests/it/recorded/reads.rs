use sea_orm::sqlx;
use serde_json::{Value, json};

use crate::support::{Actor, Event, Hospital, TestApp, TestDatabase};

/// A hospital with patients, each with two task logs.
async fn ward(patients: usize) -> (TestApp, Hospital, Vec<String>, Vec<String>) {
    let app = TestApp::start().await;
    let hospital = app.hospital().await;
    let (admin, clinician) = (app.admin(&hospital), app.clinician(&hospital));
    let (mut ids, mut logs) = (Vec::new(), Vec::new());
    for number in 0..patients {
        let patient = admin.patient(&format!("MRN-{number}")).await;
        for _ in 0..2 {
            logs.push(clinician.task_log(&patient, "Pulse 72").await);
        }
        ids.push(patient);
    }
    (app, hospital, ids, logs)
}

/// What one request left.
async fn left(app: &TestApp, actor: &Actor, query: &str) -> (Value, Vec<Event>) {
    let before = app.events().await.len();
    let answer = actor.ask(query).await;
    (answer.body, app.events().await[before..].to_vec())
}

fn sorted(mut ids: Vec<String>) -> Vec<String> {
    ids.sort();
    ids
}

#[tokio::test]
async fn a_read_names_exactly_the_patients_that_it_showed() {
    let (app, hospital, patients, logs) = ward(5).await;
    let clinician = app.clinician(&hospital);
    let named = |ids: &[usize]| sorted(ids.iter().map(|at| patients[*at].clone()).collect());
    for (what, query, shown, rows) in [
        (
            "a page is what is on it, not the row behind it",
            "{ patients(first: 2) { nodes { id } } }".to_owned(),
            named(&[4, 3]),
            2,
        ),
        ("so is one from the end", "{ patients(last: 1) { nodes { id } } }".to_owned(), named(&[0]), 1),
        ("an edge is a row too", "{ patients(first: 1) { edges { node { id } } } }".to_owned(), named(&[4]), 1),
        (
            "a task log is its patient's",
            "{ taskLogs(first: 3) { nodes { description } } }".to_owned(),
            named(&[4, 3]),
            3,
        ),
        (
            "and with the patient it is still one patient",
            "{ taskLogs(first: 3) { nodes { description patient { lastName } } } }".to_owned(),
            named(&[4, 3]),
            5,
        ),
        (
            "what hangs on each",
            "{ patients(first: 2) { nodes { taskLogs(first: 1) { nodes { id } } } } }".to_owned(),
            named(&[4, 3]),
            4,
        ),
        ("one by id", format!("{{ taskLog(id: \"{}\") {{ patient {{ id }} }} }}", logs[0]), named(&[0]), 2),
        ("one by MRN", "{ patient(mrn: \"MRN-1\") { id } }".to_owned(), named(&[1]), 1),
        ("one by the name of its kind", format!("{{ node(id: \"{}\") {{ id }} }}", patients[2]), named(&[2]), 1),
        (
            "the same one twice",
            format!("{{ a: patient(id: \"{0}\") {{ id }} b: node(id: \"{0}\") {{ id }} }}", patients[2]),
            named(&[2]),
            1,
        ),
        (
            "a count of one patient's logs",
            format!("{{ taskLogs(filter: {{ patientIds: [\"{}\"] }}) {{ totalCount }} }}", patients[3]),
            named(&[3]),
            0,
        ),
        (
            "groups of one patient's logs",
            format!(
                "{{ taskLogStats(groupBy: TASK_TYPE, filter: {{ patientIds: [\"{}\"] }}) {{ groups {{ count }} }} }}",
                patients[3]
            ),
            named(&[3]),
            0,
        ),
        ("a count of everybody", "{ patients(first: 1) { totalCount } }".to_owned(), named(&[]), 0),
        ("colleagues", "{ staff { nodes { name } } }".to_owned(), named(&[]), 0),
    ] {
        let (body, events) = left(&app, &clinician, &query).await;
        let [event] = &events[..] else { panic!("{what}: {body} {events:#?}") };
        assert_eq!((event.what(), &event.patients, event.rows), ("READ OK".into(), &shown, rows), "{what}: {body}");
        assert_eq!((event.hospital, event.actor.1), (hospital.id.0, hospital.clinician.staff.0));
        assert_eq!((event.session, event.role.as_str()), (Some(hospital.clinician.session.0), "CLINICIAN"));
        assert_eq!(event.address.as_deref(), Some("127.0.0.1"));
    }
}

#[tokio::test]
async fn what_everybody_has_who_is_signed_in_leaves_nothing_nor_does_a_stranger() {
    let (app, hospital, patients, _) = ward(1).await;
    let clinician = app.clinician(&hospital);
    for query in [
        "{ __typename }",
        "{ viewer { id name email sessions { id } contexts { slug } } hospital { name } }",
        "{ roles { name } }",
    ] {
        let (body, events) = left(&app, &clinician, query).await;
        assert_eq!((body.get("errors"), events), (None, Vec::new()), "{query}: {body}");
    }
    let stranger = format!("{{ patients {{ nodes {{ id }} }} patient(id: \"{}\") {{ id }} }}", patients[0]);
    assert_eq!(left(&app, &app.anonymous(), &stranger).await.1, []);
}

#[tokio::test]
async fn a_refused_field_is_told_and_so_is_what_is_not_there() {
    let (app, hospital, patients, _) = ward(2).await;
    let clinician = app.clinician(&hospital);
    let (_, events) = left(&app, &clinician, "query Contacts { patients { nodes { id contactPhone } } }").await;
    let [event] = &events[..] else { panic!("{events:#?}") };
    assert_eq!((event.what(), event.operation.as_deref()), ("READ PARTIAL".into(), Some("Contacts")));
    assert_eq!(event.fields, ["Patient.id", "PatientConnection.nodes", "Query.patients"]);
    assert_eq!((&event.refused, event.patients.len()), (&vec!["Patient.contactPhone".to_owned()], 2));

    let (_, events) = left(&app, &clinician, "{ partnerKeys { nodes { id } } }").await;
    assert_eq!((events[0].what(), &events[0].refused), ("READ REFUSED".into(), &vec!["Query.partnerKeys".to_owned()]));

    // An id of another hospital, and one that nobody has: the same to whoever asks, and the same here.
    let stranger = app.hospital().await;
    let foreign = app.admin(&stranger).patient("MRN-1").await;
    let unknown = patients[0].replace(&patients[0][30..], "000000");
    for id in [foreign, unknown] {
        let (body, events) = left(&app, &clinician, &format!("{{ patient(id: \"{id}\") {{ id }} }}")).await;
        let [event] = &events[..] else { panic!("{events:#?}") };
        assert_eq!(
            (body, event.what(), &event.patients[..]),
            (json!({ "data": { "patient": null } }), "READ REFUSED".into(), &[][..])
        );
        assert_eq!(event.subject.map(|id| format!("pat_{}", id.simple())), Some(id));
    }
    // A document that is refused as a whole asked for nothing.
    assert_eq!(left(&app, &clinician, "{ patients { nodes { nothing } } }").await.1, []);
}

#[tokio::test]
async fn more_than_fifty_patients_are_several_events_of_one_request() {
    let (app, hospital, _, _) = ward(0).await;
    let admin = app.admin(&hospital);
    let mut patients = Vec::new();
    for number in 0..101 {
        patients.push(admin.patient(&format!("MRN-{number}")).await);
    }
    let query = "{ a: patients(first: 60) { nodes { id } } b: patients(last: 60) { nodes { id } } }";
    let (_, events) = left(&app, &admin, query).await;
    let sizes: Vec<(usize, i32)> = events.iter().map(|event| (event.patients.len(), event.rows)).collect();
    assert_eq!(sizes, [(50, 50), (50, 50), (1, 1)], "no patient twice, none left out");
    assert!(events.iter().all(|event| event.request == events[0].request && event.what() == "READ OK"));
    let named = sorted(events.into_iter().flat_map(|event| event.patients).collect());
    assert_eq!(named, sorted(patients));
}

#[tokio::test]
async fn a_partner_is_named_by_the_key() {
    let (app, hospital, patients, _) = ward(1).await;
    let partner = app.admin(&hospital).partner_key(json!([])).await;
    let id = partner.ask("{ viewer { id } }").await.data()["viewer"]["id"].as_str().unwrap().to_owned();
    let (_, events) = left(&app, &partner, "{ taskLogs { nodes { id notes } } }").await;
    let [event] = &events[..] else { panic!("{events:#?}") };
    assert_eq!((event.what(), event.role.as_str(), event.session), ("READ PARTIAL".into(), "PARTNER", None));
    assert_eq!((event.actor.0.as_str(), format!("key_{}", event.actor.1.simple())), ("PARTNER_KEY", id));
    assert_eq!((&event.patients, event.rows), (&patients, 2));
}

#[tokio::test]
async fn an_address_is_that_of_the_connection_unless_a_trusted_proxy_says_another() {
    for (trusted, told) in [(None, "127.0.0.1"), (Some("127.0.0.0/8"), "203.0.113.9")] {
        let app = TestApp::start_with(|state| {
            state.trusted_proxies = trusted.iter().map(|network| network.parse().unwrap()).collect();
        })
        .await;
        let hospital = app.hospital().await;
        let request = app.clinician(&hospital).post().header("x-forwarded-for", "198.51.100.1, 203.0.113.9");
        request.json(&json!({ "query": "{ patients { nodes { id } } }" })).send().await.unwrap();
        assert_eq!(app.events().await[0].address.as_deref(), Some(told));
    }
}

#[tokio::test]
async fn no_table_has_data_of_patients_that_nobody_notes() {
    let database = TestDatabase::migrated().await;
    let tables = "SELECT c.relname::text FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
        WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
        AND a.attname = 'patient_id' ORDER BY 1";
    let tables: Vec<String> = sqlx::query_scalar(tables).fetch_all(&mut database.superuser().await).await.unwrap();
    assert_eq!(
        tables,
        // The words lead to patients, and are never shown.
        ["break_glass_grants", "patient_restrictions", "patient_words", "task_logs"],
        "a type that stands for a row of a new table is made with the scope and says `scope.witness().saw(…)`, as \
         TaskLog::seen does; then its table belongs into this list"
    );
}

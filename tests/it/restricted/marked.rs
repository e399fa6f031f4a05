use serde_json::json;

use super::Ward;
use crate::support::{Actor, Event};

/// What a request left.
async fn left(ward: &Ward, actor: &Actor, query: &str) -> Vec<Event> {
    let before = ward.app.events().await.len();
    actor.ask(query).await.data();
    ward.app.events().await[before..].to_vec()
}

/// What events say was done, to how many records of how many patients, and why.
fn told(events: &[Event]) -> Vec<(String, i32, usize, Option<&str>)> {
    let mut told: Vec<_> =
        events.iter().map(|event| (event.what(), event.rows, event.patients.len(), event.reason.as_deref())).collect();
    told.sort();
    told
}

#[tokio::test]
async fn every_read_of_an_opened_record_is_marked_and_no_other() {
    let ward = Ward::new().await;
    let Ward { clinician, closed, .. } = &ward;
    let why = Some("Found unconscious");
    let document = format!(
        "mutation Open {{ breakGlass(input: {{ patientId: \"{closed}\", reason: \"Found unconscious\" }}) {{
             patient {{ mrn }} userErrors {{ code }} }} }}"
    );
    let events = left(&ward, clinician, &document).await;
    let expected = [("BREAK_GLASS OK".into(), 0, 1, why), ("BREAK_GLASS_READ OK".into(), 1, 1, why)];
    assert_eq!(told(&events), expected, "{events:#?}");
    let glass = ward.admin.ask("{ breakGlasses { nodes { id } } }").await;
    let glass = glass.data()["breakGlasses"]["nodes"][0]["id"].as_str().unwrap()[4..].parse().unwrap();

    let read = |rows, patients| ("READ OK".to_owned(), rows, patients, None);
    let marked = |rows| ("BREAK_GLASS_READ OK".to_owned(), rows, 1, why);
    for (query, expected) in [
        (format!("{{ patient(id: \"{closed}\") {{ id }} }}"), vec![marked(1)]),
        ("{ patient(mrn: \"MRN-2\") { lastName } }".into(), vec![marked(1)]),
        (format!("{{ node(id: \"{closed}\") {{ id }} }}"), vec![marked(1)]),
        ("{ patients { nodes { id taskLogs { nodes { id } } } } }".into(), vec![marked(2), read(4, 2)]),
        ("{ patients(first: 1) { nodes { mrn } } }".into(), vec![read(1, 1)]),
        ("{ taskLogs { nodes { description } } }".into(), vec![marked(1), read(2, 2)]),
        ("{ staff { nodes { taskLogs { nodes { id } } } } }".into(), vec![marked(1), read(2, 2)]),
        (format!("{{ taskLog(id: \"{}\") {{ notes }} }}", ward.log), vec![marked(1)]),
        (format!("{{ taskLogs(filter: {{ patientIds: [\"{closed}\"] }}) {{ totalCount }} }}"), vec![marked(0)]),
        (
            format!(
                "mutation {{ createTaskLog(input: {{ patientId: \"{closed}\", taskType: OTHER, description: \"Called the family\" }}) {{
                     taskLog {{ id patient {{ lastName }} }} }} }}"
            ),
            vec![marked(1), ("CHANGE OK".into(), 1, 1, None)],
        ),
        ("{ patients(filter: { text: \"MRN-1\" }) { nodes { id } } }".into(), vec![read(1, 1)]),
    ] {
        let events = left(&ward, clinician, &query).await;
        assert_eq!(told(&events), expected, "{query} {events:#?}");
        for event in events.iter().filter(|event| event.action == "BREAK_GLASS_READ") {
            assert_eq!((event.subject, &event.patients), (Some(glass), &vec![closed.clone()]));
            assert_eq!(event.actor.1, ward.hospital.clinician.staff.0);
        }
        let ordinary = events.iter().filter(|event| event.action == "READ");
        assert!(ordinary.flat_map(|event| &event.patients).all(|patient| patient != closed));
    }
    for (actor, expected) in [(&ward.colleague, read(2, 3)), (&ward.admin, read(3, 3))] {
        let events = left(&ward, actor, "{ patients { nodes { id } } }").await;
        assert_eq!(told(&events), [expected], "a stub is no record, and administrators need no glass");
    }
    let query = "{ auditEvents(first: 100, filter: { action: BREAK_GLASS_READ, from: \"2026-03-01T00:00:00Z\" }) {
        nodes { reason subjectDigits patients { mrn } staff { name } } } }";
    let marks = ward.admin.ask(query).await.data()["auditEvents"]["nodes"].as_array().unwrap().clone();
    let mark = json!({ "reason": "Found unconscious", "subjectDigits": glass.simple().to_string(),
        "patients": [{ "mrn": "MRN-2" }], "staff": { "name": "Carl Clinician" } });
    assert_eq!(marks.len(), 10);
    assert!(marks.iter().all(|one| *one == mark), "{marks:#?}");

    // Once it is lifted there is nothing to mark.
    ward.admin.mutate("liftRestriction", json!({ "id": closed }), "patient { id }").await;
    let events = left(&ward, clinician, &format!("{{ patient(id: \"{closed}\") {{ mrn }} }}")).await;
    assert_eq!(told(&events), [read(1, 1)]);
}

#[tokio::test]
async fn restricting_lifting_and_trying_in_vain_are_recorded_with_the_patient() {
    let ward = Ward::new().await;
    let patient = &ward.open[0];
    let id = patient[4..].parse().unwrap();
    let before = ward.app.events().await.len();
    let input = json!({ "id": patient, "reason": "A public figure" });
    ward.admin.mutate("restrictPatient", input, "patient { id }").await;
    ward.admin.mutate("liftRestriction", json!({ "id": patient }), "patient { id }").await;
    let input = json!({ "patientId": patient, "reason": "Found unconscious" });
    ward.clinician.mutate("breakGlass", input, "__typename").await;
    let events = ward.app.events().await[before..].to_vec();
    let told: Vec<_> = events.iter().map(|event| (event.what(), event.subject, event.reason.as_deref())).collect();
    let expected = [
        ("CHANGE OK".to_owned(), Some(id), Some("A public figure")),
        ("CHANGE OK".to_owned(), Some(id), None),
        ("BREAK_GLASS REFUSED".to_owned(), Some(id), Some("Found unconscious")),
    ];
    assert_eq!(told, expected);
    assert!(events[..2].iter().all(|event| event.patients == [patient.clone()]));
}

use chrono::Duration;
use serde_json::{Value, json};

use super::Ward;
use crate::support::{Actor, user_errors};

/// What somebody reads of the closed record: its MRN, how many task logs, and how long it is open.
async fn seen(actor: &Actor, patient: &str) -> Value {
    let query = "query($id: ID!) { patient(id: $id) { mrn restricted glassOpenUntil taskLogs { totalCount } } }";
    actor.ask_with(query, json!({ "id": patient })).await.data()["patient"].clone()
}

fn closed() -> Value {
    json!({ "mrn": null, "restricted": true, "glassOpenUntil": null, "taskLogs": null })
}

fn open_until(time: &str) -> Value {
    json!({ "mrn": "MRN-2", "restricted": true, "glassOpenUntil": time, "taskLogs": { "totalCount": 1 } })
}

#[tokio::test]
async fn the_glass_opens_the_record_to_one_clinician_for_sixty_minutes() {
    let ward = Ward::new().await;
    let Ward { app, hospital, closed: patient, .. } = &ward;
    let input = json!({ "patientId": patient, "reason": "Found unconscious" });
    let payload =
        ward.clinician.mutate("breakGlass", input, "patient { mrn glassOpenUntil taskLogs { totalCount } }").await;
    assert_eq!(user_errors(&payload), []);
    let until = "2026-03-01T13:00:00Z";
    let opened = json!({ "mrn": "MRN-2", "glassOpenUntil": until, "taskLogs": { "totalCount": 1 } });
    assert_eq!(payload["patient"], opened);
    assert_eq!(seen(&ward.clinician, patient).await, open_until(until));
    for other in [&ward.colleague, &ward.partner] {
        assert_eq!(seen(other, patient).await, closed(), "nobody else");
    }
    let other = ward.admin.restricted("MRN-5").await;
    assert_eq!(seen(&ward.clinician, &other).await["mrn"], Value::Null, "no other record");
    ward.clinician.task_log(patient, "Pulse 80").await;

    app.wait(Duration::minutes(60) - Duration::microseconds(1));
    assert_eq!(seen(&app.clinician(hospital), patient).await["mrn"], "MRN-2");
    app.wait(Duration::microseconds(1));
    let clinician = app.clinician(hospital);
    assert_eq!(seen(&clinician, patient).await, closed());
    clinician.break_glass(patient).await;
    app.wait(Duration::minutes(30));
    let clinician = app.clinician(hospital);
    clinician.break_glass(patient).await;
    assert_eq!(seen(&clinician, patient).await["glassOpenUntil"], "2026-03-01T14:30:00Z", "another 60 minutes");
}

#[tokio::test]
async fn the_glass_is_broken_for_a_reason_at_a_restricted_record_by_a_clinician() {
    let ward = Ward::new().await;
    let reason = "Found unconscious";
    let unknown = format!("pat_{}", uuid::Uuid::now_v7().simple());
    let long = "x".repeat(501);
    for (patient, reason, field, code) in [
        (&ward.closed, "", "reason", "BLANK"),
        (&ward.closed, "emergency", "reason", "TOO_SHORT"),
        (&ward.closed, "   emergency   ", "reason", "TOO_SHORT"),
        (&ward.closed, &long, "reason", "TOO_LONG"),
        (&ward.open[0], reason, "patientId", "NOT_RESTRICTED"),
        (&unknown, reason, "patientId", "NOT_FOUND"),
    ] {
        let input = json!({ "patientId": patient, "reason": reason });
        let payload = ward.clinician.mutate("breakGlass", input, "patient { id }").await;
        assert_eq!(user_errors(&payload), [(field.into(), code.into())]);
        assert_eq!(payload["patient"], Value::Null);
    }
    let input = json!({ "patientId": ward.closed, "reason": reason });
    assert_eq!(ward.admin.send("breakGlass", input.clone(), "__typename").await.code(), "FORBIDDEN");
    assert_eq!(ward.partner.send("breakGlass", input, "__typename").await.status, 403);
    assert_eq!(ward.admin.ask("{ breakGlasses { totalCount } }").await.data()["breakGlasses"]["totalCount"], 0);
    for actor in [&ward.clinician, &ward.colleague, &ward.partner] {
        assert_eq!(seen(actor, &ward.closed).await, closed());
    }
    let input = json!({ "id": ward.closed, "reason": "x" });
    assert_eq!(ward.clinician.send("restrictPatient", input, "__typename").await.code(), "FORBIDDEN");
    assert_eq!(
        ward.clinician.send("liftRestriction", json!({ "id": ward.closed }), "__typename").await.code(),
        "FORBIDDEN"
    );
}

#[tokio::test]
async fn administrators_see_at_once_who_opened_what_and_why() {
    let ward = Ward::new().await;
    let query = "query($filter: BreakGlassFilter) { breakGlasses(filter: $filter) { totalCount
        nodes { id patient { mrn } staff { name } reason openedAt expiresAt } } }";
    let listed = async |actor: &Actor, filter: Value| actor.ask_with(query, json!({ "filter": filter })).await;
    ward.clinician.break_glass(&ward.closed).await;
    let list = listed(&ward.admin, json!({})).await.data()["breakGlasses"].clone();
    let id = list["nodes"][0]["id"].clone();
    let opening = json!({ "id": id, "patient": { "mrn": "MRN-2" }, "staff": { "name": "Carl Clinician" },
        "reason": "Found unconscious", "openedAt": "2026-03-01T12:00:00Z", "expiresAt": "2026-03-01T13:00:00Z" });
    assert_eq!(list, json!({ "totalCount": 1, "nodes": [opening] }));

    ward.app.wait(Duration::minutes(1));
    let other = ward.admin.restricted("MRN-5").await;
    ward.colleague.break_glass(&other).await;
    for (filter, names) in [
        (json!({}), vec!["Dora Doctor", "Carl Clinician"]),
        (json!({ "patientId": other }), vec!["Dora Doctor"]),
        (json!({ "staffId": ward.hospital.clinician.staff.to_string() }), vec!["Carl Clinician"]),
        (json!({ "patientId": other, "staffId": ward.hospital.clinician.staff.to_string() }), vec![]),
    ] {
        let list = listed(&ward.admin, filter).await.data()["breakGlasses"].clone();
        let nodes = list["nodes"].as_array().unwrap();
        assert_eq!(nodes.iter().map(|node| node["staff"]["name"].as_str().unwrap()).collect::<Vec<_>>(), names);
        assert_eq!(list["totalCount"], names.len());
    }
    let page =
        ward.admin.ask("{ breakGlasses(first: 1) { nodes { reason } pageInfo { hasNextPage endCursor } } }").await;
    let cursor = &page.data()["breakGlasses"]["pageInfo"]["endCursor"];
    let next = ward.admin.ask(&format!("{{ breakGlasses(first: 1, after: {cursor}) {{ nodes {{ id }} }} }}")).await;
    assert_eq!(next.data()["breakGlasses"]["nodes"], json!([{ "id": id }]));

    let elsewhere = ward.app.hospital().await;
    let list = listed(&ward.app.admin(&elsewhere), json!({})).await.data()["breakGlasses"].clone();
    assert_eq!(list, json!({ "totalCount": 0, "nodes": [] }));
    for actor in [&ward.clinician, &ward.partner] {
        assert_eq!(listed(actor, json!({})).await.code(), "FORBIDDEN");
    }
}

#[tokio::test]
async fn lifting_opens_the_record_to_everybody_and_restricting_it_again_closes_every_glass() {
    let ward = Ward::new().await;
    let patient = &ward.closed;
    ward.clinician.break_glass(patient).await;
    // Another reason is no new restriction.
    ward.app.wait(Duration::seconds(1));
    let input = json!({ "id": patient, "reason": "A public figure" });
    let payload = ward.admin.mutate("restrictPatient", input.clone(), "patient { restrictionReason }").await;
    assert_eq!(payload["patient"]["restrictionReason"], "A public figure");
    assert_eq!(seen(&ward.clinician, patient).await["mrn"], "MRN-2");
    for _ in 0..2 {
        let lifted = ward.admin.mutate("liftRestriction", json!({ "id": patient }), "patient { restricted }").await;
        assert_eq!((user_errors(&lifted), &lifted["patient"]), (vec![], &json!({ "restricted": false })));
    }
    let plain = json!({ "mrn": "MRN-2", "restricted": false, "glassOpenUntil": null, "taskLogs": { "totalCount": 1 } });
    for actor in [&ward.clinician, &ward.colleague, &ward.partner] {
        assert_eq!(seen(actor, patient).await, plain);
    }
    ward.app.wait(Duration::seconds(1));
    ward.admin.mutate("restrictPatient", input, "patient { id }").await;
    for actor in [&ward.clinician, &ward.colleague, &ward.partner] {
        assert_eq!(seen(actor, patient).await, closed());
    }
    for (input, code) in [
        (json!({ "id": patient, "reason": " " }), ("reason", "BLANK")),
        (json!({ "id": format!("pat_{}", uuid::Uuid::now_v7().simple()), "reason": "x" }), ("id", "NOT_FOUND")),
    ] {
        let refused = ward.admin.mutate("restrictPatient", input, "patient { id }").await;
        assert_eq!(user_errors(&refused), [(code.0.into(), code.1.into())]);
    }
}

use sea_orm::sqlx;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Ward, ids};
use crate::support::{Actor, user_errors};

const CONTENT: &str = "mrn firstName lastName dateOfBirth room status updatedAt version taskLogs { totalCount }";

#[tokio::test]
async fn a_closed_record_shows_that_it_is_there_and_nothing_of_what_is_in_it() {
    let ward = Ward::new().await;
    let stub = json!({ "id": ward.closed, "restricted": true, "archivedAt": null, "glassOpenUntil": null,
        "mrn": null, "firstName": null, "lastName": null, "dateOfBirth": null, "room": null, "status": null, "updatedAt": null,
        "version": null, "taskLogs": null, "viewerCanUpdate": false, "viewerCannotUpdateReasons": ["NO_PERMISSION"] });
    for (actor, may_open) in [(&ward.clinician, true), (&ward.partner, false)] {
        let fields = format!(
            "id restricted archivedAt createdAt glassOpenUntil viewerCanUpdate viewerCannotUpdateReasons viewerCanBreakGlass
             {CONTENT}"
        );
        let query = format!(
            "query($id: ID!) {{ patient(id: $id) {{ {fields} }} node(id: $id) {{ ... on Patient {{ {fields} }} }}
             nodes(ids: [$id]) {{ ... on Patient {{ {fields} }} }} patients {{ nodes {{ {fields} }} }} }}"
        );
        let answer = actor.ask_with(&query, json!({ "id": ward.closed })).await;
        let data = answer.data();
        for at in ["/patient", "/node", "/nodes/0", "/patients/nodes/1"] {
            let mut found = data.pointer(at).unwrap().clone();
            let object = found.as_object_mut().unwrap();
            assert!(object.remove("createdAt").unwrap().is_string(), "{at}");
            assert_eq!(object.remove("viewerCanBreakGlass"), Some(json!(may_open)), "{at}");
            assert_eq!(found, stub, "{at}");
        }
        let open = &data["patients"]["nodes"][0];
        assert_eq!((&open["restricted"], &open["mrn"]), (&json!(false), &json!("MRN-3")));
    }
    let query =
        "query($id: ID!) { patient(id: $id) { mrn restricted restrictionReason viewerCanBreakGlass contactPhone } }";
    let seen = ward.admin.ask_with(query, json!({ "id": ward.closed })).await.data()["patient"].clone();
    assert_eq!((&seen["mrn"], &seen["restricted"]), (&json!("MRN-2"), &json!(true)));
    assert_eq!((&seen["restrictionReason"], &seen["viewerCanBreakGlass"]), (&json!("A colleague"), &json!(false)));
    assert!(seen["contactPhone"].is_string());
}

/// All ids of a list, read in pages of this size from the front or from the back.
async fn walk(actor: &Actor, size: usize, backward: bool, rest: &str) -> Vec<String> {
    let (take, behind, more, end) = match backward {
        false => ("first", "after", "hasNextPage", "endCursor"),
        true => ("last", "before", "hasPreviousPage", "startCursor"),
    };
    let (mut found, mut cursor) = (Vec::new(), String::new());
    loop {
        let query =
            format!("{{ patients({take}: {size}{cursor}{rest}) {{ nodes {{ id }} pageInfo {{ {more} {end} }} }} }}");
        let page = actor.ask(&query).await.data()["patients"].clone();
        let mut nodes = ids(&page["nodes"]);
        assert!((1..=size).contains(&nodes.len()), "{page}");
        if backward {
            nodes.extend(found);
            found = nodes;
        } else {
            found.extend(nodes);
        }
        if page["pageInfo"][more] == false {
            return found;
        }
        cursor = format!(", {behind}: {}", page["pageInfo"][end]);
    }
}

#[tokio::test]
async fn closed_records_stand_in_their_places_in_every_page_by_creation() {
    let ward = Ward::new().await;
    // Of ten more, the first two, two in the middle and the last; three are archived.
    for number in 0..10 {
        if number % 4 == 2 {
            ward.app.wait(chrono::Duration::seconds(1));
        }
        let mrn = format!("MORE-{number}");
        let id = match [0, 1, 4, 5, 9].contains(&number) {
            true => ward.admin.restricted(&mrn).await,
            false => ward.admin.patient(&mrn).await,
        };
        if [1, 5, 6].contains(&number) {
            ward.admin.mutate("archivePatient", json!({ "id": id }), "patient { id }").await;
        }
    }
    let clinician = ward.app.clinician(&ward.hospital);
    for rest in [
        "",
        ", orderBy: { field: CREATED_AT, direction: ASC }",
        ", orderBy: { field: CREATED_AT, direction: DESC }, filter: { archived: true }",
        ", filter: { archived: false }",
    ] {
        let all = walk(&ward.admin, 100, false, rest).await;
        assert_eq!(all.len(), if rest.contains("true") { 3 } else { 10 });
        for actor in [&clinician, &ward.partner] {
            for size in [1, 2, 3, 100] {
                for backward in [false, true] {
                    assert_eq!(walk(actor, size, backward, rest).await, all, "{size} {backward} {rest}");
                }
            }
            let query = format!("{{ patients(first: 1{rest}) {{ totalCount }} }}");
            assert_eq!(actor.ask(&query).await.data()["patients"]["totalCount"], all.len(), "{rest}");
        }
    }
}

#[tokio::test]
async fn no_answer_depends_on_what_is_in_a_closed_record() {
    let ward = Ward::new().await;
    let mut superuser = ward.app.database.superuser().await;
    let (patient, log) = (uuid(&ward.closed), uuid(&ward.log));
    let queries: Vec<String> = [
        "patients(filter: { text: \"same\" })",
        "patients(filter: { text: \"zz-same\" })",
        "patients(filter: { rooms: [\"7Z\"] })",
        "patients(filter: { statuses: [DISCHARGED] })",
        "patients(filter: { statuses: [ADMITTED, DISCHARGED] })",
        "patients(orderBy: { field: NAME, direction: ASC })",
        "patients(orderBy: { field: MRN, direction: DESC })",
        "patients",
        "taskLogs",
        "taskLogs(filter: { text: \"same\", completedAt: { from: \"2026-02-01T00:00:00Z\", to: \"2026-03-01T00:00:00Z\" } })",
        "taskLogs(filter: { taskTypes: [WOUND_CARE] })",
        "taskLogs(filter: { completedAt: { from: \"2026-02-01T00:00:00Z\" } })",
        "taskLogs(orderBy: { field: UPDATED_AT, direction: ASC })",
        "taskLogs(filter: { patientIds: [\"<patient>\"] })",
    ]
    .iter()
    .flat_map(|list| {
        let page = "nodes { id } edges { cursor } pageInfo { hasNextPage endCursor }";
        ["totalCount", page].map(|wanted| format!("{{ {list} {{ {wanted} }} }}"))
    })
    .chain(["TASK_TYPE", "PATIENT", "DAY"].map(|by| {
        format!("{{ taskLogStats(groupBy: {by}) {{ totalCount groupCount groups {{ count day patient {{ id }} }} }} }}")
    }))
    .chain([
        "{ taskLog(id: \"<log>\") { id } node(id: \"<log>\") { id } }".to_owned(),
        "{ patient(mrn: \"MRN-2\") { id } }".to_owned(),
        "{ patient(id: \"<patient>\") { restricted mrn taskLogs { totalCount } } }".to_owned(),
    ])
    .map(|query| query.replace("<patient>", &ward.closed).replace("<log>", &ward.log))
    .collect();
    let mut worlds = Vec::new();
    for (word, room, status, task_type) in
        [("same", "7Z", "DISCHARGED", "WOUND_CARE"), ("other", "1A", "ADMITTED", "OTHER")]
    {
        let sql = "UPDATE patients SET first_name = $2, last_name = 'zz-' || $2, room = $3, status = $4, version = version + 1,
                   updated_at = updated_at + interval '1 day' WHERE id = $1";
        sqlx::query(sql).bind(patient).bind(word).bind(room).bind(status).execute(&mut superuser).await.unwrap();
        let sql = "UPDATE task_logs SET description = $2, task_type = $3, version = version + 1, completed_at = $4, updated_at = $4
                   WHERE id = $1";
        let day = if word == "same" { "2026-02-20T00:00:00Z" } else { "2025-01-01T00:00:00Z" };
        let day: chrono::DateTime<chrono::Utc> = day.parse().unwrap();
        let update = sqlx::query(sql).bind(log).bind(word).bind(task_type).bind(day);
        update.execute(&mut superuser).await.unwrap();
        let mut answers = Vec::new();
        for actor in [&ward.clinician, &ward.partner] {
            for query in &queries {
                let answer = actor.ask(query).await;
                assert!(answer.body["errors"].is_null(), "{query}: {}", answer.body);
                answers.push((query, answer.body.to_string()));
            }
        }
        worlds.push(answers);
        // The administrator's answers do depend on it, so the worlds are two.
        let seen = ward.admin.ask("{ patients(filter: { text: \"zz-same\" }) { totalCount } }").await;
        assert_eq!(seen.data()["patients"]["totalCount"], u8::from(word == "same"));
    }
    assert_eq!(worlds[0], worlds[1]);
}

fn uuid(id: &str) -> Uuid {
    id.split_once('_').unwrap().1.parse().unwrap()
}

#[tokio::test]
async fn who_may_break_the_glass_finds_the_record_by_its_exact_mrn() {
    let ward = Ward::new().await;
    let query = "query($mrn: String!) { patient(mrn: $mrn) { id mrn } }";
    for (actor, mrn, found) in [
        (&ward.clinician, "MRN-2", json!({ "id": ward.closed, "mrn": null })),
        (&ward.clinician, "mrn-2", Value::Null),
        (&ward.clinician, "MRN-", Value::Null),
        (&ward.partner, "MRN-2", Value::Null),
        (&ward.partner, "MRN-1", json!({ "id": ward.open[0], "mrn": "MRN-1" })),
        (&ward.admin, "MRN-2", json!({ "id": ward.closed, "mrn": "MRN-2" })),
    ] {
        assert_eq!(by_mrn(actor, query, mrn).await, found, "{mrn}");
    }
}

async fn by_mrn(actor: &Actor, query: &str, mrn: &str) -> Value {
    actor.ask_with(query, json!({ "mrn": mrn })).await.data()["patient"].clone()
}

#[tokio::test]
async fn the_task_logs_of_a_closed_record_are_not_there_and_it_takes_no_new_ones() {
    let ward = Ward::new().await;
    for actor in [&ward.clinician, &ward.partner] {
        let query = format!(
            "{{ taskLogs {{ totalCount nodes {{ description }} }} taskLog(id: \"{0}\") {{ id }} node(id: \"{0}\") {{ id }}
             taskLogStats(groupBy: PATIENT) {{ totalCount groupCount }} }}",
            ward.log
        );
        let data = actor.ask(&query).await.data().clone();
        assert_eq!(data["taskLogs"]["totalCount"], 2);
        assert!(!data.to_string().contains("MRN-2"), "{data}");
        assert_eq!((&data["taskLog"], &data["node"]), (&Value::Null, &Value::Null));
        assert_eq!(data["taskLogStats"], json!({ "totalCount": 2, "groupCount": 2 }));
    }
    let log = json!({ "patientId": ward.closed, "taskType": "VITALS", "description": "Pulse 80" });
    let refused = ward.clinician.mutate("createTaskLog", log, "taskLog { id }").await;
    assert_eq!(user_errors(&refused), [("patientId".into(), "RESTRICTED".into())]);
    // Also for who recorded it: a log that is not there cannot be told from none.
    for (mutation, input) in
        [("updateTaskLog", json!({ "id": ward.log, "notes": "x" })), ("deleteTaskLog", json!({ "id": ward.log }))]
    {
        let refused = ward.clinician.mutate(mutation, input, "__typename").await;
        assert_eq!(user_errors(&refused), [("id".into(), "NOT_FOUND".into())], "{mutation}");
    }
    // A retry does not show again what has been closed since.
    let patient = ward.admin.patient("MRN-4").await;
    let log = json!({ "patientId": patient, "taskType": "VITALS", "description": "Pulse 80", "idempotencyKey": "k" });
    ward.clinician.mutate("createTaskLog", log.clone(), "taskLog { id }").await;
    let input = json!({ "id": patient, "reason": "A colleague" });
    ward.admin.mutate("restrictPatient", input, "patient { id }").await;
    let refused = ward.clinician.mutate("createTaskLog", log, "taskLog { id }").await;
    assert_eq!(
        (user_errors(&refused), &refused["taskLog"]),
        (vec![("patientId".into(), "RESTRICTED".into())], &Value::Null)
    );
}

//! The audit trail as the API shows it: what was done is what it says, to whom it may, at any moment.

use chrono::Duration;
use patient_logger::audit::{hex, path, root, sha256};
use sea_orm::sqlx;
use serde_json::{Value, json};

use crate::support::{Actor, Answer, History, TestApp};

const EVENT: &str =
    "at action outcome operationName actorKind staff { id } partnerKey { name } role sessionId address requestId
    patients { id } rowCount fields refusedFields subjectDigits reason sealed";

/// All operations of a list, newest first, read in pages of this size.
async fn operations(actor: &Actor, list: &str, size: u32) -> Vec<String> {
    let (mut all, mut after) = (Vec::new(), Value::Null);
    loop {
        let query = format!(
            "query($after: String) {{ {} }}",
            list.replace("$page", &format!("first: {size}, after: $after"))
                .replace("$fields", "nodes { operationName } pageInfo { hasNextPage endCursor }")
        );
        let answer = actor.ask_with(&query, json!({ "after": after })).await;
        let mut page = answer.data();
        while page.get("pageInfo").is_none() {
            page = page.as_object().unwrap().values().next().unwrap();
        }
        let nodes = page["nodes"].as_array().unwrap();
        all.extend(nodes.iter().map(|node| node["operationName"].as_str().unwrap_or("-").to_owned()));
        if page["pageInfo"]["hasNextPage"] == json!(false) {
            return all;
        }
        after = page["pageInfo"]["endCursor"].clone();
    }
}

#[tokio::test]
async fn what_is_told_about_each_patient_and_each_actor_is_what_was_done_at_any_moment() {
    let app = TestApp::start().await;
    let hospital = app.hospital().await;
    let history = History::of(&app.database);
    let admin = app.admin(&hospital);
    let patients = [admin.patient("MRN-1").await, admin.patient("MRN-2").await, admin.patient("MRN-3").await];
    let actors = [app.clinician(&hospital), app.colleague(&hospital)];
    let staff = [hospital.clinician.staff.to_string(), hospital.colleague.staff.to_string()];
    let (mut of_patients, mut of_actors) = (vec![Vec::new(); 3], vec![Vec::new(); 2]);
    for step in 0..24_usize {
        app.wait(Duration::seconds(7));
        let (who, which, name) = (step % 2, step * 5 % 3, format!("Step{step}"));
        let seen: Vec<usize> = if step % 4 == 3 { vec![0, 1, 2] } else { vec![which] };
        let ids: Vec<&String> = seen.iter().map(|index| &patients[*index]).collect();
        actors[who]
            .ask(&format!("query {name} {{ nodes(ids: {ids:?}) {{ id ... on Patient {{ room }} }} }}"))
            .await
            .data();
        of_actors[who].insert(0, name.clone());
        for index in seen {
            of_patients[index].insert(0, name.clone());
        }
        // Sealed and posted, sealed, or neither: it makes no difference.
        match step {
            5 | 15 => history.seal_and_post().await,
            10 => history.seal().await,
            _ => {}
        }
        if [3, 5, 8, 12, 17, 23].contains(&step) {
            for (patient, told) in patients.iter().zip(&of_patients) {
                let list =
                    format!("auditEvents(filter: {{ patientId: \"{patient}\", action: READ }}, $page) {{ $fields }}");
                for size in [2, 100] {
                    assert_eq!(operations(&admin, &list, size).await, *told, "step {step}");
                }
                let list = format!("patient(id: \"{patient}\") {{ accessHistory($page) {{ $fields }} }}");
                let told_there: Vec<String> = operations(&admin, &list, 3).await;
                let reads: Vec<&String> = told_there.iter().filter(|name| name.starts_with("Step")).collect();
                assert_eq!(reads, told.iter().collect::<Vec<_>>(), "step {step}");
            }
            for (actor, (id, told)) in actors.iter().zip(staff.iter().zip(&of_actors)) {
                let list = format!("auditEvents(filter: {{ actorId: \"{id}\" }}, $page) {{ $fields }}");
                assert_eq!(operations(&admin, &list, 5).await, *told);
                assert_eq!(operations(actor, "viewer { recentActivity($page) { $fields } }", 4).await, *told);
            }
        }
    }
    let filter = format!("{{ patientId: \"{}\", actorId: \"{}\" }}", patients[0], staff[0]);
    let both = of_patients[0].iter().filter(|name| of_actors[0].contains(name)).count();
    let answer = admin.ask(&format!("{{ auditEvents(filter: {filter}) {{ totalCount }} }}")).await;
    assert_eq!(answer.data()["auditEvents"]["totalCount"], json!(both));
    // From the end, and in a span of time.
    let list = |filter: &str| {
        format!(
            "{{ auditEvents(filter: {{ patientId: \"{}\", action: READ {filter} }}, last: 3) {{ nodes {{ operationName at }} }} }}",
            patients[0]
        )
    };
    let names = |answer: &Answer| -> Vec<String> {
        let nodes = answer.data()["auditEvents"]["nodes"].as_array().unwrap().clone();
        nodes.iter().map(|node| node["operationName"].as_str().unwrap().to_owned()).collect()
    };
    let oldest = admin.ask(&list("")).await;
    assert_eq!(names(&oldest), of_patients[0][of_patients[0].len() - 3..]);
    let from = oldest.data()["auditEvents"]["nodes"][1]["at"].as_str().unwrap();
    let later = admin.ask(&list(&format!("from: \"{from}\""))).await;
    assert!(!names(&later).contains(of_patients[0].last().unwrap()));
}

#[tokio::test]
async fn an_event_says_who_did_what_to_whom_and_reading_it_is_an_event() {
    let app = TestApp::start().await;
    let hospital = app.hospital().await;
    let (admin, clinician) = (app.admin(&hospital), app.clinician(&hospital));
    let patient = admin.patient("MRN-1").await;
    app.wait(Duration::seconds(1));
    let partner = admin.partner_key(json!([])).await;
    app.wait(Duration::seconds(1));
    clinician.ask(&format!("query Look {{ patient(id: \"{patient}\") {{ lastName contactPhone }} }}")).await;
    app.wait(Duration::seconds(1));
    partner.ask("query Pull { patients { nodes { room } } }").await.data();
    app.wait(Duration::seconds(1));

    let ask =
        format!("query Audit {{ auditEvents(filter: {{ patientId: \"{patient}\" }}) {{ nodes {{ {EVENT} }} }} }}");
    let answer = admin.ask(&ask).await;
    let nodes = answer.data()["auditEvents"]["nodes"].clone();
    let [pull, look, create] = nodes.as_array().unwrap().first_chunk::<3>().unwrap();
    assert_eq!((&pull["operationName"], &pull["actorKind"]), (&json!("Pull"), &json!("PARTNER_KEY")));
    assert_eq!(
        (&pull["partnerKey"]["name"], &pull["staff"], &pull["role"]),
        (&json!("Registry"), &Value::Null, &json!("PARTNER"))
    );
    assert_eq!(look["staff"]["id"], json!(hospital.clinician.staff.to_string()));
    assert_eq!(look["sessionId"], json!(hospital.clinician.session.to_string()));
    assert_eq!(look["fields"], json!(["Patient.lastName", "Query.patient"]));
    assert_eq!(look["refusedFields"], json!(["Patient.contactPhone"]));
    assert_eq!((&look["action"], &look["outcome"], &look["rowCount"]), (&json!("READ"), &json!("PARTIAL"), &json!(1)));
    assert_eq!((&look["address"], &look["sealed"]), (&json!("127.0.0.1"), &json!(false)));
    assert_eq!(create["action"], json!("CHANGE"));
    for event in nodes.as_array().unwrap() {
        assert_eq!(event["patients"], json!([{ "id": patient }]), "{event}");
    }

    app.wait(Duration::seconds(1));
    let again = admin.ask(&ask).await;
    let read = &again.data()["auditEvents"]["nodes"][0];
    assert_eq!((&read["action"], &read["operationName"]), (&json!("READ_AUDIT"), &json!("Audit")));
    assert_eq!(read["staff"]["id"], json!(hospital.admin.staff.to_string()));
}

#[tokio::test]
async fn only_administrators_read_the_trail_and_only_that_of_their_hospital() {
    let app = TestApp::start().await;
    let (one, two) = (app.hospital().await, app.hospital().await);
    let admin = app.admin(&one);
    let patient = admin.patient("MRN-1").await;
    let event = admin.ask("{ auditEvents { nodes { id } } }").await.data()["auditEvents"]["nodes"][0]["id"].clone();
    let event = event.as_str().unwrap();
    History::of(&app.database).seal_and_post().await;

    let clinician = app.clinician(&one).ask("{ auditEvents { nodes { id } } }").await;
    assert_eq!(clinician.refusals(), [("auditEvents".to_owned(), "READ_AUDIT".to_owned())]);
    let partner = admin.partner_key(json!([])).await;
    partner.ask("query Pull { patients { nodes { room } } }").await.data();
    let own = partner.ask("{ viewer { recentActivity { totalCount nodes { operationName patientCount } } } }").await;
    let pulled = json!({ "totalCount": 1, "nodes": [{ "operationName": "Pull", "patientCount": 1 }] });
    assert_eq!(own.data()["viewer"]["recentActivity"], pulled);

    let stranger = app.admin(&two);
    let answer = stranger.ask(&format!("{{ auditProof(id: \"{event}\") {{ leaf }} auditEvents(filter: {{ patientId: \"{patient}\" }}) {{ totalCount nodes {{ id }} }} }}")).await;
    assert_eq!(*answer.data(), json!({ "auditProof": null, "auditEvents": { "totalCount": 0, "nodes": [] } }));
    let own = admin.ask(&format!("{{ auditProof(id: \"{event}\") {{ leaf }} }}")).await;
    assert!(own.data()["auditProof"]["leaf"].is_string());

    for (filter, says) in [
        ("{ action: READ }", "give filter.from"),
        ("{ outcome: REFUSED, from: \"2026-01-01T00:00:00Z\" }", "at most 31 days"),
        ("{ action: READ, from: \"2026-01-01T00:00:00Z\", to: \"2026-02-02T00:00:00Z\" }", "at most 31 days"),
        ("{ actorId: \"pat_01990000000070008000000000000001\" }", "a member of staff or of a partner key"),
        ("{ patientId: \"x\" }", "not an id"),
        ("{ patientId: null }", "filter.patientId is null"),
        ("null", "filter is null"),
    ] {
        let answer = admin.ask(&format!("{{ auditEvents(filter: {filter}) {{ totalCount }} }}")).await;
        assert_eq!(answer.code(), "BAD_USER_INPUT", "{filter}");
        let message = answer.body["errors"][0]["message"].as_str().unwrap();
        assert!(message.contains(says), "{filter}: {message}");
    }
    let refused = "{ auditEvents(filter: { outcome: REFUSED, from: \"2026-02-20T00:00:00Z\" }) { nodes { refusedFields staff { id } } } }";
    let nodes = admin.ask(refused).await.data()["auditEvents"]["nodes"].clone();
    assert_eq!(nodes[0]["staff"]["id"], json!(one.clinician.staff.to_string()), "{nodes}");
}

#[tokio::test]
async fn a_proof_leads_from_an_event_to_a_head_of_the_chain() {
    let app = TestApp::start().await;
    let hospital = app.hospital().await;
    let admin = app.admin(&hospital);
    for number in 0..5 {
        admin.patient(&format!("MRN-{number}")).await;
    }
    let ids = admin.ask("{ auditEvents { nodes { id } } }").await.data()["auditEvents"]["nodes"].clone();
    let proof = async |id: &Value| {
        let query = format!(
            "{{ auditProof(id: {id}) {{ event {{ id sealed }} record leaf index path
                seal {{ no month fromXid toXid events root previousHead head sealedAt }} }} }}"
        );
        admin.ask(&query).await.data()["auditProof"].clone()
    };
    assert_eq!(proof(&ids[0]["id"]).await, Value::Null, "it is not sealed yet");
    let history = History::of(&app.database);
    history.seal().await;
    let mut trail = history.trail().await;
    let hospitals = trail.hospitals(Some(&hospital.slug)).await.unwrap();
    let heads = trail.heads(&hospitals).await.unwrap();
    let nodes = admin.ask("{ auditEvents { nodes { id sealed } } }").await.data()["auditEvents"]["nodes"].clone();
    let sealed: Vec<&Value> = nodes.as_array().unwrap().iter().filter(|node| node["sealed"] == json!(true)).collect();
    assert_eq!(sealed.len(), 7, "five patients, and what was asked");
    let mut leaves = vec![[0; 32]; sealed.len()];
    let mut roots = Vec::new();
    for id in sealed {
        let proof = proof(&id["id"]).await;
        assert_eq!(proof["event"], json!({ "id": id["id"], "sealed": true }));
        assert_eq!(proof["leaf"], json!(hex(&sha256(&unhex(&proof["record"])))));
        let kept = heads.heads.iter().any(|head| proof["seal"]["head"] == json!(hex(&head.head)));
        assert!(kept, "{proof}");
        assert_eq!(proof["seal"]["events"], json!(leaves.len()));
        let index = usize::try_from(proof["index"].as_u64().unwrap()).unwrap();
        leaves[index] = unhex(&proof["leaf"]).try_into().unwrap();
        roots.push((index, proof["seal"]["root"].clone(), proof["path"].clone()));
    }
    for (index, said, climbs) in roots {
        assert_eq!(said, json!(hex(&root(&leaves).unwrap())));
        let path: Vec<String> = path(&leaves, index).unwrap().iter().map(|hash| hex(hash)).collect();
        assert_eq!(climbs, json!(path));
    }

    // Of an event that was touched there is no proof, and somebody should look.
    history.tamper("UPDATE audit_events SET row_count = row_count + 1").await;
    let answer = admin.ask(&format!("{{ auditProof(id: {}) {{ leaf }} }}", ids[0]["id"])).await;
    assert_eq!(answer.code(), "INTERNAL");
}

fn unhex(text: &Value) -> Vec<u8> {
    let text = text.as_str().unwrap();
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

#[tokio::test]
async fn the_keeper_seals_and_posts_by_itself_and_two_of_them_do_not_get_in_each_others_way() {
    let app = TestApp::start().await;
    let hospital = app.hospital().await;
    let keepers = [0, 1].map(|_| app.app.database.keep_audit_trail(app.app.clock.clone()));
    let patient = app.admin(&hospital).patient("MRN-1").await;
    let mut superuser = app.database.superuser().await;
    let mentions = "SELECT count(*) FROM audit_mentions WHERE who = ANY (SELECT id FROM patients)";
    loop {
        let count: i64 = sqlx::query_scalar(mentions).fetch_one(&mut superuser).await.unwrap();
        if count > 0 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    for keeper in keepers {
        keeper.stop().await;
    }
    let (findings, verified) = History::of(&app.database).verify(&[]).await;
    assert_eq!((findings, verified.events), (vec![], 1));
    let events = app
        .admin(&hospital)
        .ask(&format!("{{ auditEvents(filter: {{ patientId: \"{patient}\" }}) {{ nodes {{ sealed }} }} }}"))
        .await;
    assert_eq!(events.data()["auditEvents"]["nodes"], json!([{ "sealed": true }]));
}

/// `cargo test --release --test it -- --ignored a_million --nocapture` prints how long each question takes.
#[tokio::test]
#[ignore = "makes a million events, which takes minutes"]
async fn a_million_events_are_no_more_work_than_a_thousand() {
    let app = TestApp::start().await;
    let hospital = app.hospital().await;
    let admin = app.admin(&hospital);
    let history = History::of(&app.database);
    history.tamper("SELECT audit_partitions('2025-11-15'); SELECT audit_partitions('2026-01-15')").await;
    for part in 0..50 {
        // Of 1,000 patients and 100 actors over 100 days; one event in twenty is about 50 patients, three are about 10.
        let sql = format!(
            "INSERT INTO audit_events (hospital_id, at, id, request_id, actor_kind, actor_id, role, action, outcome, row_count,
                 patients)
             SELECT '{}', timestamptz '2025-11-20' + make_interval(secs => ({part} * 20000 + i) * 8.64), gen_random_uuid(),
                 gen_random_uuid(), 'STAFF', md5('actor' || i % 100)::uuid, 'CLINICIAN', 'READ',
                 CASE WHEN i % 500 = 0 THEN 'REFUSED' ELSE 'OK' END, 1,
                 ARRAY(SELECT md5('patient' || (i * 7919 + n * 104729) % 1000)::uuid
                       FROM generate_series(1, CASE WHEN i % 20 = 0 THEN 50 WHEN i % 20 < 4 THEN 10 ELSE 1 END) AS n)
             FROM generate_series(1, 20000) AS i",
            hospital.id.0
        );
        history.tamper(&sql).await;
    }
    history.seal().await;
    // All but the newest fiftieth is posted.
    history.tamper("SELECT audit_post(980000, 0); ANALYZE audit_events; ANALYZE audit_mentions").await;
    let mut superuser = app.database.superuser().await;
    let mut id = async |kind: &str, what: &str| -> String {
        let digits: String = sqlx::query_scalar("SELECT md5($1)").bind(what).fetch_one(&mut superuser).await.unwrap();
        format!("{kind}_{digits}")
    };
    let [one, two, actor] = [id("pat", "patient7").await, id("pat", "patient8").await, id("stf", "actor7").await];
    for (name, filter) in [
        ("newest", String::new()),
        ("patient", format!("patientId: \"{one}\"")),
        (
            "patient, 30 days",
            format!("patientId: \"{two}\", from: \"2026-01-01T00:00:00Z\", to: \"2026-01-31T00:00:00Z\""),
        ),
        ("actor", format!("actorId: \"{actor}\"")),
        ("refused, 31 days", "outcome: REFUSED, from: \"2026-01-29T12:00:00Z\"".to_owned()),
    ] {
        let query = format!("{{ auditEvents(filter: {{ {filter} }}, first: 100) {{ nodes {{ at }} }} }}");
        let mut times = Vec::new();
        for _ in 0..20 {
            let start = std::time::Instant::now();
            assert_eq!(admin.ask(&query).await.data()["auditEvents"]["nodes"].as_array().unwrap().len(), 100, "{name}");
            times.push(start.elapsed());
        }
        times.sort_unstable();
        println!("{name:<20} median {:?}, the slowest of 20 {:?}", times[10], times[19]);
        assert!(times[18].as_millis() < 300, "{name}: {times:?}");
    }
}

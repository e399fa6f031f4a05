//! Ids: each finds its own object, and one of another hospital finds what no id finds.

use patient_logger::kernel::{
    AccountId, AuditEventId, HospitalId, InvitationId, PartnerKeyId, PatientId, SessionId, StaffId, TaskLogId,
};
use sea_orm::sqlx::{self, PgConnection};
use serde_json::{Value, json};
use uuid::Uuid;

use super::introspection::{each, name, named, schema};
use super::world::{World, ask};
use crate::support::Actor;

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
const ID_PLACES: [(&str, &str, &str); 29] = [
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
        staff { nodes { taskLogs(filter: { clinicianIds: [$id], completedAt: { from: \"2026-01-31T00:00:00Z\" } }) { totalCount nodes { id } } } } }",
    ),
    ("Query.auditProof(id)", "evt", "query($id: ID!) { auditProof(id: $id) { leaf } }"),
    // Who asked for such a patient before is found, in the own hospital.
    (
        "AuditFilter.patientId",
        "pat",
        "query($id: ID!) { auditEvents(filter: { patientId: $id }) { totalCount nodes { action } } }",
    ),
    // The id of a member of staff or of a key.
    (
        "AuditFilter.actorId",
        "",
        "query($id: ID!) { auditEvents(filter: { actorId: $id }) { totalCount nodes { id } } }",
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
        "BreakGlassFilter.patientId",
        "pat",
        "query($id: ID!) { breakGlasses(filter: { patientId: $id }) { totalCount nodes { id } } }",
    ),
    (
        "BreakGlassFilter.staffId",
        "stf",
        "query($id: ID!) { breakGlasses(filter: { staffId: $id }) { totalCount nodes { id } } }",
    ),
    (
        "BreakGlassInput.patientId",
        "pat",
        "mutation($id: ID!) { breakGlass(input: { patientId: $id, reason: \"cardiac arrest\" }) {
        patient { id } userErrors { code message field } } }",
    ),
    (
        "RestrictPatientInput.id",
        "pat",
        "mutation($id: ID!) { restrictPatient(input: { id: $id, reason: \"a colleague\" }) {
        patient { id } userErrors { code message field } } }",
    ),
    (
        "LiftRestrictionInput.id",
        "pat",
        "mutation($id: ID!) { liftRestriction(input: { id: $id }) {
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
        UNION ALL SELECT 't' || t::text FROM refresh_tokens t UNION ALL SELECT 'c' || t::text FROM patient_restrictions t
        UNION ALL SELECT 'g' || t::text FROM break_glass_grants t UNION ALL SELECT 'i' || t::text FROM invitations t ORDER BY 1";
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
    let events = world.admin().ask("{ auditEvents(first: 1) { nodes { id } } }").await;
    let own_event = events.data()["auditEvents"]["nodes"][0]["id"].as_str().unwrap().to_owned();
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
        (
            "evt",
            AuditEventId(theirs("audit_events", &mut superuser).await).to_string(),
            AuditEventId(new).to_string(),
            own_event,
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
        ("evt", "an event of the audit trail"),
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

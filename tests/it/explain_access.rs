//! What is said about access beforehand is what then happens.

use std::collections::{BTreeMap, BTreeSet};

use patient_logger::kernel::{Holders, Permission, Role};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::{Actor, Answer, Document, Generator, Hospital, TestApp, with};

const EXPLANATION: &str = "operation allowed cost costLimit errors
    fields { path coordinate needs labelledInputs allowed missing refusedAt }";

/// How many documents are generated; each is sent by four.
const DOCUMENTS: usize = 200;

/// Explains a document to whoever asks.
async fn explain(actor: &Actor, document: &Document) -> Value {
    let query =
        format!("query($d: String!, $v: String) {{ explainAccess(document: $d, variables: $v) {{ {EXPLANATION} }} }}");
    let variables = json!({ "d": document.text, "v": document.variables.to_string() });
    actor.ask_with(&query, variables).await.data()["explainAccess"].clone()
}

/// Explains a document to an administrator, as each of these would get it.
async fn explain_as(admin: &Actor, document: &Document, others: &[Value]) -> Vec<Value> {
    let asked: String = (0..others.len())
        .map(|at| format!("a{at}: explainAccess(document: $d, variables: $v, as: $s{at}) {{ {EXPLANATION} }} "))
        .collect();
    let definitions: String = (0..others.len()).map(|at| format!(", $s{at}: ExplainAccessAs")).collect();
    let mut variables = json!({ "d": document.text, "v": document.variables.to_string() });
    for (at, other) in others.iter().enumerate() {
        variables[format!("s{at}")] = other.clone();
    }
    let answer = admin.ask_with(&format!("query($d: String!, $v: String{definitions}) {{ {asked} }}"), variables).await;
    let data = answer.data();
    (0..others.len()).map(|at| data[format!("a{at}")].clone()).collect()
}

fn plain(text: &str) -> Document {
    Document { text: text.to_owned(), variables: json!({}) }
}

fn strings(value: &Value) -> Vec<&str> {
    value.as_array().unwrap().iter().map(|item| item.as_str().unwrap()).collect()
}

/// A hospital in which every list has something in it, for everybody.
async fn furnish(app: &TestApp, hospital: &Hospital) -> Vec<(&'static str, Vec<Value>)> {
    let (admin, clinician, colleague) = (app.admin(hospital), app.clinician(hospital), app.colleague(hospital));
    let mut ids =
        [hospital.id.to_string(), hospital.admin.staff.to_string(), hospital.clinician.staff.to_string()].to_vec();
    let (mut patients, mut logs) = (Vec::new(), Vec::new());
    for mrn in ["MRN-1", "MRN-2"] {
        let patient = admin.patient(mrn).await;
        for author in [&clinician, &colleague] {
            for fate in ["kept", "deleted"] {
                let log = author.task_log(&patient, "Pulse 72").await;
                author.mutate("updateTaskLog", json!({ "id": log, "notes": "Restless" }), "taskLog { id }").await;
                if fate == "deleted" {
                    author.mutate("deleteTaskLog", json!({ "id": log }), "deletedTaskLogId").await;
                } else {
                    logs.push(log);
                }
            }
        }
        patients.push(patient);
    }
    ids.extend(patients.iter().chain(&logs).cloned());
    let texts = |ids: &[String]| ids.iter().map(|id| json!(id)).collect::<Vec<_>>();
    vec![
        ("first: Int", vec![json!(2), json!(3)]),
        ("id: ID", texts(&ids)),
        ("ids: [ID!]", vec![json!(ids), json!(patients)]),
        ("Query.patient(id:)", texts(&patients)),
        ("Query.patient(mrn:)", vec![json!("MRN-1")]),
        ("Query.taskLog(id:)", texts(&logs)),
        ("Query.auditProof(id:)", vec![json!("evt_01990000000070008000000000000001")]),
        (
            "filter: PatientFilter",
            vec![json!({ "text": "pat" }), json!({ "statuses": ["ADMITTED"] }), json!({ "rooms": ["1A"] })],
        ),
        ("filter: AuditFilter", vec![json!({ "patientId": patients[0] }), json!({ "actorId": ids[2] })]),
        ("filter: StaffFilter", vec![json!({ "roles": ["CLINICIAN"] }), json!({ "statuses": ["ACTIVE"] })]),
        ("filter: ClinicianFilter", vec![json!({ "text": "d" })]),
        (
            "filter: TaskLogFilter",
            // All of them in a span of time, which some lists need.
            [
                json!({ "text": "pulse" }),
                json!({ "taskTypes": ["VITALS"] }),
                json!({ "deleted": true }),
                json!({ "patientIds": patients }),
                json!({ "clinicianIds": [ids[2]] }),
            ]
            .map(|filter| with(&filter, json!({ "completedAt": { "from": "2026-02-15T00:00:00Z" } })))
            .into(),
        ),
        (
            "orderBy: PatientOrder",
            vec![json!({ "field": "MRN", "direction": "ASC" }), json!({ "field": "CREATED_AT", "direction": "DESC" })],
        ),
        ("orderBy: TaskLogOrder", vec![json!({ "field": "COMPLETED_AT", "direction": "ASC" })]),
        ("groupBy: TaskLogGroupBy", vec![json!("PATIENT"), json!("CLINICIAN"), json!("DAY"), json!("TASK_TYPE")]),
        ("document: String", vec![json!("{ viewer { id } patients { nodes { mrn contactPhone } } }")]),
        ("as: ExplainAccessAs", vec![json!({ "role": "PARTNER" }), json!({ "staffId": ids[2] })]),
    ]
}

/// The path of an error as an explanation writes it.
fn collapsed(error: &Value) -> String {
    let mut path = String::new();
    for segment in error["path"].as_array().unwrap() {
        match segment.as_str() {
            Some(key) if path.is_empty() => path += key,
            Some(key) => path += &format!(".{key}"),
            None => path += "[]",
        }
    }
    path
}

/// What the objects at the parent of `path` hold under its last key.
fn reached<'a>(data: &'a Value, path: &str) -> Vec<&'a Value> {
    let mut found = vec![data];
    for part in path.split('.') {
        let key = part.trim_end_matches("[]");
        found = found.into_iter().filter_map(|value| value.get(key)).collect();
        for _ in 0..part.matches("[]").count() {
            found = found.into_iter().filter_map(Value::as_array).flatten().collect();
        }
    }
    found
}

/// How many refusals were foretold, and how many of them data reached.
#[derive(Debug, Default)]
struct Tally {
    ran: usize,
    refused: usize,
    reached: usize,
}

/// Compares what was foretold with an answer.
fn judge(explanation: &Value, answer: &Answer, tally: &mut Tally) {
    let body = &answer.body;
    let errors = body["errors"].as_array().cloned().unwrap_or_default();
    if body.get("data").is_none() {
        let messages: BTreeSet<_> = errors.iter().map(|error| error["message"].as_str().unwrap()).collect();
        assert_eq!(BTreeSet::from_iter(strings(&explanation["errors"])), messages, "refused as a whole");
        assert_eq!((&explanation["fields"], &explanation["allowed"]), (&json!([]), &json!(false)));
        return;
    }
    tally.ran += 1;
    assert_eq!(explanation["errors"], json!([]), "{body}");
    let mut actual: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    for error in &errors {
        assert_eq!(error["extensions"]["code"], "FORBIDDEN", "{error}");
        actual.entry(collapsed(error)).or_default().extend(error["extensions"]["needs"].as_str().unwrap().split(", "));
    }
    let mut foretold: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    let mut allowed = BTreeSet::new();
    for field in explanation["fields"].as_array().unwrap() {
        let path = field["path"].as_str().unwrap();
        let needs: BTreeSet<_> = strings(&field["needs"]).into_iter().collect();
        let missing: BTreeSet<_> = strings(&field["missing"]).into_iter().collect();
        assert!(missing.is_subset(&needs), "{field}");
        assert_eq!(field["allowed"], field["refusedAt"].is_null(), "{field}");
        match field["refusedAt"].as_str() {
            None => {
                assert!(missing.is_empty(), "{field}");
                allowed.insert(path);
            }
            Some(at) if at == path => foretold.entry(path).or_default().extend(missing),
            Some(above) => assert!(path.starts_with(above), "{field}"),
        }
    }
    assert_eq!(explanation["allowed"], foretold.is_empty());
    for (path, needs) in &actual {
        let missing = foretold.get(path.as_str());
        assert!(
            missing.is_some_and(|missing| needs.is_subset(missing)),
            "{path} was refused for {needs:?}, not {missing:?}"
        );
    }
    for path in foretold.keys() {
        tally.refused += 1;
        let values = reached(&body["data"], path);
        if values.is_empty() {
            // Every list has something in it; but an object may be of another kind than the one that is refused something,
            // and a group of task logs has one of its fields only.
            let root = path.split('.').next().unwrap().trim_end_matches("[]");
            let mut fields = explanation["fields"].as_array().unwrap().iter();
            let root = &fields.find(|field| field["path"] == root).unwrap()["coordinate"];
            assert!(["Query.node", "Query.nodes", "Query.taskLogStats"].contains(&root.as_str().unwrap()), "{path}");
        } else {
            tally.reached += 1;
        }
        // Behind an interface one kind of object may have what another has not.
        let sure = !allowed.contains(path);
        assert!(!sure || values.iter().all(|value| value.is_null()), "{path} was to be refused");
        assert!(!sure || values.is_empty() || actual.contains_key(*path), "{path} was to be refused with an error");
    }
}

#[tokio::test]
async fn what_is_foretold_is_what_happens_for_every_role_over_generated_documents() {
    let app = TestApp::start().await;
    let hospital = app.hospital().await;
    let pool = furnish(&app, &hospital).await;
    let admin = app.admin(&hospital);
    let key = admin.partner_key(json!([])).await;
    let granted = admin.partner_key(json!(["READ_PATIENT_IDENTITY", "READ_TASK_NOTES"])).await;
    let id = async |actor: &Actor| actor.ask("{ viewer { id } }").await.data()["viewer"]["id"].clone();
    let actors = [
        (admin.clone(), vec![json!({ "role": "ADMIN" }), json!({ "staffId": id(&admin).await })]),
        (
            app.clinician(&hospital),
            vec![json!({ "role": "CLINICIAN" }), json!({ "staffId": hospital.colleague.staff.to_string() })],
        ),
        (key.clone(), vec![json!({ "role": "PARTNER" }), json!({ "partnerKeyId": id(&key).await })]),
        (granted.clone(), vec![json!({ "partnerKeyId": id(&granted).await })]),
    ];
    let others: Vec<Value> = actors.iter().flat_map(|(_, others)| others.clone()).collect();
    let mut generator = Generator::new(0x5EED_ACCE_55ED, &patient_logger::app::sdl(), &pool);
    let mut tallies: [Tally; 4] = Default::default();
    for round in 0..DOCUMENTS {
        let document = generator.document();
        // What is said of somebody is what is said to them. It hangs on their permissions alone, so a sample will do.
        let told = round % 5 == 0;
        let mut by_admin = if told { explain_as(&admin, &document, &others).await } else { Vec::new() }.into_iter();
        for ((actor, others), tally) in actors.iter().zip(&mut tallies) {
            let explanation = explain(actor, &document).await;
            for other in others.iter().filter(|_| told) {
                assert_eq!(by_admin.next().unwrap(), explanation, "{other}: {document:?}");
            }
            let answer = actor.ask_with(&document.text, document.variables.clone()).await;
            let judged = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| judge(&explanation, &answer, tally)));
            assert!(judged.is_ok(), "{:?}: {document:#?}\n{explanation:#}\n{:#}", others[0], answer.body);
        }
    }
    for (tally, (_, others)) in tallies.iter().zip(&actors) {
        assert!(tally.ran > DOCUMENTS * 9 / 10, "{others:?} {tally:?}: too few of the documents are valid");
    }
    assert_eq!(tallies[0].refused, 0, "administrators may read everything");
    assert!(tallies[1..].iter().all(|tally| tally.reached > 100), "{tallies:?}");
}

#[tokio::test]
async fn an_explanation_says_what_is_needed_what_is_missing_and_what_it_costs() {
    let app = TestApp::start().await;
    let hospital = app.hospital().await;
    let document = plain(
        "query A($few: Int = 3) { patients(first: $few, filter: { text: \"x\" }) { nodes { tel: contactPhone taskLogs { totalCount } } } }",
    );
    let got = explain(&app.clinician(&hospital), &document).await;
    let line = |path: &str, coordinate: &str, needs: Value, inputs: Value, missing: Value, refused_at: Value| {
        json!({ "path": path, "coordinate": coordinate, "needs": needs, "labelledInputs": inputs,
            "allowed": refused_at.is_null(), "missing": missing, "refusedAt": refused_at })
    };
    let patients = line(
        "patients",
        "Query.patients",
        json!(["READ_PATIENTS", "READ_PATIENT_IDENTITY"]),
        json!(["PatientFilter.text"]),
        json!([]),
        Value::Null,
    );
    let nodes =
        line("patients.nodes", "PatientConnection.nodes", json!(["READ_PATIENTS"]), json!([]), json!([]), Value::Null);
    let tel = line(
        "patients.nodes[].tel",
        "Patient.contactPhone",
        json!(["READ_PATIENT_CONTACT"]),
        json!([]),
        json!(["READ_PATIENT_CONTACT"]),
        json!("patients.nodes[].tel"),
    );
    let logs = line(
        "patients.nodes[].taskLogs",
        "Patient.taskLogs",
        json!(["READ_TASK_LOGS"]),
        json!([]),
        json!([]),
        Value::Null,
    );
    let count = line(
        "patients.nodes[].taskLogs.totalCount",
        "TaskLogConnection.totalCount",
        json!(["READ_TASK_LOGS"]),
        json!([]),
        json!([]),
        Value::Null,
    );
    assert_eq!(
        got,
        json!({ "operation": "QUERY", "allowed": false, "cost": 8, "costLimit": 50_000, "errors": [],
        "fields": [patients, nodes, tel, logs, count] })
    );

    let partner = app.admin(&hospital).partner_key(json!([])).await;
    let got = explain(&partner, &document).await;
    assert!(got["fields"].as_array().unwrap().iter().all(|field| field["refusedAt"] == "patients"), "{got}");
    let few = Document { variables: json!({ "few": 50 }), ..document };
    assert_eq!(explain(&app.admin(&hospital), &few).await["cost"], 152);
}

#[tokio::test]
async fn a_document_that_would_not_run_is_refused_in_the_words_of_the_real_refusal() {
    let app = TestApp::start().await;
    let hospital = app.hospital().await;
    let admin = app.admin(&hospital);
    let partner = admin.partner_key(json!([])).await;
    let many = format!("{{ {} }}", (0..40).map(|at| format!("k{at}: viewer {{ id }} ")).collect::<String>());
    let documents = [
        "{ viewer {",
        "{ viewer { nothing } }",
        "query A { viewer { id } } query B { viewer { id } }",
        "query($unused: Int) { viewer { id } }",
        "{ taskLog { id } }",
        "{ patients(first: \"two\") { totalCount } }",
        "{ viewer { ...F } } fragment F on Viewer { ...F }",
        "subscription { anything }",
        "{ patients(first: 100) { nodes { taskLogs(first: 100) { nodes { id taskType notes version patient { id room } } } } } }",
        &many,
    ];
    for document in documents {
        let document = plain(document);
        let (got, answer) = (explain(&admin, &document).await, admin.ask(&document.text).await);
        assert!(!strings(&got["errors"]).is_empty() && answer.body.get("data").is_none(), "{document:?} {got}");
        judge(&got, &answer, &mut Tally::default());
        assert_eq!(got["cost"], Value::Null, "{document:?}");
    }

    let mutation = plain("mutation { deleteTaskLog(input: { id: \"x\" }) { deletedTaskLogId } }");
    let got = explain(&partner, &mutation).await;
    let refused = json!({ "operation": "MUTATION", "allowed": false, "cost": null, "costLimit": 50_000, "fields": [],
        "errors": ["A partner key only reads: it cannot run a mutation."] });
    assert_eq!(got, refused);
    judge(&got, &partner.ask(&mutation.text).await, &mut Tally::default());
    assert_eq!(explain_as(&admin, &mutation, &[json!({ "role": "PARTNER" })]).await, [refused]);
    assert_eq!(explain(&app.clinician(&hospital), &mutation).await["allowed"], true);

    let ask = async |variables: &str| {
        let query = "query($v: String) { explainAccess(document: \"{ viewer { id } }\", variables: $v) { allowed } }";
        admin.ask_with(query, json!({ "v": variables })).await
    };
    for variables in ["", "[]", "{", "Ada Admin"] {
        let answer = ask(variables).await;
        assert_eq!(answer.code(), "BAD_USER_INPUT", "{variables}");
        assert!(!answer.body.to_string().contains("Ada"));
    }
    assert_eq!(ask("{}").await.data()["explainAccess"]["allowed"], true);
}

#[tokio::test]
async fn nothing_is_read_but_the_colleague_or_the_key_that_is_named() {
    let app = TestApp::start().await;
    let hospital = app.hospital().await;
    let admin = app.admin(&hospital);
    // The use of a key is noted beside the request, with statements of its own; so this one is not used.
    let input = json!({ "name": "Registry", "expiresAt": "2026-12-31T00:00:00Z" });
    let key = admin.mutate("createPartnerKey", input, "partnerKey { id }").await["partnerKey"]["id"].clone();
    let document = plain(
        "{ patients { nodes { mrn contactPhone taskLogs { nodes { notes } } } } partnerKeys { nodes { name } } }",
    );
    let mutation = plain("mutation { archivePatient(input: { id: \"pat_0\" }) { patient { id } } }");
    let named = [json!({ "role": "ADMIN" }), json!({ "role": "CLINICIAN" }), json!({ "role": "PARTNER" })];
    let statements = app.app.database.statements();
    for document in [&document, &mutation] {
        for actor in [app.admin(&hospital), app.clinician(&hospital)] {
            explain(&actor, document).await;
        }
        explain_as(&admin, document, &named).await;
    }
    let nested =
        "{ explainAccess(document: \"{ explainAccess(document: \\\"{ patients { totalCount } }\\\") { cost } }\") {
        allowed fields { path } } roles { name permissions { name } } }";
    let paths = json!([{ "path": "explainAccess" }, { "path": "explainAccess.cost" }]);
    assert_eq!(admin.ask(nested).await.data()["explainAccess"]["fields"], paths, "and nothing inside runs either");
    // Each of the seven requests asks whether its session stands, and nothing else.
    assert_eq!(app.app.database.statements() - statements, 7);
    for other in [json!({ "staffId": hospital.clinician.staff.to_string() }), json!({ "partnerKeyId": key })] {
        let before = app.app.database.statements();
        explain_as(&admin, &document, std::slice::from_ref(&other)).await;
        assert_eq!(
            app.app.database.statements() - before,
            4,
            "{other}: the session, the row, and the transaction around it"
        );
    }
}

#[tokio::test]
async fn ten_explanations_of_the_largest_documents_are_a_bounded_answer() {
    let app = TestApp::start().await;
    let admin = app.admin(&app.hospital().await);
    let asked: String = (0..10).map(|at| format!("a{at}: explainAccess(document: $d) {{ {EXPLANATION} }} ")).collect();
    let query = format!("query($d: String!) {{ {asked} }}");
    let size = async |document: &str, code: Option<&str>| {
        let answer = admin.ask_with(&query, json!({ "d": document })).await;
        let errors = answer.body["errors"].as_array().cloned().unwrap_or_default();
        assert!(errors.iter().all(|error| error["extensions"]["code"].as_str() == code), "{errors:?}");
        assert_eq!((answer.status, errors.len()), (200, if code.is_some() { 10 } else { 0 }));
        answer.body.to_string().len()
    };
    let spreads = "...F ".repeat(6);
    let documents: String = (0..9).map(|at| format!("k{at}: hospital {{ {spreads} }} ")).collect();
    let fields: String = (0..25).map(|_| "id slug name timeZone ").collect();
    let wide =
        format!("{{ nodes(ids: []) {{ ...N ...N ...N }} }} fragment N on Node {{ {} }}", "id __typename ".repeat(300));
    assert!(size(&wide, None).await < 50_000, "equal fields are one line");
    let twenty: String = (0..20).map(|at| format!("b{at}: name ")).collect();
    let many = format!("{{ {documents} }} fragment F on Hospital {{ {twenty} {fields} }}");
    assert!(size(&many, None).await < 2_000_000);
    let long = "x".repeat(12_000);
    let long = format!("{{ {long}: hospital {{ ...F }} }} fragment F on Hospital {{ {twenty} {fields} }}");
    assert!(size(&long, Some("QUERY_TOO_COMPLEX")).await < 10_000);
}

#[tokio::test]
async fn a_colleague_or_a_key_of_another_hospital_is_like_one_that_does_not_exist() {
    let app = TestApp::start().await;
    let (hospital, other) = (app.hospital().await, app.hospital().await);
    let admin = app.admin(&hospital);
    let foreign_key = app.admin(&other).partner_key(json!([])).await.ask("{ viewer { id } }").await;
    let foreign_key = foreign_key.data()["viewer"]["id"].as_str().unwrap().to_owned();
    let random = Uuid::now_v7().simple();
    let cases = [
        ("staffId", other.admin.staff.to_string(), format!("stf_{random}")),
        ("partnerKeyId", foreign_key, format!("key_{random}")),
    ];
    let query = "query($as: ExplainAccessAs) { explainAccess(document: \"{ viewer { id } }\", as: $as) { allowed } }";
    for (member, foreign, random) in cases {
        let mut bodies = Vec::new();
        for id in [foreign, random] {
            let body = json!({ "query": query, "variables": { "as": { member: id } } });
            bodies.push(admin.post().json(&body).send().await.unwrap().bytes().await.unwrap());
        }
        assert_eq!(bodies[0], bodies[1]);
        let body: Value = serde_json::from_slice(&bodies[0]).unwrap();
        assert_eq!(
            (&body["data"]["explainAccess"], &body["errors"][0]["extensions"]["code"]),
            (&Value::Null, &json!("NOT_FOUND"))
        );
    }
    let wrong = admin.ask_with(query, json!({ "as": { "staffId": hospital.id.to_string() } })).await;
    assert_eq!(wrong.code(), "BAD_USER_INPUT");
}

#[tokio::test]
async fn whoever_left_and_a_key_that_ended_get_nothing() {
    let app = TestApp::start().await;
    let hospital = app.hospital().await;
    let admin = app.admin(&hospital);
    let staff = hospital.colleague.staff.to_string();
    let key = admin.partner_key(json!([])).await.ask("{ viewer { id } }").await.data()["viewer"]["id"].clone();
    let others = [json!({ "staffId": staff }), json!({ "partnerKeyId": key })];
    let document = plain("{ viewer { id } }");
    assert!(explain_as(&admin, &document, &others).await.iter().all(|got| got["allowed"] == true));
    admin.mutate("deactivateStaff", json!({ "id": staff }), "staff { id }").await;
    admin.mutate("revokePartnerKey", json!({ "id": key }), "partnerKey { id }").await;
    let errors = explain_as(&admin, &document, &others).await.into_iter().map(|got| got["errors"].clone());
    assert_eq!(
        errors.collect::<Vec<_>>(),
        [
            json!(["This member of staff is deactivated and cannot sign in."]),
            json!(["This partner key is revoked or has expired."]),
        ]
    );
}

#[tokio::test]
async fn only_those_who_may_ask_for_others_do() {
    let app = TestApp::start().await;
    let hospital = app.hospital().await;
    let partner = app.admin(&hospital).partner_key(json!(["READ_PATIENT_IDENTITY"])).await;
    let own = hospital.clinician.staff.to_string();
    for actor in [app.clinician(&hospital), partner] {
        for other in ["{ role: CLINICIAN }".to_owned(), format!("{{ staffId: \"{own}\" }}"), "null".to_owned()] {
            let query = format!("{{ explainAccess(document: \"{{ viewer {{ id }} }}\", as: {other}) {{ allowed }} }}");
            let answer = actor.ask(&query).await;
            assert_eq!(
                answer.refusals(),
                [("explainAccess".to_owned(), "EXPLAIN_ACCESS_OF_OTHERS".to_owned())],
                "{other}"
            );
            assert_eq!(answer.body["data"], json!({ "explainAccess": null }));
        }
    }
    let anonymous = app.anonymous().ask("{ explainAccess(document: \"{ viewer { id } }\") { allowed } }").await;
    assert_eq!(anonymous.code(), "UNAUTHENTICATED");
    let null =
        app.admin(&hospital).ask("{ explainAccess(document: \"{ viewer { id } }\", as: null) { allowed } }").await;
    assert_eq!(null.code(), "BAD_USER_INPUT", "a forgotten variable is not taken for oneself");
}

#[tokio::test]
async fn the_roles_are_those_that_are_enforced() {
    let app = TestApp::start().await;
    let hospital = app.hospital().await;
    let query =
        "{ roles { name description permissions { name description } grantablePermissions { name description } } }";
    let answer = app.anonymous().ask(query).await;
    let described =
        |permission: Permission| json!({ "name": permission.name(), "description": permission.description() });
    let expected: Vec<Value> = Role::ALL
        .into_iter()
        .map(|role| {
            let grantable = |permission: &Permission| {
                role == Role::Partner && matches!(permission.holders(), Holders::RolesAndGrants(_))
            };
            json!({
                "name": role.name(), "description": role.description(),
                "permissions": role.permissions().iter().map(described).collect::<Vec<_>>(),
                "grantablePermissions": Permission::ALL.into_iter().filter(grantable).map(described).collect::<Vec<_>>(),
            })
        })
        .collect();
    assert_eq!(answer.data()["roles"], json!(expected));
    // And they are what a viewer of that role has.
    let names = |role: usize| {
        expected[role]["permissions"].as_array().unwrap().iter().map(|p| p["name"].clone()).collect::<Vec<_>>()
    };
    let partner = app.admin(&hospital).partner_key(json!([])).await;
    for (at, actor) in [app.admin(&hospital), app.clinician(&hospital), partner].into_iter().enumerate() {
        let viewer = actor.ask("{ viewer { permissions } }").await;
        assert_eq!(viewer.data()["viewer"]["permissions"], json!(names(at)));
    }
}

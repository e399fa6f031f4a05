//! A month in two hospitals, written down step by step beside the trail, and then asked from the API.

use std::collections::BTreeSet;

use chrono::{DateTime, Duration, SecondsFormat, Utc};
use patient_logger::kernel::Role;
use serde_json::{Value, json};

use crate::support::{Actor, Answer, Dice, History, Hospital, PASSWORD, Person, TestApp, with};

/// How long it lasts: from noon of the first of March into April.
const DAYS: i64 = 35;
/// Patients at its beginning: more than one event can name.
const PATIENTS: usize = 56;

/// What somebody did, as the list beside the trail has it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Deed {
    at: DateTime<Utc>,
    /// The id of a member of staff or of a key.
    actor: String,
    action: String,
    outcome: String,
    operation: String,
    patients: Vec<String>,
}

/// A task log that somebody wrote.
struct Log {
    id: String,
    patient: String,
    author: usize,
}

/// A hospital, and what was done in it.
struct Ward {
    hospital: Hospital,
    /// Two clinicians of the hospital, and one who works in both.
    clinicians: Vec<Person>,
    key: (String, Actor),
    patients: Vec<String>,
    logs: Vec<Log>,
    done: Vec<Deed>,
}

struct Month {
    app: TestApp,
    wards: [Ward; 2],
    dice: Dice,
    steps: usize,
}

/// The document of a step, under a name of its own.
struct Step {
    name: String,
    at: DateTime<Utc>,
}

impl Step {
    fn deed(&self, actor: &str, what: &str, patients: &[String]) -> Deed {
        let (action, outcome) = what.split_once(' ').unwrap();
        let patients: BTreeSet<String> = patients.iter().cloned().collect();
        Deed {
            at: self.at,
            actor: actor.to_owned(),
            action: action.to_owned(),
            outcome: outcome.to_owned(),
            operation: self.name.clone(),
            patients: patients.into_iter().collect(),
        }
    }

    async fn query(&self, actor: &Actor, selection: &str) -> Answer {
        actor.ask(&format!("query {} {{ {selection} }}", self.name)).await
    }

    /// Sends a mutation and gives its payload.
    async fn mutate(&self, actor: &Actor, mutation: &str, input: Value, selection: &str) -> Value {
        let kind = mutation[..1].to_uppercase() + &mutation[1..];
        let query = format!(
            "mutation {}($input: {kind}Input!) {{ {mutation}(input: $input) {{ {selection} userErrors {{ code }} }} }}",
            self.name
        );
        actor.ask_with(&query, json!({ "input": input })).await.body["data"][mutation].clone()
    }
}

/// Every id of a patient in an answer.
fn patients_of(answer: &Value) -> Vec<String> {
    match answer {
        Value::String(text) if text.starts_with("pat_") => vec![text.clone()],
        Value::Array(items) => items.iter().flat_map(patients_of).collect(),
        Value::Object(fields) => fields.values().flat_map(patients_of).collect(),
        _ => Vec::new(),
    }
}

impl Month {
    async fn begin(seed: u64) -> Self {
        let app = TestApp::start().await;
        let hospitals = [app.hospital().await, app.hospital().await];
        let mut wards = Vec::new();
        for hospital in hospitals {
            let float = app.employ(&hospital, "float@agency.example", Role::Clinician).await;
            let clinicians = vec![hospital.clinician.clone(), hospital.colleague.clone(), float];
            let key = (String::new(), app.anonymous());
            wards.push(Ward { hospital, clinicians, key, patients: Vec::new(), logs: Vec::new(), done: Vec::new() });
        }
        let Ok(wards) = wards.try_into() else { panic!("there are two hospitals") };
        let mut month = Self { app, wards, dice: Dice::new(seed), steps: 0 };
        for which in 0..2 {
            month.issue_key(which).await;
            for _ in 0..if which == 0 { PATIENTS } else { 5 } {
                month.admit(which).await;
            }
        }
        month
    }

    fn step(&mut self) -> Step {
        self.steps += 1;
        // Never the same moment twice, so that the order is known.
        self.app.wait(Duration::milliseconds(1));
        Step { name: format!("Step{}", self.steps), at: self.app.now() }
    }

    fn done(&mut self, which: usize, deed: Deed) {
        self.wards[which].done.push(deed);
    }

    fn admin(&self, which: usize) -> (String, Actor) {
        let admin = &self.wards[which].hospital.admin;
        (admin.staff.to_string(), self.app.actor(admin))
    }

    fn clinician(&self, which: usize, number: usize) -> (String, Actor) {
        let person = &self.wards[which].clinicians[number];
        (person.staff.to_string(), self.app.actor(person))
    }

    fn some_patient(&mut self, which: usize) -> String {
        self.dice.pick(&self.wards[which].patients).clone()
    }

    async fn issue_key(&mut self, which: usize) {
        let step = self.step();
        let (id, admin) = self.admin(which);
        let input = json!({ "name": format!("Registry {}", step.name), "permissions": [], "expiresAt": "2026-12-31T00:00:00Z" });
        let payload = step.mutate(&admin, "createPartnerKey", input, "key partnerKey { id }").await;
        let token = payload["key"].as_str().unwrap().to_owned();
        let key = payload["partnerKey"]["id"].as_str().unwrap().to_owned();
        self.wards[which].key = (key, Actor { token: Some(token), ..admin });
        self.done(which, step.deed(&id, "CHANGE OK", &[]));
    }

    async fn admit(&mut self, which: usize) {
        let step = self.step();
        let (id, admin) = self.admin(which);
        let input = json!({ "mrn": step.name, "firstName": "Pat", "lastName": format!("Of {}", step.name), "dateOfBirth": "1980-02-29",
            "room": format!("{}A", self.dice.roll(4)) });
        let payload = step.mutate(&admin, "createPatient", input, "patient { id }").await;
        let patient = payload["patient"]["id"].as_str().unwrap().to_owned();
        self.done(which, step.deed(&id, "CHANGE OK", std::slice::from_ref(&patient)));
        self.wards[which].patients.push(patient);
    }

    /// One thing that happens in a hospital.
    async fn happen(&mut self) {
        let which = usize::from(self.dice.roll(3) == 0);
        match self.dice.roll(20) {
            0..4 => self.look(which).await,
            4..8 => self.read_list(which).await,
            8..11 => self.write(which).await,
            11..13 => self.correct(which).await,
            13 => self.remove(which).await,
            14 => self.pull(which).await,
            15 => self.overstep(which).await,
            16 => self.sign_in(which).await,
            17 => self.nothing(which).await,
            18 => self.audit(which).await,
            _ => match self.dice.roll(3) {
                0 => self.admit(which).await,
                1 => self.change(which, "updatePatient", json!({ "room": "9Z" })).await,
                _ => self.change(which, "archivePatient", json!({})).await,
            },
        }
    }

    /// A clinician looks at a patient, sometimes at more than they may.
    async fn look(&mut self, which: usize) {
        let number = self.dice.roll(3);
        let (patient, more) = (self.some_patient(which), self.dice.roll(4) == 0);
        let step = self.step();
        let (id, clinician) = self.clinician(which, number);
        let (fields, what) = if more { ("lastName contactPhone", "READ PARTIAL") } else { ("lastName", "READ OK") };
        step.query(&clinician, &format!("patient(id: \"{patient}\") {{ {fields} }}")).await;
        self.done(which, step.deed(&id, what, &[patient]));
    }

    /// Somebody reads a page, searches, or asks for the task logs of one patient, who may have none.
    async fn read_list(&mut self, which: usize) {
        let (number, size, kind) = (self.dice.roll(4), 1 + self.dice.roll(100), self.dice.roll(5));
        let patient = self.some_patient(which);
        let step = self.step();
        let (id, actor) = if number == 3 { self.admin(which) } else { self.clinician(which, number) };
        let nodes = "nodes { id }";
        let logs = "nodes { description patient { id } }";
        let selection = match kind {
            0 => format!("patients(first: {size}) {{ {nodes} }}"),
            1 => format!("patients(filter: {{ text: \"of step{}\" }}, first: {size}) {{ {nodes} }}", size % 10),
            2 => format!("taskLogs(last: {size}) {{ {logs} }}"),
            3 => format!("taskLogs(filter: {{ patientIds: [\"{patient}\"] }}, first: {size}) {{ {logs} }}"),
            _ => format!(
                "patients(filter: {{ rooms: [\"1A\", \"2A\"] }}, first: {size}) {{ nodes {{ id taskLogs(first: 1) {{ totalCount }} }} }}"
            ),
        };
        let answer = step.query(&actor, &selection).await;
        let mut seen = patients_of(answer.data());
        seen.extend((kind == 3).then_some(patient));
        seen.sort();
        seen.dedup();
        // One event names at most fifty.
        let parts: Vec<&[String]> = if seen.is_empty() { vec![&[]] } else { seen.chunks(50).collect() };
        for part in parts {
            self.done(which, step.deed(&id, "READ OK", part));
        }
    }

    async fn write(&mut self, which: usize) {
        let (author, patient) = (self.dice.roll(3), self.some_patient(which));
        let step = self.step();
        let (id, clinician) = self.clinician(which, author);
        let input = json!({ "patientId": patient, "taskType": "VITALS", "description": "Pulse 72" });
        let payload = step.mutate(&clinician, "createTaskLog", input, "taskLog { id }").await;
        // Nothing is written for a patient who has been archived, and such an attempt touches no record.
        let Some(log) = payload["taskLog"]["id"].as_str().map(str::to_owned) else {
            return self.done(which, step.deed(&id, "CHANGE REFUSED", &[]));
        };
        self.wards[which].logs.push(Log { id: log, patient: patient.clone(), author });
        self.done(which, step.deed(&id, "CHANGE OK", &[patient]));
    }

    /// A clinician corrects a task log: their own, or in vain a colleague's.
    async fn correct(&mut self, which: usize) {
        if self.wards[which].logs.is_empty() {
            return;
        }
        let (at, number) = (self.dice.roll(self.wards[which].logs.len()), self.dice.roll(3));
        let step = self.step();
        let Log { id: log, patient, author } = &self.wards[which].logs[at];
        let (id, clinician) = self.clinician(which, number);
        let input = json!({ "id": log, "description": format!("Pulse of {}", step.name) });
        let what = if number == *author { "CHANGE OK" } else { "CHANGE REFUSED" };
        let touched: &[String] = if number == *author { std::slice::from_ref(patient) } else { &[] };
        let deed = step.deed(&id, what, touched);
        step.mutate(&clinician, "updateTaskLog", input, "taskLog { id }").await;
        self.done(which, deed);
    }

    async fn remove(&mut self, which: usize) {
        let Some(Log { id: log, patient, author }) = self.wards[which].logs.pop() else { return };
        let step = self.step();
        let (id, clinician) = self.clinician(which, author);
        let input = json!({ "id": log, "reason": "Written twice" });
        step.mutate(&clinician, "deleteTaskLog", input, "deletedTaskLogId").await;
        self.done(which, step.deed(&id, "CHANGE OK", &[patient]));
    }

    /// A partner's system reads a page, and names that it was not granted.
    async fn pull(&mut self, which: usize) {
        let (size, more) = (1 + self.dice.roll(30), self.dice.roll(2) == 0);
        let step = self.step();
        let (id, partner) = self.wards[which].key.clone();
        let fields = if more { "id lastName" } else { "id" };
        let answer = step.query(&partner, &format!("patients(first: {size}) {{ nodes {{ {fields} }} }}")).await;
        let what = if more { "READ PARTIAL" } else { "READ OK" };
        self.done(which, step.deed(&id, what, &patients_of(&answer.body["data"])));
    }

    /// Somebody tries what they may not, or asks for somebody of another hospital.
    async fn overstep(&mut self, which: usize) {
        let (number, kind) = (self.dice.roll(3), self.dice.roll(4));
        let (own, foreign) = (self.some_patient(which), self.some_patient(1 - which));
        let step = self.step();
        let (mut id, clinician) = self.clinician(which, number);
        let what = match kind {
            0 => {
                step.query(&clinician, &format!("patient(id: \"{foreign}\") {{ lastName }}")).await;
                "READ REFUSED"
            }
            1 => {
                step.query(&clinician, "partnerKeys { nodes { id } }").await;
                "READ REFUSED"
            }
            2 => {
                step.mutate(&clinician, "archivePatient", json!({ "id": own }), "patient { id }").await;
                "CHANGE REFUSED"
            }
            _ => {
                let partner;
                (id, partner) = self.wards[which].key.clone();
                step.mutate(&partner, "archivePatient", json!({ "id": own }), "patient { id }").await;
                "CHANGE REFUSED"
            }
        };
        self.done(which, step.deed(&id, what, &[]));
    }

    /// Somebody signs in and out again, mistypes the password, or does both of it in two hospitals.
    async fn sign_in(&mut self, which: usize) {
        let number = self.dice.roll(3);
        let step = self.step();
        let Person { staff, email, .. } = self.wards[which].clinicians[number].clone();
        let id = staff.to_string();
        let input = |password: &str, hospital: Option<&str>| json!({ "email": email, "password": password, "hospital": hospital });
        if self.dice.roll(2) == 0 {
            step.mutate(&self.app.anonymous(), "signIn", input("not the password", None), "accessToken").await;
            let everywhere = if number == 2 { vec![0, 1] } else { vec![which] };
            for place in everywhere {
                let id = self.wards[place].clinicians[number].staff.to_string();
                self.done(place, step.deed(&id, "SIGN_IN REFUSED", &[]));
            }
            return;
        }
        let slug = self.wards[which].hospital.slug.clone();
        let payload = step.mutate(&self.app.anonymous(), "signIn", input(PASSWORD, Some(&slug)), "accessToken").await;
        self.done(which, step.deed(&id, "SIGN_IN OK", &[]));
        let actor = Actor { token: payload["accessToken"].as_str().map(str::to_owned), ..self.app.anonymous() };
        let step = self.step();
        actor.ask(&format!("mutation {} {{ signOut {{ userErrors {{ code }} }} }}", step.name)).await.data();
        self.done(which, step.deed(&id, "SIGN_OUT OK", &[]));
    }

    /// What leaves nothing: one's own sign-in, a stranger, and a document that is refused as a whole.
    async fn nothing(&mut self, which: usize) {
        let (kind, patient) = (self.dice.roll(4), self.some_patient(which));
        let step = self.step();
        let (_, clinician) = self.clinician(which, 0);
        let input = json!({ "email": "nobody@nowhere.example", "password": PASSWORD });
        match kind {
            0 => drop(step.query(&clinician, "viewer { name permissions } hospital { name }").await),
            1 => drop(step.query(&clinician, &format!("patient(id: \"{patient}\") {{ nothing }}")).await),
            2 => drop(step.query(&self.app.anonymous(), &format!("patient(id: \"{patient}\") {{ lastName }}")).await),
            _ => drop(step.mutate(&self.app.anonymous(), "signIn", input, "accessToken").await),
        }
    }

    /// An administrator reads the trail.
    async fn audit(&mut self, which: usize) {
        let patient = self.some_patient(which);
        let step = self.step();
        let (id, admin) = self.admin(which);
        step.query(&admin, &format!("auditEvents(filter: {{ patientId: \"{patient}\" }}) {{ nodes {{ at }} }}"))
            .await
            .data();
        self.done(which, step.deed(&id, "READ_AUDIT OK", &[patient]));
    }

    /// An administrator changes a patient's record. An archived one stays as it is.
    async fn change(&mut self, which: usize, mutation: &str, fields: Value) {
        let patient = self.some_patient(which);
        let step = self.step();
        let (id, admin) = self.admin(which);
        let payload = step.mutate(&admin, mutation, with(&fields, json!({ "id": patient })), "patient { id }").await;
        let deed = match payload["patient"].is_object() {
            true => step.deed(&id, "CHANGE OK", &[patient]),
            false => step.deed(&id, "CHANGE REFUSED", &[]),
        };
        self.done(which, deed);
    }
}

/// What the API tells of some events, in pages of this size; each page is one request of the one who asks.
async fn told(admin: &Actor, list: &str, size: usize) -> Vec<Deed> {
    let (mut all, mut after) = (Vec::new(), Value::Null);
    loop {
        let page = format!("first: {size}, after: $after");
        let fields = "totalCount pageInfo { hasNextPage endCursor }
            nodes { at action outcome operationName staff { id } partnerKey { id } patients { id } }";
        let list = list.replace("$page", &page).replace("$fields", fields);
        let answer = admin.ask_with(&format!("query($after: String) {{ {list} }}"), json!({ "after": after })).await;
        let mut page = answer.data();
        while page.get("pageInfo").is_none() {
            page = page.as_object().unwrap().values().next().unwrap();
        }
        all.extend(page["nodes"].as_array().unwrap().iter().map(deed));
        if page["pageInfo"]["hasNextPage"] == json!(false) {
            assert_eq!(page["totalCount"], json!(all.len()), "{list}");
            return all;
        }
        after = page["pageInfo"]["endCursor"].clone();
    }
}

fn deed(node: &Value) -> Deed {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    Deed {
        at: node["at"].as_str().unwrap().parse().unwrap(),
        actor: text(&node["staff"]["id"]) + &text(&node["partnerKey"]["id"]),
        action: text(&node["action"]),
        outcome: text(&node["outcome"]),
        operation: text(&node["operationName"]),
        patients: patients_of(&node["patients"]),
    }
}

/// Newest first; the parts of one step in any order.
fn newest_first(mut deeds: Vec<Deed>) -> Vec<Deed> {
    deeds.sort_by(|one, other| other.cmp(one));
    deeds
}

#[tokio::test]
async fn the_report_of_a_month_equals_what_was_done() {
    let mut month = Month::begin(0x005E_ED0F_7A11).await;
    let end = month.app.now() + Duration::days(DAYS);
    let mut turns = 0;
    while month.app.now() < end {
        month.happen().await;
        let minutes = 20 + month.dice.roll(200);
        month.app.wait(Duration::minutes(i64::try_from(minutes).unwrap()));
        turns += 1;
        match turns % 97 {
            // Sealed and posted, sealed, or neither.
            30 => History::of(&month.app.database).seal_and_post().await,
            60 => History::of(&month.app.database).seal().await,
            // The server is started anew on the same data.
            96 => {
                month.app = month.app.copy().await;
                for ward in &mut month.wards {
                    ward.key.1.url.clone_from(&month.app.url);
                }
            }
            _ => {}
        }
    }
    let asked_at = month.app.now();
    let history = History::of(&month.app.database);
    history.seal().await;
    let done: usize = month.wards.iter().map(|ward| ward.done.len()).sum();
    let done = u64::try_from(done).unwrap();
    let (findings, verified) = history.verify(&[]).await;
    assert_eq!((findings, verified.events), (vec![], done));

    let text = |time: DateTime<Utc>| time.to_rfc3339_opts(SecondsFormat::Micros, true);
    let in_march = |day: i64| "2026-03-01T00:00:00Z".parse::<DateTime<Utc>>().unwrap() + Duration::days(day);
    let windows = [(0, 31), (31, 60), (3, 10), (29, 33), (45, 50)].map(|(from, to)| (in_march(from), in_march(to)));
    let windows = windows.map(|(from, to)| (from, to.min(asked_at)));
    let all = (in_march(0), asked_at);

    for (which, ward) in month.wards.iter().enumerate() {
        // Long enough for what happened to need several pages, and for either month to have its partition.
        assert!(ward.done.len() > 100 && ward.done.iter().any(|deed| deed.at > in_march(31)), "{}", ward.done.len());
        let (me, mut admin) = month.admin(which);
        let mut check = async |list: &str,
                               (from, to): (DateTime<Utc>, DateTime<Utc>),
                               size: usize,
                               wanted: &dyn Fn(&Deed) -> bool| {
            // Asking goes on behind the month, as time does.
            month.app.wait(Duration::seconds(1));
            admin.token = month.app.actor(&ward.hospital.admin).token;
            let expected: Vec<Deed> =
                ward.done.iter().filter(|deed| (from..to).contains(&deed.at) && wanted(deed)).cloned().collect();
            let list = list.replace("$from", &text(from)).replace("$to", &text(to));
            let found = told(&admin, &list, size).await;
            assert!(found.is_sorted_by(|one, next| one.at >= next.at), "{list}");
            let (found, expected) = (newest_first(found), newest_first(expected));
            let beyond = |these: &[Deed], those: &[Deed]| -> Vec<Deed> {
                these.iter().filter(|deed| !those.contains(deed)).cloned().collect()
            };
            let (untold, invented) = (beyond(&expected, &found), beyond(&found, &expected));
            assert!(found == expected, "{list}\nnot told: {untold:#?}\nnot done: {invented:#?}");
            expected.len()
        };
        let events = "auditEvents(filter: { $filter from: \"$from\", to: \"$to\" }, $page) { $fields }";
        let by = |filter: &str| events.replace("$filter", filter);
        for (window, size) in [(all, 100), (windows[0], 37), (windows[1], 11), (windows[3], 100), (windows[4], 5)] {
            check(&by(""), window, size, &|_| true).await;
        }
        for (number, patient) in ward.patients.iter().enumerate().step_by(6) {
            let history = format!(
                "patient(id: \"{patient}\") {{ accessHistory(from: \"$from\", to: \"$to\", $page) {{ $fields }} }}"
            );
            let about = |deed: &Deed| deed.patients.contains(patient);
            assert!(check(&history, all, 7, &about).await > 0);
            check(&history, windows[number / 6 % 5], 100, &about).await;
            check(&by(&format!("patientId: \"{patient}\", action: READ,")), all, 50, &|deed| {
                about(deed) && deed.action == "READ"
            })
            .await;
        }
        let mut actors: Vec<String> = ward.clinicians.iter().map(|person| person.staff.to_string()).collect();
        actors.extend([me, ward.key.0.clone()]);
        for actor in &actors {
            let own = |deed: &Deed| deed.actor == *actor;
            assert!(check(&by(&format!("actorId: \"{actor}\",")), all, 13, &own).await > 0);
            check(&by(&format!("actorId: \"{actor}\",")), windows[2], 100, &own).await;
        }
        for action in ["READ", "CHANGE", "SIGN_IN", "SIGN_OUT", "READ_AUDIT"] {
            let same = |deed: &Deed| deed.action == action;
            let some = [windows[0], windows[1]].map(|window| (window, by(&format!("action: {action},"))));
            for (window, list) in some {
                check(&list, window, 23, &same).await;
            }
        }
        for outcome in ["OK", "PARTIAL", "REFUSED", "FAILED"] {
            for window in [windows[0], windows[1]] {
                check(&by(&format!("outcome: {outcome},")), window, 41, &|deed| deed.outcome == outcome).await;
            }
        }
        let both = |deed: &Deed| deed.actor == actors[0] && deed.outcome == "REFUSED";
        check(&by(&format!("actorId: \"{}\", outcome: REFUSED,", actors[0])), windows[0], 3, &both).await;
    }

    history.seal().await;
    let (findings, verified) = history.verify(&[]).await;
    assert_eq!(findings, []);
    assert!(verified.events > done, "asking is told as well");
}

//! Filters: what fits is found, and a null is no filter.

use chrono::{DateTime, Duration, Utc};
use patient_logger::kernel::{PatientId, StaffId};
use serde_json::{Value, json};

use super::introspection::{each, name, named, schema};
use super::world::{
    Dice, LogRow, PatientRow, TYPES, World, ask, insert_logs, insert_patients, some_log, some_patient, sorted, start,
    time,
};

/// Whether every word begins a word of the texts, upper or lower case.
fn begins_words(text: Option<&str>, texts: &[&str]) -> bool {
    let split = |text: &str| -> Vec<String> {
        let words = text.split(|c: char| c.is_whitespace() || c.is_ascii_punctuation());
        words.filter(|word| !word.is_empty()).map(str::to_lowercase).collect()
    };
    let words: Vec<String> = texts.iter().flat_map(|text| split(text)).collect();
    split(text.unwrap_or_default()).iter().all(|beginning| words.iter().any(|word| word.starts_with(beginning)))
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
        // What no index leads to is looked for in a month; all of these rows lie in one.
        if names.iter().any(|name| !["completedAt", "deleted"].contains(name) && !filter[*name].is_null())
            && filter["completedAt"]["from"].is_null()
        {
            filter["completedAt"]["from"] = json!(time(start() - Duration::days(1)));
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
    let words = [
        "ada",
        "ADA love",
        "mrn-0",
        "MRN-01 o'neil",
        "neil",
        "a_b",
        "ab",
        "5%",
        "k\\s",
        "slash ba",
        "nobody",
        "a o",
        "lace",
    ];
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
            begins_words(filter["text"].as_str(), &[&row.first_name, &row.last_name, &row.mrn])
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
async fn what_no_index_leads_to_is_refused_and_the_message_says_what_to_add() {
    let world = World::new(1, 1).await;
    let admin = world.admin();
    let (patient, staff) = (PatientId(world.patients[0].id).to_string(), world.one.clinician.staff.to_string());
    let month = json!({ "from": time(start()) });
    let query = |field: &str| {
        format!(
            "query($f: TaskLogFilter) {{ taskLogs(filter: $f, orderBy: {{ field: {field}, direction: ASC }}) {{ totalCount }} }}"
        )
    };
    for (field, time, filter, named) in [
        ("COMPLETED_AT", "completedAt", json!({ "text": "pulse" }), "filter.text"),
        ("COMPLETED_AT", "completedAt", json!({ "updatedAt": month }), "filter.updatedAt"),
        ("UPDATED_AT", "updatedAt", json!({ "clinicianIds": [staff] }), "filter.clinicianIds"),
        ("UPDATED_AT", "updatedAt", json!({ "taskTypes": ["OTHER"], "text": "x" }), "filter.taskTypes and filter.text"),
        ("COMPLETED_AT", "completedAt", json!({ "taskTypes": ["OTHER"], "clinicianIds": [staff] }), "filter.taskTypes"),
    ] {
        let answer = ask(&admin, &query(field), json!({ "f": filter })).await;
        let message = format!(
            "No index leads to {named} in this order. Also give filter.{time} with from at most 31 days before to, or before \
             now when to is left out, or give filter.patientIds. Ask for longer times in several requests."
        );
        assert_eq!(
            (answer.code(), &answer.body["errors"][0]["message"]),
            ("BAD_USER_INPUT", &json!(message)),
            "{filter}"
        );
        for (added, value) in [(time, &month), ("patientIds", &json!([patient]))] {
            let mut filter = filter.clone();
            filter[added] = value.clone();
            ask(&admin, &query(field), json!({ "f": filter })).await.data();
        }
        // More than a month, or a month that never begins.
        for span in [json!({ "from": "2026-01-01T00:00:00Z" }), json!({ "to": "2026-02-02T00:00:00Z" })] {
            let mut filter = filter.clone();
            filter[time] = span;
            assert_eq!(ask(&admin, &query(field), json!({ "f": filter })).await.code(), "BAD_USER_INPUT", "{filter}");
        }
    }
    let of_clinician = "query($f: TaskLogFilter, $id: ID!, $o: TaskLogOrderField!) { node(id: $id) { ... on Staff {
        taskLogs(filter: $f, orderBy: { field: $o, direction: ASC }) { totalCount } } } }";
    for (filter, order, served) in [
        (json!({}), "COMPLETED_AT", true),
        (json!({ "taskTypes": ["OTHER"] }), "COMPLETED_AT", false),
        (json!({ "patientIds": [patient] }), "COMPLETED_AT", false),
        (json!({ "patientIds": [patient], "completedAt": month }), "COMPLETED_AT", true),
        (json!({ "updatedAt": month }), "UPDATED_AT", false),
    ] {
        let answer = ask(&admin, of_clinician, json!({ "f": filter, "id": staff, "o": order })).await;
        assert_eq!(answer.body["errors"].is_null(), served, "{filter}: {}", answer.body);
    }
    for filter in [json!({ "text": "%_'" }), json!({ "rooms": vec!["1A"; 101] })] {
        let query = "query($f: PatientFilter) { patients(filter: $f) { totalCount } }";
        assert_eq!(ask(&admin, query, json!({ "f": filter })).await.code(), "BAD_USER_INPUT");
    }
}

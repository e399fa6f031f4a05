use chrono::Duration;
use patient_logger::kernel::PatientId;
use serde_json::{Value, json};

use super::hospital::{LargeHospital, MONTH};
use super::plan::{Plans, Work};
use crate::lists::introspection::{each, name, named, schema};
use crate::lists::world::time;
use crate::support::{Actor, Answer, TestApp};

/// Most rows that any statement may read: those of a span of 31 days, or as many as are counted.
const MOST: u64 = MONTH + 10_001;
/// Most rows of a page whose filter an index serves alone: a page of 51 for each of 100 values.
const PAGE: u64 = 51 * 100;

/// Asks for lists, and looks at what PostgreSQL read for them.
struct Reader<'a> {
    actor: Actor,
    plans: Plans,
    large: &'a LargeHospital,
    served: usize,
    refused: Vec<Value>,
}

impl<'a> Reader<'a> {
    async fn new(large: &'a LargeHospital, generic: bool) -> Self {
        Plans::told(&large.app.database, generic).await;
        let app: TestApp = large.app.beside().await;
        let plans = Plans::listen();
        Self { actor: app.admin(&large.hospital), plans, large, served: 0, refused: Vec::new() }
    }

    /// The answer, and what was read for it: no statement read more than `most` rows.
    async fn ask(&mut self, query: &str, variables: &Value, most: u64) -> Answer {
        self.plans.take();
        let answer = self.actor.ask_with(query, variables.clone()).await;
        if answer.body["errors"].is_array() {
            let message = answer.body["errors"][0]["message"].as_str().unwrap();
            assert_eq!(
                answer.body["errors"][0]["extensions"]["code"], "BAD_USER_INPUT",
                "{query} {variables}: {answer:?}"
            );
            assert!(message.contains("filter."), "it says what to add: {message}");
            self.refused.push(variables["filter"].clone());
            return answer;
        }
        let plans = self.plans.take();
        assert!(plans.len() > 1, "the plans of {query} are heard");
        for plan in plans {
            let Work { rows, sorted, whole_table } = plan.work();
            let text = || format!("{query} {variables}\n{}", plan.text());
            assert!(!whole_table, "a table is read from one end to the other for {}", text());
            assert!(rows <= most, "{rows} rows are read, more than {most}, for {}", text());
            assert!(sorted <= most, "{sorted} rows are sorted, more than {most}, for {}", text());
        }
        self.served += 1;
        answer
    }

    /// Two things to ask of each condition: what is rare or old, and what is frequent or much.
    fn values(&self, filter: &str, condition: &str) -> [Value; 2] {
        let now = self.large.app.now();
        let years_ago = |years: i64| now - Duration::days(365 * years);
        let month = json!({ "from": time(years_ago(4)), "to": time(years_ago(4) + Duration::days(31)) });
        let always = json!({ "from": time(years_ago(6)) });
        let first: Vec<String> = self.large.first_patients.iter().map(PatientId::to_string).collect();
        match (filter, condition) {
            ("TaskLogFilter", "patientIds") => [json!([self.large.old_hand.to_string()]), json!(first)],
            ("TaskLogFilter", "clinicianIds") => {
                let all: Vec<String> = self.large.clinicians.iter().map(ToString::to_string).collect();
                [json!([self.large.gone.to_string()]), json!(all)]
            }
            ("TaskLogFilter", "taskTypes") => [json!(["OTHER"]), json!(["NUTRITION", "VITALS", "VITALS"])],
            ("TaskLogFilter", "completedAt" | "updatedAt") => [month, always],
            ("TaskLogFilter", "text") => [json!("zebra"), json!("note")],
            ("TaskLogFilter", "deleted") | ("PatientFilter", "archived") => [json!(true), json!(false)],
            ("PatientFilter", "text") => [json!("last7 second3"), json!("mrn-000")],
            ("PatientFilter", "rooms") => [json!(["R7"]), json!(["R1", "R2", "R3", "R3"])],
            ("PatientFilter", "statuses") => [json!(["ADMITTED"]), json!(["ADMITTED", "DISCHARGED"])],
            ("StaffFilter" | "ClinicianFilter", "text") => [json!("clinician 59"), json!("clinician")],
            ("StaffFilter", "roles") => [json!(["ADMIN"]), json!(["ADMIN", "CLINICIAN"])],
            ("StaffFilter", "statuses") => [json!(["DEACTIVATED"]), json!(["ACTIVE"])],
            _ => panic!("say here what to ask of {filter}.{condition}, and see which index serves it"),
        }
    }

    /// Filters of up to two conditions, and of all, each with rare values, with frequent ones, and mixed.
    fn filters(&self, filter: &str, conditions: &[String]) -> Vec<Value> {
        let mut filters = Vec::new();
        for set in 0..1_u32 << conditions.len() {
            if set.count_ones() > 2 && set.count_ones() < u32::try_from(conditions.len()).unwrap() {
                continue;
            }
            for mix in [0b0, 0b111_1111, 0b010_1010_u32] {
                let mut made = json!({});
                for (bit, condition) in conditions.iter().enumerate().filter(|(bit, _)| set >> bit & 1 == 1) {
                    made[condition] = self.values(filter, condition)[(mix >> bit & 1) as usize].clone();
                }
                if !filters.contains(&made) {
                    filters.push(made);
                }
            }
        }
        filters
    }
}

/// The connections of the schema that take a filter or an order: type, field, its filter with its conditions, its orders.
async fn lists(actor: &Actor) -> Vec<(String, String, String, Vec<String>, Vec<String>)> {
    let types = schema(actor).await;
    let mut lists = Vec::new();
    for ty in types.values() {
        for field in each(&ty["fields"]).filter(|field| named(&field["type"]).ends_with("Connection")) {
            let argument = |wanted: &str| each(&field["args"]).find(|argument| name(argument) == wanted);
            let filter = argument("filter").map_or("", |argument| named(&argument["type"]));
            let conditions =
                types.get(filter).map(|filter| each(&filter["inputFields"]).map(name).map(str::to_owned).collect());
            let order = argument("orderBy").map_or("", |argument| named(&argument["type"]));
            let mut orders = vec![String::new()];
            if let Some(order) = types.get(order) {
                let fields = each(&order["inputFields"]).find(|field| name(field) == "field").unwrap();
                let fields = each(&types[named(&fields["type"])]["enumValues"]).map(name);
                orders = fields.flat_map(|field| ["ASC", "DESC"].map(|way| format!("{field} {way}"))).collect();
            }
            lists.push((name(ty).into(), name(field).into(), filter.into(), conditions.unwrap_or_default(), orders));
        }
    }
    lists
}

#[tokio::test]
async fn no_list_in_any_order_with_any_filter_reads_the_whole_hospital() {
    let large = LargeHospital::new().await;
    for generic in [false, true] {
        let mut reader = Reader::new(&large, generic).await;
        deep_pages_and_stats(&mut reader).await;
        reader.served = 0;
        reader.refused.clear();
        let mut others = Vec::new();
        for (ty, field, filter, conditions, orders) in lists(&reader.actor.clone()).await {
            let selection = "{ nodes { id } totalCount totalCountIsCapped }";
            let document = |around: (&str, &str)| {
                let order = if orders[0].is_empty() { "" } else { "orderBy: { field: FIELD, direction: WAY }" };
                let (before, after) = around;
                format!(
                    "query($filter: {filter}) {{ {before} {field}(filter: $filter {order} first: 50) {selection} {after} }}"
                )
            };
            let (document, parents) = match (ty.as_str(), field.as_str()) {
                ("Query", "taskLogs" | "patients" | "staff" | "clinicians") => (document(("", "")), 1),
                ("Patient", "taskLogs") => (document(("patients(first: 5) { nodes {", "} }")), 5),
                ("Staff", "taskLogs") => (document(("staff(first: 5) { nodes {", "} }")), 5),
                _ => {
                    others.push(format!("{ty}.{field}"));
                    continue;
                }
            };
            for order in &orders {
                let (by, way) = order.split_once(' ').unwrap_or_default();
                let document = document.replace("FIELD", by).replace("WAY", way);
                for filter in reader.filters(&filter, &conditions) {
                    let rows = filter.as_object().unwrap().len();
                    let answer = reader.ask(&document, &json!({ "filter": filter }), parents * MOST).await;
                    let is_served = answer.body["errors"].is_null();
                    // One condition, and what a patient's task logs are asked for, is never too much.
                    let alone = rows <= 1 && filter["text"].is_null() && by != "UPDATED_AT";
                    let of_patients = ty != "Staff" && !filter["patientIds"].is_null();
                    let other_time = by == "COMPLETED_AT" && !filter["updatedAt"].is_null();
                    assert!(
                        is_served || ty == "Staff" || !(alone && !other_time || of_patients),
                        "{document} {filter}: {answer:?}"
                    );
                }
            }
        }
        assert_eq!(
            others,
            [
                "Patient.accessHistory",
                "Query.auditEvents",
                "Query.staffInvitations",
                "Query.partnerKeys",
                "Query.breakGlasses",
                "TaskLog.revisions",
                "Viewer.recentActivity"
            ],
            "a new list belongs into this test; these are read by their key, or have tests of their own"
        );
        assert!(reader.served > 500 && reader.refused.len() > 100, "{} {}", reader.served, reader.refused.len());
    }
}

/// Pages deep in a list read no more than the first, and stats no more than their span.
async fn deep_pages_and_stats(reader: &mut Reader<'_>) {
    let large = reader.large;
    let middle = time(large.app.now() - Duration::days(900));
    for (order, around) in [
        ("COMPLETED_AT, direction: ASC", "from"),
        ("COMPLETED_AT, direction: DESC", "to"),
        ("UPDATED_AT, direction: ASC", "from"),
        ("UPDATED_AT, direction: DESC", "to"),
    ] {
        let order = format!("orderBy: {{ field: {order} }}");
        let condition = if order.contains("UPDATED") { "updatedAt" } else { "completedAt" };
        let query = format!(
            "{{ taskLogs({order} first: 1, filter: {{ {condition}: {{ {around}: \"{middle}\" }} }}) {{ pageInfo {{ endCursor }} }} }}"
        );
        let answer = reader.ask(&query, &json!({}), PAGE).await;
        let cursor = answer.data()["taskLogs"]["pageInfo"]["endCursor"].clone();
        for (size, side) in [("first", "after"), ("last", "before")] {
            let query =
                format!("query($c: String) {{ taskLogs({order} {size}: 50, {side}: $c) {{ nodes {{ id }} }} }}");
            let answer = reader.ask(&query, &json!({ "c": cursor }), 52).await;
            assert_eq!(answer.data()["taskLogs"]["nodes"].as_array().unwrap().len(), 50);
        }
    }
    for (order, way) in [("NAME", "ASC"), ("NAME", "DESC"), ("MRN", "ASC"), ("CREATED_AT", "DESC")] {
        let order = format!("orderBy: {{ field: {order}, direction: {way} }}");
        let mut cursor = Value::Null;
        for _ in 0..3 {
            let query = format!(
                "query($c: String) {{ patients({order} first: 100, after: $c) {{ pageInfo {{ endCursor }} }} }}"
            );
            let answer = reader.ask(&query, &json!({ "c": cursor }), 4 * 101).await;
            cursor = answer.data()["patients"]["pageInfo"]["endCursor"].clone();
        }
    }

    let year = 12 * MONTH;
    for by in ["TASK_TYPE", "CLINICIAN", "PATIENT", "DAY"] {
        let query = format!(
            "query($filter: TaskLogFilter) {{ taskLogStats(groupBy: {by}, filter: $filter) {{ totalCount countedFrom }} }}"
        );
        let from = time(large.app.now() - Duration::days(366));
        for (filter, most) in [
            (json!({}), MONTH),
            (json!({ "completedAt": { "from": from } }), year),
            (json!({ "completedAt": { "from": from }, "taskTypes": ["VITALS", "OTHER"] }), year),
            (json!({ "completedAt": { "from": from }, "clinicianIds": [large.gone.to_string()] }), year),
            (json!({ "patientIds": [large.old_hand.to_string()] }), MONTH),
        ] {
            reader.ask(&query, &json!({ "filter": filter }), most).await.data();
        }
        let refused = reader.refused.len();
        for filter in [
            json!({ "completedAt": { "from": time(large.app.now() - Duration::days(367)) } }),
            json!({ "completedAt": { "from": from }, "text": "zebra" }),
        ] {
            reader.ask(&query, &json!({ "filter": filter }), 0).await;
        }
        assert_eq!(reader.refused.len(), refused + 2);
    }

    // What everybody's number begins with leads to too many; and the length of a list is told to 10,000.
    let query = "query($filter: PatientFilter) { patients(filter: $filter) { totalCount totalCountIsCapped } }";
    let count = "query($filter: PatientFilter) { patients(filter: $filter) { totalCount } }";
    let answer = reader.ask(count, &json!({ "filter": { "text": "mrn" } }), 0).await;
    let message = "filter.text finds more than 10000 patients. Write more of a name or of the MRN.";
    assert_eq!((answer.code(), &answer.body["errors"][0]["message"]), ("BAD_USER_INPUT", &json!(message)));
    let answer = reader.ask(query, &json!({ "filter": { "text": "mrn last7 first3" } }), MOST).await;
    assert_eq!(answer.data()["patients"]["totalCountIsCapped"], false);
    let answer = reader.ask("{ taskLogs { totalCount totalCountIsCapped } }", &json!({}), MOST).await;
    assert_eq!(*answer.data(), json!({ "taskLogs": { "totalCount": 10_000, "totalCountIsCapped": true } }));
}

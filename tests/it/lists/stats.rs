//! Counts by group.

use chrono::Duration;
use patient_logger::kernel::{PatientId, StaffId};
use serde_json::{Value, json};

use super::world::{Dice, LogRow, World, ask, insert_logs, some_log, start, time};

#[tokio::test]
async fn stats_count_what_a_hand_counts() {
    let world = World::new(5, 60).await;
    let counted = |key: &dyn Fn(&LogRow) -> String| {
        let mut groups = std::collections::BTreeMap::<String, usize>::new();
        world.logs.iter().for_each(|log| *groups.entry(key(log)).or_default() += 1);
        // Largest first; among equals, by key.
        let mut groups: Vec<(String, usize)> = groups.into_iter().collect();
        groups.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        groups
    };
    let query = "query($by: TaskLogGroupBy!) { taskLogStats(groupBy: $by) { totalCount groupCount
        groups { taskType clinician { id } patient { id } day count } } }";
    let stats =
        async |by: &str| ask(&world.clinician(), query, json!({ "by": by })).await.data()["taskLogStats"].clone();
    let group = |change: Value, count: usize| {
        let mut group = json!({ "taskType": null, "clinician": null, "patient": null, "day": null, "count": count });
        change.as_object().unwrap().iter().for_each(|(name, value)| group[name] = value.clone());
        group
    };
    let check = async |by: &str, groups: Vec<Value>| {
        assert_eq!(stats(by).await, json!({ "totalCount": 60, "groupCount": groups.len(), "groups": groups }), "{by}");
    };
    let by_type = counted(&|log| log.task_type.to_owned());
    check("TASK_TYPE", by_type.iter().map(|(key, count)| group(json!({ "taskType": key }), *count)).collect()).await;
    let by_clinician = counted(&|log| StaffId(log.clinician).to_string());
    check(
        "CLINICIAN",
        by_clinician.iter().map(|(key, count)| group(json!({ "clinician": { "id": key } }), *count)).collect(),
    )
    .await;
    let by_patient = counted(&|log| PatientId(log.patient).to_string());
    check(
        "PATIENT",
        by_patient.iter().map(|(key, count)| group(json!({ "patient": { "id": key } }), *count)).collect(),
    )
    .await;
    check("DAY", vec![group(json!({ "day": "2026-02-01" }), 60)]).await;

    let nobody = "{ taskLogStats(groupBy: DAY, filter: { taskTypes: [] }) { totalCount groupCount groups { count } } }";
    let nothing = json!({ "totalCount": 0, "groupCount": 0, "groups": [] });
    assert_eq!(ask(&world.admin(), nobody, json!({})).await.data()["taskLogStats"], nothing);
}

#[tokio::test]
async fn a_day_in_the_stats_is_a_day_on_the_hospitals_clock_also_when_that_clock_changes() {
    let world = World::new(1, 0).await;
    let mut dice = Dice(1);
    let mut log =
        |at: &str| LogRow { completed_at: at.parse().unwrap(), ..some_log(&mut dice, &world.patients, &world.one) };
    // London goes forward on 2026-03-29 at 01:00 UTC and went back on 2025-10-26 at 01:00 UTC.
    let logs = [
        ("2025-10-25T22:59:59.999999Z", "2025-10-25"),
        ("2025-10-25T23:00:00Z", "2025-10-26"),
        ("2025-10-26T00:30:00Z", "2025-10-26"),
        ("2025-10-26T23:59:59.999999Z", "2025-10-26"),
        ("2025-10-27T00:00:00Z", "2025-10-27"),
        ("2026-03-28T23:59:59.999999Z", "2026-03-28"),
        ("2026-03-29T00:00:00Z", "2026-03-29"),
        ("2026-03-29T22:59:59.999999Z", "2026-03-29"),
        ("2026-03-29T23:00:00Z", "2026-03-30"),
    ];
    let rows: Vec<LogRow> = logs.iter().map(|(at, _)| log(at)).collect();
    let mut superuser = world.app.database.superuser().await;
    insert_logs(&mut superuser, &world.one, &rows).await;
    let patient = PatientId(world.patients[0].id);
    let of_patient = format!("taskLogStats(groupBy: DAY, filter: {{ patientIds: [\"{patient}\"] }})");
    let query = format!("{{ {of_patient} {{ totalCount groupCount groups {{ day count }} countedFrom }} }}");
    let group = |day: &str, count: usize| json!({ "day": day, "count": count });
    let expected = json!({ "totalCount": 9, "groupCount": 6, "groups": [
        group("2026-03-30", 1), group("2026-03-29", 2), group("2026-03-28", 1),
        group("2025-10-27", 1), group("2025-10-26", 3), group("2025-10-25", 1) ], "countedFrom": null });
    assert_eq!(ask(&world.clinician(), &query, json!({})).await.data()["taskLogStats"], expected);

    // A list that is cut says so: 130 days more than it can show.
    let days = (0..130).map(|day| log(&time(start() - Duration::days(200 + day))));
    insert_logs(&mut superuser, &world.one, &days.collect::<Vec<_>>()).await;
    let query =
        format!("{{ {of_patient} {{ totalCount groupCount groups {{ day }} two: groups(first: 2) {{ day }} }} }}");
    let answer = ask(&world.clinician(), &query, json!({})).await;
    let stats = &answer.data()["taskLogStats"];
    assert_eq!((&stats["totalCount"], &stats["groupCount"]), (&json!(139), &json!(136)));
    let groups = stats["groups"].as_array().unwrap();
    assert_eq!(groups.len(), 100);
    assert!(groups.is_sorted_by(|one, other| one["day"].as_str() > other["day"].as_str()));
    assert_eq!(stats["two"], json!(groups[..2]));
}

#[tokio::test]
async fn without_patients_the_stats_say_which_days_they_count() {
    let world = World::new(1, 0).await;
    let now = world.app.now();
    let mut dice = Dice(1);
    let mut log = |days: i64| LogRow {
        completed_at: now - Duration::days(days),
        ..some_log(&mut dice, &world.patients, &world.one)
    };
    let logs = [log(1), log(29), log(31), log(365), log(400)];
    insert_logs(&mut world.app.database.superuser().await, &world.one, &logs).await;
    let query =
        "query($filter: TaskLogFilter) { taskLogStats(groupBy: DAY, filter: $filter) { totalCount countedFrom } }";
    let ago = |days: i64| time(now - Duration::days(days));
    for (completed, count, from) in [
        (json!({}), 2, ago(30)),
        (json!({ "from": ago(366) }), 4, ago(366)),
        (json!({ "to": ago(10) }), 2, ago(40)),
        (json!({ "from": ago(500), "to": ago(370) }), 1, ago(500)),
    ] {
        let answer = ask(&world.clinician(), query, json!({ "filter": { "completedAt": completed } })).await;
        let expected = json!({ "totalCount": count, "countedFrom": from });
        assert_eq!(answer.data()["taskLogStats"], expected, "{completed}");
    }
    for filter in
        [json!({ "completedAt": { "from": ago(367) } }), json!({ "completedAt": { "from": ago(32) }, "text": "pulse" })]
    {
        let answer = ask(&world.clinician(), query, json!({ "filter": filter })).await;
        assert_eq!(answer.code(), "BAD_USER_INPUT");
        let message = answer.body["errors"][0]["message"].as_str().unwrap();
        assert!(message.contains("366 days") && message.contains("31 days"), "{message}");
    }
}

//! The second wall: PostgreSQL with the server's role and settings made by hand.

use sea_orm::sqlx::{self, AssertSqlSafe, PgConnection};
use uuid::Uuid;

use super::Ward;

/// The settings of a transaction, in the order of [`SETTINGS`].
type Sight<'a> = [&'a str; 5];

const SETTINGS: [&str; 5] =
    ["app.current_hospital_id", "app.reads_restricted", "app.glasses", "app.current_staff_id", "app.now"];

async fn enter(app: &mut PgConnection, sight: Sight<'_>) {
    for (name, value) in SETTINGS.iter().zip(sight) {
        sqlx::query("SELECT set_config($1, $2, false)").bind(name).bind(value).execute(&mut *app).await.unwrap();
    }
}

/// How many patients, task logs, earlier versions and closed records there are.
async fn counts(app: &mut PgConnection) -> [i64; 4] {
    let mut counts = [0; 4];
    for (count, table) in
        counts.iter_mut().zip(["patients", "task_logs", "task_log_revisions", "closed_patients_door()"])
    {
        let sql = AssertSqlSafe(format!("SELECT count(*) FROM {table}"));
        *count = sqlx::query_scalar(sql).fetch_one(&mut *app).await.unwrap();
    }
    counts
}

#[tokio::test]
async fn the_database_alone_hides_what_is_closed_and_opens_it_only_as_it_is_told_exactly() {
    let ward = Ward::new().await;
    ward.clinician.break_glass(&ward.closed).await;
    let mut superuser = ward.app.database.superuser().await;
    let glass: Uuid = sqlx::query_scalar("SELECT id FROM break_glass_grants").fetch_one(&mut superuser).await.unwrap();
    let hospital = ward.hospital.id.0.to_string();
    let [clinician, colleague] =
        [&ward.hospital.clinician, &ward.hospital.colleague].map(|one| one.staff.0.to_string());
    let (glasses, others) = (format!("{{{glass}}}"), format!("{{{}}}", Uuid::now_v7()));
    let (open, closed) = ([3, 3, 3, 0], [2, 2, 2, 1]);
    let (early, late) = ("2026-03-01T12:59:59.999999Z", "2026-03-01T13:00:00Z");
    let mut app = ward.app.database.app().await;
    let elsewhere = ward.app.hospital().await.id.0.to_string();
    for (sight, expected) in [
        ([&hospital[..], "", "", "", ""], closed),
        ([&hospital, "off", "", "", ""], closed),
        ([&hospital, "on", "", "", ""], open),
        ([&hospital, "", &glasses, &clinician, early], open),
        ([&hospital, "", &glasses, &clinician, late], closed),
        ([&hospital, "", &glasses, &clinician, ""], closed),
        ([&hospital, "", &glasses, &colleague, early], closed),
        ([&hospital, "", &glasses, "", early], closed),
        ([&hospital, "", &others, &clinician, early], closed),
        ([&hospital, "", "", &clinician, early], closed),
        ([&elsewhere, "on", &glasses, &clinician, early], [0; 4]),
        (["", "on", &glasses, &clinician, early], [0; 4]),
    ] {
        enter(&mut app, sight).await;
        assert_eq!(counts(&mut app).await, expected, "{sight:?}");
        let sql = "SELECT (SELECT count(*) FROM closed_patient_by_mrn_door('MRN-2')) + (SELECT count(*) FROM patients WHERE mrn = 'MRN-2')";
        let found: i64 = sqlx::query_scalar(sql).fetch_one(&mut app).await.unwrap();
        assert_eq!(found, i64::from(expected[0] > 0), "{sight:?}: the record or its stub");
    }

    enter(&mut app, [&hospital, "", "", "", ""]).await;
    let patient: Uuid = ward.closed[4..].parse().unwrap();
    for sql in [
        "UPDATE patients SET room = 'X' WHERE id = $1",
        "UPDATE task_logs SET notes = 'X', version = version + 1 WHERE patient_id = $1",
    ] {
        let done = sqlx::query(sql).bind(patient).execute(&mut app).await.unwrap();
        assert_eq!(done.rows_affected(), 0, "{sql}");
    }
    let sql = "INSERT INTO task_logs (hospital_id, id, patient_id, clinician_id, task_type, description, completed_at, recorded_at,
                   updated_at, version, changed_by_id)
               SELECT hospital_id, gen_random_uuid(), $1, clinician_id, task_type, description, now(), now(), now(), 1, clinician_id
               FROM task_logs LIMIT 1";
    let error = sqlx::query(sql).bind(patient).execute(&mut app).await.unwrap_err();
    assert_eq!(error.as_database_error().unwrap().message(), "the patient does not exist");
}

#[tokio::test]
async fn what_is_closed_is_found_once_a_statement_and_a_page_is_read_from_its_index() {
    let ward = Ward::new().await;
    let mut app = ward.app.database.app().await;
    enter(&mut app, [&ward.hospital.id.0.to_string(), "", "", "", ""]).await;
    sqlx::query("SET enable_seqscan = off").execute(&mut app).await.unwrap();
    for (sql, index) in [
        (
            "SELECT id FROM task_logs WHERE deleted_at IS NULL ORDER BY completed_at DESC, id DESC LIMIT 51",
            "task_logs_by_completion",
        ),
        (
            "SELECT id FROM patients WHERE status = 'ADMITTED' AND archived_at IS NULL ORDER BY created_at DESC, id DESC LIMIT 51",
            "patients_by_creation",
        ),
    ] {
        let plan: Vec<String> =
            sqlx::query_scalar(AssertSqlSafe(format!("EXPLAIN {sql}"))).fetch_all(&mut app).await.unwrap();
        let plan = plan.join("\n");
        assert!(plan.contains("NOT (hashed SubPlan"), "{plan}");
        assert!(plan.contains(&format!("using {index}")) && !plan.contains("Sort"), "{plan}");
        assert!(!plan.contains("Function Scan on closed_patients"), "the function is a part of the statement: {plan}");
    }
}

//! The wall in PostgreSQL, tried as the server's own role: whatever the server did wrong, this would still hold.

use std::time::Duration;

use migration::{Migrator, MigratorTrait};
use patient_logger::database::{Direction, migrate};
use patient_logger::tenancy::{Database, DatabaseSettings};
use sea_orm::sqlx::{self, AssertSqlSafe, Connection, PgConnection, Row};
use uuid::Uuid;

use crate::support::{History, Hospital, PASSWORD, TestApp, TestDatabase};

/// Tables that belong to no hospital: names of the schema, how far the chain of the audit trail is, documents.
const GLOBAL: [&str; 4] = ["audit_retired", "audit_shapes", "audit_state", "documents"];

/// Every table of hospitals that the server's role can read something of.
async fn readable_tables(app: &mut PgConnection) -> Vec<String> {
    sqlx::query_scalar(
        "SELECT relname::text FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v', 'm')
         AND has_any_column_privilege(oid, 'SELECT') AND relname <> ALL ($1) ORDER BY 1",
    )
    .bind(&GLOBAL[..])
    .fetch_all(app)
    .await
    .unwrap()
}

async fn count(app: &mut PgConnection, table: &str) -> i64 {
    sqlx::query_scalar(AssertSqlSafe(format!("SELECT count(id_or_any) FROM (SELECT 1 AS id_or_any FROM {table}) rows")))
        .fetch_one(app)
        .await
        .unwrap()
}

async fn enter(app: &mut PgConnection, hospital: &str) {
    sqlx::query("SELECT set_config('app.current_hospital_id', $1, false)").bind(hospital).execute(app).await.unwrap();
}

async fn two_hospitals_with_rows(app: &TestApp) -> [Hospital; 2] {
    let hospitals = [app.hospital().await, app.hospital().await];
    for hospital in &hospitals {
        let patient = app.admin(hospital).patient("MRN-1").await;
        let clinician = app.clinician(hospital);
        let log = clinician.task_log(&patient, "Pulse 72").await;
        let closed = app.admin(hospital).restricted("MRN-2").await;
        clinician.break_glass(&closed).await;
        let input = serde_json::json!({ "id": closed });
        app.admin(hospital).mutate("liftRestriction", input, "patient { id }").await;
        let input = serde_json::json!({ "id": log, "description": "Pulse 74" });
        clinician.mutate("updateTaskLog", input, "taskLog { version }").await;
        let input =
            serde_json::json!({ "patientId": patient, "taskType": "OTHER", "description": "x", "idempotencyKey": "k" });
        clinician.mutate("createTaskLog", input, "taskLog { id }").await;
        app.admin(hospital).partner_key(serde_json::json!([])).await;
        let input = serde_json::json!({ "email": "new@x.example", "name": "New", "role": "CLINICIAN" });
        app.admin(hospital).mutate("inviteStaff", input, "invitation { id }").await;
        let input = serde_json::json!({ "email": hospital.clinician.email, "password": PASSWORD });
        app.anonymous().mutate("signIn", input, "refreshToken").await;
    }
    History::of(&app.database).seal_and_post().await;
    hospitals
}

#[tokio::test]
async fn without_a_hospital_every_table_shows_nothing_and_with_one_only_its_own() {
    let app = TestApp::start().await;
    let hospitals = two_hospitals_with_rows(&app).await;
    let mut connection = app.database.app().await;
    let tables = readable_tables(&mut connection).await;
    let expected = [
        "accounts",
        "audit_events",
        "audit_mentions",
        "audit_seals",
        "break_glass_grants",
        "hospitals",
        "idempotency_keys",
        "invitations",
        "partner_keys",
        "patient_restrictions",
        "patient_words",
        "patients",
        "refresh_tokens",
        "sessions",
        "staff",
        "task_log_revisions",
        "task_logs",
    ];
    assert_eq!(tables, expected, "a new table belongs into this list");

    let mut superuser = app.database.superuser().await;
    for table in &tables {
        let all = count(&mut superuser, table).await;
        assert_eq!(count(&mut connection, table).await, 0, "{table} without a setting");
        for nothing in ["", &Uuid::nil().to_string(), &Uuid::now_v7().to_string()] {
            enter(&mut connection, nothing).await;
            assert_eq!(count(&mut connection, table).await, 0, "{table} with {nothing:?}");
        }
        let mut seen = 0;
        for hospital in &hospitals {
            enter(&mut connection, &hospital.id.0.to_string()).await;
            let own = count(&mut connection, table).await;
            assert!(own > 0, "{table} shows a hospital its own rows");
            seen += own;
        }
        assert_eq!(seen, all, "{table}: each row has one hospital");
        enter(&mut connection, "").await;
    }
    enter(&mut connection, "not a uuid").await;
    assert!(sqlx::query("SELECT FROM patients").fetch_all(&mut connection).await.is_err(), "garbage fails closed");
}

#[tokio::test]
async fn no_statement_of_the_servers_role_changes_another_hospital() {
    let app = TestApp::start().await;
    let [one, two] = two_hospitals_with_rows(&app).await;
    let mut connection = app.database.app().await;
    enter(&mut connection, &one.id.0.to_string()).await;
    let theirs = two.id.0;
    for sql in [
        format!("UPDATE patients SET room = 'X' WHERE hospital_id = '{theirs}'"),
        format!("UPDATE task_logs SET notes = 'X', version = version + 1 WHERE hospital_id = '{theirs}'"),
        format!("UPDATE staff SET role = 'ADMIN' WHERE hospital_id = '{theirs}'"),
        format!("UPDATE sessions SET revoked_at = NULL WHERE hospital_id = '{theirs}'"),
        format!("UPDATE invitations SET revoked_at = NULL WHERE hospital_id = '{theirs}'"),
        format!("UPDATE hospitals SET second_factor_required = true WHERE id = '{theirs}'"),
        format!("UPDATE patient_restrictions SET lifted_at = now() WHERE hospital_id = '{theirs}'"),
    ] {
        let done = sqlx::query(AssertSqlSafe(sql.clone())).execute(&mut connection).await.unwrap();
        assert_eq!(done.rows_affected(), 0, "{sql}");
    }
    for sql in [
        format!("UPDATE patients SET hospital_id = '{theirs}'"),
        format!(
            "INSERT INTO staff SELECT '{theirs}', gen_random_uuid(), account_id, name, role, status, 1, now(), now() FROM staff LIMIT 1"
        ),
        "UPDATE staff SET hospital_id = hospital_id".into(),
        "UPDATE task_logs SET hospital_id = hospital_id".into(),
        "UPDATE task_log_revisions SET description = 'X'".into(),
        "UPDATE hospitals SET name = 'X'".into(),
        "UPDATE accounts SET email = 'x@x.example'".into(),
        "SELECT password_hash FROM accounts".into(),
        "SELECT factor_secret FROM accounts".into(),
        "UPDATE accounts SET factor_since = NULL".into(),
        "UPDATE invitations SET token_hash = token_hash".into(),
        "UPDATE invitations SET role = 'ADMIN'".into(),
        "DELETE FROM invitations".into(),
        "SELECT * FROM seaql_migrations".into(),
        "SELECT subject FROM attempts".into(),
        "DELETE FROM attempts".into(),
        "UPDATE sessions SET staff_id = staff_id".into(),
        "UPDATE sessions SET absolute_expires_at = now()".into(),
        "UPDATE refresh_tokens SET hash = hash".into(),
        "UPDATE audit_events SET actor_id = gen_random_uuid()".into(),
        "DELETE FROM audit_events".into(),
        "TRUNCATE audit_events".into(),
        "INSERT INTO audit_events SELECT * FROM audit_events".into(),
        "INSERT INTO audit_shapes VALUES (gen_random_uuid(), '{}', '{}')".into(),
        "UPDATE audit_shapes SET fields = '{}'".into(),
        "DELETE FROM audit_shapes".into(),
        "UPDATE audit_seals SET no = no".into(),
        "INSERT INTO audit_seals SELECT * FROM audit_seals".into(),
        "DELETE FROM audit_mentions".into(),
        "INSERT INTO audit_mentions SELECT * FROM audit_mentions".into(),
        "UPDATE audit_state SET sealed_xid = 0".into(),
        "INSERT INTO audit_retired VALUES ('2026-11-01', now())".into(),
        "SELECT * FROM audit_events_2026_03".into(),
        "DELETE FROM audit_events_2026_03".into(),
        "DROP TABLE audit_events_2026_03".into(),
        "UPDATE break_glass_grants SET expires_at = opened_at + interval '1 minute'".into(),
        "DELETE FROM break_glass_grants".into(),
        "DELETE FROM patient_restrictions".into(),
        "DELETE FROM sessions".into(),
        "DELETE FROM patients".into(),
        "UPDATE patient_words SET word = word".into(),
        "DELETE FROM patient_words".into(),
        "DELETE FROM task_logs".into(),
        "DELETE FROM task_log_revisions".into(),
        "TRUNCATE task_logs".into(),
        "CREATE TABLE mine (id int)".into(),
        "CREATE TEMP TABLE mine (id int)".into(),
        "ALTER TABLE patients DISABLE ROW LEVEL SECURITY".into(),
        "SET ROLE patient_logger_owner".into(),
        "SET ROLE patient_logger_door".into(),
    ] {
        assert!(sqlx::query(AssertSqlSafe(sql.clone())).execute(&mut connection).await.is_err(), "{sql}");
    }
}

#[tokio::test]
async fn a_log_for_a_foreign_patient_fails_like_one_for_a_patient_that_does_not_exist() {
    let app = TestApp::start().await;
    let [one, two] = two_hospitals_with_rows(&app).await;
    let mut superuser = app.database.superuser().await;
    let foreign: Uuid = sqlx::query_scalar("SELECT id FROM patients WHERE hospital_id = $1")
        .bind(two.id.0)
        .fetch_one(&mut superuser)
        .await
        .unwrap();
    let mut connection = app.database.app().await;
    enter(&mut connection, &one.id.0.to_string()).await;
    let mut errors = Vec::new();
    // Forging the hospital as well changes nothing: the trigger takes it from the patient.
    for (patient, hospital) in [(foreign, one.id.0), (foreign, two.id.0), (Uuid::now_v7(), one.id.0)] {
        let sql =
            "INSERT INTO task_logs (hospital_id, id, patient_id, clinician_id, task_type, description, completed_at,
                   recorded_at, updated_at, version, changed_by_id)
                   VALUES ($1, $2, $3, $4, 'OTHER', 'x', now(), now(), now(), 1, $4)";
        let insert = sqlx::query(sql).bind(hospital).bind(Uuid::now_v7()).bind(patient).bind(one.clinician.staff.0);
        let error = insert.execute(&mut connection).await.unwrap_err();
        let error = error.as_database_error().unwrap();
        errors.push((error.code().unwrap().into_owned(), error.message().to_owned()));
    }
    assert_eq!(errors[0].0, "23503");
    assert!(errors.iter().all(|error| *error == errors[0]), "{errors:?}");
}

#[tokio::test]
async fn every_table_of_a_hospital_has_the_wall() {
    let database = TestDatabase::migrated().await;
    let mut connection = database.superuser().await;
    let gaps: Vec<String> = sqlx::query_scalar(
        "SELECT c.relname || ': ' || problem FROM pg_class c CROSS JOIN LATERAL (VALUES
             ('row security is not enabled and forced', c.relrowsecurity AND c.relforcerowsecurity),
             ('no restrictive policy compares the hospital', c.relispartition OR EXISTS (
                 SELECT FROM pg_policy p WHERE p.polrelid = c.oid AND NOT p.polpermissive AND p.polcmd = '*'
                 AND pg_get_expr(p.polqual, c.oid) LIKE '%app.current_hospital_id%')
                 -- What the server reaches through doors alone needs no wall.
                 OR NOT has_any_column_privilege('patient_logger_app', c.oid, 'SELECT, INSERT, UPDATE')),
             ('the wall does not bind the server''s role', NOT EXISTS (
                 SELECT FROM pg_policy p WHERE p.polrelid = c.oid AND NOT p.polpermissive
                 AND NOT ('patient_logger_app'::regrole = ANY (p.polroles)))),
             ('it holds rows of a hospital', c.relname <> ALL ($1) OR NOT EXISTS (
                 SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'hospital_id')),
             ('a partition is open to somebody by itself', NOT c.relispartition OR NOT EXISTS (
                 SELECT FROM pg_roles r WHERE r.rolname LIKE 'patient_logger_%' AND r.oid <> c.relowner
                 AND (has_any_column_privilege(r.oid, c.oid, 'SELECT, INSERT, UPDATE')
                      OR has_table_privilege(r.oid, c.oid, 'DELETE, TRUNCATE')))),
             ('the server''s role may empty it', NOT has_table_privilege('patient_logger_app', c.oid, 'TRUNCATE')),
             ('the server''s role may delete from it', NOT has_table_privilege('patient_logger_app', c.oid, 'DELETE')),
             ('the server''s role may refer to it', NOT has_table_privilege('patient_logger_app', c.oid, 'REFERENCES')),
             ('the server''s role owns it', c.relowner <> 'patient_logger_app'::regrole)
         ) AS checks (problem, holds)
         WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND c.relname <> 'seaql_migrations'
         AND NOT (c.relname = ANY ($1) AND (problem LIKE '%compares the hospital' OR problem LIKE 'the wall%'))
         AND NOT holds",
    )
    .bind(&GLOBAL[..])
    .fetch_all(&mut connection)
    .await
    .unwrap();
    assert_eq!(gaps, [""; 0]);
    let written: Vec<String> = sqlx::query_scalar(
        "SELECT relname::text FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relname = ANY ($1)
         AND has_any_column_privilege('patient_logger_app', oid, 'INSERT, UPDATE')",
    )
    .bind(&GLOBAL[..])
    .fetch_all(&mut connection)
    .await
    .unwrap();
    assert_eq!(written, [""; 0], "what every hospital reads, none may write");

    let foreign_keys: Vec<String> = sqlx::query_scalar(
        "SELECT k.conname::text FROM pg_constraint k
         WHERE k.contype IN ('f', 'u', 'p') AND k.connamespace = 'public'::regnamespace
         AND EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = k.conrelid AND a.attname = 'hospital_id')
         AND (SELECT a.attname FROM pg_attribute a WHERE a.attrelid = k.conrelid AND a.attnum = k.conkey[1]) <> 'hospital_id'",
    )
    .fetch_all(&mut connection)
    .await
    .unwrap();
    assert_eq!(
        foreign_keys,
        ["staff_account_id_fkey"],
        "every other key of a hospital's table leads with the hospital"
    );
}

#[tokio::test]
async fn the_doors_across_hospitals_are_these_and_belong_to_nobody_who_can_sign_in() {
    let database = TestDatabase::migrated().await;
    let mut connection = database.superuser().await;
    let doors = sqlx::query(
        "SELECT proname::text AS name, pg_get_userbyid(proowner)::text AS owner, proconfig::text AS settings,
                has_function_privilege('public', oid, 'EXECUTE') AS open
         FROM pg_proc WHERE prosecdef AND pronamespace = 'public'::regnamespace ORDER BY 1",
    )
    .fetch_all(&mut connection)
    .await
    .unwrap();
    let described: Vec<(String, String)> = doors.iter().map(|row| (row.get("name"), row.get("owner"))).collect();
    let door = |name: &str, owner: &str| (name.to_owned(), owner.to_owned());
    let expected = [
        door("account_door", "patient_logger_door"),
        door("attempt_door", "patient_logger_door"),
        door("attempt_end_door", "patient_logger_door"),
        door("audit_append", "patient_logger_door"),
        door("audit_hospitals", "patient_logger_door"),
        door("audit_partitions", "patient_logger_owner"),
        door("audit_post", "patient_logger_door"),
        door("audit_seal", "patient_logger_door"),
        door("audit_shape", "patient_logger_door"),
        door("closed_patient_by_mrn_door", "patient_logger_door"),
        door("closed_patients_door", "patient_logger_door"),
        door("context_door", "patient_logger_door"),
        door("credentials_door", "patient_logger_door"),
        door("reset_door", "patient_logger_door"),
        door("reset_owner_door", "patient_logger_door"),
        door("schema_version", "patient_logger_owner"),
        door("session_standings_door", "patient_logger_door"),
        door("sign_in_door", "patient_logger_door"),
    ];
    assert_eq!(described, expected);
    for row in doors {
        let settings: &str = row.get("settings");
        let settings = settings.replace(",TimeZone=UTC", "").replace(",plan_cache_mode=force_generic_plan", "");
        assert_eq!(settings, "{\"search_path=pg_catalog, pg_temp\"}");
        assert!(!row.get::<bool, _>("open"));
    }
    let immutable: Vec<String> = sqlx::query_scalar(
        "SELECT p.polname::text FROM pg_policy p JOIN pg_depend d ON d.objid = p.oid AND d.refclassid = 'pg_proc'::regclass
         JOIN pg_proc f ON f.oid = d.refobjid WHERE f.provolatile = 'i' AND f.pronamespace = 'public'::regnamespace",
    )
    .fetch_all(&mut connection)
    .await
    .unwrap();
    assert_eq!(immutable, [""; 0], "a policy through an IMMUTABLE function leaks through cached plans");
}

#[tokio::test]
async fn another_permissive_policy_opens_nothing() {
    let app = TestApp::start().await;
    let [one, _] = two_hospitals_with_rows(&app).await;
    let mut superuser = app.database.superuser().await;
    let mut connection = app.database.app().await;
    for table in [
        "audit_events",
        "audit_mentions",
        "audit_seals",
        "hospitals",
        "accounts",
        "patient_words",
        "patients",
        "staff",
        "task_logs",
        "task_log_revisions",
        "break_glass_grants",
        "idempotency_keys",
        "invitations",
        "partner_keys",
        "patient_restrictions",
        "refresh_tokens",
        "sessions",
    ] {
        enter(&mut connection, &one.id.0.to_string()).await;
        let own = count(&mut connection, table).await;
        let policy = format!("CREATE POLICY careless ON {table} USING (true) WITH CHECK (true)");
        sqlx::query(AssertSqlSafe(policy)).execute(&mut superuser).await.unwrap();
        assert_eq!(count(&mut connection, table).await, own, "{table}");
        enter(&mut connection, "").await;
        assert_eq!(count(&mut connection, table).await, 0, "{table}");
    }
}

#[tokio::test]
async fn the_server_refuses_a_role_or_a_table_that_the_wall_does_not_hold() {
    let database = TestDatabase::migrated().await;
    let connect = async |url: String| {
        let settings = DatabaseSettings {
            url,
            pool_size: 1,
            acquire_timeout: Duration::from_secs(5),
            statement_timeout: Duration::from_secs(5),
        };
        Database::connect(&settings).await.map(|_| ()).map_err(|error| error.to_string())
    };
    assert_eq!(connect(database.app_url()).await, Ok(()));
    assert!(connect(database.owner_url()).await.unwrap_err().contains("owns tables"));
    assert!(connect(database.superuser_url()).await.unwrap_err().contains("is a superuser"));

    let mut superuser = database.superuser().await;
    sqlx::query("ALTER TABLE patients NO FORCE ROW LEVEL SECURITY").execute(&mut superuser).await.unwrap();
    let error = connect(database.app_url()).await.unwrap_err();
    assert!(error.contains("row level security is not enabled and forced on: patients"), "{error}");
    sqlx::query("ALTER TABLE patients FORCE ROW LEVEL SECURITY").execute(&mut superuser).await.unwrap();

    sqlx::query("CREATE TABLE notes (hospital_id uuid)").execute(&mut superuser).await.unwrap();
    assert!(connect(database.app_url()).await.unwrap_err().contains("forced on: notes"));
    sqlx::query("DROP TABLE notes").execute(&mut superuser).await.unwrap();

    sqlx::query("INSERT INTO seaql_migrations VALUES ('m29990101_000001_future', 0)")
        .execute(&mut superuser)
        .await
        .unwrap();
    assert!(connect(database.app_url()).await.unwrap_err().contains("older than its database"));

    let empty = TestDatabase::empty().await;
    assert!(connect(empty.app_url()).await.unwrap_err().contains("patient-logger migrate"));
}

#[tokio::test]
async fn migrations_go_up_and_down_and_eight_may_run_them_at_once() {
    let database = TestDatabase::empty().await;
    let url = database.owner_url();
    let all_up = async || {
        let runs: Vec<_> = (0..8)
            .map(|_| {
                let url = url.clone();
                tokio::spawn(async move { migrate(&url, Direction::Up).await })
            })
            .collect();
        for run in runs {
            run.await.unwrap().unwrap();
        }
    };
    all_up().await;
    let shape = async || -> Vec<String> {
        let sql = "SELECT table_name || '.' || column_name || ' ' || data_type || ' ' || is_nullable FROM information_schema.columns
                   WHERE table_schema = 'public' UNION ALL SELECT indexdef FROM pg_indexes WHERE schemaname = 'public'
                   UNION ALL SELECT polname || polrelid::regclass FROM pg_policy UNION ALL SELECT proname FROM pg_proc
                   WHERE pronamespace = 'public'::regnamespace ORDER BY 1";
        sqlx::query_scalar(sql).fetch_all(&mut database.superuser().await).await.unwrap()
    };
    let up = shape().await;
    let steps = u32::try_from(Migrator::migrations().len()).unwrap();
    for _ in 0..steps {
        migrate(&url, Direction::Down(1)).await.unwrap();
    }
    let down = shape().await;
    assert!(down.iter().all(|line| line.contains("seaql_migrations")), "{down:?}");
    all_up().await;
    assert_eq!(shape().await, up);
    let mut superuser = database.superuser().await;
    let history: i64 =
        sqlx::query_scalar("SELECT count(*) FROM seaql_migrations").fetch_one(&mut superuser).await.unwrap();
    assert_eq!(history, i64::from(steps));
    superuser.close().await.unwrap();
}

use patient_logger::kernel::{PatientId, StaffId};
use sea_orm::sqlx::{self, AssertSqlSafe, Executor};

use crate::support::{Hospital, TestApp};

/// A hospital with five years behind it, and another one whose rows lie in front of its own.
pub struct LargeHospital {
    pub app: TestApp,
    pub hospital: Hospital,
    /// A patient who has been there all the time.
    pub old_hand: PatientId,
    /// Patients of the first weeks.
    pub first_patients: Vec<PatientId>,
    /// A clinician of the first months.
    pub gone: StaffId,
    /// Everybody who ever worked there.
    pub clinicians: Vec<StaffId>,
}

/// Most rows that a span of 31 days has.
pub const MONTH: u64 = 12_500;

impl LargeHospital {
    pub async fn new() -> Self {
        let app = TestApp::start().await;
        let (other, hospital) = (app.hospital().await, app.hospital().await);
        let mut superuser = app.database.superuser().await;
        // As quickly as it can be done: without triggers, and with the indexes made at the end, as they were.
        superuser.execute("SET session_replication_role = replica; SET maintenance_work_mem = '256MB'").await.unwrap();
        let sql = "SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid) FROM pg_index
                   WHERE indrelid = 'task_logs'::regclass AND NOT indisprimary";
        let indexes: Vec<(String, String)> = sqlx::query_as(sql).fetch_all(&mut superuser).await.unwrap();
        for (name, _) in &indexes {
            superuser.execute(AssertSqlSafe(format!("DROP INDEX {name}"))).await.unwrap();
        }
        for (place, patients, logs) in [(&other, 8_000, 300_000), (&hospital, 20_000, 700_000)] {
            superuser
                .execute(AssertSqlSafe(format!(
                    "SET large.hospital = '{}'; SET large.now = '{}'",
                    place.id.0,
                    app.now()
                )))
                .await
                .unwrap();
            for (sql, size) in [(STAFF, 60), (PATIENTS, patients), (WORDS, 0), (TASK_LOGS, logs)] {
                sqlx::query(sql).bind(size).execute(&mut superuser).await.unwrap();
            }
        }
        for (_, definition) in indexes {
            superuser.execute(AssertSqlSafe(definition)).await.unwrap();
        }
        superuser.execute("VACUUM ANALYZE").await.unwrap();

        let mut ids = async |kind: &str, count: i32| -> Vec<uuid::Uuid> {
            let sql =
                "SELECT md5(current_setting('large.hospital') || $1 || i)::uuid FROM generate_series(0, $2 - 1) i";
            sqlx::query_scalar(sql).bind(kind).bind(count).fetch_all(&mut superuser).await.unwrap()
        };
        let clinicians: Vec<StaffId> = ids("staff", 60).await.into_iter().map(StaffId).collect();
        let patients: Vec<PatientId> = ids("patient", 101).await.into_iter().map(PatientId).collect();
        Self {
            app,
            hospital,
            old_hand: patients[0],
            first_patients: patients[1..].to_vec(),
            gone: clinicians[0],
            clinicians,
        }
    }
}

const STAFF: &str = "
    INSERT INTO staff (hospital_id, id, account_id, name, role, status, version, created_at, updated_at)
    SELECT h, md5(h || 'staff' || i)::uuid, md5(h || 'account' || i)::uuid, 'Clinician ' || i, 'CLINICIAN', 'ACTIVE', 1,
        now(), now()
    FROM generate_series(0, $1 - 1) i, (SELECT current_setting('large.hospital')::uuid h) x";

/// Few are there now; of those who went home a third is archived. Rooms are used again and again.
const PATIENTS: &str = "
    INSERT INTO patients (hospital_id, id, mrn, first_name, last_name, date_of_birth, room, status, archived_at, version,
        created_at, updated_at)
    SELECT h, md5(h || 'patient' || i)::uuid, 'MRN-' || lpad(i::text, 6, '0'), 'First' || i % 50 || ' Second' || i % 7,
        'Last' || i % 300, '1980-02-29', 'R' || i % 10, CASE WHEN i = 0 OR i > $1 - 300 THEN 'ADMITTED' ELSE 'DISCHARGED' END,
        CASE WHEN i % 3 = 1 AND i > 200 AND i < $1 - 300 THEN t END, 1, t, t
    FROM generate_series(0, $1 - 1) i, (SELECT current_setting('large.hospital')::uuid h) x,
        LATERAL (SELECT current_setting('large.now')::timestamptz - interval '5 years' * ($1 - i) / $1 t) y";

/// As the trigger does it.
const WORDS: &str = "
    INSERT INTO patient_words (hospital_id, word, patient_id)
    SELECT hospital_id, word, id FROM patients CROSS JOIN string_to_table(search_text, ' ') AS word
    WHERE word <> '' AND hospital_id = current_setting('large.hospital')::uuid AND $1 = 0 ON CONFLICT DO NOTHING";

/// Patients and clinicians come and go, so their task logs lie together in time; one patient stays. NUTRITION was given up
/// in the first year, OTHER was never used. What was deleted or mentions a zebra is old.
const TASK_LOGS: &str = "
    INSERT INTO task_logs (hospital_id, id, patient_id, clinician_id, task_type, description, completed_at, recorded_at,
        updated_at, version, changed_by_id, deleted_at)
    SELECT h, md5(h || 'log' || i)::uuid,
        md5(h || 'patient' || CASE WHEN i % 200 = 0 THEN 0 ELSE 1 + (i::bigint * patients / $1 + i * 7 % 100) % (patients - 1) END)::uuid,
        c, CASE WHEN i % 8 = 0 AND i < $1 / 10 THEN 'NUTRITION'
            ELSE (ARRAY['MEDICATION', 'VITALS', 'OBSERVATION', 'WOUND_CARE', 'LAB_SAMPLE', 'MOBILITY', 'HYGIENE'])[1 + i % 7] END,
        'A note ' || CASE WHEN i < 100 THEN 'zebra' ELSE '' END, t, t, t + interval '1 hour' * (i % 5), 1, c,
        CASE WHEN i % 50 = 0 AND i < $1 / 2 THEN t + interval '1 day' END
    FROM generate_series(0, $1 - 1) i,
        (SELECT h, count(*) AS patients FROM (SELECT current_setting('large.hospital')::uuid h) x
         JOIN patients ON hospital_id = h GROUP BY h) x,
        LATERAL (SELECT current_setting('large.now')::timestamptz - interval '5 years' * ($1 - i) / $1 t,
            md5(h || 'staff' || (i::bigint * 54 / $1 + i % 6))::uuid c) y";

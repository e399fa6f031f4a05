use chrono::{DateTime, Utc};
use patient_logger::audit::{Fault, Finding, Head, Trail, TrailHospital, Verified};
use patient_logger::kernel::HospitalId;
use sea_orm::sqlx::{self, AssertSqlSafe, Connection, PgConnection};
use uuid::Uuid;

use super::TestDatabase;

/// An audit trail made by SQL, for what reads trails.
pub struct History {
    database: TestDatabase,
}

impl History {
    /// The trail of a database.
    pub fn of(database: &TestDatabase) -> Self {
        Self { database: database.clone() }
    }

    /// Adds events in one transaction: for each its hospital, its time, its actor and its patients.
    pub async fn add(&self, events: &[(HospitalId, DateTime<Utc>, Uuid, &[Uuid])]) -> Vec<Uuid> {
        let mut superuser = self.database.superuser().await;
        let mut tx = superuser.begin().await.unwrap();
        let mut ids = Vec::new();
        for (hospital, at, actor, patients) in events {
            sqlx::query("SELECT audit_partitions($1)").bind(at).execute(&mut *tx).await.unwrap();
            let id = Uuid::now_v7();
            let sql = "INSERT INTO audit_events (hospital_id, at, id, request_id, actor_kind, actor_id, session_id, role,
                           address, action, outcome, operation, shape_id, subject_id, row_count, patients, reason)
                       VALUES ($1, $2, $3, $4, 'STAFF', $5, $6, 'ADMIN', '192.0.2.7', 'READ', 'OK', 'Ward', $7, $8, 3, $9, 'Über')";
            sqlx::query(sql)
                .bind(hospital.0)
                .bind(at)
                .bind(id)
                .bind(Uuid::now_v7())
                .bind(actor)
                .bind(Uuid::now_v7())
                .bind(Uuid::now_v7())
                .bind(Uuid::now_v7())
                .bind(patients)
                .execute(&mut *tx)
                .await
                .unwrap();
            ids.push(id);
        }
        tx.commit().await.unwrap();
        ids
    }

    /// Seals all that is there, as the server's role does. Transactions of other tests hold it up for a moment.
    pub async fn seal(&self) {
        let mut app = self.database.app().await;
        loop {
            sqlx::query("SELECT audit_seal(1000, 0)").execute(&mut app).await.unwrap();
            let sql = "SELECT unsealed_since IS NULL FROM audit_state";
            if sqlx::query_scalar(sql).fetch_one(&mut app).await.unwrap() {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    }

    /// Seals, and posts which patients the events are about.
    pub async fn seal_and_post(&self) {
        self.seal().await;
        let mut app = self.database.app().await;
        sqlx::query("SELECT audit_post(1000, 0)").execute(&mut app).await.unwrap();
    }

    /// Runs statements as somebody above every wall.
    pub async fn tamper(&self, sql: &str) {
        let mut superuser = self.database.superuser().await;
        sqlx::raw_sql(AssertSqlSafe(sql))
            .execute(&mut superuser)
            .await
            .unwrap_or_else(|error| panic!("{sql}: {error}"));
    }

    /// The trail as its owner reads it.
    pub async fn trail(&self) -> Trail {
        Trail::new(self.owner().await, self.owner().await)
    }

    async fn owner(&self) -> PgConnection {
        self.database.owner().await
    }

    /// What a verification finds, years later.
    pub async fn verify(&self, kept: &[Head]) -> (Vec<Finding>, Verified) {
        let mut trail = self.trail().await;
        let hospitals: Vec<TrailHospital> = trail.hospitals(None).await.unwrap();
        let mut findings = Vec::new();
        let now = "2027-01-01T00:00:00Z".parse().unwrap();
        let verified = trail.verify(&hospitals, kept, now, |finding| findings.push(finding.clone())).await.unwrap();
        assert_eq!(verified.findings, findings.len() as u64);
        (findings, verified)
    }

    /// The faults of a verification without kept heads.
    pub async fn faults(&self) -> Vec<Fault> {
        self.verify(&[]).await.0.into_iter().map(|finding| finding.fault).collect()
    }
}

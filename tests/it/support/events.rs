//! The audit trail as somebody above every wall sees it.

use std::time::Duration;

use sea_orm::sqlx::{self, Row};
use uuid::Uuid;

use super::TestApp;

/// An event as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    pub hospital: Uuid,
    pub request: Uuid,
    pub actor: (String, Uuid),
    pub session: Option<Uuid>,
    pub role: String,
    pub address: Option<String>,
    pub action: String,
    pub outcome: String,
    pub operation: Option<String>,
    /// The fields that were given, and those that were refused.
    pub fields: Vec<String>,
    pub refused: Vec<String>,
    pub subject: Option<Uuid>,
    pub rows: i32,
    /// The ids as the API gives them.
    pub patients: Vec<String>,
    pub reason: Option<String>,
}

impl Event {
    /// What was done and what came of it: `READ OK`.
    pub fn what(&self) -> String {
        format!("{} {}", self.action, self.outcome)
    }
}

impl TestApp {
    /// All events, in the order in which they were written.
    pub async fn events(&self) -> Vec<Event> {
        let sql = "SELECT e.*, s.fields, s.refused FROM audit_events e LEFT JOIN audit_shapes s ON s.id = e.shape_id
                   ORDER BY e.xid, e.at, e.id";
        let rows = sqlx::query(sql).fetch_all(&mut self.database.superuser().await).await.unwrap();
        let patients = |ids: Vec<Uuid>| ids.iter().map(|id| format!("pat_{}", id.simple())).collect();
        rows.iter()
            .map(|row| Event {
                hospital: row.get("hospital_id"),
                request: row.get("request_id"),
                actor: (row.get("actor_kind"), row.get("actor_id")),
                session: row.get("session_id"),
                role: row.get("role"),
                address: row.get("address"),
                action: row.get("action"),
                outcome: row.get("outcome"),
                operation: row.get("operation"),
                fields: row.get::<Option<Vec<String>>, _>("fields").unwrap_or_default(),
                refused: row.get::<Option<Vec<String>>, _>("refused").unwrap_or_default(),
                subject: row.get("subject_id"),
                rows: row.get("row_count"),
                patients: patients(row.get("patients")),
                reason: row.get("reason"),
            })
            .collect()
    }

    /// The events since there were `before`, of which there are `count` at last: nobody waits for those of a refused sign-in.
    pub async fn events_since(&self, before: usize, count: usize) -> Vec<Event> {
        for _ in 0..250 {
            let events = self.events().await;
            if events.len() >= before + count {
                return events[before..].to_vec();
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        self.events().await[before..].to_vec()
    }
}

//! The trail as lines of JSON, for whoever wants to check or keep it without this program: `format.md` has their columns.
//!
//! PostgreSQL writes them, so that verification here and a check of an export share nothing but the tables.

use std::io::Write;

use futures_util::TryStreamExt;
use sea_orm::sqlx::{self, AssertSqlSafe, PgConnection};

use super::trail::{Trail, TrailError, TrailHospital};

const TIME: &str = r#"'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'"#;

impl Trail {
    /// Writes everything about these hospitals' trails.
    ///
    /// # Errors
    /// When the database cannot be read or `out` not be written to the end.
    pub async fn export(&mut self, hospitals: &[TrailHospital], out: &mut impl Write) -> Result<(), TrailError> {
        let shapes = "SELECT json_build_object('kind', 'shape', 'id', id, 'fields', fields, 'refused', refused)::text
                      FROM audit_shapes ORDER BY id";
        lines(self.connection(), shapes, out).await?;
        let retired = format!(
            "SELECT json_build_object('kind', 'retired', 'month', month, 'retired_at',
                 to_char(retired_at AT TIME ZONE 'UTC', {TIME}))::text FROM audit_retired ORDER BY month"
        );
        lines(self.connection(), &retired, out).await?;
        for hospital in hospitals {
            let line = serde_json::json!({ "kind": "hospital", "id": hospital.id, "slug": hospital.slug });
            writeln!(out, "{line}")?;
            let mut snapshot = self.enter(hospital.id).await?;
            lines(&mut snapshot.seals, &seals(), out).await?;
            lines(&mut snapshot.events, &events(), out).await?;
        }
        Ok(out.flush()?)
    }
}

fn seals() -> String {
    format!(
        "SELECT json_build_object('kind', 'seal', 'hospital_id', hospital_id, 'no', no::text, 'month', month,
             'from_xid', from_xid::text, 'to_xid', to_xid::text, 'events', events, 'root', encode(root, 'hex'),
             'previous_head', encode(previous_head, 'hex'), 'sealed_at', to_char(sealed_at AT TIME ZONE 'UTC', {TIME}),
             'head', encode(head, 'hex'), 'leaves', encode(leaves, 'hex'))::text
         FROM audit_seals ORDER BY no"
    )
}

fn events() -> String {
    format!(
        "SELECT json_build_object('kind', 'event', 'hospital_id', hospital_id, 'at', to_char(at AT TIME ZONE 'UTC', {TIME}),
             'id', id, 'xid', xid::text, 'request_id', request_id, 'actor_kind', actor_kind, 'actor_id', actor_id,
             'session_id', session_id, 'role', role, 'address', address, 'action', action, 'outcome', outcome,
             'operation', operation, 'shape_id', shape_id, 'subject_id', subject_id, 'row_count', row_count,
             'patients', patients, 'reason', reason)::text
         FROM audit_events ORDER BY date_trunc('month', at), xid, at, id"
    )
}

async fn lines(connection: &mut PgConnection, query: &str, out: &mut impl Write) -> Result<(), TrailError> {
    let query = sqlx::query_scalar::<_, String>(AssertSqlSafe(query));
    let mut rows = query.fetch(connection);
    while let Some(line) = rows.try_next().await? {
        writeln!(out, "{line}")?;
    }
    Ok(())
}

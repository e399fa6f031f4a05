//! The end of old months: their events are dropped as a whole, their seals stay and keep the chain verifiable.

use chrono::{DateTime, Datelike, Months, NaiveDate, Utc};
use sea_orm::sqlx::{self, AssertSqlSafe, Connection};

use super::trail::{Trail, TrailError};

impl Trail {
    /// Drops the months that ended at least this many years ago, and says which. Each goes in a transaction of its own.
    ///
    /// # Errors
    /// When the database does not let them go; those that went before stay gone.
    pub async fn retain(&mut self, years: u32, now: DateTime<Utc>) -> Result<Vec<NaiveDate>, TrailError> {
        let months: Vec<NaiveDate> = sqlx::query_scalar(
            "SELECT to_date(right(c.relname, 7), 'YYYY_MM') FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
             WHERE i.inhparent = 'audit_events'::regclass ORDER BY 1",
        )
        .fetch_all(self.connection())
        .await?;
        let first_kept = now.date_naive().with_day(1).unwrap_or_default() - Months::new(12 * years);
        let old: Vec<NaiveDate> = months.into_iter().filter(|month| *month < first_kept).collect();
        for month in &old {
            let name = month.format("%Y_%m");
            let mut tx = self.connection().begin().await?;
            sqlx::raw_sql(AssertSqlSafe(format!(
                "DROP TABLE audit_events_{name}; DROP TABLE IF EXISTS audit_mentions_{name};"
            )))
            .execute(&mut *tx)
            .await?;
            // A month that was dropped and came back, because something was recorded for it, is dropped again.
            sqlx::query(
                "INSERT INTO audit_retired (month, retired_at) VALUES ($1, $2)
                 ON CONFLICT (month) DO UPDATE SET retired_at = excluded.retired_at",
            )
            .bind(month)
            .bind(now)
            .execute(&mut *tx)
            .await?;
            tx.commit().await?;
        }
        Ok(old)
    }
}

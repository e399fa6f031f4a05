//! Deploy: adds a table; safe while older servers run.

use sea_orm_migration::prelude::*;

use crate::{run, wall};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        run(
            manager,
            "-- What a creation that may be retried has made: the same key finds it again.
             CREATE TABLE idempotency_keys (
                 hospital_id uuid NOT NULL,
                 staff_id uuid NOT NULL,
                 key text NOT NULL CHECK (char_length(key) BETWEEN 1 AND 255),
                 mutation text NOT NULL,
                 input_hash bytea NOT NULL,
                 created_id uuid NOT NULL,
                 created_at timestamptz NOT NULL,
                 PRIMARY KEY (hospital_id, staff_id, key),
                 FOREIGN KEY (hospital_id, staff_id) REFERENCES staff (hospital_id, id)
             );",
        )
        .await?;
        run(manager, &wall::tenant_table("idempotency_keys")).await?;
        run(manager, "GRANT SELECT, INSERT ON idempotency_keys TO patient_logger_app;").await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        run(manager, "DROP TABLE idempotency_keys;").await
    }
}

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
            "CREATE TABLE partner_keys (
                 hospital_id uuid NOT NULL REFERENCES hospitals (id),
                 id uuid NOT NULL,
                 name text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 100),
                 -- SHA-256 of the secret half of the key; the key itself is shown once and kept nowhere.
                 secret_hash bytea NOT NULL CHECK (octet_length(secret_hash) = 32),
                 -- What it may do beyond what every partner may.
                 permissions text[] NOT NULL,
                 -- From where it may be used, in CIDR notation; from anywhere when empty.
                 allowed_networks text[] NOT NULL,
                 created_by_id uuid NOT NULL,
                 created_at timestamptz NOT NULL,
                 expires_at timestamptz NOT NULL,
                 revoked_at timestamptz,
                 last_used_at timestamptz,
                 PRIMARY KEY (hospital_id, id),
                 FOREIGN KEY (hospital_id, created_by_id) REFERENCES staff (hospital_id, id)
             );
             CREATE INDEX partner_keys_by_creation ON partner_keys (hospital_id, created_at, id);",
        )
        .await?;
        run(manager, &wall::tenant_table("partner_keys")).await?;
        run(
            manager,
            "GRANT SELECT, INSERT ON partner_keys TO patient_logger_app;
             GRANT UPDATE (revoked_at, last_used_at) ON partner_keys TO patient_logger_app;",
        )
        .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        run(manager, "DROP TABLE partner_keys;").await
    }
}

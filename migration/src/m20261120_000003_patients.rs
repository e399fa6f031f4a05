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
            "CREATE TABLE patients (
                 hospital_id uuid NOT NULL REFERENCES hospitals (id),
                 id uuid NOT NULL,
                 mrn text NOT NULL CHECK (mrn ~ '^[A-Za-z0-9-]{1,32}$'),
                 first_name text NOT NULL CHECK (char_length(first_name) BETWEEN 1 AND 100),
                 last_name text NOT NULL CHECK (char_length(last_name) BETWEEN 1 AND 100),
                 date_of_birth date NOT NULL,
                 room text CHECK (char_length(room) BETWEEN 1 AND 10),
                 status text NOT NULL CHECK (status IN ('ADMITTED', 'DISCHARGED')),
                 contact_phone text CHECK (char_length(contact_phone) BETWEEN 1 AND 32),
                 contact_email text CHECK (char_length(contact_email) BETWEEN 3 AND 254),
                 archived_at timestamptz,
                 version integer NOT NULL,
                 created_at timestamptz NOT NULL,
                 updated_at timestamptz NOT NULL,
                 PRIMARY KEY (hospital_id, id),
                 CONSTRAINT patients_mrn_key UNIQUE (hospital_id, mrn)
             );
             CREATE INDEX patients_by_name ON patients (hospital_id, last_name, first_name, id);
             CREATE INDEX patients_by_room ON patients (hospital_id, room, id);
             CREATE INDEX patients_by_creation ON patients (hospital_id, created_at, id);",
        )
        .await?;
        run(manager, &wall::tenant_table("patients")).await?;
        // No DELETE: a patient is archived, never erased.
        run(manager, "GRANT SELECT, INSERT, UPDATE ON patients TO patient_logger_app;").await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        run(manager, "DROP TABLE patients;").await
    }
}

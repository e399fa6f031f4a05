//! Deploy: adds a table; safe while older servers run.

use sea_orm_migration::prelude::*;

use crate::run;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        run(
            manager,
            "-- The GraphQL documents that clients may send. They are of programs, not of hospitals: every hospital reads the
             -- same ones, and only the owner writes them.
             CREATE TABLE documents (
                 hash bytea PRIMARY KEY CHECK (hash = sha256(convert_to(text, 'UTF8'))),
                 text text NOT NULL,
                 -- What its operations are called, for people who look at the list.
                 operations text NOT NULL,
                 registered_at timestamptz NOT NULL
             );
             ALTER TABLE documents ENABLE ROW LEVEL SECURITY;
             ALTER TABLE documents FORCE ROW LEVEL SECURITY;
             CREATE POLICY documents_owner ON documents TO CURRENT_USER USING (true) WITH CHECK (true);
             CREATE POLICY documents_readers ON documents FOR SELECT TO patient_logger_app USING (true);
             GRANT SELECT ON documents TO patient_logger_app;",
        )
        .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        run(manager, "DROP TABLE documents;").await
    }
}

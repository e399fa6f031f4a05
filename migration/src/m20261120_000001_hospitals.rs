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
            "CREATE TABLE hospitals (
                 id uuid PRIMARY KEY,
                 slug text NOT NULL UNIQUE CHECK (slug ~ '^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$'),
                 name text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 100),
                 time_zone text NOT NULL,
                 created_at timestamptz NOT NULL
             );",
        )
        .await?;
        run(manager, &wall::tenant_table_by("hospitals", "id")).await?;
        run(
            manager,
            "GRANT SELECT ON hospitals TO patient_logger_app;

             -- The server asks at start whether the schema is the one it was built for. It may not read the table of
             -- migrations itself, so that without a hospital every table it can name is empty.
             CREATE FUNCTION schema_version() RETURNS text LANGUAGE sql STABLE SECURITY DEFINER
                 SET search_path = pg_catalog, pg_temp
                 AS 'SELECT max(version) FROM public.seaql_migrations';
             REVOKE ALL ON FUNCTION schema_version() FROM PUBLIC;
             GRANT EXECUTE ON FUNCTION schema_version() TO patient_logger_app;",
        )
        .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        run(manager, "DROP FUNCTION schema_version(); DROP TABLE hospitals;").await
    }
}

//! Deploy: adds tables and triggers; safe while older servers run.

use sea_orm_migration::prelude::*;

use crate::{run, wall};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        run(manager, TABLES).await?;
        run(manager, &wall::tenant_table("task_logs")).await?;
        run(manager, &wall::tenant_table("task_log_revisions")).await?;
        run(manager, TRIGGERS_AND_GRANTS).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        run(
            manager,
            "DROP TABLE task_log_revisions;
             DROP TABLE task_logs;
             DROP FUNCTION task_logs_take_hospital_of_patient();
             DROP FUNCTION task_logs_keep_revision();",
        )
        .await
    }
}

const TABLES: &str = "
    CREATE TABLE task_logs (
        hospital_id uuid NOT NULL,
        id uuid NOT NULL,
        patient_id uuid NOT NULL,
        clinician_id uuid NOT NULL,
        task_type text NOT NULL CHECK (task_type IN
            ('MEDICATION', 'VITALS', 'OBSERVATION', 'WOUND_CARE', 'LAB_SAMPLE', 'MOBILITY', 'NUTRITION', 'HYGIENE', 'OTHER')),
        description text NOT NULL CHECK (char_length(description) BETWEEN 1 AND 2000),
        notes text CHECK (char_length(notes) BETWEEN 1 AND 10000),
        completed_at timestamptz NOT NULL,
        recorded_at timestamptz NOT NULL,
        updated_at timestamptz NOT NULL,
        version integer NOT NULL,
        changed_by_id uuid NOT NULL,
        change_reason text CHECK (char_length(change_reason) BETWEEN 1 AND 500),
        deleted_at timestamptz,
        PRIMARY KEY (hospital_id, id),
        FOREIGN KEY (hospital_id, patient_id) REFERENCES patients (hospital_id, id),
        FOREIGN KEY (hospital_id, clinician_id) REFERENCES staff (hospital_id, id),
        FOREIGN KEY (hospital_id, changed_by_id) REFERENCES staff (hospital_id, id)
    );
    CREATE INDEX task_logs_by_completion ON task_logs (hospital_id, completed_at, id) WHERE deleted_at IS NULL;
    CREATE INDEX task_logs_by_update ON task_logs (hospital_id, updated_at, id) WHERE deleted_at IS NULL;
    CREATE INDEX task_logs_of_patient ON task_logs (hospital_id, patient_id, completed_at, id) WHERE deleted_at IS NULL;
    CREATE INDEX task_logs_of_clinician ON task_logs (hospital_id, clinician_id, completed_at, id) WHERE deleted_at IS NULL;
    CREATE INDEX task_logs_of_type ON task_logs (hospital_id, task_type, completed_at, id) WHERE deleted_at IS NULL;
    CREATE INDEX task_logs_deleted ON task_logs (hospital_id, completed_at, id) WHERE deleted_at IS NOT NULL;

    -- Each earlier version of a task log, as it stood. Written by the trigger below, never changed.
    CREATE TABLE task_log_revisions (
        hospital_id uuid NOT NULL,
        task_log_id uuid NOT NULL,
        version integer NOT NULL,
        task_type text NOT NULL,
        description text NOT NULL,
        notes text,
        completed_at timestamptz NOT NULL,
        changed_at timestamptz NOT NULL,
        changed_by_id uuid NOT NULL,
        change_reason text,
        PRIMARY KEY (hospital_id, task_log_id, version),
        FOREIGN KEY (hospital_id, task_log_id) REFERENCES task_logs (hospital_id, id),
        FOREIGN KEY (hospital_id, changed_by_id) REFERENCES staff (hospital_id, id)
    );
";

const TRIGGERS_AND_GRANTS: &str = "
    -- The hospital of a task log is that of its patient, whatever the writer says. Under row security a foreign patient
    -- is not there, so it fails exactly like one that does not exist.
    CREATE FUNCTION task_logs_take_hospital_of_patient() RETURNS trigger LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp AS $$
    BEGIN
        SELECT hospital_id INTO NEW.hospital_id FROM public.patients WHERE id = NEW.patient_id;
        IF NEW.hospital_id IS NULL THEN
            RAISE foreign_key_violation USING MESSAGE = 'the patient does not exist', CONSTRAINT = 'task_logs_patient';
        END IF;
        RETURN NEW;
    END
    $$;
    CREATE TRIGGER take_hospital_of_patient BEFORE INSERT OR UPDATE OF patient_id, hospital_id ON task_logs
        FOR EACH ROW EXECUTE FUNCTION task_logs_take_hospital_of_patient();

    -- Nothing is lost: a change leaves the version before it behind, whoever makes the change.
    CREATE FUNCTION task_logs_keep_revision() RETURNS trigger LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp AS $$
    BEGIN
        IF NEW.version <> OLD.version + 1 THEN
            RAISE check_violation USING MESSAGE = 'a change of a task log raises its version by one';
        END IF;
        INSERT INTO public.task_log_revisions (hospital_id, task_log_id, version, task_type, description, notes,
            completed_at, changed_at, changed_by_id, change_reason)
        VALUES (OLD.hospital_id, OLD.id, OLD.version, OLD.task_type, OLD.description, OLD.notes,
            OLD.completed_at, OLD.updated_at, OLD.changed_by_id, OLD.change_reason);
        RETURN NEW;
    END
    $$;
    CREATE TRIGGER keep_revision AFTER UPDATE ON task_logs
        FOR EACH ROW EXECUTE FUNCTION task_logs_keep_revision();

    GRANT SELECT, INSERT ON task_logs, task_log_revisions TO patient_logger_app;
    GRANT UPDATE (task_type, description, notes, completed_at, updated_at, version, changed_by_id, change_reason, deleted_at)
        ON task_logs TO patient_logger_app;
";

//! Deploy: adds indexes, a column and a table; safe while older servers run, whose writes wait while it builds.
//!
//! One index for each way in which a list can be asked for, so that a page reads a page and not the hospital. Row level
//! security lets an index be used through leakproof operators alone: `=`, `<` and the like on columns, but neither `ILIKE`
//! nor a function of a column, nor those of GIN.

use sea_orm_migration::prelude::*;

use crate::{run, wall};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        run(manager, TASK_LOGS).await?;
        run(manager, "DROP INDEX patients_by_name, patients_by_room, patients_by_creation;").await?;
        for (name, columns, condition) in patient_indexes() {
            run(manager, &format!("CREATE INDEX {name} ON patients (hospital_id, {columns}, id) WHERE {condition};"))
                .await?;
        }
        run(manager, PATIENT_WORDS).await?;
        run(manager, &wall::tenant_table("patient_words")).await?;
        run(manager, NOTE_WORDS).await?;
        run(manager, SESSIONS).await?;
        run(manager, SEALS).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        run(
            manager,
            "DROP INDEX audit_seals_by_end;
             DROP INDEX sessions_of_staff;
             CREATE INDEX sessions_of_staff ON sessions (hospital_id, staff_id, last_used_at) WHERE revoked_at IS NULL;
             DROP TRIGGER note_words ON patients;
             DROP FUNCTION patients_note_words();
             DROP TABLE patient_words;
             ALTER TABLE patients DROP COLUMN search_text;",
        )
        .await?;
        for (name, ..) in patient_indexes() {
            run(manager, &format!("DROP INDEX {name};")).await?;
        }
        run(
            manager,
            "CREATE INDEX patients_by_name ON patients (hospital_id, last_name, first_name, id);
             CREATE INDEX patients_by_room ON patients (hospital_id, room, id);
             CREATE INDEX patients_by_creation ON patients (hospital_id, created_at, id);
             DROP INDEX task_logs_deleted_by_update, task_logs_deleted_of_patient, task_logs_deleted_of_clinician,
                 task_logs_deleted_of_type;",
        )
        .await
    }
}

/// Deleted task logs are listed in the same ways as the others. They are few, so these cost little.
const TASK_LOGS: &str = "
    CREATE INDEX task_logs_deleted_by_update ON task_logs (hospital_id, updated_at, id) WHERE deleted_at IS NOT NULL;
    CREATE INDEX task_logs_deleted_of_patient ON task_logs (hospital_id, patient_id, completed_at, id)
        WHERE deleted_at IS NOT NULL;
    CREATE INDEX task_logs_deleted_of_clinician ON task_logs (hospital_id, clinician_id, completed_at, id)
        WHERE deleted_at IS NOT NULL;
    CREATE INDEX task_logs_deleted_of_type ON task_logs (hospital_id, task_type, completed_at, id)
        WHERE deleted_at IS NOT NULL;
";

/// Each order in which patients are listed, in a room or in the whole hospital, with the status in front: who wants both
/// statuses reads two pages. So many indexes are affordable because patients change a few times in a stay.
fn patient_indexes() -> Vec<(String, String, &'static str)> {
    let mut indexes = Vec::new();
    for (kind, condition) in [("", "archived_at IS NULL"), ("archived_", "archived_at IS NOT NULL")] {
        for (place, leads) in [("", "status"), ("in_room_", "room, status")] {
            for (order, columns) in [("name", "last_name, first_name"), ("mrn", "mrn"), ("creation", "created_at")] {
                let name = format!("patients_{kind}{place}by_{order}");
                indexes.push((name, format!("{leads}, {columns}"), condition));
            }
        }
    }
    indexes
}

const PATIENT_WORDS: &str = r#"
    -- The words of the names and of the MRN in lower case, each with a space in front. Words end at white space and at the
    -- punctuation of ASCII, whatever the locale of the database takes for a letter.
    ALTER TABLE patients ADD COLUMN search_text text NOT NULL GENERATED ALWAYS AS (' ' || regexp_replace(
        lower(first_name || ' ' || last_name || ' ' || mrn),
        '[\s\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000!-/:-@\[-`{-~]+', ' ', 'g')) STORED;

    -- Leads from the beginning of a word to the patients who have it, or had it: what was noted stays, and search_text
    -- decides. In the order of bytes, so that the words with one beginning stand together.
    CREATE TABLE patient_words (
        hospital_id uuid NOT NULL,
        word text COLLATE pg_catalog."C" NOT NULL,
        patient_id uuid NOT NULL,
        PRIMARY KEY (hospital_id, word, patient_id),
        FOREIGN KEY (hospital_id, patient_id) REFERENCES patients (hospital_id, id)
    );
"#;

const NOTE_WORDS: &str = "
    GRANT SELECT, INSERT ON patient_words TO patient_logger_app;
    -- The words of a closed record are as closed as the record.
    CREATE POLICY patient_words_closed ON patient_words AS RESTRICTIVE TO patient_logger_app
        USING (patient_id NOT IN (SELECT closed FROM closed_patients() AS closed));

    CREATE FUNCTION patients_note_words() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
    BEGIN
        INSERT INTO public.patient_words (hospital_id, word, patient_id)
        SELECT NEW.hospital_id, word, NEW.id FROM string_to_table(NEW.search_text, ' ') AS word WHERE word <> ''
        ON CONFLICT DO NOTHING;
        RETURN NULL;
    END
    $$;
    CREATE TRIGGER note_words AFTER INSERT OR UPDATE OF first_name, last_name, mrn ON patients
        FOR EACH ROW EXECUTE FUNCTION patients_note_words();

    -- Those who are there already. The wall binds the owner too, so each hospital is entered.
    DO $$
    DECLARE
        hospital uuid;
    BEGIN
        FOR hospital IN SELECT id FROM audit_hospitals() LOOP
            PERFORM set_config('app.current_hospital_id', hospital::text, true);
            INSERT INTO patient_words (hospital_id, word, patient_id)
            SELECT p.hospital_id, word, p.id FROM patients p CROSS JOIN string_to_table(p.search_text, ' ') AS word
            WHERE word <> '' ON CONFLICT DO NOTHING;
        END LOOP;
        PERFORM set_config('app.current_hospital_id', '', true);
    END
    $$;
";

/// Sessions that ran out are not revoked, and are never listed again: the list starts behind them.
const SESSIONS: &str = "
    DROP INDEX sessions_of_staff;
    CREATE INDEX sessions_of_staff ON sessions (hospital_id, staff_id, expires_at) WHERE revoked_at IS NULL;
";

const SEALS: &str = "
    -- Leads from an event to its seal: a month may have a million of them.
    CREATE INDEX audit_seals_by_end ON audit_seals (hospital_id, to_xid);
";

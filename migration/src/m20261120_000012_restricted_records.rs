//! Deploy: adds tables, functions and policies, and gives a function one more column; safe while older servers run. To those a
//! restricted patient is not there at all, so restrict nobody before they are gone.

use sea_orm_migration::prelude::*;

use crate::{m20261120_000008_credentials, run, wall};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        run(manager, TABLES).await?;
        run(manager, &wall::tenant_table("patient_restrictions")).await?;
        run(manager, &wall::tenant_table("break_glass_grants")).await?;
        run(manager, &CLOSED.replace("{CURRENT_HOSPITAL}", wall::CURRENT_HOSPITAL)).await?;
        for (table, is_open) in [
            ("patients", "id NOT IN (SELECT closed FROM closed_patients() AS closed)"),
            ("task_logs", "patient_id NOT IN (SELECT closed FROM closed_patients() AS closed)"),
            // Only those who may read every restricted record see more than a few of these, and for them nothing is closed.
            (
                "task_log_revisions",
                "(SELECT NOT EXISTS (SELECT FROM closed_patients())) OR EXISTS (SELECT FROM task_logs l
                 WHERE l.hospital_id = task_log_revisions.hospital_id AND l.id = task_log_revisions.task_log_id)",
            ),
        ] {
            // The owner is not bound: what it does, migrations and made-up data, must reach every record.
            let policy = format!(
                "CREATE POLICY {table}_closed ON {table} AS RESTRICTIVE TO patient_logger_app
                     USING ({is_open}) WITH CHECK ({is_open})"
            );
            run(manager, &policy).await?;
        }
        run(manager, &DOORS.replace("{CURRENT_HOSPITAL}", wall::CURRENT_HOSPITAL)).await?;
        run(manager, STANDING).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        run(manager, "DROP FUNCTION session_standing(uuid, uuid, timestamptz)").await?;
        run(manager, m20261120_000008_credentials::SESSION_STANDING).await?;
        run(manager, DOWN).await
    }
}

const TABLES: &str = "
    -- Patients whose records are closed but for those who may read restricted ones and those who break the glass. A row
    -- stays when the restriction is lifted.
    CREATE TABLE patient_restrictions (
        hospital_id uuid NOT NULL,
        patient_id uuid NOT NULL,
        reason text NOT NULL CHECK (char_length(reason) BETWEEN 1 AND 500),
        restricted_at timestamptz NOT NULL,
        restricted_by_id uuid NOT NULL,
        lifted_at timestamptz,
        PRIMARY KEY (hospital_id, patient_id),
        FOREIGN KEY (hospital_id, patient_id) REFERENCES patients (hospital_id, id),
        FOREIGN KEY (hospital_id, restricted_by_id) REFERENCES staff (hospital_id, id)
    );

    -- Each time that somebody broke the glass. Only ever added to.
    CREATE TABLE break_glass_grants (
        hospital_id uuid NOT NULL,
        id uuid NOT NULL,
        patient_id uuid NOT NULL,
        staff_id uuid NOT NULL,
        reason text NOT NULL CHECK (char_length(reason) BETWEEN 10 AND 500),
        opened_at timestamptz NOT NULL,
        expires_at timestamptz NOT NULL CHECK (expires_at > opened_at AND expires_at <= opened_at + interval '60 minutes'),
        PRIMARY KEY (hospital_id, id),
        FOREIGN KEY (hospital_id, patient_id) REFERENCES patients (hospital_id, id),
        FOREIGN KEY (hospital_id, staff_id) REFERENCES staff (hospital_id, id)
    );
    CREATE INDEX break_glass_grants_by_opening ON break_glass_grants (hospital_id, opened_at, id);
    CREATE INDEX break_glass_grants_of_staff ON break_glass_grants (hospital_id, staff_id, expires_at);

    GRANT SELECT, INSERT ON patient_restrictions, break_glass_grants TO patient_logger_app;
    GRANT UPDATE (reason, restricted_at, restricted_by_id, lifted_at) ON patient_restrictions TO patient_logger_app;
";

const CLOSED: &str = "
    -- The restricted patients of the current hospital whose records the current transaction may not open. Three settings open
    -- some, and where they are missing all are closed:
    --   app.reads_restricted  'on' for those who may read every restricted record;
    --   app.glasses           the grants that the request knows, so that it cannot read what it would not mark in the trail;
    --   app.current_staff_id, app.now  whose those must be, and the time at which they must not have ended. It is the
    --                         server's time, by which they were given: two clocks would end them too soon or too late.
    -- It is SQL without a power or settings of its own, so that PostgreSQL makes it a part of the statement that asks: the set
    -- is computed once a statement and looked up by hash. The body is parsed here, so no search_path changes its meaning.
    CREATE FUNCTION closed_patients() RETURNS SETOF uuid LANGUAGE sql STABLE PARALLEL SAFE
    BEGIN ATOMIC
        SELECT r.patient_id FROM patient_restrictions r
        WHERE r.hospital_id = {CURRENT_HOSPITAL} AND r.lifted_at IS NULL
          AND current_setting('app.reads_restricted', true) IS DISTINCT FROM 'on'
          AND NOT EXISTS (
              SELECT FROM break_glass_grants g
              WHERE g.hospital_id = r.hospital_id AND g.patient_id = r.patient_id AND g.opened_at >= r.restricted_at
                AND g.id = ANY (nullif(current_setting('app.glasses', true), '')::uuid[])
                AND g.staff_id = nullif(current_setting('app.current_staff_id', true), '')::uuid
                AND g.expires_at > nullif(current_setting('app.now', true), '')::timestamptz);
    END;

    REVOKE ALL ON FUNCTION closed_patients() FROM PUBLIC;
    GRANT EXECUTE ON FUNCTION closed_patients() TO patient_logger_app, patient_logger_door;
";

const DOORS: &str = "
    GRANT SELECT (hospital_id, id, mrn, created_at, archived_at) ON patients TO patient_logger_door;
    GRANT SELECT (hospital_id, patient_id, restricted_at, lifted_at) ON patient_restrictions TO patient_logger_door;
    GRANT SELECT (hospital_id, id, patient_id, staff_id, opened_at, expires_at) ON break_glass_grants TO patient_logger_door;
    CREATE POLICY patients_door ON patients FOR SELECT TO patient_logger_door USING (true);
    CREATE POLICY patient_restrictions_door ON patient_restrictions FOR SELECT TO patient_logger_door USING (true);
    CREATE POLICY break_glass_grants_door ON break_glass_grants FOR SELECT TO patient_logger_door USING (true);

    -- What is shown of the closed records: that they are there.
    CREATE FUNCTION closed_patients_door() RETURNS TABLE (id uuid, created_at timestamptz, archived_at timestamptz)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
        SELECT p.id, p.created_at, p.archived_at FROM public.closed_patients() AS closed CROSS JOIN LATERAL (
            -- OFFSET 0: each one is looked up, and the patients never read as a whole in search of them.
            SELECT p.id, p.created_at, p.archived_at FROM public.patients p
            WHERE p.hospital_id = {CURRENT_HOSPITAL} AND p.id = closed OFFSET 0
        ) p
    $$;

    -- The one of them with this MRN: who holds the wristband of somebody unconscious must find the record to open.
    CREATE FUNCTION closed_patient_by_mrn_door(wanted text)
    RETURNS TABLE (id uuid, created_at timestamptz, archived_at timestamptz)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
        SELECT p.id, p.created_at, p.archived_at FROM public.patients p
        WHERE p.hospital_id = {CURRENT_HOSPITAL} AND p.mrn = wanted
          AND p.id IN (SELECT closed FROM public.closed_patients() AS closed)
    $$;

    REVOKE ALL ON FUNCTION closed_patients_door(), closed_patient_by_mrn_door(text) FROM PUBLIC;
    GRANT EXECUTE ON FUNCTION closed_patients_door(), closed_patient_by_mrn_door(text) TO patient_logger_app;

    -- A new owner of a function must be able to create in its schema; for the length of this statement only.
    GRANT CREATE ON SCHEMA public TO patient_logger_door;
    ALTER FUNCTION closed_patients_door() OWNER TO patient_logger_door;
    ALTER FUNCTION closed_patient_by_mrn_door(text) OWNER TO patient_logger_door;
    REVOKE CREATE ON SCHEMA public FROM patient_logger_door;
";

const STANDING: &str = "
    -- As before, and the grants that the owner of the session holds, the last to end behind the others: each request has to
    -- know them. Nearly none has any, so that is asked first, and by itself.
    DROP FUNCTION session_standing(uuid, uuid, timestamptz);
    CREATE FUNCTION session_standing(hospital uuid, session uuid, moment timestamptz)
    RETURNS TABLE (staff_id uuid, role text, last_used_at timestamptz, lacks_second_factor boolean, glasses text)
    LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
    BEGIN
        PERFORM set_config('app.current_hospital_id', hospital::text, true), set_config('lock_timeout', '2s', true);
        SELECT s.id, s.role, x.last_used_at,
                h.second_factor_required AND NOT EXISTS (
                    SELECT FROM public.accounts a WHERE a.id = s.account_id AND a.factor_since IS NOT NULL)
            INTO session_standing.staff_id, session_standing.role, session_standing.last_used_at, lacks_second_factor
            FROM public.sessions x
            JOIN public.staff s ON s.hospital_id = x.hospital_id AND s.id = x.staff_id
            JOIN public.hospitals h ON h.id = x.hospital_id
            WHERE x.hospital_id = hospital AND x.id = session
              AND x.revoked_at IS NULL AND x.expires_at > moment AND s.status = 'ACTIVE';
        IF NOT FOUND THEN
            RETURN;
        END IF;
        IF EXISTS (SELECT FROM public.break_glass_grants g WHERE g.hospital_id = hospital
                       AND g.staff_id = session_standing.staff_id AND g.expires_at > moment) THEN
            SELECT json_agg(json_build_object('id', g.id, 'patient_id', g.patient_id, 'reason', g.reason,
                        'expires_at', g.expires_at) ORDER BY g.expires_at) INTO glasses
                FROM public.break_glass_grants g
                JOIN public.patient_restrictions r ON r.hospital_id = g.hospital_id AND r.patient_id = g.patient_id
                WHERE g.hospital_id = hospital AND g.staff_id = session_standing.staff_id AND g.expires_at > moment
                  AND r.lifted_at IS NULL AND r.restricted_at <= g.opened_at;
        END IF;
        RETURN NEXT;
    END
    $$;
    REVOKE ALL ON FUNCTION session_standing(uuid, uuid, timestamptz) FROM PUBLIC;
    GRANT EXECUTE ON FUNCTION session_standing(uuid, uuid, timestamptz) TO patient_logger_app;
";

const DOWN: &str = "
    REVOKE ALL ON FUNCTION session_standing(uuid, uuid, timestamptz) FROM PUBLIC;
    GRANT EXECUTE ON FUNCTION session_standing(uuid, uuid, timestamptz) TO patient_logger_app;
    DROP FUNCTION closed_patient_by_mrn_door(text);
    DROP FUNCTION closed_patients_door();
    DROP POLICY patients_door ON patients;
    DROP POLICY patients_closed ON patients;
    DROP POLICY task_logs_closed ON task_logs;
    DROP POLICY task_log_revisions_closed ON task_log_revisions;
    REVOKE ALL (hospital_id, id, mrn, created_at, archived_at) ON patients FROM patient_logger_door;
    DROP FUNCTION closed_patients();
    DROP TABLE break_glass_grants, patient_restrictions;
";

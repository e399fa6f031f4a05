//! Deploy: adds functions, and gives a door more columns to read; safe while older servers run. `session_standing` is theirs.

use sea_orm_migration::prelude::*;

use crate::run;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        run(manager, STANDING).await?;
        run(manager, DOOR).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        run(manager, DOWN).await
    }
}

const STANDING: &str = "
    -- Two questions that are asked of few sessions. They are in PL/pgSQL, so that PostgreSQL prepares no more for a statement
    -- that calls them than the call: prepared as a part of it, the first doubled the time of every request's check.
    CREATE FUNCTION lacks_second_factor(account uuid) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
    BEGIN
        RETURN NOT EXISTS (SELECT FROM public.accounts a WHERE a.id = account AND a.factor_since IS NOT NULL);
    END
    $$;

    -- The restricted records that a member of staff has open, as JSON, the last to close behind the others.
    CREATE FUNCTION glasses_of(hospital uuid, staff uuid, moment timestamptz) RETURNS text LANGUAGE plpgsql STABLE AS $$
    BEGIN
        RETURN (
            SELECT json_agg(json_build_object('id', g.id, 'patient_id', g.patient_id, 'reason', g.reason,
                       'expires_at', g.expires_at) ORDER BY g.expires_at)
            FROM public.break_glass_grants g
            JOIN public.patient_restrictions r ON r.hospital_id = g.hospital_id AND r.patient_id = g.patient_id
            WHERE g.hospital_id = hospital AND g.staff_id = staff AND g.expires_at > moment
              AND r.lifted_at IS NULL AND r.restricted_at <= g.opened_at);
    END
    $$;

    -- Whose a session is and in which role and with which restricted records open, now; nothing when it has ended or its owner
    -- was deactivated. It is SQL without a power or settings of its own, so that PostgreSQL makes it a part of the statement that
    -- asks, and row security shows the caller what it shows.
    CREATE FUNCTION standing_of(hospital uuid, session uuid, moment timestamptz)
    RETURNS TABLE (staff_id uuid, role text, last_used_at timestamptz, lacks_second_factor boolean, glasses text)
    LANGUAGE sql STABLE BEGIN ATOMIC
        SELECT s.id, s.role, x.last_used_at,
            CASE WHEN h.second_factor_required THEN lacks_second_factor(s.account_id) ELSE false END,
            CASE WHEN EXISTS (SELECT FROM break_glass_grants g WHERE g.hospital_id = x.hospital_id AND g.staff_id = s.id
                                 AND g.expires_at > moment)
                THEN glasses_of(x.hospital_id, s.id, moment) END
        FROM sessions x
        JOIN staff s ON s.hospital_id = x.hospital_id AND s.id = x.staff_id
        JOIN hospitals h ON h.id = x.hospital_id
        WHERE x.hospital_id = hospital AND x.id = session
          AND x.revoked_at IS NULL AND x.expires_at > moment AND s.status = 'ACTIVE';
    END;

    REVOKE ALL ON FUNCTION lacks_second_factor(uuid), glasses_of(uuid, uuid, timestamptz),
        standing_of(uuid, uuid, timestamptz) FROM PUBLIC;
    GRANT EXECUTE ON FUNCTION lacks_second_factor(uuid), glasses_of(uuid, uuid, timestamptz),
        standing_of(uuid, uuid, timestamptz) TO patient_logger_app, patient_logger_door;
";

const DOOR: &str = "
    GRANT SELECT (second_factor_required) ON hospitals TO patient_logger_door;
    GRANT SELECT (last_used_at, expires_at) ON sessions TO patient_logger_door;
    GRANT SELECT (reason) ON break_glass_grants TO patient_logger_door;

    -- The same of many sessions of any hospitals, each named by both ids: the credentials of requests that came at the same
    -- time. `place` says which of them a row answers, counted from 1. It is in PL/pgSQL and asks for one plan for all questions,
    -- as planning would take longer than answering them.
    CREATE FUNCTION session_standings_door(hospitals uuid[], sessions uuid[], moments timestamptz[])
    RETURNS TABLE (place bigint, staff_id uuid, role text, last_used_at timestamptz, lacks_second_factor boolean, glasses text)
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_generic_plan AS $$
    BEGIN
        RETURN QUERY
            SELECT asked.place, s.staff_id, s.role, s.last_used_at, s.lacks_second_factor, s.glasses
            FROM unnest(hospitals, sessions, moments) WITH ORDINALITY AS asked (hospital, session, moment, place)
            -- OFFSET 0: each session is looked up, whatever PostgreSQL thinks of how many there are.
            CROSS JOIN LATERAL (
                SELECT * FROM public.standing_of(asked.hospital, asked.session, asked.moment) OFFSET 0) AS s;
    END
    $$;
    REVOKE ALL ON FUNCTION session_standings_door(uuid[], uuid[], timestamptz[]) FROM PUBLIC;
    GRANT EXECUTE ON FUNCTION session_standings_door(uuid[], uuid[], timestamptz[]) TO patient_logger_app;

    -- A new owner of a function must be able to create in its schema; for the length of this statement only.
    GRANT CREATE ON SCHEMA public TO patient_logger_door;
    ALTER FUNCTION session_standings_door(uuid[], uuid[], timestamptz[]) OWNER TO patient_logger_door;
    REVOKE CREATE ON SCHEMA public FROM patient_logger_door;
";

const DOWN: &str = "
    DROP FUNCTION session_standings_door(uuid[], uuid[], timestamptz[]);
    DROP FUNCTION standing_of(uuid, uuid, timestamptz);
    DROP FUNCTION glasses_of(uuid, uuid, timestamptz);
    DROP FUNCTION lacks_second_factor(uuid);
    REVOKE ALL (second_factor_required) ON hospitals FROM patient_logger_door;
    REVOKE ALL (last_used_at, expires_at) ON sessions FROM patient_logger_door;
    REVOKE ALL (reason) ON break_glass_grants FROM patient_logger_door;
";

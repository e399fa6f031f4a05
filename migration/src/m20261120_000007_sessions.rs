//! Deploy: adds tables and functions; safe while older servers run. Tokens that those have given out belong to no session,
//! so people sign in again once newer servers answer.

use sea_orm_migration::prelude::*;

use crate::{run, wall};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        run(manager, TABLES).await?;
        run(manager, &wall::tenant_table("sessions")).await?;
        run(manager, &wall::tenant_table("refresh_tokens")).await?;
        let functions = FUNCTIONS_AND_GRANTS
            .replace("{SESSION_STANDING}", SESSION_STANDING)
            .replace("{CURRENT_HOSPITAL}", wall::CURRENT_HOSPITAL);
        run(manager, &functions).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        run(
            manager,
            "DROP FUNCTION context_door(uuid);
             DROP FUNCTION session_standing(uuid, uuid, timestamptz);
             DROP TABLE refresh_tokens;
             DROP TABLE sessions;",
        )
        .await
    }
}

const TABLES: &str = "
    -- A sign-in of a member of staff. Its id is the sid of its access tokens.
    CREATE TABLE sessions (
        hospital_id uuid NOT NULL,
        id uuid NOT NULL,
        -- The id of the session that a password opened, also in the sessions to which it was switched, in whatever
        -- hospital: a stolen token must not leave a session behind that nobody ends.
        sign_in_id uuid NOT NULL,
        staff_id uuid NOT NULL,
        device text CHECK (char_length(device) BETWEEN 1 AND 200),
        address text CHECK (char_length(address) BETWEEN 1 AND 50),
        created_at timestamptz NOT NULL,
        last_used_at timestamptz NOT NULL,
        -- The end unless it is refreshed before, and the end in any case.
        expires_at timestamptz NOT NULL,
        absolute_expires_at timestamptz NOT NULL CHECK (expires_at <= absolute_expires_at),
        revoked_at timestamptz,
        PRIMARY KEY (hospital_id, id),
        FOREIGN KEY (hospital_id, staff_id) REFERENCES staff (hospital_id, id)
    );
    CREATE INDEX sessions_of_staff ON sessions (hospital_id, staff_id, last_used_at) WHERE revoked_at IS NULL;

    -- Every refresh token that a session has had. The tokens themselves are kept nowhere.
    CREATE TABLE refresh_tokens (
        hospital_id uuid NOT NULL,
        session_id uuid NOT NULL,
        hash bytea NOT NULL CHECK (octet_length(hash) = 32),
        parent_hash bytea CHECK (octet_length(parent_hash) = 32),
        issued_at timestamptz NOT NULL,
        expires_at timestamptz NOT NULL,
        used_at timestamptz,
        -- The token that was given for this one, encrypted with a key that is made of this one.
        sealed_child bytea,
        PRIMARY KEY (hospital_id, session_id, hash),
        -- One child, whatever the server does.
        CONSTRAINT refresh_tokens_one_child UNIQUE (hospital_id, session_id, parent_hash),
        CHECK ((used_at IS NULL) = (sealed_child IS NULL)),
        FOREIGN KEY (hospital_id, session_id) REFERENCES sessions (hospital_id, id),
        FOREIGN KEY (hospital_id, session_id, parent_hash) REFERENCES refresh_tokens (hospital_id, session_id, hash)
    );
";

const FUNCTIONS_AND_GRANTS: &str = "
    GRANT SELECT, INSERT ON sessions, refresh_tokens TO patient_logger_app;
    GRANT UPDATE (device, address, last_used_at, expires_at, revoked_at) ON sessions TO patient_logger_app;
    GRANT UPDATE (used_at, sealed_child) ON refresh_tokens TO patient_logger_app;

    {SESSION_STANDING}

    -- Where else the owner of a session works. Only a session of the current hospital that is not revoked opens it, so it
    -- cannot be asked about a stranger; and it gives what sign_in_door would give for the same account.
    GRANT SELECT (hospital_id, id, staff_id, revoked_at) ON sessions TO patient_logger_door;
    CREATE POLICY sessions_door ON sessions FOR SELECT TO patient_logger_door USING (true);
    CREATE FUNCTION context_door(session uuid) RETURNS TABLE (
        staff_id uuid, role text, hospital_id uuid, hospital_slug text, hospital_name text
    ) LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
        SELECT s.id, s.role, h.id, h.slug, h.name
        FROM public.sessions x
        JOIN public.staff me ON me.hospital_id = x.hospital_id AND me.id = x.staff_id AND me.status = 'ACTIVE'
        JOIN public.accounts a ON a.id = me.account_id
        JOIN public.staff s ON s.account_id = a.id AND s.status = 'ACTIVE'
            AND (a.password_chosen_by IS NULL OR a.password_chosen_by = s.hospital_id)
        JOIN public.hospitals h ON h.id = s.hospital_id
        WHERE x.hospital_id = {CURRENT_HOSPITAL} AND x.id = session AND x.revoked_at IS NULL
        ORDER BY h.name, h.id
    $$;

    REVOKE ALL ON FUNCTION session_standing(uuid, uuid, timestamptz), context_door(uuid) FROM PUBLIC;
    GRANT EXECUTE ON FUNCTION session_standing(uuid, uuid, timestamptz) TO patient_logger_app;
    GRANT EXECUTE ON FUNCTION context_door(uuid) TO patient_logger_app, CURRENT_USER;

    -- A new owner of a function must be able to create in its schema; for the length of this statement only.
    GRANT CREATE ON SCHEMA public TO patient_logger_door;
    ALTER FUNCTION context_door(uuid) OWNER TO patient_logger_door;
    REVOKE CREATE ON SCHEMA public FROM patient_logger_door;
";

pub(crate) const SESSION_STANDING: &str = "
    -- Whose a session is and in which role, now; nothing when it has ended or its owner was deactivated. It enters the
    -- hospital itself, so that the question that every request asks is one statement and one round trip. The setting
    -- ends with the statement's transaction. It has no power of its own: row security shows the caller what it shows.
    CREATE FUNCTION session_standing(hospital uuid, session uuid, moment timestamptz)
    RETURNS TABLE (staff_id uuid, role text, last_used_at timestamptz)
    LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
    BEGIN
        PERFORM set_config('app.current_hospital_id', hospital::text, true), set_config('lock_timeout', '2s', true);
        RETURN QUERY SELECT s.id, s.role, x.last_used_at
            FROM public.sessions x JOIN public.staff s ON s.hospital_id = x.hospital_id AND s.id = x.staff_id
            WHERE x.hospital_id = hospital AND x.id = session
              AND x.revoked_at IS NULL AND x.expires_at > moment AND s.status = 'ACTIVE';
    END
    $$;
";

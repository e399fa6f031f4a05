//! Deploy: adds a table and columns, and gives two functions more columns; safe while older servers run. Those do not ask for
//! a second factor, so tell people to set one up once newer servers answer.

use sea_orm_migration::prelude::*;

use crate::{m20261120_000002_staff, m20261120_000007_sessions, run, wall};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        run(manager, TABLES).await?;
        run(manager, &wall::tenant_table("invitations")).await?;
        run(manager, &STANDING.replace("{SESSION_STANDING}", SESSION_STANDING)).await?;
        run(manager, DOORS).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let down = DOWN
            .replace("{SESSION_STANDING}", m20261120_000007_sessions::SESSION_STANDING)
            .replace("{SIGN_IN_DOOR}", m20261120_000002_staff::SIGN_IN_DOOR);
        run(manager, &down).await
    }
}

const TABLES: &str = "
    ALTER TABLE accounts
        -- Counts the changes of what opens the account. A change says which state it was made from, and is refused when
        -- that is not the present one: so of two that use one code or one token at the same time, one succeeds.
        ADD COLUMN credentials_version integer NOT NULL DEFAULT 1,
        -- Counts the passwords. A new hash of the same password is not a new password.
        ADD COLUMN password_version integer NOT NULL DEFAULT 1,
        -- The secret of the second factor (RFC 6238), sealed; and since when it is needed. Before that it waits for its
        -- owner to show that it arrived.
        ADD COLUMN factor_secret bytea,
        ADD COLUMN factor_since timestamptz,
        -- The time step of the last code that was accepted: an older or the same one is not accepted again.
        ADD COLUMN factor_step bigint,
        -- SHA-256 of each recovery code that is left.
        ADD COLUMN recovery_hashes bytea[] NOT NULL DEFAULT '{}',
        -- SHA-256 of the one token with which a new password can be chosen.
        ADD COLUMN reset_hash bytea UNIQUE CHECK (octet_length(reset_hash) = 32),
        ADD COLUMN reset_requested_at timestamptz,
        ADD COLUMN reset_expires_at timestamptz,
        ADD CHECK ((reset_hash IS NULL) = (reset_expires_at IS NULL)),
        ADD CHECK (factor_since IS NULL OR factor_secret IS NOT NULL);

    ALTER TABLE hospitals ADD COLUMN second_factor_required boolean NOT NULL DEFAULT false;

    -- Somebody who was asked to join a hospital. The token itself is in a letter and nowhere else.
    CREATE TABLE invitations (
        hospital_id uuid NOT NULL,
        id uuid NOT NULL,
        email text NOT NULL CHECK (email = lower(email) AND char_length(email) BETWEEN 3 AND 254),
        name text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 100),
        role text NOT NULL CHECK (role IN ('ADMIN', 'CLINICIAN')),
        token_hash bytea NOT NULL CHECK (octet_length(token_hash) = 32),
        invited_by_id uuid NOT NULL,
        created_at timestamptz NOT NULL,
        expires_at timestamptz NOT NULL,
        revoked_at timestamptz,
        accepted_at timestamptz,
        -- Who joined with it.
        staff_id uuid,
        PRIMARY KEY (hospital_id, id),
        CHECK ((accepted_at IS NULL) = (staff_id IS NULL)),
        CHECK (accepted_at IS NULL OR revoked_at IS NULL),
        FOREIGN KEY (hospital_id, invited_by_id) REFERENCES staff (hospital_id, id),
        FOREIGN KEY (hospital_id, staff_id) REFERENCES staff (hospital_id, id)
    );
    CREATE UNIQUE INDEX invitations_pending ON invitations (hospital_id, email)
        WHERE accepted_at IS NULL AND revoked_at IS NULL;
    CREATE INDEX invitations_by_creation ON invitations (hospital_id, created_at, id);
";

const STANDING: &str = "
    GRANT SELECT, INSERT ON invitations TO patient_logger_app;
    GRANT UPDATE (revoked_at, accepted_at, staff_id) ON invitations TO patient_logger_app;
    GRANT UPDATE (second_factor_required) ON hospitals TO patient_logger_app;
    GRANT SELECT (factor_since) ON accounts TO patient_logger_app;

    DROP FUNCTION session_standing(uuid, uuid, timestamptz);
    {SESSION_STANDING}
    REVOKE ALL ON FUNCTION session_standing(uuid, uuid, timestamptz) FROM PUBLIC;
    GRANT EXECUTE ON FUNCTION session_standing(uuid, uuid, timestamptz) TO patient_logger_app;
";

pub(crate) const SESSION_STANDING: &str = "
    -- As before, and whether the hospital asks for a second factor that the account does not have. It is decided here so
    -- that it holds from the next request on and costs no statement of its own.
    CREATE FUNCTION session_standing(hospital uuid, session uuid, moment timestamptz)
    RETURNS TABLE (staff_id uuid, role text, last_used_at timestamptz, lacks_second_factor boolean)
    LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
    BEGIN
        PERFORM set_config('app.current_hospital_id', hospital::text, true), set_config('lock_timeout', '2s', true);
        RETURN QUERY SELECT s.id, s.role, x.last_used_at,
                h.second_factor_required AND NOT EXISTS (
                    SELECT FROM public.accounts a WHERE a.id = s.account_id AND a.factor_since IS NOT NULL)
            FROM public.sessions x
            JOIN public.staff s ON s.hospital_id = x.hospital_id AND s.id = x.staff_id
            JOIN public.hospitals h ON h.id = x.hospital_id
            WHERE x.hospital_id = hospital AND x.id = session
              AND x.revoked_at IS NULL AND x.expires_at > moment AND s.status = 'ACTIVE';
    END
    $$;
";

const DOORS: &str = "
    GRANT SELECT (name) ON staff TO patient_logger_door;
    GRANT UPDATE (password_hash, password_chosen_by, credentials_version, password_version, factor_secret, factor_since,
        factor_step, recovery_hashes, reset_hash, reset_requested_at, reset_expires_at, updated_at)
        ON accounts TO patient_logger_door;

    -- As before, with everything that opens the account.
    DROP FUNCTION sign_in_door(text);
    CREATE FUNCTION sign_in_door(address text) RETURNS TABLE (
        account_id uuid, credentials_version integer, password_hash text, password_chosen_by uuid, password_version integer,
        factor_secret bytea, factor_since timestamptz, factor_step bigint, recovery_hashes bytea[],
        staff_id uuid, staff_name text, role text, hospital_id uuid, hospital_slug text, hospital_name text
    ) LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
        SELECT a.id, a.credentials_version, a.password_hash, a.password_chosen_by, a.password_version,
            a.factor_secret, a.factor_since, a.factor_step, a.recovery_hashes,
            s.id, s.name, s.role, h.id, h.slug, h.name
        FROM public.accounts a
        LEFT JOIN (public.staff s JOIN public.hospitals h ON h.id = s.hospital_id)
            ON s.account_id = a.id AND s.status = 'ACTIVE'
            AND (a.password_chosen_by IS NULL OR a.password_chosen_by = s.hospital_id)
        WHERE a.email = address
        ORDER BY h.name, h.id
    $$;

    -- Changes what opens an account, for somebody who knows its present state: true, or NULL when that is another by now.
    -- A new password ends an open reset. Only who shows a letter to the address is its owner: who knows the password that an
    -- administrator chose may be that administrator.
    CREATE FUNCTION credentials_door(
        account uuid, seen integer, moment timestamptz, is_new_password boolean, by_owner boolean, new_password_hash text,
        new_factor_secret bytea, new_factor_since timestamptz, new_factor_step bigint, new_recovery_hashes bytea[]
    ) RETURNS boolean LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
        UPDATE public.accounts SET
            credentials_version = credentials_version + 1,
            password_hash = new_password_hash,
            password_chosen_by = CASE WHEN by_owner THEN NULL ELSE password_chosen_by END,
            password_version = password_version + CASE WHEN is_new_password THEN 1 ELSE 0 END,
            reset_hash = CASE WHEN is_new_password THEN NULL ELSE reset_hash END,
            reset_expires_at = CASE WHEN is_new_password THEN NULL ELSE reset_expires_at END,
            factor_secret = new_factor_secret,
            factor_since = new_factor_since,
            factor_step = new_factor_step,
            recovery_hashes = new_recovery_hashes,
            updated_at = moment
        WHERE id = account AND credentials_version = seen
        RETURNING true
    $$;

    -- Notes a token for a new password; the one before stops. True when there is a letter to send: the address has an
    -- account that works somewhere, and none was sent since quiet_since.
    CREATE FUNCTION reset_door(
        address text, token_hash bytea, moment timestamptz, ends timestamptz, quiet_since timestamptz
    ) RETURNS boolean LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
        UPDATE public.accounts SET reset_hash = token_hash, reset_requested_at = moment, reset_expires_at = ends
        WHERE email = address AND (reset_requested_at IS NULL OR reset_requested_at <= quiet_since)
            AND EXISTS (SELECT FROM public.staff s WHERE s.account_id = accounts.id AND s.status = 'ACTIVE')
        RETURNING true
    $$;

    -- Whose a token for a new password is, and the state of the account from which it can be used; nothing when it is
    -- nobody's, or was. Both at once, or a token could be used again from the state that its first use leaves.
    CREATE FUNCTION reset_owner_door(token_hash bytea, moment timestamptz)
    RETURNS TABLE (address text, seen integer)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
        SELECT email, credentials_version FROM public.accounts WHERE reset_hash = token_hash AND reset_expires_at > moment
    $$;

    REVOKE ALL ON FUNCTION sign_in_door(text),
        credentials_door(uuid, integer, timestamptz, boolean, boolean, text, bytea, timestamptz, bigint, bytea[]),
        reset_door(text, bytea, timestamptz, timestamptz, timestamptz),
        reset_owner_door(bytea, timestamptz) FROM PUBLIC;
    GRANT EXECUTE ON FUNCTION sign_in_door(text) TO patient_logger_app, CURRENT_USER;
    GRANT EXECUTE ON FUNCTION
        credentials_door(uuid, integer, timestamptz, boolean, boolean, text, bytea, timestamptz, bigint, bytea[]),
        reset_door(text, bytea, timestamptz, timestamptz, timestamptz),
        reset_owner_door(bytea, timestamptz) TO patient_logger_app;

    -- A new owner of a function must be able to create in its schema; for the length of this statement only.
    GRANT CREATE ON SCHEMA public TO patient_logger_door;
    ALTER FUNCTION sign_in_door(text) OWNER TO patient_logger_door;
    ALTER FUNCTION credentials_door(uuid, integer, timestamptz, boolean, boolean, text, bytea, timestamptz, bigint, bytea[])
        OWNER TO patient_logger_door;
    ALTER FUNCTION reset_door(text, bytea, timestamptz, timestamptz, timestamptz) OWNER TO patient_logger_door;
    ALTER FUNCTION reset_owner_door(bytea, timestamptz) OWNER TO patient_logger_door;
    REVOKE CREATE ON SCHEMA public FROM patient_logger_door;
";

/// `{SESSION_STANDING}` and `{SIGN_IN_DOOR}` are these functions as they were before.
const DOWN: &str = "
    DROP FUNCTION reset_owner_door(bytea, timestamptz);
    DROP FUNCTION reset_door(text, bytea, timestamptz, timestamptz, timestamptz);
    DROP FUNCTION credentials_door(uuid, integer, timestamptz, boolean, boolean, text, bytea, timestamptz, bigint, bytea[]);
    DROP FUNCTION sign_in_door(text);
    DROP FUNCTION session_standing(uuid, uuid, timestamptz);
    {SESSION_STANDING}
    {SIGN_IN_DOOR}
    REVOKE ALL ON FUNCTION sign_in_door(text), session_standing(uuid, uuid, timestamptz) FROM PUBLIC;
    GRANT EXECUTE ON FUNCTION session_standing(uuid, uuid, timestamptz) TO patient_logger_app;
    GRANT EXECUTE ON FUNCTION sign_in_door(text) TO patient_logger_app, CURRENT_USER;
    GRANT CREATE ON SCHEMA public TO patient_logger_door;
    ALTER FUNCTION sign_in_door(text) OWNER TO patient_logger_door;
    REVOKE CREATE ON SCHEMA public FROM patient_logger_door;

    REVOKE SELECT (name) ON staff FROM patient_logger_door;
    REVOKE UPDATE ON accounts FROM patient_logger_door;
    DROP TABLE invitations;
    ALTER TABLE hospitals DROP COLUMN second_factor_required;
    ALTER TABLE accounts DROP COLUMN credentials_version, DROP COLUMN password_version, DROP COLUMN factor_secret,
        DROP COLUMN factor_since, DROP COLUMN factor_step, DROP COLUMN recovery_hashes, DROP COLUMN reset_hash,
        DROP COLUMN reset_requested_at, DROP COLUMN reset_expires_at;
";

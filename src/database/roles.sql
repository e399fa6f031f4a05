-- The roles of Patient Logger, for every place where it meets a PostgreSQL: the embedded server runs this file, a
-- container mounts it as an init script, and in production a DBA runs it once, inside the service's own database:
--
--     createdb patient_logger
--     psql --dbname patient_logger --set ON_ERROR_STOP=1 --file roles.sql
--     psql --dbname patient_logger --command '\password patient_logger_owner'   -- and patient_logger_app
--
-- It may be run again at any time, and sets no passwords. Blank lines stand between statements and never inside one:
-- the embedded server splits the file there.
--
--   patient_logger_owner  owns the database and its tables; only migrations log in as this role
--   patient_logger_app    the running service: owns nothing, row level security holds it
--   patient_logger_door   cannot log in; owns the few functions that may look across hospitals

DO $$
DECLARE
    wanted record;
BEGIN
    FOR wanted IN
        SELECT * FROM (VALUES
            ('patient_logger_owner', 'LOGIN'),
            ('patient_logger_app', 'LOGIN'),
            ('patient_logger_door', 'NOLOGIN')
        ) AS roles (name, login)
    LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = wanted.name) THEN
            EXECUTE format('CREATE ROLE %I %s NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS',
                wanted.name, wanted.login);
        END IF;
    END LOOP;
    -- A role that was there before is not quietly changed: that may be somebody's decision, and needs a superuser.
    IF EXISTS (
        SELECT FROM pg_roles
        WHERE rolname IN ('patient_logger_owner', 'patient_logger_app', 'patient_logger_door')
            AND (rolsuper OR rolbypassrls OR rolcreaterole OR rolcreatedb OR rolreplication)
    ) THEN
        RAISE EXCEPTION 'a patient_logger role has a privilege that would break the wall between hospitals'
            USING HINT = 'ALTER ROLE ... NOSUPERUSER NOBYPASSRLS NOCREATEROLE NOCREATEDB NOREPLICATION, then run this again';
    END IF;
END
$$;

-- Migrations create the doors and hand them over.
GRANT patient_logger_door TO patient_logger_owner;

DO $$
BEGIN
    -- Where the administrator is no superuser (managed PostgreSQL), only a member may hand over what he owns.
    IF NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
        GRANT patient_logger_owner TO CURRENT_USER;
    END IF;
    EXECUTE format('REVOKE ALL ON DATABASE %I FROM PUBLIC', current_database());
    EXECUTE format('ALTER DATABASE %I OWNER TO patient_logger_owner', current_database());
    EXECUTE format('GRANT CONNECT ON DATABASE %I TO patient_logger_owner, patient_logger_app', current_database());
END
$$;

REVOKE ALL ON SCHEMA public FROM PUBLIC;

ALTER SCHEMA public OWNER TO patient_logger_owner;

GRANT USAGE ON SCHEMA public TO patient_logger_app, patient_logger_door;

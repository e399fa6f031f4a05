//! Deploy: adds tables and functions; safe while older servers run. Needs the role `patient_logger_door`.

use sea_orm_migration::prelude::*;

use crate::{run, wall};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        run(manager, TABLES).await?;
        run(manager, &wall::tenant_table("staff")).await?;
        let doors = DOORS.replace("{SIGN_IN_DOOR}", SIGN_IN_DOOR).replace("{CURRENT_HOSPITAL}", wall::CURRENT_HOSPITAL);
        run(manager, &doors).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        run(
            manager,
            "DROP FUNCTION sign_in_door(text);
             DROP FUNCTION account_door(uuid, text, text);
             DROP POLICY accounts_hospital_wall ON accounts;
             DROP TABLE staff;
             DROP TABLE accounts;
             DROP POLICY hospitals_door ON hospitals;
             REVOKE ALL ON hospitals FROM patient_logger_door;",
        )
        .await
    }
}

const TABLES: &str = "
    -- A login. It belongs to a person, not to a hospital, so it has no hospital_id.
    CREATE TABLE accounts (
        id uuid PRIMARY KEY,
        email text NOT NULL UNIQUE CHECK (email = lower(email) AND char_length(email) BETWEEN 3 AND 254),
        password_hash text NOT NULL,
        -- The hospital whose administrator chose the password. Until its owner chooses one, the password opens that
        -- hospital only: otherwise an administrator could make an account in somebody's name and wait for another
        -- hospital to hire that person.
        password_chosen_by uuid REFERENCES hospitals (id),
        created_at timestamptz NOT NULL,
        updated_at timestamptz NOT NULL
    );

    -- An account at work in one hospital, in one role.
    CREATE TABLE staff (
        hospital_id uuid NOT NULL REFERENCES hospitals (id),
        id uuid NOT NULL,
        account_id uuid NOT NULL REFERENCES accounts (id),
        name text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 100),
        role text NOT NULL CHECK (role IN ('ADMIN', 'CLINICIAN')),
        status text NOT NULL CHECK (status IN ('ACTIVE', 'DEACTIVATED')),
        version integer NOT NULL,
        created_at timestamptz NOT NULL,
        updated_at timestamptz NOT NULL,
        PRIMARY KEY (hospital_id, id),
        UNIQUE (hospital_id, account_id)
    );
    CREATE INDEX staff_account ON staff (account_id);
    CREATE INDEX staff_by_name ON staff (hospital_id, name, id);
";

const DOORS: &str = "
    -- The server sees the e-mail addresses of the accounts that work in the current hospital, and no password hash.
    ALTER TABLE accounts ENABLE ROW LEVEL SECURITY;
    ALTER TABLE accounts FORCE ROW LEVEL SECURITY;
    CREATE POLICY accounts_members ON accounts FOR SELECT TO CURRENT_USER, patient_logger_app USING (true);
    CREATE POLICY accounts_hospital_wall ON accounts AS RESTRICTIVE TO CURRENT_USER, patient_logger_app
        USING (EXISTS (SELECT FROM staff WHERE staff.account_id = accounts.id AND staff.hospital_id = {CURRENT_HOSPITAL}));
    GRANT SELECT (id, email) ON accounts TO patient_logger_app;
    GRANT SELECT, INSERT ON staff TO patient_logger_app;
    GRANT UPDATE (name, role, status, version, updated_at) ON staff TO patient_logger_app;

    GRANT USAGE ON SCHEMA public TO patient_logger_door;
    GRANT SELECT (id, slug, name) ON hospitals TO patient_logger_door;
    GRANT SELECT (hospital_id, id, account_id, role, status) ON staff TO patient_logger_door;
    GRANT SELECT, INSERT ON accounts TO patient_logger_door;
    CREATE POLICY hospitals_door ON hospitals FOR SELECT TO patient_logger_door USING (true);
    CREATE POLICY staff_door ON staff FOR SELECT TO patient_logger_door USING (true);
    CREATE POLICY accounts_door ON accounts TO patient_logger_door USING (true) WITH CHECK (true);

    {SIGN_IN_DOOR}

    -- The account of an address, made if it is new. An account that exists keeps its password, and the caller cannot
    -- tell which of the two happened: whether somebody works elsewhere is not this hospital's to know.
    CREATE FUNCTION account_door(new_id uuid, address text, new_password_hash text) RETURNS uuid
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    DECLARE
        hospital uuid := nullif(current_setting('app.current_hospital_id', true), '')::uuid;
        found_id uuid;
    BEGIN
        IF hospital IS NULL THEN
            RAISE insufficient_privilege USING MESSAGE = 'no hospital is set';
        END IF;
        INSERT INTO public.accounts (id, email, password_hash, password_chosen_by, created_at, updated_at)
        VALUES (new_id, address, new_password_hash, hospital, now(), now())
        ON CONFLICT (email) DO NOTHING;
        SELECT id INTO found_id FROM public.accounts WHERE email = address;
        RETURN found_id;
    END
    $$;

    REVOKE ALL ON FUNCTION sign_in_door(text), account_door(uuid, text, text) FROM PUBLIC;
    GRANT EXECUTE ON FUNCTION sign_in_door(text), account_door(uuid, text, text) TO patient_logger_app, CURRENT_USER;

    -- A new owner of a function must be able to create in its schema; for the length of this statement only.
    GRANT CREATE ON SCHEMA public TO patient_logger_door;
    ALTER FUNCTION sign_in_door(text) OWNER TO patient_logger_door;
    ALTER FUNCTION account_door(uuid, text, text) OWNER TO patient_logger_door;
    REVOKE CREATE ON SCHEMA public FROM patient_logger_door;
";

pub(crate) const SIGN_IN_DOOR: &str = "
    -- Sign-in: before it there is no hospital. One row per place of work; none for an unknown address.
    CREATE FUNCTION sign_in_door(address text) RETURNS TABLE (
        account_id uuid, password_hash text, staff_id uuid, role text,
        hospital_id uuid, hospital_slug text, hospital_name text
    ) LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
        SELECT a.id, a.password_hash, s.id, s.role, h.id, h.slug, h.name
        FROM public.accounts a
        LEFT JOIN (public.staff s JOIN public.hospitals h ON h.id = s.hospital_id)
            ON s.account_id = a.id AND s.status = 'ACTIVE'
            AND (a.password_chosen_by IS NULL OR a.password_chosen_by = s.hospital_id)
        WHERE a.email = address
        ORDER BY h.name, h.id
    $$;
";

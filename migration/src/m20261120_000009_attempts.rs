//! Deploy: adds a table and two functions; safe while older servers run, which count nothing.

use sea_orm_migration::prelude::*;

use crate::run;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        run(manager, UP).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        run(
            manager,
            "DROP FUNCTION attempt_end_door(bytea, bytea, bytea, boolean, timestamptz, interval);
             DROP FUNCTION attempt_door(bytea, bytea, timestamptz, interval, double precision[]);
             DROP TABLE attempts;",
        )
        .await
    }
}

const UP: &str = "
    -- Guesses at secrets. They happen before there is a hospital, so there is no hospital_id; and whether a name belongs to
    -- anybody makes no difference here. The server's role has no right on the table, only on the functions.
    CREATE TABLE attempts (
        -- Whose secret: a keyed hash of the kind of secret and the name that was typed.
        subject bytea NOT NULL CHECK (octet_length(subject) = 32),
        -- From where: a keyed hash of the subject and the client's network, where a guess from there was right; empty for
        -- everywhere else.
        place bytea NOT NULL CHECK (octet_length(place) IN (0, 32)),
        failures integer NOT NULL CHECK (failures >= 0),
        failed_at timestamptz NOT NULL,
        -- When the row says nothing any more.
        forget_at timestamptz NOT NULL,
        PRIMARY KEY (subject, place)
    );
    CREATE INDEX attempts_to_forget ON attempts (forget_at);
    ALTER TABLE attempts ENABLE ROW LEVEL SECURITY;
    ALTER TABLE attempts FORCE ROW LEVEL SECURITY;
    GRANT SELECT, INSERT, UPDATE, DELETE ON attempts TO patient_logger_door;
    CREATE POLICY attempts_door ON attempts TO patient_logger_door USING (true) WITH CHECK (true);

    -- Counts a guess as wrong before it is looked at, so that guesses at the same moment count each other. Says where it was
    -- counted; or, when there is a time to wait, how many seconds of it are left, and then it was not counted.
    -- pauses[n] is how many seconds must lie between the n-th wrong guess and the next one; the last one is for all after it.
    CREATE FUNCTION attempt_door(whose bytea, here bytea, moment timestamptz, memory interval, pauses double precision[])
    RETURNS TABLE (counted_at bytea, wait_seconds double precision)
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    BEGIN
        -- A crash may forget the guesses of the last moment; in return nobody waits for the disk.
        PERFORM set_config('lock_timeout', '2s', true), set_config('synchronous_commit', 'off', true);
        -- Each guess adds at most one row and removes up to ten that are over, so the table holds what happened lately.
        DELETE FROM public.attempts a USING (
            SELECT o.subject, o.place FROM public.attempts o WHERE o.forget_at <= moment
            ORDER BY o.forget_at LIMIT 10 FOR UPDATE SKIP LOCKED
        ) over WHERE a.subject = over.subject AND a.place = over.place;

        SELECT a.place INTO counted_at FROM public.attempts a
            WHERE a.subject = whose AND a.place = here AND a.forget_at > moment;
        counted_at := coalesce(counted_at, '');

        INSERT INTO public.attempts AS a (subject, place, failures, failed_at, forget_at)
        VALUES (whose, counted_at, 1, moment, moment + memory)
        ON CONFLICT (subject, place) DO UPDATE SET
            failures = CASE WHEN a.failed_at + memory <= moment THEN 1 ELSE a.failures + 1 END,
            failed_at = moment,
            forget_at = greatest(a.forget_at, moment + memory)
        WHERE a.failed_at + memory <= moment
           OR a.failed_at + make_interval(secs => coalesce(pauses[least(a.failures, cardinality(pauses))], 0)) <= moment;
        IF NOT FOUND THEN
            SELECT extract(epoch FROM a.failed_at - moment)::double precision
                   + coalesce(pauses[least(a.failures, cardinality(pauses))], 0)
            INTO wait_seconds FROM public.attempts a WHERE a.subject = whose AND a.place = counted_at;
            -- Whoever else guessed at this moment may have been right, and have taken the count back.
            wait_seconds := greatest(coalesce(wait_seconds, 0), 0.001);
        END IF;
        RETURN NEXT;
    END
    $$;

    -- Takes a count back: the guess was right, or was never looked at. Where one was right is known from then on.
    CREATE FUNCTION attempt_end_door(
        whose bytea, counted_at bytea, here bytea, was_right boolean, moment timestamptz, known interval
    ) RETURNS void
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    BEGIN
        -- A crash may forget the guesses of the last moment; in return nobody waits for the disk.
        PERFORM set_config('lock_timeout', '2s', true), set_config('synchronous_commit', 'off', true);
        UPDATE public.attempts a SET failures = a.failures - 1
            WHERE a.subject = whose AND a.place = counted_at AND a.failures > 0;
        IF was_right THEN
            INSERT INTO public.attempts (subject, place, failures, failed_at, forget_at)
            VALUES (whose, here, 0, moment, moment + known)
            ON CONFLICT (subject, place) DO UPDATE SET failures = 0, forget_at = excluded.forget_at;
        END IF;
    END
    $$;

    REVOKE ALL ON FUNCTION attempt_door(bytea, bytea, timestamptz, interval, double precision[]),
        attempt_end_door(bytea, bytea, bytea, boolean, timestamptz, interval) FROM PUBLIC;
    GRANT EXECUTE ON FUNCTION attempt_door(bytea, bytea, timestamptz, interval, double precision[]),
        attempt_end_door(bytea, bytea, bytea, boolean, timestamptz, interval) TO patient_logger_app;

    -- A new owner of a function must be able to create in its schema; for the length of this statement only.
    GRANT CREATE ON SCHEMA public TO patient_logger_door;
    ALTER FUNCTION attempt_door(bytea, bytea, timestamptz, interval, double precision[]) OWNER TO patient_logger_door;
    ALTER FUNCTION attempt_end_door(bytea, bytea, bytea, boolean, timestamptz, interval) OWNER TO patient_logger_door;
    REVOKE CREATE ON SCHEMA public FROM patient_logger_door;
";

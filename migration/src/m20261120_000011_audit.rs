//! Deploy: adds tables and functions; safe while older servers run. What those answer meanwhile is not recorded.

use sea_orm_migration::prelude::*;

use crate::{run, wall};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        run(manager, TABLES).await?;
        for table in ["audit_events", "audit_mentions", "audit_seals"] {
            run(manager, &wall::tenant_table(table)).await?;
        }
        run(manager, GRANTS).await?;
        run(manager, FUNCTIONS).await?;
        run(manager, OWNERS).await?;
        run(manager, "SELECT audit_partitions(now())").await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        run(
            manager,
            "DROP FUNCTION audit_hospitals();
             DROP FUNCTION audit_post(integer, integer);
             DROP FUNCTION audit_seal(integer, integer);
             DROP FUNCTION audit_shape(text[], text[]);
             DROP FUNCTION audit_append(uuid[], timestamptz[], uuid[], uuid[], text[], uuid[], uuid[], text[], text[],
                 text[], text[], text[], uuid[], uuid[], integer[], integer[], integer[], uuid[], text[]);
             DROP FUNCTION audit_partitions(timestamptz);
             DROP TABLE audit_retired, audit_state, audit_seals, audit_mentions, audit_events;
             DROP FUNCTION audit_leaf(uuid, timestamptz, uuid, bigint, uuid, text, uuid, uuid, text, text, text, text, text,
                 uuid, uuid, integer, uuid[], text);
             DROP TABLE audit_shapes;",
        )
        .await
    }
}

const TABLES: &str = "
    -- Which fields an operation asked for, and which of those were refused: names of the schema, the same for all
    -- hospitals. The id is the beginning of a SHA-256 over the names, so whoever holds the names can compute it.
    CREATE TABLE audit_shapes (
        id uuid PRIMARY KEY,
        fields text[] NOT NULL,
        refused text[] NOT NULL
    );

    -- What happened, one row an event, only ever added to. Months are partitions, so that the oldest can go as a whole.
    CREATE TABLE audit_events (
        hospital_id uuid NOT NULL,
        at timestamptz NOT NULL,
        id uuid NOT NULL,
        -- The transaction that wrote it. Seals follow this order: what a transaction below the snapshot's horizon has
        -- written is there, whereas a time or a sequence can still appear late.
        xid bigint NOT NULL DEFAULT (pg_current_xact_id()::text::bigint),
        request_id uuid NOT NULL,
        actor_kind text NOT NULL CHECK (actor_kind IN ('STAFF', 'PARTNER_KEY')),
        actor_id uuid NOT NULL,
        session_id uuid,
        role text NOT NULL,
        address text,
        action text NOT NULL,
        outcome text NOT NULL,
        operation text CHECK (char_length(operation) BETWEEN 1 AND 100),
        shape_id uuid,
        -- What was changed or named, when it is one thing: a task log, a member of staff, a key.
        subject_id uuid,
        row_count integer NOT NULL,
        patients uuid[] NOT NULL,
        reason text CHECK (char_length(reason) BETWEEN 1 AND 500),
        PRIMARY KEY (hospital_id, at, id)
    ) PARTITION BY RANGE (at);
    -- For the sealer, the poster and the tail that is not posted yet. It only grows at its end: 0.4 us and 65 bytes of WAL
    -- an event. BRIN would be smaller, but gives no order, and reads all that was added since the last vacuum each time.
    CREATE INDEX audit_events_by_xid ON audit_events (xid);

    -- Whom an event is about: a row for its actor and for each of its patients, made of the sealed events in the background.
    -- They can be made anew at any time. A GIN index on the events would not be used under row security, whose operators
    -- must be leakproof.
    CREATE TABLE audit_mentions (
        hospital_id uuid NOT NULL,
        who uuid NOT NULL,
        at timestamptz NOT NULL,
        event_id uuid NOT NULL
    ) PARTITION BY RANGE (at);
    CREATE INDEX audit_mentions_by_who ON audit_mentions (hospital_id, who, at, event_id);

    -- The chain of a hospital: each seal covers the events of one month whose transactions lie in [from_xid, to_xid).
    CREATE TABLE audit_seals (
        hospital_id uuid NOT NULL,
        no bigint NOT NULL,
        month date NOT NULL,
        from_xid bigint NOT NULL,
        to_xid bigint NOT NULL,
        events integer NOT NULL CHECK (events > 0),
        root bytea NOT NULL CHECK (octet_length(root) = 32),
        previous_head bytea NOT NULL CHECK (octet_length(previous_head) = 32),
        head bytea NOT NULL CHECK (octet_length(head) = 32),
        sealed_at timestamptz NOT NULL,
        -- The hashes of the events in their order, 32 bytes each: they name the row that was touched, and give proofs
        -- without reading the events again.
        leaves bytea NOT NULL CHECK (octet_length(leaves) = 32 * events),
        PRIMARY KEY (hospital_id, no)
    );

    -- How far sealing and posting have come, for all hospitals at once.
    CREATE TABLE audit_state (
        singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
        -- All events of transactions below this one are sealed.
        sealed_xid bigint NOT NULL,
        -- When sealing was last tried, and the time of the oldest event that it had to leave.
        sealed_at timestamptz NOT NULL,
        unsealed_since timestamptz,
        -- All mentions of events below this transaction are posted.
        posted_xid bigint NOT NULL,
        -- Posting rests until then: it has a share of the time, however many servers there are.
        posting_rests_until timestamptz NOT NULL
    );
    INSERT INTO audit_state (sealed_xid, sealed_at, posted_xid, posting_rests_until) VALUES (0, '-infinity', 0, '-infinity');

    -- The months whose events were dropped when their time was over. Their seals stay and keep the chain whole.
    CREATE TABLE audit_retired (
        month date PRIMARY KEY,
        retired_at timestamptz NOT NULL
    );
";

const GRANTS: &str = "
    -- These three know nothing of a hospital.
    ALTER TABLE audit_shapes ENABLE ROW LEVEL SECURITY;
    ALTER TABLE audit_shapes FORCE ROW LEVEL SECURITY;
    CREATE POLICY audit_shapes_all ON audit_shapes USING (true) WITH CHECK (true);
    ALTER TABLE audit_state ENABLE ROW LEVEL SECURITY;
    ALTER TABLE audit_state FORCE ROW LEVEL SECURITY;
    CREATE POLICY audit_state_all ON audit_state USING (true) WITH CHECK (true);
    ALTER TABLE audit_retired ENABLE ROW LEVEL SECURITY;
    ALTER TABLE audit_retired FORCE ROW LEVEL SECURITY;
    CREATE POLICY audit_retired_all ON audit_retired USING (true) WITH CHECK (true);

    GRANT SELECT ON audit_shapes TO patient_logger_app;
    -- Shapes are written by audit_shape alone, and events by audit_append.
    GRANT SELECT ON audit_events TO patient_logger_app;
    GRANT SELECT ON audit_mentions, audit_seals, audit_state, audit_retired TO patient_logger_app;

    GRANT SELECT, INSERT ON audit_events TO patient_logger_door;
    GRANT SELECT, INSERT ON audit_seals TO patient_logger_door;
    GRANT INSERT ON audit_mentions TO patient_logger_door;
    GRANT SELECT, UPDATE ON audit_state TO patient_logger_door;
    GRANT SELECT, INSERT ON audit_shapes TO patient_logger_door;
    CREATE POLICY audit_events_door ON audit_events TO patient_logger_door USING (true) WITH CHECK (true);
    CREATE POLICY audit_seals_door ON audit_seals TO patient_logger_door USING (true) WITH CHECK (true);
    CREATE POLICY audit_mentions_door ON audit_mentions TO patient_logger_door USING (true) WITH CHECK (true);
";

const FUNCTIONS: &str = "
    -- The partitions for the month of a time and the three after it. Anybody may call it with any time: it only makes
    -- what is missing near now.
    CREATE FUNCTION audit_partitions(around timestamptz) RETURNS void
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' AS $$
    DECLARE
        month date;
        parent text;
        leaf text;
    BEGIN
        IF around NOT BETWEEN now() - interval '10 years' AND now() + interval '10 years' THEN
            RAISE invalid_parameter_value USING MESSAGE = 'no audit partition is made for a time ten years from now';
        END IF;
        PERFORM pg_advisory_xact_lock(hashtext('audit_partitions'));
        FOR i IN 0..3 LOOP
            month := (date_trunc('month', around) + make_interval(months => i))::date;
            FOREACH parent IN ARRAY ARRAY['audit_events', 'audit_mentions'] LOOP
                leaf := parent || '_' || to_char(month, 'YYYY_MM');
                CONTINUE WHEN to_regclass('public.' || leaf) IS NOT NULL;
                EXECUTE format('CREATE TABLE public.%I PARTITION OF public.%I FOR VALUES FROM (%L) TO (%L)',
                    leaf, parent, month::timestamptz, (month + interval '1 month')::timestamptz);
                -- Nobody asks a partition itself; without a policy it shows nothing to whoever does.
                EXECUTE format('ALTER TABLE public.%I ENABLE ROW LEVEL SECURITY', leaf);
                EXECUTE format('ALTER TABLE public.%I FORCE ROW LEVEL SECURITY', leaf);
            END LOOP;
        END LOOP;
    END
    $$;

    -- What a seal holds of an event: SHA-256 over a zero byte and PostgreSQL's binary form of the row, in which each
    -- column has its type, its length and its bytes: src/audit/format.md.
    CREATE FUNCTION audit_leaf(
        hospital_id uuid, at timestamptz, id uuid, xid bigint, request_id uuid, actor_kind text, actor_id uuid,
        session_id uuid, role text, address text, action text, outcome text, operation text, shape_id uuid,
        subject_id uuid, row_count integer, patients uuid[], reason text
    ) RETURNS bytea LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
        SELECT sha256('\\x00'::bytea || record_send(ROW(hospital_id, at, id, xid, request_id, actor_kind, actor_id,
            session_id, role, address, action, outcome, operation, shape_id, subject_id, row_count, patients, reason)))
    $$;

    -- Stores a shape. The id is computed here, so it is always that of the names: see `patient_logger::audit::Shape`.
    CREATE FUNCTION audit_shape(fields text[], refused text[]) RETURNS void
    LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
        INSERT INTO public.audit_shapes (id, fields, refused)
        SELECT encode(substring(sha256(convert_to(
            (SELECT coalesce(string_agg(f || chr(10), '' ORDER BY f COLLATE \"C\"), '') FROM unnest(fields) f) || chr(10) ||
            (SELECT coalesce(string_agg(r || chr(10), '' ORDER BY r COLLATE \"C\"), '') FROM unnest(refused) r),
            'UTF8')) FROM 1 FOR 16), 'hex')::uuid, fields, refused
        ON CONFLICT DO NOTHING
    $$;

    -- The events of many requests, of any hospital, in one statement. It adds and tells nothing.
    CREATE FUNCTION audit_append(
        hospital_ids uuid[], ats timestamptz[], ids uuid[], request_ids uuid[], actor_kinds text[], actor_ids uuid[],
        session_ids uuid[], roles text[], addresses text[], actions text[], outcomes text[], operations text[],
        shape_ids uuid[], subject_ids uuid[], row_counts integer[], patients_from integer[], patients_to integer[],
        all_patients uuid[], reasons text[]
    ) RETURNS void
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    BEGIN
        INSERT INTO public.audit_events (hospital_id, at, id, request_id, actor_kind, actor_id, session_id, role, address,
            action, outcome, operation, shape_id, subject_id, row_count, patients, reason)
        SELECT e.h, e.t, e.i, e.q, e.k, e.a, e.s, e.r, e.d, e.c, e.o, e.n, e.f, e.j, e.w, all_patients[e.x:e.y], e.z
        FROM unnest(hospital_ids, ats, ids, request_ids, actor_kinds, actor_ids, session_ids, roles, addresses, actions,
            outcomes, operations, shape_ids, subject_ids, row_counts, patients_from, patients_to, reasons)
            AS e (h, t, i, q, k, a, s, r, d, c, o, n, f, j, w, x, y, z)
        ON CONFLICT DO NOTHING;
    END
    $$;

    -- Seals what is there and not sealed yet, at most about this many events, and says how many. One caller at a time works;
    -- the others get 0 at once, as does who comes within a pause of milliseconds after the last one: so many servers make
    -- no more seals than one.
    CREATE FUNCTION audit_seal(batch integer, pause integer) RETURNS integer
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' AS $$
    DECLARE
        horizon bigint;
        state record;
        upper_xid bigint;
        part record;
        last record;
        level bytea[];
        sealed_count integer := 0;
        root bytea;
        stamp timestamptz := clock_timestamp();
    BEGIN
        IF NOT pg_try_advisory_xact_lock(hashtext('audit_seal')) THEN
            RETURN 0;
        END IF;
        -- The horizon first, then the rows: whoever writes below it has committed.
        horizon := pg_snapshot_xmin(pg_current_snapshot())::text::bigint;
        SELECT sealed_xid, sealed_at INTO state FROM public.audit_state;
        IF state.sealed_at > stamp - make_interval(secs => pause / 1000.0) THEN
            RETURN 0;
        END IF;
        IF horizon < state.sealed_xid THEN
            RAISE object_not_in_prerequisite_state USING
                MESSAGE = format('the audit trail is sealed up to transaction %s, and this PostgreSQL has only come to %s',
                    state.sealed_xid, horizon),
                HINT = 'After a restore from a dump, advance the new cluster''s counter with pg_resetwal --epoch.';
        END IF;
        -- Whole transactions only, so the window may be a little larger than the batch.
        SELECT max(x.xid) + 1 INTO upper_xid FROM (
            SELECT e.xid FROM public.audit_events e WHERE e.xid >= state.sealed_xid AND e.xid < horizon ORDER BY e.xid LIMIT batch
        ) x;
        upper_xid := coalesce(upper_xid, state.sealed_xid);
        FOR part IN
            SELECT e.hospital_id, date_trunc('month', e.at)::date AS month, count(*)::integer AS events,
                array_agg(public.audit_leaf(e.hospital_id, e.at, e.id, e.xid, e.request_id, e.actor_kind, e.actor_id,
                    e.session_id, e.role, e.address, e.action, e.outcome, e.operation, e.shape_id, e.subject_id,
                    e.row_count, e.patients, e.reason) ORDER BY e.xid, e.at, e.id) AS leaves
            FROM public.audit_events e WHERE e.xid >= state.sealed_xid AND e.xid < upper_xid
            GROUP BY 1, 2 ORDER BY 1, 2
        LOOP
            -- RFC 6962, 2.1: an odd node goes up as it is.
            level := part.leaves;
            WHILE cardinality(level) > 1 LOOP
                SELECT array_agg(CASE WHEN b IS NULL THEN a ELSE sha256('\\x01'::bytea || a || b) END ORDER BY n) INTO level
                FROM (
                    SELECT (n - 1) / 2 AS n, (array_agg(h) FILTER (WHERE n % 2 = 1))[1] AS a,
                        (array_agg(h) FILTER (WHERE n % 2 = 0))[1] AS b
                    FROM unnest(level) WITH ORDINALITY AS u (h, n) GROUP BY (n - 1) / 2
                ) pairs;
            END LOOP;
            root := level[1];
            SELECT s.no, s.head INTO last FROM public.audit_seals s
            WHERE s.hospital_id = part.hospital_id ORDER BY s.no DESC LIMIT 1;
            INSERT INTO public.audit_seals (hospital_id, no, month, from_xid, to_xid, events, root, previous_head, head,
                sealed_at, leaves)
            SELECT part.hospital_id, n.no, part.month, state.sealed_xid, upper_xid, part.events, root, n.previous,
                sha256('\\x02'::bytea || record_send(ROW(part.hospital_id, n.no, part.month, state.sealed_xid, upper_xid,
                    part.events, root, n.previous, stamp))),
                stamp, (SELECT string_agg(h, '' ORDER BY i) FROM unnest(part.leaves) WITH ORDINALITY AS u (h, i))
            FROM (SELECT coalesce(last.no, 0) + 1 AS no,
                coalesce(last.head, sha256('\\x02'::bytea || uuid_send(part.hospital_id))) AS previous) n;
            sealed_count := sealed_count + part.events;
        END LOOP;
        UPDATE public.audit_state SET sealed_xid = upper_xid, sealed_at = stamp,
            unsealed_since = (SELECT min(e.at) FROM public.audit_events e WHERE e.xid >= upper_xid);
        RETURN sealed_count;
    END
    $$;

    -- Posts the mentions of sealed events, at most about this many events, and says how many. After that, nobody posts for
    -- rest times as long as it took.
    CREATE FUNCTION audit_post(batch integer, rest integer) RETURNS integer
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    DECLARE
        state record;
        upper_xid bigint;
        posted_count integer;
        began timestamptz := clock_timestamp();
    BEGIN
        IF NOT pg_try_advisory_xact_lock(hashtext('audit_post')) THEN
            RETURN 0;
        END IF;
        SELECT posted_xid, sealed_xid, posting_rests_until INTO state FROM public.audit_state;
        IF state.posting_rests_until > began THEN
            RETURN 0;
        END IF;
        SELECT max(x.xid) + 1, count(*) INTO upper_xid, posted_count FROM (
            SELECT e.xid FROM public.audit_events e
            WHERE e.xid >= state.posted_xid AND e.xid < state.sealed_xid ORDER BY e.xid LIMIT batch
        ) x;
        IF upper_xid IS NULL THEN
            RETURN 0;
        END IF;
        INSERT INTO public.audit_mentions (hospital_id, who, at, event_id)
        SELECT e.hospital_id, w.who, e.at, e.id
        FROM public.audit_events e CROSS JOIN unnest(e.patients || e.actor_id) AS w (who)
        WHERE e.xid >= state.posted_xid AND e.xid < upper_xid
        ORDER BY 1, 2, 3;
        UPDATE public.audit_state SET posted_xid = upper_xid,
            posting_rests_until = clock_timestamp() + rest * (clock_timestamp() - began);
        RETURN posted_count;
    END
    $$;

    -- Which hospitals there are, for a verification of all chains by the owner.
    CREATE FUNCTION audit_hospitals() RETURNS TABLE (id uuid, slug text)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
        SELECT h.id, h.slug FROM public.hospitals h ORDER BY h.id
    $$;
";

const OWNERS: &str = "
    REVOKE ALL ON FUNCTION audit_shape(text[], text[]), audit_partitions(timestamptz), audit_seal(integer, integer), audit_post(integer, integer), audit_hospitals(),
        audit_leaf(uuid, timestamptz, uuid, bigint, uuid, text, uuid, uuid, text, text, text, text, text, uuid, uuid,
            integer, uuid[], text),
        audit_append(uuid[], timestamptz[], uuid[], uuid[], text[], uuid[], uuid[], text[], text[], text[], text[], text[],
            uuid[], uuid[], integer[], integer[], integer[], uuid[], text[]) FROM PUBLIC;
    GRANT EXECUTE ON FUNCTION audit_shape(text[], text[]), audit_partitions(timestamptz), audit_seal(integer, integer), audit_post(integer, integer),
        audit_append(uuid[], timestamptz[], uuid[], uuid[], text[], uuid[], uuid[], text[], text[], text[], text[], text[],
            uuid[], uuid[], integer[], integer[], integer[], uuid[], text[]) TO patient_logger_app, CURRENT_USER;
    GRANT EXECUTE ON FUNCTION audit_hospitals() TO CURRENT_USER;
    GRANT EXECUTE ON FUNCTION audit_leaf(uuid, timestamptz, uuid, bigint, uuid, text, uuid, uuid, text, text, text, text,
        text, uuid, uuid, integer, uuid[], text) TO patient_logger_door;

    -- A new owner of a function must be able to create in its schema; for the length of this statement only.
    GRANT CREATE ON SCHEMA public TO patient_logger_door;
    ALTER FUNCTION audit_shape(text[], text[]) OWNER TO patient_logger_door;
    ALTER FUNCTION audit_seal(integer, integer) OWNER TO patient_logger_door;
    ALTER FUNCTION audit_post(integer, integer) OWNER TO patient_logger_door;
    ALTER FUNCTION audit_hospitals() OWNER TO patient_logger_door;
    ALTER FUNCTION audit_append(uuid[], timestamptz[], uuid[], uuid[], text[], uuid[], uuid[], text[], text[], text[],
        text[], text[], uuid[], uuid[], integer[], integer[], integer[], uuid[], text[]) OWNER TO patient_logger_door;
    REVOKE CREATE ON SCHEMA public FROM patient_logger_door;
";

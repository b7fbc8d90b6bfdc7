-- The ledger's database: what is appended, and never changed.
-- Group roles are cluster-wide and made by the migration runner: ledger_owner (owns), ledger_writer (appends),
-- ledger_eraser (a writer that may delete links and expired blobs), ledger_reader (questions), ledger_auditor (verify).

CREATE SCHEMA ledger AUTHORIZATION ledger_owner;
SET ROLE ledger_owner;
SET search_path TO ledger;

CREATE TABLE ledger (
    ledger_id   integer PRIMARY KEY,
    name        text NOT NULL UNIQUE,
    created     timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- One hot row a ledger; whoever appends locks it first. Low fillfactor: its updates stay on one page (HOT).
CREATE TABLE head (
    ledger_id     integer PRIMARY KEY REFERENCES ledger,
    origin        text NOT NULL,
    size          bigint NOT NULL DEFAULT 0,
    prev          bytea NOT NULL DEFAULT '\x0000000000000000000000000000000000000000000000000000000000000000',
    frontier      bytea NOT NULL DEFAULT '\x',
    root          bytea NOT NULL DEFAULT '\xe3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
    seg           bigint NOT NULL DEFAULT 0,
    seg_first     bigint NOT NULL DEFAULT 0,
    seg_began     timestamptz,
    close_segment boolean NOT NULL DEFAULT false,
    appended      timestamptz,
    epoch         bigint NOT NULL DEFAULT 0,
    vault_epoch   bigint NOT NULL DEFAULT 0,
    slice         integer NOT NULL DEFAULT 0
) WITH (fillfactor = 10);

-- Who reads a ledger's topics. Renewed often, so apart from `head`.
CREATE TABLE lease (
    ledger_id   integer PRIMARY KEY REFERENCES ledger,
    owner       uuid,
    until       timestamptz NOT NULL DEFAULT '-infinity'
) WITH (fillfactor = 50);

-- The position in each partition of each topic, by Kafka's own id of the topic. `probe` is the keyed digest of the
-- record at next_offset - 1, null where that offset held none.
CREATE TABLE intake (
    ledger_id   integer NOT NULL REFERENCES ledger,
    topic_id    uuid NOT NULL,
    partition   integer NOT NULL,
    topic       text NOT NULL,
    next_offset bigint NOT NULL DEFAULT 0,
    probe       bytea,
    retired     boolean NOT NULL DEFAULT false,
    PRIMARY KEY (ledger_id, topic_id, partition)
) WITH (fillfactor = 50);

-- Large tables are lists of slices shared by all ledgers; `slice` says from which seq on a ledger writes into which.
CREATE TABLE slice (
    slice       integer PRIMARY KEY,
    opened      timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE TABLE slice_start (
    ledger_id   integer NOT NULL REFERENCES ledger,
    slice       integer NOT NULL REFERENCES slice,
    first_seq   bigint NOT NULL,
    PRIMARY KEY (ledger_id, slice)
);

CREATE TABLE entry (
    ledger_id   integer NOT NULL,
    slice       integer NOT NULL,
    seq         bigint NOT NULL,
    appended    timestamptz NOT NULL,
    "time"      timestamptz NOT NULL,
    type        text NOT NULL,
    topic_id    uuid,
    partition   integer,
    "offset"    bigint,
    received    bigint,
    leaf        bytea NOT NULL,
    PRIMARY KEY (ledger_id, seq, slice)
) PARTITION BY LIST (slice);
CREATE UNIQUE INDEX entry_via ON entry (ledger_id, topic_id, partition, "offset", slice);

CREATE TABLE sealed (
    ledger_id   integer NOT NULL,
    slice       integer NOT NULL,
    seq         bigint NOT NULL,
    slot        smallint NOT NULL,
    blob        bytea NOT NULL,
    PRIMARY KEY (ledger_id, seq, slot, slice)
) PARTITION BY LIST (slice);

CREATE TABLE entry_person (
    ledger_id   integer NOT NULL,
    slice       integer NOT NULL,
    key_id      uuid NOT NULL,
    seg         bigint NOT NULL,
    j           integer NOT NULL,
    seq         bigint NOT NULL,
    slot        smallint NOT NULL,
    role        text NOT NULL,
    "time"      timestamptz NOT NULL,
    PRIMARY KEY (ledger_id, seq, slot, slice)
) PARTITION BY LIST (slice);
CREATE UNIQUE INDEX entry_person_key ON entry_person (ledger_id, key_id, seg, j, slice);

-- Duplicates are recognised for ever. The key begins with the 48-bit time of a UUIDv7 id, so inserts stay at the
-- right edge; ids of other forms have a range of their own. A conflict's row carries its content in the key.
CREATE TABLE seen (
    ledger_id   integer NOT NULL,
    id_digest   bytea NOT NULL,
    conflict    bytea NOT NULL DEFAULT '\x',
    content     bytea NOT NULL,
    seq         bigint NOT NULL,
    PRIMARY KEY (ledger_id, id_digest, conflict)
) PARTITION BY RANGE (id_digest);

CREATE TABLE tile (
    ledger_id   integer NOT NULL REFERENCES ledger,
    level       smallint NOT NULL,
    index       bigint NOT NULL,
    hashes      bytea NOT NULL,
    root        bytea NOT NULL,
    PRIMARY KEY (ledger_id, level, index)
);

CREATE TABLE batch (
    ledger_id   integer NOT NULL REFERENCES ledger,
    size        bigint NOT NULL,
    prev        bytea NOT NULL,
    root        bytea NOT NULL,
    appended    timestamptz NOT NULL,
    PRIMARY KEY (ledger_id, size)
);

-- Which keys the register knows, and which entry said so.
CREATE TABLE register (
    ledger_id   integer NOT NULL REFERENCES ledger,
    seq         bigint NOT NULL,
    section     text NOT NULL,
    key         text NOT NULL,
    PRIMARY KEY (ledger_id, section, key, seq)
);
CREATE INDEX register_seq ON register (ledger_id, seq);

-- Erasures whose transaction won, so that one that crashed afterwards is not done twice. Names no person.
CREATE TABLE erased (
    ledger_id   integer NOT NULL REFERENCES ledger,
    erasure_id  uuid NOT NULL,
    seq         bigint NOT NULL,
    PRIMARY KEY (ledger_id, erasure_id)
);

-- Nothing changes: for everyone, on every slice, whatever session_replication_role says.
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
    IF TG_OP = 'DELETE' AND TG_ARGV[0] = 'erasable' AND current_user = 'ledger_eraser' THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION 'ledger: % of % is refused, the ledger only appends', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'insufficient_privilege';
END $$;

-- Guards one table. TRUNCATE of a partition bypasses its parent's trigger, hence each slice has its own.
CREATE FUNCTION guard(guarded regclass, erasable boolean) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    kind text := CASE WHEN erasable THEN 'erasable' ELSE 'permanent' END;
BEGIN
    EXECUTE format('CREATE TRIGGER refuse_row BEFORE UPDATE OR DELETE ON %s FOR EACH ROW EXECUTE FUNCTION ledger.refuse_change(%L)', guarded, kind);
    EXECUTE format('CREATE TRIGGER refuse_all BEFORE TRUNCATE ON %s FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change(%L)', guarded, kind);
    EXECUTE format('ALTER TABLE %s ENABLE ALWAYS TRIGGER refuse_row', guarded);
    EXECUTE format('ALTER TABLE %s ENABLE ALWAYS TRIGGER refuse_all', guarded);
END $$;

SELECT guard(each, false) FROM unnest(ARRAY['ledger', 'tile', 'batch', 'register', 'slice', 'slice_start', 'erased']::regclass[]) AS each;

-- A guarded copy of a partitioned table's form. LIKE and ATTACH, never PARTITION OF, which would take an exclusive
-- lock on the parent. The parent has no triggers of its own: they would be cloned, without ALWAYS.
CREATE FUNCTION make_partition(parent text, name text, bounds text, erasable boolean) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('CREATE TABLE ledger.%I (LIKE ledger.%I INCLUDING ALL) WITH (
        autovacuum_vacuum_insert_scale_factor = 0, autovacuum_vacuum_insert_threshold = 100000,
        autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 50000)', name, parent);
    PERFORM ledger.guard(format('ledger.%I', name)::regclass, erasable);
    EXECUTE format('ALTER TABLE ledger.%I ATTACH PARTITION ledger.%I FOR VALUES %s', parent, name, bounds);
END $$;

CREATE FUNCTION open_slice(number integer) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM ledger.make_partition('entry', 'entry_s' || number, format('IN (%s)', number), false);
    PERFORM ledger.make_partition('sealed', 'sealed_s' || number, format('IN (%s)', number), true);
    PERFORM ledger.make_partition('entry_person', 'entry_person_s' || number, format('IN (%s)', number), true);
    INSERT INTO ledger.slice (slice) VALUES (number);
END $$;
SELECT open_slice(0);

-- Opens the next slice when the newest holds `capacity` leaves, of whatever ledgers. Answers the newest slice.
CREATE FUNCTION advance_slice(capacity bigint) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    newest integer;
    leaves bigint;
BEGIN
    IF capacity < 1000 THEN
        RAISE EXCEPTION 'ledger: a slice holds at least 1000 leaves' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    PERFORM pg_advisory_xact_lock(hashtext('ledger.advance_slice'));
    SELECT max(slice) INTO newest FROM ledger.slice;
    SELECT coalesce(sum(h.size - s.first_seq), 0) INTO leaves
      FROM ledger.slice_start s JOIN ledger.head h USING (ledger_id) WHERE s.slice = newest;
    IF leaves >= capacity THEN
        newest := newest + 1;
        PERFORM ledger.open_slice(newest);
    END IF;
    RETURN newest;
END $$;

-- `seen` by years of the UUIDv7 time; what lies outside them, and ids of other forms, have ranges of their own.
CREATE FUNCTION seen_bound(year integer) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT quote_literal('\x' || lpad(to_hex((extract(epoch FROM make_timestamptz(year, 1, 1, 0, 0, 0, 'UTC')) * 1000)::bigint), 12, '0'))
$$;
DO $$
DECLARE
    first_year constant integer := 2020;
    end_year constant integer := 2060;
BEGIN
    PERFORM ledger.make_partition('seen', 'seen_before', format('FROM (MINVALUE) TO (%s)', ledger.seen_bound(first_year)), false);
    FOR year IN first_year .. end_year - 1 LOOP
        PERFORM ledger.make_partition('seen', 'seen_' || year,
            format('FROM (%s) TO (%s)', ledger.seen_bound(year), ledger.seen_bound(year + 1)), false);
    END LOOP;
    PERFORM ledger.make_partition('seen', 'seen_after', format('FROM (%s) TO (%L)', ledger.seen_bound(end_year), '\xffffffffffff'), false);
    PERFORM ledger.make_partition('seen', 'seen_other', format('FROM (%L) TO (MAXVALUE)', '\xffffffffffff'), false);
END $$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA ledger FROM PUBLIC;
GRANT USAGE ON SCHEMA ledger TO ledger_writer, ledger_reader, ledger_auditor;
GRANT SELECT ON ALL TABLES IN SCHEMA ledger TO ledger_writer, ledger_auditor;
GRANT SELECT ON ledger, head, lease, intake, slice, slice_start, entry, sealed, entry_person, tile, batch, register, erased TO ledger_reader;
GRANT INSERT ON entry, sealed, entry_person, seen, tile, batch, register, slice_start, intake TO ledger_writer;
GRANT UPDATE (size, prev, frontier, root, seg, seg_first, seg_began, close_segment, appended, epoch, slice) ON head TO ledger_writer;
GRANT UPDATE (next_offset, probe, retired) ON intake TO ledger_writer;
GRANT UPDATE (owner, until) ON lease TO ledger_writer;
GRANT EXECUTE ON FUNCTION advance_slice(bigint) TO ledger_writer;
GRANT DELETE ON sealed, entry_person TO ledger_eraser;
GRANT UPDATE (vault_epoch) ON head TO ledger_eraser;
GRANT SELECT, INSERT ON erased TO ledger_eraser;
RESET ROLE;

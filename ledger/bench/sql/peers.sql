-- A log of typed rows that a trigger chains by hash: what one gets with ten lines of SQL.
-- name: make_chained
CREATE TABLE chained (
    seq     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    "time"  timestamptz NOT NULL,
    type    text NOT NULL,
    subject text,
    actor   text,
    body    bytea NOT NULL,
    prev    bytea NOT NULL,
    hash    bytea NOT NULL
);
CREATE INDEX ON chained (subject, "time");
CREATE INDEX ON chained (actor, "time");
CREATE FUNCTION chain() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(1);
    SELECT hash INTO NEW.prev FROM chained ORDER BY seq DESC LIMIT 1;
    NEW.prev := coalesce(NEW.prev, '\x');
    NEW.hash := sha256(NEW.prev || NEW.body);
    RETURN NEW;
END $$;
CREATE TRIGGER chain BEFORE INSERT ON chained FOR EACH ROW EXECUTE FUNCTION chain()

-- A table of an application, and a trigger that copies every change into an audit table as jsonb.
-- name: make_audited
CREATE TABLE acted (
    id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    "time"  timestamptz NOT NULL,
    type    text NOT NULL,
    subject text,
    actor   text,
    body    jsonb NOT NULL
);
CREATE INDEX ON acted (subject, "time");
CREATE INDEX ON acted (actor, "time");
CREATE TABLE audit (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at         timestamptz NOT NULL DEFAULT clock_timestamp(),
    table_name text NOT NULL,
    operation  text NOT NULL,
    login      text NOT NULL DEFAULT session_user,
    row_data   jsonb NOT NULL
);
CREATE INDEX ON audit (table_name, at);
CREATE FUNCTION audit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO audit (table_name, operation, row_data) VALUES (TG_TABLE_NAME, TG_OP, to_jsonb(NEW));
    RETURN NULL;
END $$;
CREATE TRIGGER audit AFTER INSERT ON acted FOR EACH ROW EXECUTE FUNCTION audit()

-- name: check_chained
SELECT count(*) FILTER (WHERE prev = before AND hash = sha256(prev || body))
  FROM (SELECT prev, hash, body, coalesce(lag(hash) OVER (ORDER BY seq), '\x') AS before FROM chained) AS link

-- name: check_audited
SELECT count(*) FROM audit

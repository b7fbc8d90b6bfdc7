-- The vault: one row a person. Nothing but the blind index is in clear; destroying a row erases the person.

CREATE SCHEMA vault AUTHORIZATION vault_owner;
SET ROLE vault_owner;
SET search_path TO vault;

CREATE TABLE person (
    ledger_id   integer NOT NULL,
    blind_index bytea NOT NULL,
    key_id      uuid NOT NULL,
    kek_id      text NOT NULL,
    wrapped     bytea NOT NULL,
    created     timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (ledger_id, blind_index),
    UNIQUE (ledger_id, key_id)
);

-- Recognises an erased person who comes back, under a key of its own and for a limited time.
CREATE TABLE suppression (
    ledger_id   integer NOT NULL,
    mark        bytea NOT NULL,
    expires     timestamptz NOT NULL,
    PRIMARY KEY (ledger_id, mark)
);

-- An erasure under way, so that one that crashed is resumed by its case.
CREATE TABLE erasure (
    ledger_id   integer NOT NULL,
    case_digest bytea NOT NULL,
    key_id      uuid NOT NULL,
    state       text NOT NULL CHECK (state IN ('started', 'destroyed')),
    erasure_id  uuid NOT NULL,
    began       timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (ledger_id, case_digest, key_id)
);

REVOKE ALL ON ALL TABLES IN SCHEMA vault FROM PUBLIC;
GRANT USAGE ON SCHEMA vault TO vault_keeper, vault_eraser;
GRANT SELECT, INSERT ON person TO vault_keeper;
GRANT SELECT ON suppression TO vault_keeper;
GRANT SELECT, DELETE ON person TO vault_eraser;
GRANT SELECT, INSERT, DELETE ON suppression TO vault_eraser;
GRANT SELECT, INSERT, UPDATE, DELETE ON erasure TO vault_eraser;
RESET ROLE;

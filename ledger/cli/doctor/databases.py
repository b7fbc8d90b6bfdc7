"""What the doctor sees in the two databases: durability, guards, rights, migrations, clocks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ledger.cli.doctor.check import Check, judged
from ledger.core.errors import LedgerError, Unreachable
from ledger.storage.condition import condition_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from ledger.services import Databases
    from ledger.storage.condition import Condition
    from ledger.storage.migrate import Database

CLOCK_SECONDS = 5.0
_POSTGRES_FROM = 18
_CONNECTIONS = 30


async def database_checks(addresses: Databases, *, embedded: bool) -> AsyncIterator[Check]:
    """Ledger, vault, and how they lie to each other."""
    wanted: tuple[tuple[Database, str, str], ...] = (
        ("ledger", addresses.database_url, addresses.migrate_database_url),
        ("vault", addresses.vault_url, addresses.migrate_vault_url),
    )
    found: list[Condition] = []
    for database, url, migrate_url in wanted:
        name = f"{database} database"
        try:
            condition = await condition_of(url, migrate_url, database)
        except LedgerError as error:
            unreachable = isinstance(error, Unreachable)
            yield Check(name, str(error), "database-unreachable", unreachable=unreachable)
            continue
        found.append(condition)
        for check in (
            *_server(name, condition),
            *_durability(name, condition, embedded=embedded),
            *_privacy(name, condition),
            *_set_up(name, condition),
            *_rights(name, condition),
        ):
            yield check
    if len(found) == len(wanted):
        yield _apart(*found, embedded=embedded)


def _server(name: str, found: Condition) -> Iterator[Check]:
    old = found.version < _POSTGRES_FROM
    yield judged(name, "postgres-old", ok=not old, detail=f"PostgreSQL {found.version}")
    if found.read_only:
        yield Check(name, "takes no writes", "database-read-only")
    ahead = found.clock_ahead
    detail = f"{abs(ahead):.1f} s {'ahead of' if ahead > 0 else 'behind'} this machine's"
    yield judged(f"{name}: clock", "clock-apart", ok=abs(ahead) < CLOCK_SECONDS, detail=detail)
    free = found.connections_free
    yield judged(f"{name}: connections", "connections-few", ok=free >= _CONNECTIONS, detail=f"{free} free")


def _durability(name: str, found: Condition, *, embedded: bool) -> Iterator[Check]:
    """Nothing acknowledged is lost: what must be on, and, for servers of production, what should stand behind."""
    title, settings = f"{name}: durability", found.settings
    waits = settings["synchronous_commit"] not in ("off", "local")
    standby = bool(settings["synchronous_standby_names"]) and waits
    never_vacuumed = ", ".join(found.unvacuumed)
    judgements = (
        (settings["synchronous_commit"] == "off", "synchronous_commit=off", "commit-asynchronous"),
        (settings["fsync"] == "off", "fsync=off", "fsync-off"),
        (settings["full_page_writes"] == "off", "full_page_writes=off", "full-page-writes-off"),
        (settings["wal_level"] == "minimal", "wal_level=minimal", "wal-minimal"),
        (settings["autovacuum"] == "off", "autovacuum=off", "autovacuum-off"),
        (bool(never_vacuumed), f"autovacuum_enabled=false on {never_vacuumed}", "autovacuum-off"),
        (standby and found.standbys == 0, "nobody answers to synchronous_standby_names", "standby-absent"),
        (not embedded and not standby, "no synchronous standby", "standby-none"),
        (not embedded and settings["archive_mode"] == "off", "archive_mode=off", "wal-not-archived"),
    )
    wrong = [Check(title, detail, code) for applies, detail, code in judgements if applies]
    yield from wrong or [Check(title, "a commit that was answered is kept")]


def _privacy(name: str, found: Condition) -> Iterator[Check]:
    settings = found.settings
    logged = settings["log_statement"] in ("mod", "all") or any(
        int(settings[each]) >= 0 for each in ("log_min_duration_statement", "log_min_duration_sample")
    )
    with_parameters = settings["log_parameter_max_length"] != "0"
    if logged and with_parameters:
        yield Check(f"{name}: log", "statements are logged with parameters", "statements-logged")


def _set_up(name: str, found: Condition) -> Iterator[Check]:
    title = f"{name}: migrations"
    if found.pending is None:
        yield Check(title, "not seen", "migrations-unseen")
    elif found.changed:
        yield Check(title, f"changed since: {', '.join(found.changed)}", "migrations-changed")
    else:
        detail = f"not applied: {', '.join(found.pending)}" if found.pending else "all applied"
        yield judged(title, "migrations-pending", ok=not found.pending, detail=detail)
    lacking = ", ".join(found.roles_missing)
    detail = f"the login lacks {lacking}" if lacking else "all granted"
    yield judged(f"{name}: roles", "roles-missing", ok=not lacking, detail=detail)


def _rights(name: str, found: Condition) -> Iterator[Check]:
    title = f"{name}: rights"
    wrong = []
    if found.superuser:
        wrong.append(Check(title, "the login is a superuser", "login-superuser"))
    elif found.may_own:
        wrong.append(Check(title, "the login is a member of the owner's role", "login-owns"))
    if found.excess:
        wrong.append(Check(title, "; ".join(found.excess), "rights-excess"))
    if found.unguarded:
        wrong.append(
            Check(
                f"{name}: guards", f"changes are not refused: {', '.join(found.unguarded)}", "guard-missing"
            )
        )
    yield from wrong or [Check(title, "the least; every table refuses changes")]


def _apart(ledger: Condition, vault: Condition, *, embedded: bool) -> Check:
    """A backup that holds keys and sealed values together holds every erased person."""
    if (ledger.server, ledger.database) == (vault.server, vault.database):
        return Check("vault", f"in the ledger's database {vault.database}", "vault-same-database")
    if ledger.server == vault.server and not embedded:
        return Check("vault", "on the ledger's server", "vault-same-server")
    return Check("vault", "apart from the ledger")

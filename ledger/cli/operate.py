"""Commands of whoever runs the ledger: migrate, doctor, status."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ledger.cli import run_file
from ledger.cli.command import Call, command
from ledger.cli.doctor import State, examine
from ledger.cli.output import Answer, View
from ledger.core.errors import Unreachable
from ledger.services import databases, resolve
from ledger.storage.migrate import ensure_ledger, login_of, migrate
from ledger.storage.opening import open_ledger
from ledger.storage.status import status
from streams.topics import Topics

if TYPE_CHECKING:
    import typer

    from ledger.settings import Settings


async def set_up(settings: Settings) -> dict[str, Any]:
    """Brings both databases up to date, opens the ledger in them, makes its keys; says what was done."""
    addresses = databases(settings)
    applied = {
        "ledger": await migrate(addresses.migrate_database_url, "ledger", [login_of(addresses.database_url)]),
        "vault": await migrate(addresses.migrate_vault_url, "vault", [login_of(addresses.vault_url)]),
    }
    origin = settings.origin_of(settings.name)
    await ensure_ledger(addresses.migrate_database_url, settings.name, origin)
    async with open_ledger(
        settings.name, addresses.database_url, addresses.vault_url, settings.keys_directory
    ):
        pass  # opening an empty ledger makes its keys
    return {"ledger": settings.name, "origin": origin, "applied": applied}


def add_to(app: typer.Typer) -> None:
    """Adds migrate, doctor and status."""

    @command(app, "migrate", example="ledger migrate --ledger eu")
    async def migrate_command(call: Call) -> None:
        """Creates or upgrades both databases, with their roles, opens the ledger, and makes its keys at the first time.

        LEDGER_MIGRATE_DATABASE_URL and LEDGER_MIGRATE_VAULT_URL name who may create roles and schemas, where the
        ledger's own login may not. Safe to run again, and by several at once.
        """
        done = await set_up(call.settings)
        rows = [(database, name) for database, names in done["applied"].items() for name in names]
        view = View(
            facts=[("ledger", done["ledger"]), ("origin", done["origin"])],
            columns=("database", "applied") if rows else (),
            rows=rows,
            notes=() if rows else ("Both databases were up to date.",),
        )
        call.output.show(Answer(done, view))

    @command(app, "doctor", example="ledger doctor --json")
    async def doctor(call: Call) -> int:
        """Checks settings, keys, brokers, topics, databases, rights, clocks and positions, and says what to mend.

        Exit code 0 where nothing is to be mended (warnings are no mends), 1 where something is, 3 where a server does
        not answer. It changes nothing.
        """
        checks = [each async for each in examine(call.settings)]
        rows = [
            {
                "check": each.name,
                "state": str(each.state),
                "code": each.code,
                "detail": each.detail,
                "remedy": each.remedy,
            }
            for each in checks
        ]
        shown = [
            (each.name, each.state, each.detail if each.remedy is None else f"{each.detail}. {each.remedy}")
            for each in checks
        ]
        sound = all(each.state is not State.MEND for each in checks)
        view = View(columns=("check", "", "detail"), rows=shown)
        call.output.show(Answer({"ok": sound, "checks": rows}, view, rows))
        if any(each.unreachable for each in checks):
            return Unreachable.exit_code
        return 0 if sound else 1

    @command(app, "status", example="ledger status --json")
    async def status_command(call: Call) -> None:
        """Shows the head of the log, the lag, the counts of records, the addresses of the servers and the log's keys.

        `lag` is the number of records in Kafka not yet accounted for. Counts are of records: published = appended +
        rejected + duplicate + conflict. Reading the status is not recorded: it names no person.
        """
        settings = call.settings
        addresses = resolve(settings)
        topics = Topics(settings, addresses.kafka_bootstrap)
        async with open_ledger(
            settings.name, addresses.database_url, addresses.vault_url, settings.keys_directory
        ) as ledger:
            found = await status(
                ledger,
                addresses,
                topics,
                api=run_file.api_address(settings),
                embedded=settings.embedded_postgres,
            )
        call.output.show(Answer(found, _status_view(found)))


def _status_view(found: dict[str, Any]) -> View:
    """Addresses hold passwords: people see them only in the JSON that they asked for."""
    counts = found["counts"]
    facts = [
        ("ledger", found["ledger"]),
        ("size", found["size"]),
        ("root", found["root"]),
        ("lag", found["lag"]),
        *((f"records {name}", counts[name]) for name in ("appended", "rejected", "duplicate", "conflict")),
        ("entries with unregistered values", found["unregistered"]),
        ("last appended", found["appended"]),
        ("API", found["services"]["api"]),
    ]
    return View(facts=facts, notes=("Addresses and keys: `ledger status --json`.",))

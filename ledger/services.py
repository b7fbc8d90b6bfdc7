"""Where the servers are: the settings' addresses, or those of the embedded servers that run beside us."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ledger.core.errors import Unreachable
from ledger.embedded import Embedded
from ledger.settings import EMBEDDED

if TYPE_CHECKING:
    from ledger.settings import Settings

_HINT = "start it with `make up`, or `ledger embedded start {0}`"


@dataclass(frozen=True, slots=True)
class Databases:
    """libpq URLs of the login, and of who may migrate."""

    database_url: str
    vault_url: str
    migrate_database_url: str
    migrate_vault_url: str


@dataclass(frozen=True, slots=True)
class Addresses(Databases):
    """The databases, and Kafka as `host:port,...`."""

    kafka_bootstrap: str


def resolve(settings: Settings) -> Addresses:
    """The addresses of these settings; raises Unreachable where an embedded server does not run."""
    found = databases(settings)
    return Addresses(
        found.database_url,
        found.vault_url,
        found.migrate_database_url,
        found.migrate_vault_url,
        kafka_bootstrap(settings),
    )


def databases(settings: Settings) -> Databases:
    """The databases alone, for who needs no Kafka; raises Unreachable where the embedded server does not run."""
    servers = Embedded(settings.home) if settings.embedded_postgres else None
    if servers and servers.postgres_pid is None:
        raise Unreachable(f"The embedded PostgreSQL does not run: {_HINT.format('postgres')}.")

    def urls(url: str, migrate: str | None, name: str) -> tuple[str, str]:
        if url != EMBEDDED or servers is None:
            return url, migrate or url
        return servers.login_url(name), servers.superuser_url(name)

    database_url, migrate_database_url = urls(settings.database_url, settings.migrate_database_url, "ledger")
    vault_url, migrate_vault_url = urls(settings.vault_url, settings.migrate_vault_url, "vault")
    return Databases(database_url, vault_url, migrate_database_url, migrate_vault_url)


def kafka_bootstrap(settings: Settings) -> str:
    """Kafka's `host:port,...` alone, for who needs no database; raises Unreachable where the embedded one is down."""
    if not settings.embedded_kafka:
        return settings.kafka_bootstrap
    servers = Embedded(settings.home)
    if servers.kafka_pid is None:
        raise Unreachable(f"The embedded Kafka does not run: {_HINT.format('kafka')}.")
    return servers.kafka_bootstrap

"""Connections to PostgreSQL, each under the least role that its work needs; the driver's errors, translated once."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal

import asyncpg

from ledger.core.errors import BadInput, InternalFault, Unreachable

if TYPE_CHECKING:
    from collections.abc import Iterator

Role = Literal[
    "ledger_writer", "ledger_eraser", "ledger_reader", "ledger_auditor", "vault_keeper", "vault_eraser"
]

# Waiting cures these: connection, resources, operator intervention, locks and serialisation, a read-only server.
TRANSIENT = (
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    # The driver, of a connection whose end it has read but not yet noticed: a backend that was ended while this
    # process was stopped. The connection is dropped with it.
    asyncpg.InternalClientError,
    asyncpg.InsufficientResourcesError,
    asyncpg.OperatorInterventionError,
    asyncpg.TransactionRollbackError,
    asyncpg.LockNotAvailableError,
    asyncpg.ReadOnlySQLTransactionError,
    ConnectionError,
    TimeoutError,
    OSError,
)


class DatabaseUnreachable(Unreachable):
    code = "database-unreachable"


class NotMigrated(BadInput):
    code = "not-migrated"


async def connect(url: str, role: Role) -> asyncpg.Connection:
    """One connection under a group role that the login is a member of. The role is a start-up parameter, so that
    RESET ALL comes back to it.
    """
    with translated():
        return await asyncpg.connect(url, server_settings=_parameters(role), timeout=10, command_timeout=None)


async def pool(url: str, role: Role, size: int = 8) -> asyncpg.Pool:
    """A pool of connections under one group role."""
    with translated():
        return await asyncpg.create_pool(
            url, min_size=0, max_size=size, server_settings=_parameters(role), timeout=10
        )


def _parameters(role: str) -> dict[str, str]:
    return {
        "role": role,
        "application_name": f"accountability-ledger {role}",
        "search_path": "vault" if role.startswith("vault") else "ledger",
        "timezone": "UTC",
    }


@contextmanager
def translated() -> Iterator[None]:
    """Turns the driver's errors into ours, keeping the cause. The text never holds values of a row."""
    try:
        yield
    except (asyncpg.InvalidSchemaNameError, asyncpg.UndefinedTableError) as error:
        raise NotMigrated("The database is not set up for this version: run `ledger migrate`.") from error
    except (asyncpg.InvalidAuthorizationSpecificationError, asyncpg.InvalidParameterValueError) as error:
        raise NotMigrated(
            "The database refuses the login or its role: run `ledger migrate`, check the URL."
        ) from error
    except TRANSIENT as error:
        raise DatabaseUnreachable("PostgreSQL does not answer: check that it runs and try again.") from error
    except asyncpg.PostgresError as error:
        raise InternalFault(f"PostgreSQL refused a statement of ours (SQLSTATE {error.sqlstate}).") from error

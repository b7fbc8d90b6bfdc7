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
# Questions look up a few rows by key among millions, with statements that say how. A plan is made once for a connection,
# since over many slices it takes longer than the look-up. It may be made while the newest slice is empty, and would read
# that slice through as it grows; to begin a parallel worker, or to compile, costs more than the whole answer.
_LOOKING_UP = {
    "plan_cache_mode": "force_generic_plan",
    "enable_seqscan": "off",
    "max_parallel_workers_per_gather": "0",
    "jit": "off",
}


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


class _Pooled(asyncpg.Connection):
    """A pool's connection. It comes back as it went: whoever takes one sets nothing beyond a transaction and locks
    nothing beyond its session, so that a statement costs one round trip, and not a second one to clean up.
    """

    def get_reset_query(self) -> str:
        """Nothing: the driver rolls back by itself what is open."""
        return ""


async def pool(url: str, role: Role, size: int = 8) -> asyncpg.Pool:
    """A pool of connections under one group role, opened when they are needed and kept: one that was idle for long
    answers as quickly as any. What is set for a session, or locked for it, must not outlive its use: see `connect`.
    """
    with translated():
        return await asyncpg.create_pool(
            url,
            min_size=0,
            max_size=size,
            max_inactive_connection_lifetime=0,
            connection_class=_Pooled,
            server_settings=_parameters(role),
            timeout=10,
        )


def _parameters(role: str) -> dict[str, str]:
    parameters = {
        "role": role,
        "application_name": f"accountability-ledger {role}",
        "search_path": "vault" if role.startswith("vault") else "ledger",
        "timezone": "UTC",
    }
    return parameters | _LOOKING_UP if role == "ledger_reader" else parameters


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

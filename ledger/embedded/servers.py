"""Embedded Kafka and PostgreSQL as one thing that can be started and stopped."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Self

from ledger.embedded.kafka import Kafka
from ledger.embedded.place import Place
from ledger.embedded.postgres import Postgres
from ledger.embedded.sources import Sources

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from types import TracebackType


class Embedded:
    """The servers of one `.ledger` directory. All calls block; every error is an EmbeddedError.

    Servers that already run are used as they are. Unless started detached they end with this process, however it
    ends. As a context manager it starts both, and on leaving stops those that it started.

    `postgres_settings` adds to or replaces settings of `postgresql.conf`, for example for a benchmark; `kafka_settings`
    those of `server.properties`, where `{port}` and `{controller_port}` stand for the ports that are taken.
    """

    def __init__(
        self,
        root: Path,
        *,
        postgres_settings: Mapping[str, str] | None = None,
        kafka_settings: Mapping[str, str] | None = None,
    ) -> None:
        self._place = Place(root)
        sources = Sources.from_environment(os.environ, fallback_cache=self._place.data / "cache")
        self._kafka = Kafka(self._place, sources, kafka_settings)
        self._postgres = Postgres(self._place, postgres_settings)
        self._started: set[str] = set()

    def start_postgres(self, *, detached: bool = False) -> None:
        with self._place.locked("postgres"):
            if not self._postgres.settle():
                self._postgres.launch(detached=detached)
                self._started.add("postgres")

    def start_kafka(self, quick: bool = True, *, detached: bool = False) -> None:
        with self._place.locked("kafka"):
            if not self._kafka.settle():
                self._kafka.launch(detached=detached, quick=quick)
                self._started.add("kafka")

    def start(self, quick: bool = True, *, detached: bool = False) -> None:
        """Start both at once. When one fails, the other is stopped again if it was started here."""
        with ThreadPoolExecutor(2) as pool:
            kafka = pool.submit(self.start_kafka, quick, detached=detached)
            postgres = pool.submit(self.start_postgres, detached=detached)
        error = kafka.exception() or postgres.exception()
        if error is not None:
            self.stop_started()
            raise error

    def stop_postgres(self) -> None:
        """Stop it whoever started it; nothing when it does not run."""
        self._postgres.stop()
        self._started.discard("postgres")

    def stop_kafka(self) -> None:
        """Stop it whoever started it; nothing when it does not run."""
        self._kafka.stop()
        self._started.discard("kafka")

    def stop(self) -> None:
        """Stop both, whoever started them."""
        self._stop({"kafka", "postgres"})

    def stop_started(self) -> None:
        """Stop what this object started: servers that it found running belong to someone else."""
        self._stop(set(self._started))

    def delete(self) -> None:
        """Stop both and remove their data, logs and state, also where the data lives outside of the root.

        To start again afterwards, build another object.
        """
        self.stop()
        self._place.delete()

    @property
    def kafka_bootstrap(self) -> str:
        """`127.0.0.1:port`; known after the first start."""
        return self._kafka.bootstrap

    def superuser_url(self, database: str) -> str:
        return self._postgres.url("postgres", database)

    def login_url(self, database: str) -> str:
        """For the role `ledger`, which may log in and connect to `ledger` and `vault`, and nothing else by itself."""
        return self._postgres.url("ledger", database)

    @property
    def postgres_socket_dir(self) -> Path:
        """The directory of PostgreSQL's Unix socket, for clients that run as the user who started it, or as root."""
        return self._postgres.socket_directory

    @property
    def postgres_port(self) -> int:
        return self._postgres.port

    @property
    def kafka_pid(self) -> int | None:
        """The broker's process id while it runs."""
        running = self._kafka.running()
        return None if running is None else running.pid

    @property
    def postgres_pid(self) -> int | None:
        """The postmaster's process id while it runs."""
        running = self._postgres.running()
        return None if running is None else running.pid

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop_started()

    def _stop(self, names: set[str]) -> None:
        # Kafka and PostgreSQL know nothing of each other: at once is quicker, and neither waits for the other's failure.
        stops = [
            stop
            for name, stop in (("kafka", self.stop_kafka), ("postgres", self.stop_postgres))
            if name in names
        ]
        with ThreadPoolExecutor(2) as pool:
            for stopped in [pool.submit(stop) for stop in stops]:
                stopped.result()

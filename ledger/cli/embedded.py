"""Commands that start and stop one embedded server alone."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from ledger.cli.command import Call, command
from ledger.cli.output import Answer, View
from ledger.embedded import Embedded


class ServerName(StrEnum):
    """The servers that can run embedded."""

    KAFKA = "kafka"
    POSTGRES = "postgres"


_SERVER = Annotated[ServerName, typer.Argument(help="Which server.")]


def add_to(app: typer.Typer) -> None:
    """Adds embedded start and embedded stop."""
    embedded = typer.Typer(
        no_args_is_help=True, help="Real Kafka and PostgreSQL on this machine, without root or Docker."
    )

    @command(embedded, "start", example="ledger embedded start postgres")
    def start(call: Call, server: _SERVER) -> None:
        """Starts one embedded server, which goes on after this command ends; nothing where it runs already."""
        servers = Embedded(call.settings.home)
        if server is ServerName.KAFKA:
            servers.start_kafka(detached=True)
            address, pid = servers.kafka_bootstrap, servers.kafka_pid
        else:
            servers.start_postgres(detached=True)
            address, pid = f"127.0.0.1:{servers.postgres_port}", servers.postgres_pid
        document = {"server": server.value, "running": True, "address": address, "pid": pid}
        call.output.show(Answer(document, View(facts=[(server.value, f"{address}, process {pid}")])))

    @command(embedded, "stop", example="ledger embedded stop postgres")
    def stop(call: Call, server: _SERVER) -> None:
        """Stops one embedded server, whoever started it; nothing where it does not run."""
        servers = Embedded(call.settings.home)
        if server is ServerName.KAFKA:
            servers.stop_kafka()
        else:
            servers.stop_postgres()
        document = {"server": server.value, "running": False}
        call.output.show(Answer(document, View(facts=[(server.value, "stopped")])))

    app.add_typer(embedded, name="embedded")

"""The embedded Apache Kafka broker: a combined KRaft broker and controller on 127.0.0.1."""

from __future__ import annotations

import base64
import os
import shutil
import signal
import uuid
from importlib import resources
from typing import TYPE_CHECKING

from ledger.embedded import jars, process
from ledger.embedded.errors import EmbeddedError
from ledger.embedded.server import Server

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from ledger.embedded.place import Place
    from ledger.embedded.sources import Sources

_START_SECONDS = 60.0
_STARTED = "Kafka Server started"  # KafkaBroker.STARTED_MESSAGE: logged once the broker is unfenced

# Written anew at each start, because ports may move. The timeouts make a restart on the same data take seconds on a
# single node, where there is no other broker that would need the time. Topics belong to those who create them.
_PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller_port}
controller.listener.names=CONTROLLER
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
log.dirs={data}
auto.create.topics.enable=false
default.replication.factor=1
min.insync.replicas=1
offsets.topic.num.partitions=1
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.num.partitions=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
log.retention.hours=168
log.cleaner.threads=1
log.cleaner.dedupe.buffer.size=2097152
num.network.threads=2
num.io.threads=4
background.threads=2
controlled.shutdown.enable=true
broker.session.timeout.ms=1500
broker.heartbeat.interval.ms=200
controller.quorum.election.timeout.ms=200
controller.quorum.fetch.timeout.ms=400
controller.quorum.election.backoff.max.ms=100
"""


class Kafka(Server):
    """One broker with its data in `place.data / "kafka"`."""

    name = "kafka"
    title = "Kafka"
    stop_signal = signal.SIGTERM  # ends with 143, which is a clean end for a JVM
    stop_seconds = 30.0

    def __init__(self, place: Place, sources: Sources, settings: Mapping[str, str] | None = None) -> None:
        super().__init__(place)
        self._sources = sources
        # Of two lines for one setting the later one holds.
        self._properties = _PROPERTIES + "".join(
            f"{name}={value}\n" for name, value in (settings or {}).items()
        )
        self._data = place.data / "kafka"

    @property
    def bootstrap(self) -> str:
        """`host:port` for clients; known after the first start."""
        return f"127.0.0.1:{self._recorded('port')}"

    def launch(self, *, detached: bool, quick: bool) -> None:
        """Start the broker; `quick` trades throughput for a short start, for demonstrations and tests.

        Raises EmbeddedError when its programs cannot be had or it does not become ready.
        """
        java = self._sources.java()
        class_path = jars.class_path(self._sources)
        format_storage(self._data)
        state = self.state()
        port = process.free_port(state.get("port"))
        controller_port = process.free_port(state.get("controller_port"), frozenset({port}))
        configuration = self._place.run / "kafka.properties"
        configuration.write_text(
            self._properties.format(port=port, controller_port=controller_port, data=self._data),
            encoding="utf-8",
        )
        logging = self._place.run / "kafka.log4j2.properties"
        logging.write_bytes(
            resources.files("ledger.embedded").joinpath("kafka.log4j2.properties").read_bytes()
        )
        options = ["-XX:TieredStopAtLevel=1", "-Xmx256m"] if quick else ["-Xmx512m"]
        command = self._command(
            argv=[
                str(java),
                *options,
                *(
                    "-Xms64m",
                    "-Xss512k",
                    "-XX:+UseSerialGC",
                    "-XX:-UsePerfData",
                    "-XX:+ExitOnOutOfMemoryError",
                ),
                f"-XX:ErrorFile={self._place.log}/kafka-crash-%p.log",
                "-Djava.awt.headless=true",
                f"-Dlog4j2.configurationFile={logging}",
                *("-cp", os.pathsep.join(str(path) for path in class_path)),
                *("kafka.Kafka", str(configuration)),
            ],
            env={"LC_ALL": "C.UTF-8", "PATH": os.defpath},
            cwd=self._data,
        )
        self._start_and_wait(
            command,
            {"port": port, "controller_port": controller_port},
            ready=lambda log: _STARTED in log and process.accepts(port),
            seconds=_START_SECONDS,
            detached=detached,
        )


def format_storage(data: Path) -> None:
    """Make `data` what `kafka-storage format` would make it, without a JVM; nothing when it is formatted.

    `bootstrap.checkpoint` is what that tool writes for this version (only time stamps differ); the ids are fresh.
    """
    if (data / "meta.properties").exists():
        return
    if data.exists() and any(data.iterdir()):
        raise EmbeddedError(f"{data} holds something, but is not a Kafka log directory: move it away.")
    fresh = data.with_name(
        f"{data.name}.new"
    )  # moved into place whole, so that a crash leaves nothing half made
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(mode=0o700)
    checkpoint = resources.files("ledger.embedded").joinpath(
        f"kafka-{jars.KAFKA_VERSION}.bootstrap.checkpoint"
    )
    (fresh / "bootstrap.checkpoint").write_bytes(checkpoint.read_bytes())
    (fresh / "meta.properties").write_text(
        f"cluster.id={_kafka_uuid()}\ndirectory.id={_kafka_uuid()}\nnode.id=1\nversion=1\n", encoding="utf-8"
    )
    if data.exists():
        data.rmdir()
    fresh.rename(data)


def _kafka_uuid() -> str:
    """Kafka's spelling of a random UUID: base64url without padding, and not beginning with a dash."""
    while True:
        text = base64.urlsafe_b64encode(uuid.uuid4().bytes).rstrip(b"=").decode()
        if not text.startswith("-"):
            return text

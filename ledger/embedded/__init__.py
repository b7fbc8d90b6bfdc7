"""Real Apache Kafka and real PostgreSQL on this machine, without root, Docker or a system Java."""

from ledger.embedded.errors import EmbeddedError
from ledger.embedded.servers import Embedded

__all__ = ["Embedded", "EmbeddedError"]

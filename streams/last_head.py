"""The head that this worker appended last, kept beside its settings: a database whose head is behind it lost commits.

An old backup that was restored, or a standby that had not received everything, looks sound in itself; reading Kafka
again from there would make another history of the same places (a fork). Written about once a second and at the end:
a worker that is killed in between knows a little less, which is no harm.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from ledger.core.errors import BadInput, InvariantBroken

if TYPE_CHECKING:
    from pathlib import Path

    from ledger.settings import Settings


class HeadBehind(InvariantBroken):
    """The database's head is behind what was appended to it, or is that of another history."""

    code = "head-behind"


class Head(msgspec.Struct, frozen=True):
    """The log's origin, size and root after a batch."""

    origin: str
    size: int
    root: bytes


class LastHead:
    """One ledger's last head as its worker knows it."""

    def __init__(self, settings: Settings, origin: str) -> None:
        self._path: Path = settings.home / "heads" / f"{settings.name}.json"
        self._origin = origin
        self._saved: Head | None = None
        self.known = self._load()

    def _load(self) -> Head | None:
        """What was kept; None where nothing was, for another origin, or where a crash left half a file."""
        try:
            head = msgspec.json.decode(self._path.read_bytes(), type=Head)
        except (FileNotFoundError, msgspec.DecodeError):
            return None
        except OSError as error:
            raise BadInput(
                f"{self._path} cannot be read ({error.strerror}): it is to hold how far this worker appended. Mend its "
                "permissions, or move what is in its place."
            ) from error
        self._saved = head
        return head if head.origin == self._origin else None

    @property
    def size(self) -> int:
        return self.known.size if self.known else 0

    def appended(self, size: int, root: bytes) -> None:
        self.known = Head(self._origin, size, root)

    def save(self) -> None:
        """Keeps what is known, if it is news. Raises OSError."""
        if self.known is None or self.known == self._saved:
            return
        self._path.parent.mkdir(parents=True, exist_ok=True)
        fresh = self._path.with_suffix(".new")
        fresh.write_bytes(msgspec.json.encode(self.known))
        fresh.replace(self._path)
        self._saved = self.known

    def check(self, size: int, root_then: bytes | None) -> None:
        """Holds a database against it: `size` of its head, and the root that it had at the known size. Raises
        HeadBehind.
        """
        known = self.known
        if known is None or (size >= known.size and root_then == known.root):
            return
        raise HeadBehind(
            f"The database's head is not what this worker appended to: it knows {known.size} leaves, the database has {size}, "
            f"or another history. An old backup was restored, or a standby without the last commits took over. Bring "
            f"the missing part back; reading Kafka again would fork the log. {self._path} holds what is known."
        )

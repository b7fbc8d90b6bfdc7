"""Signed notes: C2SP signed-note with Ed25519 keys, and the cosignatures of C2SP tlog-cosignature (v1, Ed25519).

A note is a text that ends in a newline, an empty line, and signature lines. A key is known by its name and the four
bytes of its key id together; either of them alone says nothing.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING, NamedTuple, Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from ledger.core.errors import BadAnswer, BadInput

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

# The limits of golang.org/x/mod/sumdb/note, so that no note is good here and refused there.
MAX_NOTE_SIZE = 1_000_000
MAX_SIGNATURES = 100

ED25519 = 0x01
COSIGNATURE_V1 = 0x04
MAX_TIMESTAMP = (1 << 63) - 1

_PREFIX = "\N{EM DASH} "
_PRIVATE = "PRIVATE+KEY+"


class MalformedNote(BadAnswer):
    """What was given is not a signed note."""

    code = "malformed-note"
    http_status = 400


class BadSignature(BadAnswer):
    """A signature of a known key does not fit the text."""

    code = "bad-signature"


class UnknownKey(BadAnswer):
    """None of the signatures is by a key that the reader knows."""

    code = "unknown-key"


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature line: the key's name, its id, and the signature's bytes behind the id."""

    name: str
    key_id: int
    signature: bytes

    def line(self) -> str:
        """The line as it stands in a note, with its newline."""
        return f"{_PREFIX}{self.name} {_base64(self.key_id.to_bytes(4, 'big') + self.signature)}\n"

    def timestamp(self) -> int:
        """When a cosignature was made, in POSIX seconds. Only of use on one that a `CosignatureVerifier` passed."""
        return int.from_bytes(self.signature[:8], "big")


class OpenNote(NamedTuple):
    """What `open_note` found: the text, the signatures that verified, and those by keys that nobody named."""

    text: str
    good: tuple[Signature, ...]
    unknown: tuple[Signature, ...]


class Verifier(Protocol):
    """A public key that checks one kind of signature line."""

    @property
    def name(self) -> str: ...
    @property
    def key_id(self) -> int: ...
    def verify(self, text: str, signature: bytes) -> bool: ...


class Signer(Protocol):
    """A private key that makes one kind of signature line."""

    @property
    def name(self) -> str: ...
    @property
    def key_id(self) -> int: ...
    def sign(self, text: str) -> bytes: ...


@dataclass(frozen=True, slots=True)
class _PublicKey:
    """A name and the 32 bytes of an Ed25519 public key (RFC 8032)."""

    name: str
    public_key: bytes
    algorithm = 0

    def __post_init__(self) -> None:
        """Raise BadInput when the name may not stand in a note or the key is not of 32 bytes."""
        _require_name(self.name)
        if len(self.public_key) != 32:
            raise BadInput("An Ed25519 public key has 32 bytes.")

    @property
    def key_id(self) -> int:
        """The first four bytes of SHA-256(name || 0x0A || type || public key), as a number."""
        typed = bytes([self.algorithm]) + self.public_key
        return int.from_bytes(sha256(self.name.encode() + b"\n" + typed).digest()[:4], "big")

    def vkey(self) -> str:
        """The key as text, `name+id+base64`, for `parse_verifier` and other people's programs."""
        return f"{self.name}+{self.key_id:08x}+{_base64(bytes([self.algorithm]) + self.public_key)}"

    def _passes(self, signature: bytes, message: bytes) -> bool:
        try:
            Ed25519PublicKey.from_public_bytes(self.public_key).verify(signature, message)
        except (InvalidSignature, ValueError):  # ValueError: 32 bytes that are no point of the curve
            return False
        return True


class Ed25519Verifier(_PublicKey):
    """A key that signs the text as it is: signature type 0x01."""

    __slots__ = ()
    algorithm = ED25519

    def verify(self, text: str, signature: bytes) -> bool:
        """Say whether the 64 bytes are this key's signature of the text."""
        return self._passes(signature, text.encode())


class CosignatureVerifier(_PublicKey):
    """A witness's key: signature type 0x04, u64be POSIX seconds and an Ed25519 signature that covers them."""

    __slots__ = ()
    algorithm = COSIGNATURE_V1

    def verify(self, text: str, signature: bytes) -> bool:
        """Say whether the 72 bytes are this key's cosignature of the checkpoint's text."""
        timestamp = int.from_bytes(signature[:8], "big")
        if len(signature) != 72 or timestamp > MAX_TIMESTAMP:
            return False
        return self._passes(signature[8:], cosigned_message(text, timestamp))


@dataclass(frozen=True, slots=True)
class _PrivateKey:
    """A name and the 32 byte seed of an Ed25519 private key (RFC 8032). Its repr does not show the seed."""

    name: str
    seed: bytes = field(repr=False)
    algorithm = 0

    def __post_init__(self) -> None:
        """Raise BadInput when the name may not stand in a note or the seed is not of 32 bytes."""
        _require_name(self.name)
        if len(self.seed) != 32:
            raise BadInput("The seed of an Ed25519 private key has 32 bytes.")

    def _public_key(self) -> bytes:
        return Ed25519PrivateKey.from_private_bytes(self.seed).public_key().public_bytes_raw()

    def _text(self, key_id: int) -> str:
        return f"{_PRIVATE}{self.name}+{key_id:08x}+{_base64(bytes([self.algorithm]) + self.seed)}"


class Ed25519Signer(_PrivateKey):
    """The private half of `Ed25519Verifier`."""

    __slots__ = ()
    algorithm = ED25519

    @property
    def verifier(self) -> Ed25519Verifier:
        return Ed25519Verifier(self.name, self._public_key())

    @property
    def key_id(self) -> int:
        return self.verifier.key_id

    def sign(self, text: str) -> bytes:
        """The 64 bytes of the signature over the note's text."""
        return Ed25519PrivateKey.from_private_bytes(self.seed).sign(text.encode())

    def private_text(self) -> str:
        """The key as `PRIVATE+KEY+name+id+base64`. It is a secret: for the key file alone."""
        return self._text(self.key_id)


class CosignatureSigner(_PrivateKey):
    """The private half of `CosignatureVerifier`. One key belongs to one witness: the name is not signed."""

    __slots__ = ()
    algorithm = COSIGNATURE_V1

    @property
    def verifier(self) -> CosignatureVerifier:
        return CosignatureVerifier(self.name, self._public_key())

    @property
    def key_id(self) -> int:
        return self.verifier.key_id

    def cosign(self, text: str, timestamp: int) -> Signature:
        """Cosign a checkpoint's text at `timestamp` (POSIX seconds). The caller has checked consistency."""
        if not 0 <= timestamp <= MAX_TIMESTAMP:
            raise BadInput("The time of a cosignature is in seconds since 1970, below 2^63.")
        _require_text(text)
        private = Ed25519PrivateKey.from_private_bytes(self.seed)
        signature = timestamp.to_bytes(8, "big") + private.sign(cosigned_message(text, timestamp))
        return Signature(self.name, self.key_id, signature)

    def private_text(self) -> str:
        """The key as `PRIVATE+KEY+name+id+base64`. It is a secret: for the key file alone."""
        return self._text(self.key_id)


def cosigned_message(text: str, timestamp: int) -> bytes:
    """What a cosignature/v1 signs (tlog-cosignature): two lines of its own, then the checkpoint's whole text."""
    return f"cosignature/v1\ntime {timestamp}\n{text}".encode()


def parse_verifier(vkey: str) -> Ed25519Verifier | CosignatureVerifier:
    """Read a verifier key `name+id+base64` of type 0x01 or 0x04. Raise BadInput with what is wrong."""
    name, algorithm, key, key_id = _parse_key(vkey.strip(), "verifier key")
    if algorithm not in {ED25519, COSIGNATURE_V1}:
        raise BadInput("The verifier key is neither an Ed25519 (01) nor a cosignature (04) key.")
    verifier = Ed25519Verifier(name, key) if algorithm == ED25519 else CosignatureVerifier(name, key)
    if verifier.key_id != key_id:
        raise BadInput("The verifier key's id does not belong to its name and key; it was mistyped.")
    return verifier


def parse_signer(text: str) -> Ed25519Signer | CosignatureSigner:
    """Read a private key `PRIVATE+KEY+name+id+base64`. Raise BadInput, which never holds any of the key."""
    text = text.strip()
    if not text.startswith(_PRIVATE):
        raise BadInput("A private key begins with PRIVATE+KEY+.")
    name, algorithm, seed, key_id = _parse_key(text.removeprefix(_PRIVATE), "private key")
    if algorithm not in {ED25519, COSIGNATURE_V1}:
        raise BadInput("The private key is neither an Ed25519 (01) nor a cosignature (04) key.")
    signer = Ed25519Signer(name, seed) if algorithm == ED25519 else CosignatureSigner(name, seed)
    if signer.key_id != key_id:
        raise BadInput("The private key's id does not belong to its name and key; it was mistyped.")
    return signer


def sign_note(text: str, signers: Iterable[Signer]) -> str:
    """The signed note of a text, which must end in a newline. Raise BadInput for a text no note may hold."""
    _require_text(text)
    lines = [Signature(each.name, each.key_id, each.sign(text)).line() for each in signers]
    if not lines:
        raise BadInput("A note needs at least one signature.")
    return f"{text}\n{''.join(lines)}"


def add_signatures(note: str, signatures: Iterable[Signature]) -> str:
    """Put further signature lines, such as cosignatures, behind those of a note; a line is never added twice."""
    _, have = split_note(note)
    return note + "".join(each.line() for each in dict.fromkeys(signatures) if each not in have)


def decode_note(data: bytes) -> str:
    """The bytes of a note as text. Raise MalformedNote when they are not UTF-8."""
    try:
        return data.decode()
    except UnicodeDecodeError as why:
        raise MalformedNote("A note is valid UTF-8.") from why


def split_note(note: str) -> tuple[str, list[Signature]]:
    """A note's text and its signatures, none of them checked. Raise MalformedNote."""
    if len(note.encode("utf-8", "surrogatepass")) > MAX_NOTE_SIZE:
        raise MalformedNote(f"A note has at most {MAX_NOTE_SIZE} bytes.")
    if not _is_plain(note):
        raise MalformedNote("A note has no control characters but the newline, and is valid UTF-8.")
    text, separator, lines = note.rpartition("\n\n")
    if not separator:
        raise MalformedNote("A note has an empty line between its text and its signatures.")
    return text + "\n", parse_signatures(lines)


def parse_signatures(lines: str) -> list[Signature]:
    """One or more signature lines, each with its newline: a note's end, or a witness's answer."""
    if not lines.endswith("\n"):
        raise MalformedNote("A signature line ends in a newline.")
    if lines.count("\n") > MAX_SIGNATURES:
        raise MalformedNote(f"A note has at most {MAX_SIGNATURES} signatures.")
    return [_parse_signature(line) for line in lines[:-1].split("\n")]


def open_note(note: str, verifiers: Sequence[Verifier]) -> OpenNote:
    """Check a signed note against the keys that the reader trusts.

    Raise MalformedNote; BadSignature when a signature by one of the keys fails, even if others hold; UnknownKey when
    none is by any of them. The text means nothing unless this returns.
    """
    text, signatures = split_note(note)
    known = {(each.name, each.key_id): each for each in verifiers}
    if len(known) != len(verifiers):
        raise BadInput("Two of the keys have the same name and key id.")
    good: dict[tuple[str, int], Signature] = {}
    unknown = []
    for signature in signatures:
        key = (signature.name, signature.key_id)
        if key not in known:
            unknown.append(signature)
        elif known[key].verify(text, signature.signature):
            good.setdefault(key, signature)
        else:
            raise BadSignature(f"The signature by {signature.name} does not fit the text.")
    if not good:
        raise UnknownKey("The note carries no signature by a key that you named.")
    return OpenNote(text, tuple(good.values()), tuple(unknown))


def _parse_signature(line: str) -> Signature:
    name, space, encoded = line.removeprefix(_PREFIX).partition(" ")
    if not line.startswith(_PREFIX) or not space or not _is_name(name):
        raise MalformedNote(
            "A signature line is an em dash, a key name and the signature, one space between."
        )
    decoded = decode_base64(encoded)
    if decoded is None or len(decoded) < 5:
        raise MalformedNote("The signature is not the base64 of a key id and a signature.")
    return Signature(name, int.from_bytes(decoded[:4], "big"), decoded[4:])


def _parse_key(text: str, what: str) -> tuple[str, int, bytes, int]:
    # The base64 may hold a "+", a name may not.
    name, _, rest = text.partition("+")
    key_id, _, encoded = rest.partition("+")
    decoded = decode_base64(encoded)
    if decoded is None or len(decoded) < 2 or len(key_id) != 8 or set(key_id) - set("0123456789abcdef"):
        raise BadInput(f"The {what} is not of the form name+id+base64.")
    return name, decoded[0], decoded[1:], int(key_id, 16)


def decode_base64(text: str) -> bytes | None:
    """Standard padded base64 (RFC 4648 section 4) in its one canonical spelling, else None."""
    try:
        decoded = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    return decoded if _base64(decoded) == text else None


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _is_plain(text: str) -> bool:
    return not any((c < " " and c != "\n") or "\ud800" <= c <= "\udfff" for c in text)


def _is_name(name: str) -> bool:
    return bool(name) and _is_plain(name) and not any(c.isspace() or c == "+" for c in name)


def _require_name(name: str) -> None:
    if not _is_name(name):
        raise BadInput("A key name is not empty and holds no space and no plus sign.")


def _require_text(text: str) -> None:
    if not text.endswith("\n") or not _is_plain(text):
        raise BadInput("The text of a note ends in a newline and has no other control characters.")

"""Typed identifiers of persons: one spelling per person and identifier, whoever writes it.

The blind index of the vault is computed from the normalised text, so this module is a contract: a change of it
would make a known person a stranger.
"""

import re
import unicodedata
from typing import Final

from accountability_ledger.errors import Refused

PREFIXES: Final = ("email:", "phone:", "user:", "id:")
MAX_LENGTH: Final = 256

_EMAIL: Final = re.compile(r"[^\s@]+(?:@[^\s@]+)+")
_PHONE: Final = re.compile(r"\+[1-9][0-9]{1,14}")
_PHONE_SEPARATORS: Final = str.maketrans("", "", " -./()")


# What already stands in its one spelling, as most identifiers do: printable ASCII, in an e-mail address without capitals.
_NORMAL: Final = re.compile(
    r"email:[!-?\[-~]+(?:@[!-?\[-~]+)+|(?:user|id):[!-~]+|phone:\+[1-9][0-9]{1,14}",
)


def is_typed(text: str) -> bool:
    """Whether the text names its type, and so means a person where an organisation could stand as well."""
    return text.strip().startswith(PREFIXES)


def normalise(text: str) -> str:
    """The typed identifier in its one spelling; text without a known prefix becomes `id:`.

    `email:` NFC, trimmed, lower case; `phone:` E.164, visual separators dropped; `user:` and `id:` as they are, apart
    from white space around them. Raises `Refused("wrong-value")`, whose message never repeats the text.
    """
    if len(text) <= MAX_LENGTH and _NORMAL.fullmatch(text):
        return text
    trimmed = text.strip()
    if len(trimmed) > MAX_LENGTH:
        raise Refused("wrong-value", f"keep a person's identifier within {MAX_LENGTH} characters")
    if not trimmed.startswith(PREFIXES):
        trimmed = "id:" + trimmed
    kind, _, rest = trimmed.partition(":")
    rest = rest.strip()
    if kind == "email":
        rest = _lower(rest)
        if not _EMAIL.fullmatch(rest):
            raise Refused("wrong-value", "write an e-mail identifier as email:name@example.com")
    elif kind == "phone":
        rest = rest.translate(_PHONE_SEPARATORS)
        if not _PHONE.fullmatch(rest):
            raise Refused("wrong-value", "write a telephone identifier in E.164, as phone:+4930123456")
    elif not rest:
        raise Refused("wrong-value", "a person's identifier is empty")
    return f"{kind}:{rest}"


def _lower(text: str) -> str:
    if text.isascii():
        return text.lower()
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).lower())

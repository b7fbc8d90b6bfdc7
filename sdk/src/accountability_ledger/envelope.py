"""Context attributes of CloudEvents 1.0, structured and in Kafka's binary mode."""

import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final, Literal

import msgspec

from accountability_ledger.errors import Refused
from accountability_ledger.moment import microseconds

REQUIRED: Final = ("specversion", "id", "source", "type", "time")
OPTIONAL: Final = (
    "recordedtime",
    "dataschema",
    "datacontenttype",
    "sequence",
    "correlationid",
    "traceparent",
    "dataref",
)
MAX_HEADERS: Final = 64

_ALLOWED: Final = frozenset(REQUIRED + OPTIONAL)
_MAX_LENGTH: Final = 256
_MAX_URI_LENGTH: Final = 1024
_URI: Final = r"[A-Za-z][A-Za-z0-9+.\-]*:[!-~]+"
_DIGITS: Final = r"[0-9]{1,18}"
_SOURCE: Final = re.compile(r"[^\s\x00-\x1f\x7f]{1,256}")
_RULES: Final[Mapping[str, tuple[re.Pattern[str], str]]] = {
    "source": (_SOURCE, "make source a URI reference without white space"),
    "dataschema": (re.compile(_URI), "make dataschema an absolute URI"),
    "datacontenttype": (
        re.compile(r"application/json(?: ?; ?charset=\"?utf-8\"?)?", re.IGNORECASE),
        "send data as application/json",
    ),
    "sequence": (re.compile(_DIGITS), "make sequence 1 to 18 decimal digits"),
    "dataref": (re.compile(r"[^\s\x00-\x1f\x7f]+"), "make dataref a URI reference without white space"),
}
_HEADER_PREFIX: Final = "ce_"


def structured(event: Mapping[str, Any]) -> dict[str, str]:
    """The attributes of a structured event (its keys but `data`), checked; raises `Refused("envelope")`.

    An integer `sequence` becomes its decimal digits and `datacontenttype`, which can only be JSON, is left out, so
    that the structured and the binary form of one event are the same bytes. Times are judged by `check_times`.
    """
    if "data" not in event or not isinstance(event["data"], dict):
        raise Refused("envelope", "put the event's fields into an object named data")
    attributes = dict(event)
    del attributes["data"]
    return attributes if _is_plain(attributes) else _checked(attributes)


def is_binary(headers: Sequence[tuple[str, bytes]]) -> bool:
    """Whether a Kafka record carries its attributes in headers (CloudEvents Kafka binding, section 3)."""
    content_type = next((value for name, value in headers if name == "content-type"), b"")
    if content_type.lower().startswith(b"application/cloudevents"):
        return False
    return any(name.startswith(_HEADER_PREFIX) for name, _ in headers)


def check_headers(headers: Sequence[tuple[str, bytes]]) -> None:
    """Raises `Refused("envelope")` for more than `MAX_HEADERS` headers, and for a batch."""
    if len(headers) > MAX_HEADERS:
        raise Refused("envelope", f"send at most {MAX_HEADERS} headers with a record")
    if any(
        name == "content-type" and value.lower().startswith(b"application/cloudevents-batch")
        for name, value in headers
    ):
        raise Refused("envelope", "send one event a record; a batch is only for HTTP")


def from_headers(headers: Sequence[tuple[str, bytes]]) -> dict[str, str]:
    """The attributes of a binary record, whose value is `data`: headers `ce_*` in UTF-8 and `content-type`."""
    attributes: dict[str, str] = {}
    for name, value in headers:
        if name == "content-type":
            attribute = "datacontenttype"
        elif name.startswith(_HEADER_PREFIX):
            attribute = name.removeprefix(_HEADER_PREFIX)
        else:
            continue
        if attribute in attributes:
            raise Refused("envelope", "send every ce_ header once")
        if value is None:
            raise Refused("envelope", "give every ce_ header a value")
        try:
            attributes[attribute] = value.decode("utf-8")
        except UnicodeDecodeError:
            raise Refused("not-utf8", "encode headers as UTF-8") from None
        if "\0" in attributes[attribute]:
            raise Refused("string", "leave NUL characters out of headers")
    return _checked(attributes)


def check_times(attributes: Mapping[str, str]) -> int:
    """The event's `time` in microseconds since 1970.

    Raises `Refused("time")` unless `time` and `recordedtime` are times as `moment.microseconds` takes them.
    """
    try:
        if "recordedtime" in attributes:
            microseconds(attributes["recordedtime"])
        return microseconds(attributes["time"])
    except ValueError:
        raise Refused(
            "time",
            "write time and recordedtime in UTC such as 2026-10-01T09:30:00.123456Z: upper-case T and Z, at most six"
            " fraction digits",
        ) from None


class _Plain(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """The attributes that most events have, and no other."""

    specversion: Literal["1.0"]
    id: Annotated[str, msgspec.Meta(min_length=1, max_length=_MAX_LENGTH)]
    source: Annotated[str, msgspec.Meta(min_length=1, max_length=_MAX_LENGTH)]
    type: Annotated[str, msgspec.Meta(min_length=1, max_length=_MAX_LENGTH)]
    time: Annotated[str, msgspec.Meta(min_length=1, max_length=_MAX_LENGTH)]
    recordedtime: Annotated[str, msgspec.Meta(min_length=1, max_length=_MAX_LENGTH)] = "-"
    dataschema: Annotated[str, msgspec.Meta(pattern=rf"^{_URI}\Z", max_length=_MAX_URI_LENGTH)] = "-"
    sequence: Annotated[str, msgspec.Meta(pattern=rf"^{_DIGITS}\Z")] = "-"


def _is_plain(sent: Mapping[str, Any]) -> bool:
    """Whether `_checked` would return just these attributes, told faster for the events that have only `_Plain` ones."""
    try:
        return _SOURCE.fullmatch(msgspec.convert(sent, _Plain).source) is not None
    except msgspec.ValidationError:
        return False


def _checked(sent: Mapping[str, Any]) -> dict[str, str]:
    if not sent.keys() <= _ALLOWED:
        raise Refused("envelope", "remove context attributes other than " + ", ".join(REQUIRED + OPTIONAL))
    for name in REQUIRED:
        if name not in sent:
            raise Refused("envelope", f"add the context attribute {name}")
    attributes: dict[str, str] = {}
    for name, value in sent.items():
        text = str(value) if name == "sequence" and type(value) is int else value
        if not isinstance(text, str) or not text or len(text) > _MAX_URI_LENGTH:
            raise Refused("envelope", f"make {name} a text of 1 to {_MAX_LENGTH} characters")
        fault = _fault(name, text)
        if fault is not None:
            raise Refused("envelope", fault)
        if name != "datacontenttype":
            attributes[name] = text
    return attributes


def _fault(name: str, text: str) -> str | None:
    if name == "specversion":
        return None if text == "1.0" else "set specversion to 1.0"
    rule = _RULES.get(name)
    if rule is not None:
        pattern, advice = rule
        return None if pattern.fullmatch(text) else advice
    return None if len(text) <= _MAX_LENGTH else f"make {name} a text of 1 to {_MAX_LENGTH} characters"

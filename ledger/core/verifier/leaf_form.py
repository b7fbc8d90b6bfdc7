"""Puts a leaf together again from what is stored beside it, and compares the bytes: one comparison for the envelope,
the link, the columns, the roles and the blobs' digests, instead of reading the leaf and asking of each.

A leaf that is the same bytes is a leaf of version 1 whose copies are right. What is not, for whatever reason, is left
to whoever reads leaves (`read_leaf`): here nothing is ever found wrong, it is only not found right.
"""

from __future__ import annotations

import re
from binascii import b2a_base64
from datetime import datetime, timedelta
from operator import lt
from struct import Struct
from typing import TYPE_CHECKING, NamedTuple, TypeVar

import msgspec

from accountability_ledger.restricted_json import canonical
from ledger.core import base64url
from ledger.core.leaf import encode_clock
from ledger.core.verifier.block import EPOCH, ROLES, microseconds
from ledger.core.verifier.read_leaf import OWN_PREFIX, decode_any, encode, in_order

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from ledger.core.verifier.block import Entry

_HASH_TEXT = 43  # 32 bytes as base64url
_BLANK = b"?" * _HASH_TEXT
_URL_SAFE = bytes.maketrans(b"+/", b"-_")
_DIGITS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
_LAST_DIGITS = b"AEIMQUYcgkosw048"  # of 43 the last digit holds four bits, the other two are zero
_SEALED = b'{"_sd":["'
_BETWEEN = b'","'
_SEALED_END = b'"],"_sd_alg":"sha-256"'
_SECONDS = {b"%02d:%02d" % divmod(each, 60): each * 10**6 for each in range(3600)}  # of an hour
_MILLISECONDS = {b".%03dZ" % each: each * 1000 for each in range(1000)}
_NEVER = 1 << 80  # added to a moment gives none that a column can hold
_SCALES = tuple(10 ** (6 - digits) for digits in range(7))
_PLAIN_TEXT = rb'"[ !#-\[\]-~]*"'  # ASCII without escapes
# What stands between the data of an event and its time.
_BEFORE_TIME = (
    rb'(?:,"dataschema":%b)?(?:,"id":%b)?(?:,"recordedtime":%b)?(?:,"sequence":%b)?,"source":%b,"time":"'
    % ((_PLAIN_TEXT,) * 5)
)
_CONTEXTS = re.compile(rb"(?>%b\n)*+" % _BEFORE_TIME).fullmatch
# The groups are the hour, the seconds in it, and the fraction of one.
_TIME = re.compile(rb"(.{14})(.{5})(?:\.([0-9]{1,6}))?Z").fullmatch
_HOUR = re.compile(rb"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:")
_INTRODUCED = re.compile(rb'\{("n":")?[^{}]*\}')
_MOST_KEPT = 20_000  # of each kind of thing that is remembered, so that memory stays flat
_LONGEST_KEPT = 2048


class _Form(NamedTuple):
    """The end of a leaf from `event.type` on, as a format, and the hashes in its slots: `unpack` reads them from where
    the slots begin, `length` bytes before the end; `sealed` are the blobs' digests, `others` tags and introductions.
    """

    tail: bytes
    unpack: Callable[[bytes, int], tuple[bytes, ...]]
    length: int
    sealed: tuple[int, ...]
    others: tuple[int, ...]


_Known = tuple[bytes, "Callable[[bytes, int], tuple[bytes, ...]]", int]
_NO_FORM = _Form(b"", Struct("").unpack_from, 1 << 30, (), ())  # longer than any leaf
_Key = TypeVar("_Key")
_Value = TypeVar("_Value")


def hash_texts(digests: list[bytes]) -> list[bytes]:
    """base64url without padding of each of many hashes. A zero byte behind each makes 33 bytes, 44 digits."""
    if not digests:
        return []
    text = b2a_base64(b"\0".join(digests) + b"\0", newline=False).translate(_URL_SAFE)
    return [text[at : at + _HASH_TEXT] for at in range(0, len(text), _HASH_TEXT + 1)]


def are_hashes(texts: list[bytes], between: bytes = b"\n") -> bool:
    """Whether each text is the base64url of 32 bytes, or several of these with `between` between them."""
    if not texts:
        return True
    joined = between.join(texts) + between
    step = _HASH_TEXT + len(between)
    count = len(joined) // step
    return (
        len(joined) == step * count
        and joined.translate(None, _DIGITS) == between * count
        and all(joined[_HASH_TEXT + at :: step] == between[at : at + 1] * count for at in range(len(between)))
        and not joined[_HASH_TEXT - 1 :: step].translate(None, _LAST_DIGITS)
    )


def _text(value: str) -> bytes:
    """A text as it stands in JSON, without quotation marks, and with `%` as a format has it."""
    return canonical(value)[1:-1].replace(b"%", b"%%")


class LeafForm:
    """The forms of one log's leaves. `topics` are the names of the topics by Kafka's id; leaves of the types `formless`
    have none.
    """

    def __init__(self, origin: str, topics: Mapping[bytes, str], formless: Collection[bytes] = ()) -> None:
        self._origin = _text(origin)
        self._formless = formless
        self._topics = {
            topic_id: (_text(topic), base64url.encode_bytes(topic_id)) for topic_id, topic in topics.items()
        }
        self._forms: dict[tuple[bytes, bytes | None, bytes], _Known] = {}
        self._introducing: dict[tuple[bytes, bytes | None, bytes, tuple[int, ...]], _Form] = {}
        self._head = (-1, b"")
        self._hours: dict[bytes, int] = {}
        self._wholes: dict[bytes, bool] = {}
        self._rests: dict[bytes, bool] = {}
        self._claimed: list[bytes] = []
        self._listed: list[bytes] = []
        self._contexts: list[bytes] = []

    def fits(
        self, entry: Entry, prev: bytes, seg: int, roles: bytes, digests: tuple[bytes, ...]
    ) -> tuple[int, ...] | None:
        """The slots that introduce a key, if the leaf is what its row, the hash before it (`prev`, as text), its segment,
        and its slots' roles and blobs' digests (as text) make of it, once `settle` agrees; None if it is not.
        """
        seq, appended, time, topic_id, partition, offset, received, kind, leaf = entry
        try:
            form, unpack, length = self._forms[kind, topic_id, roles]
        except KeyError:
            form, unpack, length = self._learn_form(kind, topic_id, roles)
        size = len(leaf)
        if size < length:
            return None
        pieces = unpack(leaf, size - length)
        tail = form % (prev, seg, seq, offset, partition, received, *pieces)
        if leaf.endswith(tail):
            if pieces[::2] != digests or not self._is_event(leaf, size - len(tail), appended, time):
                return None
            self._claimed += pieces[1::2]
            return ()
        return self._introduces(entry, (prev, seg, seq, offset, partition, received), roles, digests)

    def _introduces(
        self, entry: Entry, numbers: tuple[object, ...], roles: bytes, digests: tuple[bytes, ...]
    ) -> tuple[int, ...] | None:
        """The same of a leaf in which slots introduce their keys, or of one that does not fit."""
        _, appended, time, topic_id, _, _, _, kind, leaf = entry
        slots = _INTRODUCED.findall(leaf, leaf.rfind(b'"who":['))
        introduced = tuple(slot for slot, first in enumerate(slots) if first)
        if not introduced:
            return None
        key = (kind, topic_id, roles, introduced)
        form = self._introducing.get(key) or _keep(self._introducing, key, self._make_form(*key))
        if len(leaf) < form.length:
            return None
        pieces = form.unpack(leaf, len(leaf) - form.length)
        tail = form.tail % (*numbers, *pieces)
        if not leaf.endswith(tail) or tuple(pieces[at] for at in form.sealed) != digests:
            return None
        self._claimed += [pieces[at] for at in form.others]
        return introduced if self._is_event(leaf, len(leaf) - len(tail), appended, time) else None

    def settle(self) -> bool:
        """Whether all that stood at the places of hashes since the last time are hashes, disclosure digests sorted and
        distinct, and what stood between data and times is a canonical part of an event.
        """
        claimed, self._claimed = self._claimed, []
        listed, self._listed = self._listed, []
        contexts, self._contexts = [*self._contexts, b""], []
        joined = b"\n".join(contexts)
        if joined.count(b"\n") != len(contexts) - 1 or not _CONTEXTS(joined):
            return False
        if not are_hashes(claimed) or not are_hashes(listed, _BETWEEN):
            return False
        digests = _BETWEEN.join(listed).split(_BETWEEN)
        # Where one list ends and the next begins, a fall is allowed.
        rising = [True, *map(lt, digests, digests[1:])]
        at = 0
        for each in listed:
            rising[at] = True
            at += (len(each) + len(_BETWEEN)) // (_HASH_TEXT + len(_BETWEEN))
        return all(rising)

    def _learn_form(self, kind: bytes, topic_id: bytes | None, roles: bytes) -> _Known:
        form = self._make_form(kind, topic_id, roles, ())
        return _keep(self._forms, (kind, topic_id, roles), (form.tail, form.unpack, form.length))

    def _make_form(
        self, kind: bytes, topic_id: bytes | None, roles: bytes, introduced: tuple[int, ...]
    ) -> _Form:
        """The form of such leaves, or one that no leaf has."""
        topic = self._topics.get(topic_id) if topic_id is not None else None
        try:
            type_name = kind.decode()
        except UnicodeDecodeError:
            return _NO_FORM
        known = all(role < len(ROLES) for role in roles)
        if topic is None or not known or kind in self._formless or type_name.startswith(OWN_PREFIX):
            return _NO_FORM
        names = [ROLES[role] for role in roles]
        if not in_order(names) or any(slot >= len(roles) for slot in introduced):
            return _NO_FORM
        who, hashes, sealed_at = b"", list[int](), list[int]()
        for slot, name in enumerate(names):
            role = b'"r":"%b","s":"' % name.encode()
            before = [b'{"n":"', b'",' + role] if slot in introduced else [b"{" + role]
            sealed_at.append(len(hashes) + len(before) - 1)
            who += b"," if slot else b""
            for part in (*before, b'","t":"'):
                who += part
                hashes.append(len(who))
                who += _BLANK
            who += b'"}'
        who += b"]}"
        pasts = [0, *(at + _HASH_TEXT for at in hashes)]
        pieces = Struct(
            "".join(f"{at - past}x{_HASH_TEXT}s" for at, past in zip(hashes, pasts, strict=False))
        )
        tail = (
            b'","type":"%b"},"ledger":"%b","prev":"%%b","seg":%%d,"seq":%%d,"v":1,"via":{"offset":%%d'
            b',"partition":%%d,"received":%%d,"topic":"%b","topic_id":"%b"},"who":['
            % (_text(type_name), self._origin, *topic)
        )
        others = tuple(at for at in range(len(hashes)) if at not in sealed_at)
        return _Form(
            tail + who.replace(_BLANK, b"%b"), pieces.unpack_from, len(who), tuple(sealed_at), others
        )

    def _is_event(self, leaf: bytes, end: int, appended: int, time: int) -> bool:
        """Whether leaf[:end] is the clock and an event up to its type, canonical, with this `time`."""
        if appended != self._head[0]:
            self._head = (appended, _clock_head(appended))
        head = self._head[1]
        # Most times have milliseconds.
        begin = end - 24
        moment = self._hours.get(leaf[begin : end - 10], _NEVER) + _SECONDS.get(
            leaf[end - 10 : end - 5], _NEVER
        )
        if moment + _MILLISECONDS.get(leaf[end - 5 : end], _NEVER) != time:
            begin = leaf.rfind(b'"', 0, end) + 1
            if self._moment(leaf[begin:end]) != time:
                return False
        at = leaf.rfind(b'},"', 0, begin) + 1
        self._contexts.append(leaf[at:begin])
        if not leaf.startswith(head):
            whole = leaf[len(head) - len(_SEALED) : at]
            return leaf.startswith(head[: -len(_SEALED)]) and (
                whole in self._wholes or self._learn(self._wholes, whole, whole)
            )
        past = leaf.find(_SEALED_END, len(head))
        self._listed.append(leaf[len(head) : past])
        rest = leaf[past + len(_SEALED_END) : at]
        if rest in self._rests or rest == b"}":
            return True
        return rest.startswith(b',"') and self._learn(self._rests, rest, b"{" + rest[1:])

    def _moment(self, text: bytes) -> int | None:
        """The moment of a time, None of a text that is none; its hour is known from now on."""
        found = _TIME(text)
        if found is None or found[2] not in _SECONDS:
            return None
        hour, seconds, fraction = found.groups()
        known = self._hours.get(hour)
        if known is None:
            if not _HOUR.fullmatch(hour):
                return None
            try:
                known = microseconds(datetime.fromisoformat(hour.decode() + "00:00Z"))
            except ValueError:
                return None
            _keep(self._hours, hour, known)
        return known + _SECONDS[seconds] + (0 if fraction is None else int(fraction) * _SCALES[len(fraction)])

    @staticmethod
    def _learn(kept: dict[bytes, bool], part: bytes, text: bytes) -> bool:
        """Whether `text` is a canonical object without disclosure digests, all its keys after theirs. `part`, of which
        it was made, comes again and again, so it is remembered.
        """
        try:
            found = decode_any(text)
            if not isinstance(found, dict) or encode(found) != text:
                return False
        except (msgspec.DecodeError, ValueError, RecursionError):
            return False
        if found and min(found) <= "_sd_alg":
            return False
        if len(part) <= _LONGEST_KEPT:
            _keep(kept, part, True)
        return True


def _clock_head(appended: int) -> bytes:
    """What a leaf begins with; of a clock that no leaf can show, what none begins with."""
    try:
        moment = EPOCH + timedelta(microseconds=appended)
    except OverflowError:
        return b"\0"
    return b'{"appended":"%b","event":{"data":%b' % (encode_clock(moment), _SEALED)


def _keep(kept: dict[_Key, _Value], key: _Key, value: _Value) -> _Value:
    if len(kept) > _MOST_KEPT:
        kept.clear()
    kept[key] = value
    return value

"""What opening refuses (RFC 9901 section 7, narrowed by the entry format)."""

from __future__ import annotations

from typing import Any

import pytest

from accountability_ledger.restricted_json import canonical
from ledger.core import base64url
from ledger.core.disclosure import DisclosureMismatch, digest, disclose, open_event, parse

SALT = bytes(range(16))


def leaf_of(*texts: str, who: int = 1, **data: Any) -> dict[str, Any]:
    """A leaf that holds the digests of these disclosures beside public data."""
    sealed = {"_sd": sorted(map(digest, texts)), "_sd_alg": "sha-256"} if texts else {}
    return {"event": {"type": "t", "source": "s", "data": {**data, **sealed}}, "who": [{}] * who}


def test_the_text_is_salt_name_value() -> None:
    text = disclose(SALT, "data.case_id", "c-1")
    assert base64url.decode(text) == b'["AAECAwQFBgcICQoLDA0ODw","data.case_id","c-1"]'
    # RFC 9901 section 4.2.3: the digest is taken over the ASCII of the text.
    assert (
        digest("WyJsa2x4RjVqTVlsR1RQVW92TU5JdkNBIiwgIkZSIl0") == "w0I8EKcdCtUPkGCNUrfwVp2xEgNjtoIDlOxc9-PlOhs"
    )


def test_values_come_to_their_places() -> None:
    texts = [
        disclose(SALT, "id", "e-1"),
        disclose(SALT, "data.case_id", "c-1"),
        disclose(SALT, "data.corrects.id", "e-0"),
        disclose(SALT, "data.purposes.1", "odd"),
        disclose(SALT, "data.purpose", "odder"),
        disclose(SALT, "who.0", "user:a"),
    ]
    event, persons = open_event(
        leaf_of(*texts, purposes=["known", "unregistered"], purpose="unregistered", corrects={"source": "s"}),
        texts,
    )
    assert persons == {0: "user:a"}
    assert event == {
        "type": "t",
        "source": "s",
        "id": "e-1",
        "data": {
            "case_id": "c-1",
            "corrects": {"id": "e-0", "source": "s"},
            "purposes": ["known", "odd"],
            "purpose": "odder",
        },
    }


def test_what_is_withheld_stays_absent() -> None:
    texts = [disclose(SALT, "data.a", 1), disclose(SALT, "data.b", 2)]
    event, _ = open_event(leaf_of(*texts), texts[:1])
    assert event["data"] == {"a": 1}


def refused(leaf: dict[str, Any], *texts: str) -> None:
    with pytest.raises(DisclosureMismatch):
        open_event(leaf, texts)


def test_a_digest_that_occurs_twice_is_refused() -> None:
    text = disclose(SALT, "data.a", 1)
    leaf = leaf_of(text)
    leaf["event"]["data"]["_sd"] *= 2
    refused(leaf, text)
    refused(leaf)


def test_a_disclosure_without_its_digest_is_refused() -> None:
    text = disclose(SALT, "data.a", 1)
    refused(leaf_of(), text)
    refused(leaf_of(text), text, disclose(SALT, "data.b", 1))


def test_a_disclosure_shown_twice_is_refused() -> None:
    text = disclose(SALT, "data.a", 1)
    refused(leaf_of(text), text, text)


def test_two_values_for_one_name_are_refused() -> None:
    """The digests differ by their salts; whoever wrote both could show this one to one reader, that one to another."""
    for name in ("data.a", "who.0", "id"):
        texts = [disclose(SALT, name, "one"), disclose(bytes(16), name, "two")]
        refused(leaf_of(*texts), *texts)


@pytest.mark.parametrize("name", ["type", "data", "data.a", "data.rows.0", "data.rows", "data.a.b"])
def test_a_name_that_stands_in_clear_is_refused(name: str) -> None:
    text = disclose(SALT, name, "x")
    refused(leaf_of(text, a=1, rows=["r"]), text)


@pytest.mark.parametrize(
    "name", ["_sd", "...", "data._sd", "data....", "data._sd.x", "data.a._sd", "data.", ".a", "", "data..a"]
)
def test_a_reserved_or_empty_name_is_refused(name: str) -> None:
    text = disclose(SALT, name, "x")
    refused(leaf_of(text), text)


def test_a_name_within_a_disclosed_value_is_refused() -> None:
    texts = [disclose(SALT, "data.a", {"b": 1}), disclose(SALT, "data.a.c", 2)]
    refused(leaf_of(*texts), *texts)
    refused(leaf_of(*texts), *reversed(texts))


def test_two_disclosures_of_the_word_unregistered_are_refused() -> None:
    texts = [disclose(salt, "data.a", "unregistered") for salt in (SALT, bytes(16))]
    refused(leaf_of(*texts, a="unregistered"), *texts)


@pytest.mark.parametrize("value", [{"_sd": []}, {"...": "x"}, [{"a": {"_sd": 1}}], [[{"...": 1}]]])
def test_a_reserved_name_within_a_value_is_refused(value: Any) -> None:
    text = disclose(SALT, "data.a", value)
    refused(leaf_of(text), text)


@pytest.mark.parametrize("name", ["who.1", "who.-1", "who.x", "who.", "who.\u0660", "who.00", "who.0.a"])
def test_a_slot_that_is_not_there_is_refused(name: str) -> None:
    text = disclose(SALT, name, "user:a")
    refused(leaf_of(text), text)


def test_an_identity_is_a_text() -> None:
    text = disclose(SALT, "who.0", {"id": "user:a"})
    refused(leaf_of(text), text)


@pytest.mark.parametrize(
    "name", ["data.rows.1", "data.rows.-1", "data.rows.00", "data.rows.\u0660", "data.rows.a"]
)
def test_a_place_that_a_list_does_not_have_is_refused(name: str) -> None:
    text = disclose(SALT, name, "x")
    refused(leaf_of(text, rows=["unregistered"]), text)


@pytest.mark.parametrize(
    "content",
    [b"", b"{}", b'["a","b"]', b'["a","b",1,2]', b'[1,"b",2]', b'["a",2,3]', b"\xff", b"[" * 100_000],
)
def test_what_is_no_disclosure_is_refused(content: bytes) -> None:
    with pytest.raises(DisclosureMismatch):
        parse(base64url.encode(content))


def test_text_that_is_no_base64url_is_refused() -> None:
    for text in ("é", "a b", base64url.encode(canonical(["a", "b", 1])) + "="):
        with pytest.raises(DisclosureMismatch):
            open_event({"event": {"data": {"_sd": []}}, "who": []}, [text])

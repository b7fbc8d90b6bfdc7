"""A malicious operator who computes everything anew after a change, with the signing key and the vault in hand.

What he forgets to compute betrays him, and so do Kafka's offsets. A change that he has thought through is found against
a kept checkpoint alone; without one `ledger verify` cannot know, and says so: the log is unwitnessed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from accountability_ledger.restricted_json import canonical
from ledger.cli.proof import UNWITNESSED
from ledger.core import base64url
from ledger.core.merkle import Frontier, leaf_hash
from tests.integration.forgery import forge
from tests.integration.operated import copied, judged
from tests.integration.superuser import superuser

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.integration.forgery import History
    from tests.integration.operated import Found, Operated

    Change = Callable[[History, Operated], None]

_CUT_AT = 240


def edit(history: History, at: Operated) -> None:
    history.leaf(at["victim"])["event"]["data"]["outcome"] = "denied"


def edit_time(history: History, at: Operated) -> None:
    history.leaf(at["victim"])["event"]["time"] = "2026-09-30T00:00:00Z"


def back_date(history: History, at: Operated) -> None:
    history.leaf(at["victim"])["via"]["received"] -= 86_400_000


def delete(history: History, at: Operated) -> None:
    history.delete(at["victim"])


def delete_question(history: History, at: Operated) -> None:
    history.delete(at["own"])


def swap(history: History, at: Operated) -> None:
    history.swap(at["pair"], at["pair"] + 1)


def swap_within_partition(history: History, at: Operated) -> None:
    history.swap(at["victim"], at["later"])


def cut(history: History, at: Operated) -> None:
    history.cut(_CUT_AT)


def call_duplicate(history: History, at: Operated) -> None:
    history.call_duplicate(at["victim"], account=at["duplicate"], repeats=at["later"])


def call_duplicate_of_question(history: History, at: Operated) -> None:
    history.call_duplicate(at["victim"], account=at["duplicate"], repeats=at["duplicate"])


def call_duplicate_of_what_follows(history: History, at: Operated) -> None:
    history.call_duplicate(at["victim"], account=at["duplicate"], repeats=at["duplicate"] + 1)


def call_skipped(history: History, at: Operated) -> None:
    history.call_skipped(at["victim"])


# What is changed, what he does not compute anew, what verification finds then.
THOUGHTLESS: dict[str, tuple[Change, tuple[str, ...], Found]] = {
    "edits, but not prev": (edit, ("prev",), {("broken-link", "victim+1")}),
    "edits, but not tiles": (edit, ("tiles",), {("changed-tile", None)}),
    "edits, but not batches": (edit, ("batches",), {("bad-root", None)}),
    "edits, but not head": (edit, ("head",), {("changed-head", None)}),
    "edits, but neither batches nor head": (
        edit,
        ("batches", "head"),
        {("bad-root", None), ("changed-leaf", "last")},
    ),
    "edits, and computes the chain alone": (
        edit,
        ("tiles", "batches", "head"),
        {("changed-leaf", "victim")},
    ),
    "edits a time, but not columns": (
        edit_time,
        ("columns",),
        {("changed-column", "victim"), ("changed-link", "victim")},
    ),
    "deletes": (delete, (), {("offset-not-covered", None)}),
    "deletes, but not intake": (delete, ("intake",), {("offset-not-covered", None)}),
    "deletes a question, but not batches": (delete_question, ("batches",), {("truncated-tail", "last")}),
    "deletes a question, but not head": (delete_question, ("head",), {("truncated-tail", "last")}),
    "calls skipped, but not tags": (call_skipped, ("tags",), {("changed-link", "next")}),
    "swaps within a partition": (swap_within_partition, (), {("reordered", "later")}),
    "cuts the tail, but not intake": (cut, ("intake",), {("offset-not-covered", None)}),
    "cuts the tail, but not head": (cut, ("head",), {("truncated-tail", _CUT_AT)}),
    "cuts the tail, but not batches": (cut, ("batches",), {("truncated-tail", _CUT_AT)}),
    "cuts the tail, but not tiles": (cut, ("tiles",), {("changed-tile", None)}),
    "calls a duplicate of no event": (
        call_duplicate_of_question,
        (),
        {("offset-not-covered", "duplicate-1")},
    ),
    "calls a duplicate of what follows": (
        call_duplicate_of_what_follows,
        (),
        {("offset-not-covered", "duplicate-1")},
    ),
}
# What is found against a kept checkpoint alone: of another root, or of a log that was longer.
THOUGHT_THROUGH: dict[str, tuple[Change, Found]] = {
    "edits": (edit, {("bad-root", None)}),
    "edits a time": (edit_time, {("bad-root", None)}),
    "back-dates": (back_date, {("bad-root", None)}),
    "swaps across partitions": (swap, {("bad-root", None)}),
    "calls skipped": (call_skipped, {("bad-root", None)}),
    "calls a duplicate": (call_duplicate, {("truncated-tail", "last")}),
    "deletes a question": (delete_question, {("truncated-tail", "last")}),
    "cuts the tail": (cut, {("truncated-tail", _CUT_AT)}),
}


@pytest.mark.parametrize("name", THOUGHTLESS)
async def test_what_is_not_computed_anew_is_found(
    operated_month: Operated, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    change, but, found = THOUGHTLESS[name]
    async with copied(operated_month, "ledger") as ledger:
        await forge(ledger.world, lambda history: change(history, operated_month), but=but)
        judgement = await judged(ledger, monkeypatch)
    assert judgement.code == 1
    assert judgement.verdicts == operated_month.at(found)


@pytest.mark.parametrize("name", THOUGHT_THROUGH)
async def test_what_is_computed_anew_is_found_by_a_kept_checkpoint_alone(
    operated_month: Operated, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    change, found = THOUGHT_THROUGH[name]
    kept = tmp_path / "checkpoint.txt"
    kept.write_text(operated_month.checkpoint)
    async with copied(operated_month, "ledger") as ledger:
        await forge(ledger.world, lambda history: change(history, operated_month))
        against = await judged(ledger, monkeypatch, "--from-checkpoint", str(kept))
        alone = await judged(ledger, monkeypatch, "--vault")
    assert against.code == 1
    assert against.verdicts == operated_month.at(found)
    assert alone.code == 0
    assert alone.document["witnesses"] == UNWITNESSED


async def test_history_written_as_it_was_is_the_same_log(
    operated_month: Operated, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The forger changes what he is told to and nothing else: else the tests above would find his own slips."""
    kept = tmp_path / "checkpoint.txt"
    kept.write_text(operated_month.checkpoint)
    async with copied(operated_month, "ledger") as ledger:
        before = await _everything(ledger)
        await forge(ledger.world, lambda _: None)
        assert await _everything(ledger) == before
        judgement = await judged(ledger, monkeypatch, "--vault", "--from-checkpoint", str(kept))
    assert judgement.code == 0


async def test_an_entry_in_another_ledgers_log_is_found_there(
    operated_month: Operated, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both logs are computed anew; the entry's leaf still says whose it was."""
    async with copied(operated_month, "ledger") as ledger:
        async with superuser(ledger.world) as connection:
            row = await connection.fetchrow("SELECT * FROM entry WHERE seq = $1", operated_month["duplicate"])
            number = await connection.fetchval("SELECT ledger_id FROM ledger WHERE name = 'other'")
            assert row is not None
            text = canonical(
                {**msgspec.json.decode(row["leaf"]), "seq": 0, "seg": 0, "prev": base64url.encode(bytes(32))}
            )
            tree = Frontier()
            tree.append(leaf_hash(text))
            head: tuple[Any, ...] = (number, leaf_hash(text), tree.root(), row["appended"])
            await connection.execute(
                'INSERT INTO entry (ledger_id, slice, seq, appended, "time", type, leaf) VALUES ($1, 1, 0, $2, $3, $4, $5)',
                number,
                row["appended"],
                row["time"],
                row["type"],
                text,
            )
            await connection.execute("INSERT INTO slice_start VALUES ($1, 1, 0)", number)
            await connection.execute("INSERT INTO batch VALUES ($1, 1, $2, $3, $4)", *head)
            await connection.execute(
                "UPDATE head SET size = 1, prev = $2, root = $3, appended = $4, seg_began = $4, frontier = $2, slice = 1"
                " WHERE ledger_id = $1",
                *head,
            )
        judgement = await judged(ledger, monkeypatch, "--ledger", "other")
    assert judgement.code == 1
    # What it says of offsets is as foreign as itself.
    assert judgement.verdicts == {
        ("changed-leaf", 0),
        ("offset-not-covered", 0),
        ("offset-not-covered", None),
    }


async def _everything(ledger: Operated) -> list[Any]:
    """Every row that the forger writes."""
    tables = (
        "entry",
        "sealed",
        "entry_person",
        "seen",
        "register",
        "tile",
        "batch",
        "head",
        "intake",
        "slice_start",
    )
    async with superuser(ledger.world) as connection:
        return [sorted(map(repr, await connection.fetch(f"SELECT * FROM {table}"))) for table in tables]

"""The commands on a real ledger, each by what other people's scripts rely on: its JSON and its exit code."""

from __future__ import annotations

import csv
import io
import stat
from typing import TYPE_CHECKING

import asyncpg
import pytest

from tests.integration.command_line import CommandLine
from tests.world import accessed, event, registering

if TYPE_CHECKING:
    from pathlib import Path

    from tests.world import World

ANN, BOB = "email:ann@example.eu", "email:bob@example.eu"


@pytest.fixture
def ledger(world: World, monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    return CommandLine(world, monkeypatch)


def _lines(path: Path, *lines: bytes) -> str:
    path.write_bytes(b"\n".join(lines) + b"\n")
    return str(path)


async def _size(ledger: CommandLine) -> int:
    return int((await ledger("status", "--json")).json["size"])


async def test_publishing_says_what_was_sent_and_what_was_refused(
    ledger: CommandLine, world: World, tmp_path: Path
) -> None:
    file = _lines(
        tmp_path / "events", accessed(ANN), b"", b"{", accessed(BOB), b'{"subject":"email:secret@example.eu"}'
    )
    assert (await ledger("publish", file)).code == 2  # there are no keys yet
    assert (await ledger("migrate")).code == 0
    said = await ledger("publish", file, "--json")
    assert said.code == 1
    assert (said.json["lines"], said.json["published"]) == (4, 2)
    assert [(each["line"], each["reason"]) for each in said.json["refused"]] == [
        (3, "not-json"),
        (5, "envelope"),
    ]
    assert "secret" not in said.out + said.err
    assert (await ledger("status", "--json")).json["lag"] == 2
    await world.append([])
    raw = await ledger("publish", file, "--raw", "--json")
    assert (raw.code, raw.json["published"], raw.json["refused"]) == (0, 4, [])
    await world.append([])
    status = (await ledger("status", "--json")).json
    assert status["counts"] == {"appended": 2, "rejected": 2, "duplicate": 2, "conflict": 0}
    assert status["lag"] == 0


async def test_status_says_where_clients_find_everything(ledger: CommandLine, world: World) -> None:
    said = await ledger("status", "--json")
    assert said.code == 0
    assert set(said.json) >= {"ledger", "size", "root", "lag", "counts", "services", "vkeys"}
    assert said.json["services"]["kafka"] == world.settings.kafka_bootstrap
    assert set(said.json["services"]) == {"kafka", "database", "vault", "api"}
    assert set(said.json["vkeys"]) == {"log", "index", "receipt", "witnesses"}
    assert "postgresql://" not in (await ledger("status")).out


async def test_a_question_is_answered_in_every_form_and_recorded(
    ledger: CommandLine, world: World, tmp_path: Path
) -> None:
    await world.append(
        [
            *registering(),
            accessed(ANN, time="2026-10-01T09:00:00Z"),
            accessed(ANN, time="2026-10-02T00:00:00Z"),
            accessed(BOB),
        ]
    )
    before = await _size(ledger)
    asked = (
        "who-accessed",
        ANN,
        "--from",
        "2026-10-01",
        "--to",
        "2026-10-02",
        "--reason",
        "a request",
        "--case",
        "R-1",
    )
    found = (await ledger(*asked, "--json")).json
    assert [each["time"] for each in found["entries"]] == ["2026-10-01T09:00:00Z"]
    assert found["entries"][0]["actor"] == "user:support-1"
    assert (found["query_seq"], found["checkpoint"]["size"]) == (before, before)
    table = await ledger(*asked)
    assert "data.accessed" in table.out
    assert f"entry {before + 1}" in table.out
    rows = list(csv.DictReader(io.StringIO((await ledger(*asked, "--format", "csv")).out)))
    assert rows[0]["legal_basis_claimed"] == "A6-1-b"
    (tmp_path / "person").write_text(f"{ANN}\n")
    out = tmp_path / "answer.ndjson"
    from_file = (
        "who-accessed",
        "--subject-file",
        str(tmp_path / "person"),
        "--format",
        "ndjson",
        "--out",
        str(out),
    )
    said = await ledger(*from_file)
    assert (said.code, said.out) == (0, "")
    # The reads above are accesses too: each is among what happened to this person's data.
    assert len(out.read_text().splitlines()) == 2 + 3
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    assert await _size(ledger) == before + 4


async def test_an_account_shows_what_it_touched(ledger: CommandLine, world: World) -> None:
    await world.append([*registering(), accessed(ANN), accessed(BOB, outcome="denied"), accessed(BOB)])
    found = (await ledger("actor", "user:support-1", "--json")).json
    assert found["persons"] == [ANN, BOB]
    assert (found["allowed"], found["denied"]) == (2, 1)
    said = (await ledger("actor", "user:support-1")).out
    assert "2 allowed, 1 denied, 1 denied then allowed" in said


async def test_an_erasure_needs_a_case_and_leaves_a_log_that_verifies(
    ledger: CommandLine, world: World
) -> None:
    await world.append([*registering(), accessed(ANN), accessed(BOB)])
    assert (await ledger("erase", ANN)).code == 2
    size = await _size(ledger)
    planned = (await ledger("erase", ANN, "--dry-run", "--json")).json
    assert (planned["keys"], planned["links"], planned["holds"]) == (1, 1, 0)
    assert await _size(ledger) == size
    done = (await ledger("erase", ANN, "--case", "E-1", "--json")).json
    assert (done["keys"], done["links"], done["started"], done["erased"]) == (1, 1, size, size + 1)
    assert (await ledger("who-accessed", ANN, "--json")).json["entries"] == []
    assert len((await ledger("who-accessed", BOB, "--json")).json["entries"]) == 1
    assert (await ledger("verify", "--vault")).code == 0
    stranger = await ledger("erase", "email:nobody@example.eu", "--case", "E-2")
    assert stranger.code == 2
    assert "nobody@" not in stranger.err


async def test_a_legal_hold_comes_first(ledger: CommandLine, world: World) -> None:
    hold = event("legal_hold.placed", subjects=[ANN], hold_id="h-1", scope="litigation")
    await world.append([*registering(), accessed(ANN), hold])
    assert (await ledger("erase", ANN, "--dry-run", "--json")).json["holds"] == 1
    assert (await ledger("erase", ANN, "--case", "E-1")).code == 4


async def test_a_clean_verification_is_recorded_and_a_bad_one_is_not(
    ledger: CommandLine, world: World, tmp_path: Path
) -> None:
    await world.append([*registering(), accessed(ANN), accessed(BOB)])
    note = tmp_path / "checkpoint"
    assert (await ledger("checkpoint", "--out", str(note))).code == 0
    size = await _size(ledger)
    clean = await ledger("verify", "--from-checkpoint", str(note), "--json")
    assert clean.code == 0
    assert clean.json == {
        "ok": True,
        "verdicts": [],
        "size": size,
        "root": clean.json["root"],
        "witnesses": "unwitnessed: no witness is configured",
    }
    assert await _size(ledger) == size + 1
    connection = await asyncpg.connect(world.databases.ledger_superuser_url)
    try:
        await connection.execute("ALTER TABLE ledger.entry_s0 DISABLE TRIGGER ALL")
        edited = "UPDATE ledger.entry SET leaf = replace(convert_from(leaf, 'UTF8'), 'allowed', 'denied')::bytea WHERE seq = 4"
        assert await connection.execute(edited) == "UPDATE 1"
    finally:
        await connection.close()
    bad = await ledger("verify", "--json")
    assert bad.code == 1
    assert not bad.json["ok"]
    assert {key: bad.json["verdicts"][0][key] for key in ("verdict", "seq")} == {
        "verdict": "changed-leaf",
        "seq": 4,
    }
    assert await _size(ledger) == size + 1


async def test_a_checkpoint_of_another_log_is_bad(ledger: CommandLine, world: World, tmp_path: Path) -> None:
    await world.append(registering())
    (tmp_path / "note").write_text("example.org/other\n1\nAAAA\n\n— example.org/other AAAA\n")
    said = await ledger("verify", "--from-checkpoint", str(tmp_path / "note"), "--json")
    assert said.code == 1
    assert (await ledger("verify", "--from-checkpoint", str(tmp_path / "absent"))).code == 2


async def test_a_proof_and_an_export_are_of_the_log(
    ledger: CommandLine, world: World, tmp_path: Path
) -> None:
    await world.append([*registering(), accessed(ANN)])
    size = await _size(ledger)
    proof = (await ledger("prove", "0", "--json")).json
    assert (proof["seq"], proof["size"]) == (0, size)
    assert proof["root"] == (await ledger("status", "--json")).json["root"]
    assert (await ledger("prove", str(size))).code == 2
    exported = tmp_path / "log"
    done = (await ledger("export-log", str(exported), "--json")).json
    assert (done["size"], done["seq"], done["root"]) == (size, size, proof["root"])
    assert {"checkpoint", "log.pub", "vkeys"} <= {each.name for each in exported.iterdir()}
    assert (await ledger("export-log", str(exported))).code == 2
    # Reading the head and proofs is not recorded, the export is.
    assert await _size(ledger) == size + 1


async def test_migrating_again_changes_nothing(ledger: CommandLine) -> None:
    said = await ledger("migrate", "--json")
    assert said.code == 0
    assert said.json["applied"] == {"ledger": [], "vault": []}


async def test_another_name_is_no_ledger(ledger: CommandLine) -> None:
    said = await ledger("status", "--ledger", "other")
    assert said.code == 2
    assert "ledger migrate --ledger other" in said.err
    assert (await ledger("migrate", "--ledger", "other")).code == 0
    assert (await ledger("status", "--ledger", "other", "--json")).json["ledger"] == "other"


async def test_questions_and_proofs_are_answered_while_kafka_is_down(
    ledger: CommandLine, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.append([accessed(ANN)])
    monkeypatch.setenv("LEDGER_KAFKA_BOOTSTRAP", "embedded")  # none runs in this world
    said = await ledger("who-accessed", ANN, "--json")
    assert said.code == 0, said.err
    assert len(said.json["entries"]) == 1
    assert (await ledger("prove", "0", "--json")).code == 0
    assert (await ledger("verify", "--json")).code == 0
    assert (await ledger("status", "--json")).code == 3


async def test_servers_that_do_not_answer_end_a_command_with_3(
    ledger: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEDGER_DATABASE_URL", "postgresql://ledger:secret@127.0.0.1:1/ledger")
    said = await ledger("verify")
    assert said.code == 3
    assert "secret" not in said.err
    assert (await ledger("doctor", "--json")).code == 3

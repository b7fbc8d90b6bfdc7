"""Who accessed a person's data, and what an account did: asked of a real ledger."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest

from ledger.core import own
from ledger.core.answer_cursor import BadCursor
from ledger.core.errors import BadAnswer, BadInput, LedgerError
from ledger.core.leaf import parse
from ledger.storage.erasure import erase
from ledger.storage.questions import Asker, actor_activity, log_entries, one_entry, who_accessed
from tests.world import accessed, event, registering

if TYPE_CHECKING:
    from ledger.core.answer import Answer
    from ledger.storage.opening import OpenLedger
    from tests.world import World

ANN, ANNS_PHONE, BEN = "email:ann@example.eu", "phone:+4930123456", "email:ben@example.com"
OFFICER = Asker("user:officer", "cli", "Article 15 request", "case-7")
TABLES = ("entry_s0", "sealed_s0", "entry_person_s0")
SUPPORT = {"id": "user:support-1", "kind": "employee"}


async def ask(ledger: OpenLedger, subject: str = ANN, **more: Any) -> Answer:
    return await who_accessed(
        ledger, OFFICER, subject, **({"since": None, "until": None, "known_at": None} | more)
    )


async def activity(ledger: OpenLedger, actor: str = "user:support-1", **more: Any) -> Answer:
    return await actor_activity(ledger, OFFICER, actor, **({"since": None, "until": None} | more))


async def superuser(world: World, statement: str) -> None:
    """As an operator who holds the database, its triggers disabled."""
    connection = await asyncpg.connect(world.databases.ledger_superuser_url)
    try:
        await connection.execute("SET search_path TO ledger")
        for table in TABLES:
            await connection.execute(f"ALTER TABLE {table} DISABLE TRIGGER ALL")
        await connection.execute(statement)
    finally:
        await connection.close()


async def size(ledger: OpenLedger) -> int:
    return int(await ledger.reader.fetchval("SELECT size FROM head WHERE ledger_id = $1", ledger.ledger_id))


def at(day: int, hour: int = 9) -> datetime:
    return datetime(2026, 10, day, hour, tzinfo=UTC)


async def test_an_answer_tells_who_did_what_and_records_the_asking_first(world: World) -> None:
    await world.append(registering())
    await world.append([accessed(ANN, record_count=3, source_ip="203.0.113.9"), accessed(BEN)])
    async with world.opened() as ledger:
        before = await size(ledger)
        answer = await ask(ledger)
        shown = answer.to_json()
        assert {"schema", "ledger", "subject", "from", "to", "known_at", "next_cursor"} <= set(shown)
        assert (shown["subject"], shown["ledger"]) == (ANN, "main")
        assert shown["checkpoint"]["size"] == before
        assert shown["query_seq"] == before
        (entry,) = shown["entries"]
        assert entry["actor"] == "user:support-1"
        assert entry["operation"] == "read"
        assert entry["data_categories"] == ["user.contact.email"]
        assert entry["purpose"] == "provide_service"
        assert entry["legal_basis_claimed"] == "A6-1-b"
        assert entry["legal_basis_established"] is None
        assert entry["findings"] == []
        assert (entry["role"], entry["subjects"], entry["record_count"]) == ("subject", 1, 3)
        assert "source_ip" not in entry  # the actor's, not the person's
        (query,) = await ledger.reader.fetch("SELECT leaf FROM entry WHERE seq = $1", before)
        recorded = parse(query["leaf"])
        assert recorded["event"]["type"] == own.type_name("ledger.queried")
        assert recorded["event"]["data"]["question"] == "who-accessed"
        assert recorded["event"]["data"]["count"] == 1
        assert [slot["r"] for slot in recorded["who"]] == ["subject", "actor"]
        assert b"Article 15" not in query["leaf"]
        assert b"case-7" not in query["leaf"]
        again = (await ask(ledger)).to_json()["entries"]
        assert [each["type"] for each in again] == [entry["type"], own.type_name("ledger.queried")]
        assert (again[1]["actor"], again[1]["operation"]) == ("user:officer", "query")


async def test_acts_are_told_by_time_and_the_period_is_half_open(world: World) -> None:
    days = (4, 2, 3, 1)
    await world.append(registering())
    await world.append([*(accessed(ANN, time=f"2026-10-0{day}T09:00:00Z", record_count=day) for day in days)])
    async with world.opened() as ledger:
        everything = await ask(ledger)
        assert [each["record_count"] for each in everything.entries] == [1, 2, 3, 4]
        some = await ask(ledger, since=at(2), until=at(4))
        assert [each["record_count"] for each in some.entries] == [2, 3]
        with pytest.raises(BadInput):
            await ask(ledger, since=at(4), until=at(4))
        with pytest.raises(BadInput):
            await ask(ledger, since=datetime(2026, 10, 1))  # noqa: DTZ001 -- refused for this


async def test_a_person_is_the_closure_of_the_links(world: World) -> None:
    other = "id:customer-9"
    link = event("identity.linked", subjects=[ANN, ANNS_PHONE], actor=SUPPORT)
    further = event("identity.linked", subjects=[ANNS_PHONE, other], actor=SUPPORT)
    await world.append(registering())
    await world.append([accessed(ANN), accessed(ANNS_PHONE), accessed(other), accessed(BEN), link, further])
    async with world.opened() as ledger:
        for identifier in (ANN, ANNS_PHONE, other):
            answer = await ask(ledger, identifier)
            assert len([each for each in answer.entries if each["operation"] == "read"]) == 3
    await world.append([event("identity.unlinked", subjects=[other, ANNS_PHONE], actor=SUPPORT)])
    async with world.opened() as ledger:
        answer = await ask(ledger)
        assert len([each for each in answer.entries if each["operation"] == "read"]) == 2
        assert len((await ask(ledger, other)).entries) == 2  # his read, and one question


async def test_known_at_leaves_out_what_came_later(world: World) -> None:
    await world.append(registering())
    await world.append([accessed(ANN, record_count=1)])
    async with world.opened() as ledger:
        received = await ledger.reader.fetchval("SELECT max(received) FROM entry")
        then = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=received)
        await asyncio.sleep(0.01)
        await ask(ledger)
    await world.append(
        [
            accessed(ANN, record_count=2, time="2026-09-01T09:00:00Z"),
            event("identity.linked", subjects=[ANN, ANNS_PHONE], actor=SUPPORT),
            accessed(ANNS_PHONE, record_count=3),
        ]
    )
    async with world.opened() as ledger:
        assert [each["record_count"] for each in (await ask(ledger, known_at=then)).entries] == [1]
        assert (await ask(ledger, known_at=then - timedelta(milliseconds=1))).entries == ()
        now = await ask(ledger)
        assert [each["record_count"] for each in now.entries if each["operation"] == "read"] == [2, 1, 3]


async def test_an_erased_actor_is_told_as_erased(world: World) -> None:
    await world.append(registering())
    await world.append([accessed(ANN)])
    async with world.opened() as ledger:
        await erase(ledger, "user:officer", "user:support-1", "case-1", settings=world.settings)
        (entry,) = (await ask(ledger)).entries
        assert entry["actor"] is None
        assert entry["actor_erased"] is True
        assert (await activity(ledger)).entries == ()


async def test_an_erased_person_is_nobody_and_the_account_still_answers(world: World) -> None:
    await world.append(registering())
    await world.append([accessed(ANN), accessed(BEN)])
    async with world.opened() as ledger:
        assert len((await ask(ledger)).entries) == 1  # and the key is remembered from now on
        async with world.opened() as elsewhere:
            await erase(elsewhere, "user:officer", ANN, "case-1", settings=world.settings)
        assert (await ask(ledger)).entries == ()
        touched = (await activity(ledger)).touched
        assert touched is not None
        assert (touched.persons, touched.persons_erased, touched.allowed) == ((BEN,), 1, 2)


async def test_a_person_nobody_knows_takes_the_same_path(world: World) -> None:
    async with world.opened() as ledger:
        answer = await ask(ledger, "email:nobody@example.org")
        assert answer.entries == ()
        assert answer.query_seq == 0
        assert await ledger.vault.known("email:nobody@example.org") is not None
        again = await ask(ledger, "EMAIL:nobody@example.org".replace("EMAIL", "email"))
        assert [each["operation"] for each in again.entries] == ["query"]


async def test_without_the_append_there_is_no_answer(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    await world.append(registering())
    await world.append([accessed(ANN)])
    await superuser(world, "REVOKE INSERT ON entry FROM ledger_writer")
    async with world.opened() as ledger:
        before = await size(ledger)
        for question in (
            ask(ledger),
            activity(ledger),
            log_entries(ledger, OFFICER),
            one_entry(ledger, OFFICER, 0),
        ):
            with pytest.raises(LedgerError):
                await question
        assert await size(ledger) == before


async def test_pages_agree_whatever_is_appended_meanwhile(world: World) -> None:
    await world.append(registering())
    await world.append([*(accessed(ANN, record_count=n) for n in range(5))])
    async with world.opened() as ledger:
        first = await ask(ledger, limit=2)
        assert first.next_cursor is not None
        async with world.working() as parts:
            world.publish(
                [
                    accessed(ANN, record_count=9),
                    event("identity.linked", subjects=[ANN, BEN], actor=SUPPORT),
                    accessed(BEN, record_count=8),
                ]
            )
            await world.caught_up(parts)
        second = await ask(ledger, limit=2, cursor=first.next_cursor)
        third = await ask(ledger, limit=2, cursor=second.next_cursor)
        assert first.pin == second.pin == third.pin
        assert third.next_cursor is None
        told = [each["record_count"] for page in (first, second, third) for each in page.entries]
        assert sorted(told) == [0, 1, 2, 3, 4]
        assert first.query_seq < second.query_seq < third.query_seq


async def test_a_cursor_is_good_for_its_own_question_alone(world: World) -> None:
    await world.append(registering())
    await world.append([*(accessed(ANN) for _ in range(3)), accessed(BEN)])
    async with world.opened() as ledger:
        cursor = (await ask(ledger, limit=1)).next_cursor
        assert cursor is not None
        for wrong in (
            cursor[:-1],
            ("B" if cursor[0] == "A" else "A") + cursor[1:],
            cursor + "A",
            "",
            "x" * 100_000,
        ):
            if wrong:
                with pytest.raises(BadCursor):
                    await ask(ledger, limit=1, cursor=wrong)
        for question in (
            ask(ledger, BEN, limit=1, cursor=cursor),
            ask(ledger, limit=1, cursor=cursor, until=at(20)),
            activity(ledger, ANN, limit=1, cursor=cursor),
        ):
            with pytest.raises(BadCursor):
                await question
        for limit in (0, -1, 10_001):
            with pytest.raises(BadInput):
                await ask(ledger, limit=limit)


async def test_an_identifier_that_is_none_is_refused_without_repeating_it(world: World) -> None:
    async with world.opened() as ledger:
        with pytest.raises(BadInput) as refused:
            await ask(ledger, "email:not an address")
        assert "not an address" not in str(refused.value)


async def test_what_an_account_touched(world: World) -> None:
    transfer = event(
        "data.transferred",
        subjects=[BEN],
        actor=SUPPORT,
        processing_role="controller",
        purpose="provide_service",
        data_categories=["user.contact.email"],
        disclosure_id="d1",
        exporter_id="parley",
        importer_id="cloud1",
        exporter_role="controller",
        importer_role="processor",
        origin_country="DE",
        destination_country="US",
        remote_access=False,
        time="2026-10-05T09:00:00Z",
    )
    behalf = {"id": "crm", "kind": "service", "on_behalf_of": "user:support-1"}
    await world.append(registering())
    await world.append(
        [
            event("register.row_set", section="parties", key="cloud1", row=[{"key": "name", "value": "C"}]),
            accessed(ANN, outcome="denied", time="2026-10-02T09:00:00Z", source_country="BR"),
            accessed(ANN, time="2026-10-03T09:00:00Z", source_country="BR", justification="ticket 4"),
            accessed(BEN, actor=behalf, time="2026-10-04T09:00:00Z"),
            accessed(ANN, actor={"id": "user:other", "kind": "employee"}),
            transfer,
        ]
    )
    async with world.opened() as ledger:
        answer = await activity(ledger)
        shown = answer.to_json()
        assert shown["actor"] == "user:support-1"
        assert shown["persons"] == [ANN, BEN]
        assert shown["data_categories"] == ["user.contact.email"]
        assert shown["systems"] == ["crm"]
        assert shown["countries"] == ["US"]
        assert shown["source_countries"] == ["BR"]
        assert shown["recipients"] == ["cloud1"]
        assert (shown["allowed"], shown["denied"]) == (3, 1)
        seqs = [each["seq"] for each in shown["entries"]]
        assert shown["denied_then_allowed"] == [{"denied": seqs[0], "allowed": seqs[1]}]
        assert shown["entries"][1]["justification"] == "ticket 4"
        assert shown["entries"][1]["persons"] == [ANN]
        assert shown["entries"][2]["actor"] == "crm"
        assert shown["entries"][2]["on_behalf_of"] == "user:support-1"
        assert shown["entries"][3]["exporter_id"] == "parley"  # sealed, since no register knows it
        page = (await activity(ledger, limit=1)).to_json()
        assert page["persons"] == [ANN, BEN]
        rest = (await activity(ledger, limit=10, cursor=page["next_cursor"])).to_json()
        assert rest["persons"] is None
        assert [each["seq"] for each in rest["entries"]] == seqs[1:]


async def test_a_service_is_found_though_it_is_no_person(world: World) -> None:
    service = {"id": "crm", "kind": "service"}
    await world.append(registering())
    await world.append([accessed(ANN, actor=service), accessed(BEN)])
    async with world.opened() as ledger:
        answer = await activity(ledger, "crm")
        (entry,) = answer.entries
        assert (entry["actor"], entry["actor_kind"], entry["persons"]) == ("crm", "service", [ANN])
        (leaf,) = [
            row["leaf"]
            for row in await ledger.reader.fetch("SELECT leaf FROM entry WHERE seq = $1", answer.query_seq)
        ]
        recorded = parse(leaf)
        assert recorded["event"]["data"]["service"] == "crm"
        assert [slot["r"] for slot in recorded["who"]] == ["actor"]


ATTACKS = (
    # A lawful basis made of another: nothing but the chain repeats it.
    "UPDATE entry SET leaf = convert_to(replace(convert_from(leaf, 'UTF8'), 'A6-1-b', 'A6-1-a'), 'UTF8') WHERE seq = 3",
    "DELETE FROM entry WHERE seq = 4",
    "UPDATE sealed SET blob = set_byte(blob, 20, get_byte(blob, 20) # 1) WHERE seq = 3 AND slot = 0",
    "UPDATE sealed SET blob = set_byte(blob, 20, get_byte(blob, 20) # 1) WHERE seq = 3 AND slot = 1",
    "DELETE FROM sealed WHERE seq = 3 AND slot = 0",
    "UPDATE entry SET received = received + 1 WHERE seq = 3",
    "UPDATE entry SET type = 'org.accountability-ledger.data.collected.v1' WHERE seq = 3",
    "UPDATE entry SET leaf = set_byte(leaf, 40, get_byte(leaf, 40) # 1) WHERE seq = 3",
    "UPDATE entry SET leaf = ''::bytea WHERE seq = 3",
    "UPDATE entry_person SET j = 7 WHERE seq = 3 AND slot = 0",
    "UPDATE entry_person SET slot = 5 WHERE seq = 3 AND slot = 0",
    "UPDATE entry_person AS p SET key_id = o.key_id, j = 9 FROM entry_person AS o WHERE p.seq = 3 AND p.slot = 1 AND o.seq = 4 AND o.slot = 0",
)


async def test_what_was_changed_is_said_and_never_skipped(world: World) -> None:
    await world.append(registering())
    await world.append([accessed(ANN)])
    await world.append([accessed(BEN)])
    for table in TABLES:
        await superuser(world, f"CREATE TABLE saved_{table} AS TABLE {table}")
    async with world.opened() as ledger:
        for attack in ATTACKS:
            await superuser(world, attack)
            with pytest.raises(BadAnswer) as bad:
                await ask(ledger)
            assert "ann@" not in str(bad.value)
            for table in TABLES:
                await superuser(world, f"DELETE FROM {table}; INSERT INTO {table} TABLE saved_{table}")
        assert len((await ask(ledger)).entries) == 1  # restored, and none of the refused left an entry


async def test_the_log_is_listed_and_the_reading_recorded(world: World) -> None:
    await world.append(registering())
    await world.append([accessed(ANN)])
    async with world.opened() as ledger:
        page = (await log_entries(ledger, OFFICER, limit=3)).to_json()
        rest = (await log_entries(ledger, OFFICER, limit=3, cursor=page["next_cursor"])).to_json()
        assert [each["seq"] for each in page["entries"] + rest["entries"]] == [0, 1, 2, 3]
        assert rest["next_cursor"] is None
        assert page["checkpoint"] == rest["checkpoint"]
        assert "ann@example.eu" not in str(page) + str(rest)
        kind = own.type_name("ledger.queried")
        queried = await log_entries(ledger, OFFICER, kind=kind)
        assert [each["seq"] for each in queried.entries] == [4, 5]
        (one,) = (await one_entry(ledger, OFFICER, 3)).entries
        assert one["who"][0]["r"] == "subject"
        assert (await one_entry(ledger, OFFICER, 10_000)).entries == ()

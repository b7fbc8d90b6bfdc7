"""The HTTP API over real Kafka and PostgreSQL: who may ask, what goes in and comes out, and what is said when it fails."""

from __future__ import annotations

import asyncio
import csv
import io
import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import httpx
import jsonschema
import msgspec
import pytest
from prometheus_client import generate_latest
from structlog.testing import capture_logs

from accountability_ledger.accept import accept
from accountability_ledger.errors import Refused
from accountability_ledger.http import HttpProducer, NotTaken
from ledger.api.answer_shapes import SHAPES, AnsweredEntry
from ledger.api.app import make_api
from ledger.api.handles import LIFE_SECONDS, HandleGone, Handles
from ledger.api.parts import assemble
from ledger.api.serve import AddressUnusable, run
from ledger.api.token import TokenFault, load_token
from ledger.core import answer_receipt, base64url, note
from ledger.core.batch import topic_id_text
from ledger.core.merkle import leaf_hash, verify_inclusion
from ledger.core.static_log import check_static_log
from ledger.embedded.process import free_port
from tests.conformance.go_programs import fsck
from tests.world import accessed, event, registering

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from ledger.api.parts import ApiParts
    from ledger.settings import Settings
    from tests.world import World

ANN, BEN = "email:ann@example.eu", "email:ben@example.com"
ONE = {"content-type": "application/cloudevents+json"}
BATCH = {"content-type": "application/cloudevents-batch+json"}
LINES = {"content-type": "application/x-ndjson"}
WAIT = {"prefer": "wait=20"}
V1 = "/v1/ledgers/main"
SCHEMAS = {name: msgspec.json.schema(shape) for name, shape in SHAPES.items()}
ENTRY_FIELDS = {each.encode_name for each in msgspec.structs.fields(AnsweredEntry)}


@asynccontextmanager
async def serving(
    world: World, *, require_reason: bool = False, **settings: Any
) -> AsyncIterator[tuple[httpx.AsyncClient, ApiParts]]:
    """The application, called in this process, with the token sent along."""
    changed = world.settings.model_copy(update=settings)
    async with assemble(changed, require_reason=require_reason) as parts:
        transport = httpx.ASGITransport(app=make_api(parts))  # type: ignore[arg-type]
        headers = {"authorization": f"Bearer {parts.token.secret.decode()}"}
        async with httpx.AsyncClient(
            transport=transport, base_url="http://ledger", headers=headers
        ) as client:
            yield client, parts


async def handle(client: httpx.AsyncClient, identifier: str, kind: str = "subjects") -> str:
    answer = await client.post(f"{V1}/{kind}/resolve", json={"identifier": identifier})
    assert answer.status_code == 200, answer.text
    return str(answer.json()["handle"])


def batch(*events: bytes) -> bytes:
    return b"[" + b",".join(events) + b"]"


async def test_events_go_in_and_their_places_come_out(world: World) -> None:
    async with world.working(), serving(world) as (client, parts):
        answer = await client.post(f"{V1}/events", content=batch(*registering()), headers=BATCH | WAIT)
        assert answer.status_code == 201
        assert answer.headers["preference-applied"] == "wait"
        one = accessed(ANN)
        answer = await client.post(f"{V1}/events", content=one, headers=ONE | WAIT)
        (result,) = answer.json()["results"]
        assert (answer.status_code, result["ok"], result["outcome"]) == (201, True, "appended")
        assert (answer.json()["seq"], answer.json()["receipt"]) == (result["seq"], result["receipt"])
        verifier = parts.ledger.keyring.receipt_signer.verifier
        receipt = answer_receipt.read(result["receipt"], verifier)
        stored = await parts.ledger.reader.fetchrow("SELECT leaf FROM entry WHERE seq = $1", result["seq"])
        assert stored is not None
        assert receipt == answer_receipt.Receipt(result["seq"], leaf_hash(stored["leaf"]))
        again = await client.post(f"{V1}/events", content=one, headers=ONE | WAIT)
        (repeated,) = again.json()["results"]
        assert (repeated["outcome"], repeated["seq"]) == ("duplicate", result["seq"])
        assert repeated["offset"] == result["offset"] + 1
        topics = await parts.topics.describe()
        for each in (result, repeated):
            place = {
                "topic_id": topic_id_text(topics[each["topic"]].topic_id),
                "partition": each["partition"],
                "offset": each["offset"],
            }
            fetched = await client.get(f"{V1}/receipts", params=place)
            assert fetched.json() == {name: each[name] for name in ("seq", "outcome", "leaf_hash", "receipt")}
            by_name = {name: each[name] for name in ("topic", "partition", "offset")}
            assert (await client.get(f"{V1}/receipts", params=by_name)).json() == fetched.json()
            for bad, status in ((by_name | place, 400), ({"partition": 0, "offset": 0}, 400)):
                assert (await client.get(f"{V1}/receipts", params=bad)).status_code == status
            nowhere = await client.get(f"{V1}/receipts", params=by_name | {"topic": "else"})
            assert nowhere.status_code == 404
            later = await client.get(f"{V1}/receipts", params=place | {"offset": 999})
            assert (later.status_code, later.json()["code"]) == (404, "not-found")
            wrong = await client.get(f"{V1}/receipts", params=place | {"topic_id": "AAAA"})
            assert (wrong.status_code, wrong.json()["code"]) == (400, "bad-input")
        identity = json.loads(one)["id"]
        other = await client.post(f"{V1}/events", content=accessed(BEN, id=identity), headers=ONE | WAIT)
        (conflict,) = other.json()["results"]
        assert (conflict["ok"], conflict["outcome"], conflict["reason"]) == (False, "conflict", "conflict")
        unknown = event("data.collected", **_collected(), source="who-knows")
        refused = await client.post(f"{V1}/events", content=unknown, headers=ONE | WAIT)
        (rejected,) = refused.json()["results"]
        assert (rejected["ok"], rejected["outcome"], rejected["reason"]) == (False, "rejected", "no-owner")


def _collected() -> dict[str, Any]:
    """An act on a population by a service: nobody is there to seal an unregistered source for."""
    return {
        "population": {"dataset": "crm", "record_count": 4},
        "actor": {"id": "crm", "kind": "service"},
        "processing_role": "controller",
        "purpose": "provide_service",
        "legal_basis": "A6-1-b",
        "data_categories": ["user.contact.email"],
        "origin": "subject",
    }


async def test_without_a_wish_to_wait_the_acknowledgement_is_the_answer(world: World) -> None:
    async with world.working() as worker, serving(world) as (client, _):
        answer = await client.post(f"{V1}/events", content=b"\n".join(registering()), headers=LINES)
        assert answer.status_code == 202
        results = answer.json()["results"]
        assert [each["index"] for each in results] == [0, 1, 2]
        assert {each["topic"] for each in results} == {f"{world.settings.topic_prefix}privacy.governance"}
        assert all(each["ok"] and "seq" not in each for each in results)
        await world.caught_up(worker)


async def test_a_wait_is_bounded_and_then_says_what_is_known(world: World) -> None:
    async with world.working():
        pass  # the topics are made; no worker reads them
    async with serving(world) as (client, _):
        answer = await client.post(f"{V1}/events", content=accessed(ANN), headers=ONE | {"prefer": "wait=0"})
        assert answer.status_code == 202
        answer = await client.post(f"{V1}/events", content=accessed(ANN), headers=ONE | {"prefer": "wait=1"})
        (result,) = answer.json()["results"]
        assert (answer.status_code, result["ok"]) == (202, True)
        assert "seq" not in result


async def test_what_cannot_be_accepted_is_refused_at_the_door(world: World) -> None:
    twice = accessed(ANN).replace(b'"source":"app"', b'"source":"app","sourc\\u0065":"app"')
    async with world.working() as worker, serving(world) as (client, _):
        mixed = await client.post(f"{V1}/events", content=batch(accessed(ANN), twice), headers=BATCH)
        assert mixed.status_code == 202
        good, bad = mixed.json()["results"]
        assert good["ok"]
        assert (bad["ok"], bad["reason"], bad["index"]) == (False, "duplicate-key", 1)
        late = accessed(ANN, time="2099-01-01T00:00:00Z")
        for body, headers, status, code in (
            (twice, ONE, 422, "events-refused"),
            (late, ONE, 422, "events-refused"),
            (b"[]", BATCH, 400, "bad-input"),
            (b"[" * 100_000, BATCH, 400, "bad-input"),
            (b"", LINES, 400, "bad-input"),
            (b"\n".join([b"{}"] * 1001), LINES, 413, "too-large"),
            (b"x" * (8 * 1024 * 1024 + 1), ONE, 413, "too-large"),
            (twice, {"content-type": "text/plain"}, 415, "unsupported-media-type"),
        ):
            answer = await client.post(f"{V1}/events", content=body, headers=headers)
            assert (answer.status_code, answer.json()["code"]) == (status, code)
            assert answer.headers["content-type"] == "application/problem+json"
            assert "ann@example.eu" not in answer.text
        reasons = (await client.post(f"{V1}/events", content=late, headers=ONE)).json()["results"]
        assert [each["reason"] for each in reasons] == ["future"]
        await world.caught_up(worker)


async def test_only_the_token_opens(world: World) -> None:
    async with serving(world) as (client, parts):
        secret = parts.token.secret.decode()
        for path in (
            f"{V1}/status",
            f"{V1}/entries",
            f"{V1}/entries/0",
            f"{V1}/entries/0/proof",
            f"{V1}/subjects/x/accesses",
            f"{V1}/actors/x/activity",
            "/log/main/tile/entries/000",
            "/log/main/tile/%65ntries/000",
            "/log/main/tile//entries/000",
            "/log/main/tile/0/../entries/000",
        ):
            for given in ("", "Bearer", f"Bearer {secret}x", f"Bearer {secret[:-1]}", f"Basic {secret}"):
                answer = await client.get(path, headers={"authorization": given})
                assert answer.status_code == 401, (path, given)
                assert answer.json()["code"] == "unauthenticated"
                assert answer.headers["www-authenticate"] == "Bearer"
        assert (await client.get(f"{V1}/status")).status_code == 200
        for path in ("/livez", "/readyz", "/openapi.json", "/log/main/checkpoint"):
            assert (await client.get(path, headers={"authorization": ""})).status_code == 200, path


async def test_a_question_over_http(world: World) -> None:
    await world.append(registering())
    await world.append([accessed(ANN, resource="=cmd()"), accessed(ANN), accessed(BEN)])
    async with serving(world) as (client, parts):
        ann = await handle(client, "  EMAIL: ANN@example.eu ".replace("EMAIL", "email"))
        headers = {"ledger-reason": "Überprüfung", "ledger-case": "case-7"}
        with capture_logs() as logs:
            answer = await client.get(
                f"{V1}/subjects/{ann}/accesses",
                params={"limit": 1, "from": "2026-10-01", "to": "2026-10-02T00:00:00+00:00"},
                headers={name.encode(): value.encode() for name, value in headers.items()},
            )
        document = answer.json()
        assert document["subject"] == ANN
        assert document["from"] == "2026-10-01T00:00:00.000000Z"
        assert answer.headers["cache-control"] == "no-store"
        rest = await client.get(
            f"{V1}/subjects/{ann}/accesses",
            params={"limit": 5, "from": "2026-10-01", "to": "2026-10-02", "cursor": document["next_cursor"]},
        )
        told = document["entries"] + rest.json()["entries"]
        assert [each["type"] for each in told] == ["org.accountability-ledger.data.accessed.v1"] * 2
        assert rest.json()["checkpoint"] == document["checkpoint"]
        jsonschema.validate(document, SCHEMAS["who-accessed"])
        said = json.dumps(logs)
        assert "/v1/ledgers/{ledger}/subjects/{handle}/accesses" in said
        for hidden in (ann, "ann@", "2026-10-01", "case-7"):
            assert hidden not in said
        as_csv = await client.get(f"{V1}/subjects/{ann}/accesses", headers={"accept": "text/csv"})
        rows = list(csv.DictReader(io.StringIO(as_csv.text)))
        assert sorted(row["resource"] for row in rows[:2]) == ["", "'=cmd()"]
        assert int(as_csv.headers["ledger-query-seq"]) > document["query_seq"]
        lines = await client.get(f"{V1}/subjects/{ann}/accesses", params={"format": "ndjson", "limit": 1})
        assert len(lines.text.splitlines()) == 1
        assert lines.headers["ledger-next-cursor"]
        account = await handle(client, "user:support-1", "actors")
        activity = (await client.get(f"{V1}/actors/{account}/activity")).json()
        assert activity["persons"] == [ANN, BEN]
        jsonschema.validate(activity, SCHEMAS["actor"])
        assert set(activity["entries"][0]) <= ENTRY_FIELDS
        asker = parts.token.actor
        own = await handle(client, asker, "actors")
        questions = (await client.get(f"{V1}/actors/{own}/activity")).json()["entries"]
        assert questions[0]["question"] == "who-accessed"


async def test_what_a_reader_may_get_wrong(world: World) -> None:
    await world.append(registering())
    async with serving(world) as (client, _):
        ann = await handle(client, ANN)
        path = f"{V1}/subjects/{ann}/accesses"
        for address, params, status, code in (
            (path, {"limit": "0"}, 400, "bad-input"),
            (path, {"limit": "-5"}, 400, "bad-input"),
            (path, {"limit": "ann@example.eu"}, 400, "bad-input"),
            (path, {"limit": "9" * 400}, 400, "bad-input"),
            (path, {"cursor": "'; DROP TABLE entry"}, 400, "bad-cursor"),
            (path, {"from": "ann@example.eu"}, 400, "bad-input"),
            (path, {"from": "2026-10-01T00:00:00"}, 400, "bad-input"),
            (path, {"format": "xml"}, 400, "bad-input"),
            (f"{V1}/subjects/nobody/accesses", {}, 404, "handle-gone"),
            (f"{V1}/actors/{ann}/activity", {}, 404, "handle-gone"),
            ("/v1/ledgers/other/status", {}, 404, "not-found"),
            (f"{V1}/entries/77", {}, 404, "not-found"),
            (f"{V1}/entries/77/proof", {}, 404, "not-found"),
            (f"{V1}/entries/0/proof", {"size": "99"}, 404, "not-found"),
            (f"{V1}/entries/{2**70}", {}, 404, "not-found"),
            (f"{V1}/entries", {"start": str(2**70)}, 400, "bad-input"),
            ("/log/main/tile/0/001", {}, 404, "not-found"),
            ("/log/main/tile/0/000.p/999", {}, 400, "bad-input"),
            ("/log/main/tile/entries/0", {}, 400, "bad-input"),
            ("/nowhere", {}, 404, "not-found"),
        ):
            answer = await client.get(address, params=params)
            assert answer.headers["content-type"] == "application/problem+json", (
                address,
                params,
                answer.text,
            )
            assert (answer.status_code, answer.json()["code"]) == (status, code), (
                address,
                params,
                answer.text,
            )
            assert answer.headers["content-type"] == "application/problem+json"
            assert {"type", "title", "status", "detail"} <= set(answer.json())
            assert "ann@" not in answer.text
        for body in (
            {"identifier": "email:nobody"},
            {"identifier": ""},
            {"other": "ann@"},
            {"identifier": "x" * 9000},
        ):
            answer = await client.post(f"{V1}/subjects/resolve", json=body)
            assert answer.status_code in (400, 413)
            assert "nobody" not in answer.text
        wrong_method = await client.get(f"{V1}/events")
        assert (wrong_method.status_code, wrong_method.json()["code"]) == (405, "method-not-allowed")
        unknown_form = await client.get(path, headers={"accept": "application/pdf"})
        assert (unknown_form.status_code, unknown_form.json()["code"]) == (406, "not-acceptable")


async def test_the_served_log_proves_itself(world: World) -> None:
    await world.append(registering())
    await world.append([accessed(ANN) for _ in range(300)])
    async with serving(world) as (client, parts):
        verifier = parts.ledger.keyring.log_signer.verifier
        size = (await client.get(f"{V1}/status")).json()["size"]
        files: dict[str, bytes] = {}
        for path in ("checkpoint", "tile/0/000", f"tile/0/001.p/{size - 256}", "tile/1/000.p/1"):
            answer = await client.get(f"/log/main/{path}", headers={"authorization": ""})
            assert answer.status_code == 200, path
            files[path] = answer.content
        for path in ("tile/entries/000", f"tile/entries/001.p/{size - 256}"):
            files[path] = (await client.get(f"/log/main/{path}")).content
        checked = check_static_log(files.__getitem__, verifier)
        assert checked.ok, checked.problems
        assert checked.size == size
        after = (await client.get(f"{V1}/status")).json()
        assert (
            after["size"] == size + 2
        )  # the bundles were read, and that is written down; the hashes were not
        for seq, of in ((0, None), (255, 256), (256, 257), (300, after["size"])):
            proof = (await client.get(f"{V1}/entries/{seq}/proof", params={"size": of} if of else {})).json()
            unpacked = [_decoded(each) for each in proof["proof"]]
            verify_inclusion(
                base64url.decode(proof["leaf_hash"]), seq, proof["size"], unpacked, _decoded(proof["root"])
            )
            assert proof["tlog_proof"].startswith("c2sp.org/tlog-proof@v1\n")
        page = (await client.get(f"{V1}/entries", params={"start": 3, "limit": 2})).json()
        assert [each["seq"] for each in page["entries"]] == [3, 4]
        one = (await client.get(f"{V1}/entries/3")).json()["entries"]
        assert one == page["entries"][:1]
        jsonschema.validate(page, SCHEMAS["entries"])
        jsonschema.validate(after, SCHEMAS["status"])


def _decoded(text: str) -> bytes:
    decoded = note.decode_base64(text)
    assert decoded is not None
    return decoded


async def test_a_reason_is_asked_for_where_it_is_required(world: World) -> None:
    async with serving(world, require_reason=True) as (client, _):
        ann = await handle(client, ANN)
        answer = await client.get(f"{V1}/subjects/{ann}/accesses")
        assert (answer.status_code, answer.json()["code"]) == (428, "reason-required")
        answer = await client.get(f"{V1}/subjects/{ann}/accesses", headers={"ledger-reason": "audit"})
        assert answer.status_code == 200


async def test_openapi_describes_every_endpoint(world: World) -> None:
    async with serving(world) as (client, _):
        described = (await client.get("/openapi.json")).json()
        assert {
            f"{V1.replace('main', '{ledger}')}/{path}"
            for path in (
                "events",
                "entries",
                "entries/{seq}",
                "entries/{seq}/proof",
                "receipts",
                "subjects/resolve",
                "subjects/{handle}/accesses",
                "actors/resolve",
                "actors/{handle}/activity",
                "status",
            )
        } <= set(described["paths"])
        names = {
            each["name"] for each in described["paths"]["/v1/ledgers/{ledger}/entries"]["get"]["parameters"]
        }
        assert {"limit", "cursor", "format", "type"} <= names


@asynccontextmanager
async def listening_on(world: World) -> AsyncIterator[tuple[str, Settings]]:
    """The API on a port of its own, as `ledger serve` runs it; and its address."""
    settings = world.settings.model_copy(update={"api_port": 0, "metrics_port": 0})
    address: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    stop = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        group.create_task(run(settings, address.set_result, stop=stop))
        try:
            yield await address, settings
        finally:
            stop.set()


async def test_the_sdk_sends_and_others_check_the_served_log(world: World, tmp_path: Path) -> None:
    await world.append(registering())
    async with world.working(), listening_on(world) as (address, settings):
        token = settings.token_file.read_text().strip()
        bearer = {"authorization": f"Bearer {token}"}
        async with HttpProducer(address, "main", source="crm", wait=True, headers=bearer) as producer:
            answers = [await producer.publish_raw(accessed(ANN)) for _ in range(3)]
            assert [each.seq for each in answers] == [3, 4, 5]
            assert all(each.receipt for each in answers)
            with pytest.raises(Refused):
                await producer.publish_raw(b"{}")
        async with HttpProducer(address, "main", source="crm", wait=True) as stranger:
            with pytest.raises(NotTaken) as refused:
                await stranger.publish_raw(accessed(ANN))
            assert (refused.value.status, refused.value.problem["code"]) == (401, "unauthenticated")
        key = tmp_path / "log.pub"
        async with world.opened() as ledger:
            key.write_text(ledger.keyring.log_signer.verifier.vkey())
        log = f"{address}/log/main/"
        passed, said = await asyncio.to_thread(fsck, log, key, bearer=settings.token_file)
        assert passed, said
        passed, said = await asyncio.to_thread(fsck, log, key)
        assert not passed  # leaves are for auditors


async def test_without_kafka_questions_are_still_answered(world: World) -> None:
    await world.append(registering())
    async with serving(world, kafka_bootstrap=f"127.0.0.1:{free_port()}") as (client, _):
        answer = await client.post(f"{V1}/events", content=accessed(ANN), headers=ONE)
        assert (answer.status_code, answer.json()["code"]) == (503, "kafka-unreachable")
        ann = await handle(client, ANN)
        assert (await client.get(f"{V1}/subjects/{ann}/accesses")).json()["entries"] == []
        assert (await client.get("/readyz")).status_code == 200


async def test_refusals_are_counted_as_what_they_are(world: World) -> None:
    async with serving(world) as (client, parts):
        with capture_logs() as logs:
            await client.get(f"{V1}/subjects/nobody/accesses")
            await client.get(f"{V1}/status", headers={"authorization": ""})
            await client.get("/nowhere/ann@example.eu")
        assert [each["status"] for each in logs if each["event"] == "api.request"] == [404, 401, 404]
        assert "ann@" not in str(logs)
        counted = generate_latest(parts.metrics.registry).decode()
        assert 'route="/v1/ledgers/{ledger}/status",status="401"' in counted
        assert "nowhere" not in counted


async def test_it_serves_until_it_is_told_to_stop(world: World) -> None:
    settings = world.settings.model_copy(update={"api_port": 0, "metrics_port": 0})
    listening: asyncio.Queue[str] = asyncio.Queue()
    stop = asyncio.Event()
    with capture_logs() as logs:
        serving_task = asyncio.create_task(run(settings, listening.put_nowait, stop=stop))
        announced = asyncio.create_task(listening.get())
        await asyncio.wait([serving_task, announced], return_when=asyncio.FIRST_COMPLETED)
        if serving_task.done():
            await serving_task
        address = await announced
        async with httpx.AsyncClient() as client:
            assert (await client.get(f"{address}/livez")).text == "ok\n"
            assert (await client.get(f"{address}/readyz")).json() == {
                "ready": True,
                "database": True,
                "vault": True,
            }
            (metrics,) = [each["metrics"] for each in logs if each["event"] == "api.listening"]
            counted = (await client.get(f"{metrics}/metrics")).text
            assert 'ledger_api_requests_total{method="GET",route="/livez",status="200"} 1.0' in counted
            assert (await client.get(f"{address}/metrics")).status_code in (401, 404)
        stop.set()
        await serving_task
    with pytest.raises(AddressUnusable):
        await run(settings.model_copy(update={"api_host": "0.0.0.0"}))  # noqa: S104 -- refused for this


async def test_a_handle_is_over_after_a_quarter_of_an_hour() -> None:
    now = 0.0
    handles = Handles(lambda: now)
    given = handles.give("subject", ANN)
    now = LIFE_SECONDS - 1
    assert handles.identifier("subject", given) == ANN
    now = LIFE_SECONDS
    with pytest.raises(HandleGone):
        handles.identifier("subject", given)


async def test_a_token_that_others_can_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "run" / "api.token"
    token = load_token(path)
    assert load_token(path) == token
    assert token.admits(b"bearer " + token.secret)
    path.chmod(0o644)
    with pytest.raises(TokenFault):
        load_token(path)
    path.chmod(0o600)
    path.write_text("short")
    with pytest.raises(TokenFault):
        load_token(path)


def test_the_events_of_these_tests_are_good() -> None:
    assert accept(accessed(ANN)).persons

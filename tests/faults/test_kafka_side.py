"""What happens to the topics: transactions, deletion, retention, new partitions, groups and their offsets."""

from __future__ import annotations

import asyncio
import json
import signal
import threading
from typing import TYPE_CHECKING, Any

import pytest
from confluent_kafka import ConsumerGroupTopicPartitions, TopicPartition

from tests.oracle import broker, database, synthetic
from tests.oracle.produce import transact

if TYPE_CHECKING:
    from tests.faults.run import Run

_SECONDS = 60.0


async def skips(run: Run) -> list[dict[str, Any]]:
    """What `ledger.offsets-skipped` entries say, in order."""
    snapshot = await database.snapshot(run.databases.ledger_superuser_url, "main")
    events = [json.loads(leaf)["event"] for leaf in snapshot.leaves]
    return [event["data"] for event in events if event["type"].endswith("ledger.offsets-skipped.v1")]


async def recreate(run: Run) -> None:
    """Delete the topic, and make it again under the same name."""
    await asyncio.to_thread(run.admin.delete_topics([run.topic])[run.topic].result, _SECONDS)
    deadline = asyncio.get_running_loop().time() + _SECONDS
    while run.topic in (await asyncio.to_thread(run.admin.list_topics, timeout=_SECONDS)).topics:
        assert asyncio.get_running_loop().time() < deadline, "Kafka does not delete the topic."
    await run.make_topics()


async def test_markers_and_aborts_are_passed_and_noted(run: Run) -> None:
    """Commits and aborts among plain records, at the end too: the lag comes to zero, every offset has its reason."""
    async with run.worker() as worker:
        await run.produce(30, seed=1)
        await run.transact(20, seed=2, commit=True)
        await run.transact(20, seed=3, commit=False)
        await run.produce(30, seed=4)
        await run.drained(worker)
        await run.transact(20, seed=5, commit=True)
        await run.transact(20, seed=6, commit=False)
        await run.drained(worker)
        assert await worker.terminate() == 0, worker.said
    assert await run.findings() == []
    reasons = {each["reason"] for each in await skips(run)}
    assert reasons == {"transaction-marker", "aborted"}


async def test_only_aborted_records(run: Run) -> None:
    """A topic in which nothing was ever committed is read to its end too, and once more after a restart."""
    await run.transact(20, seed=1, commit=False)
    async with run.worker() as worker:
        await run.drained(worker)
        await run.kill(worker)
    await run.transact(20, seed=2, commit=False)
    async with run.worker() as worker:
        await run.drained(worker)
        await run.produce(20, seed=3)
        await run.drained(worker)
        assert await worker.terminate() == 0, worker.said
    assert await run.findings() == []


async def test_an_open_transaction_is_waited_for(run: Run) -> None:
    """What stands behind it is not read before it, whoever wrote it; then everything is, in order."""
    opened, closing = threading.Event(), threading.Event()

    def hold() -> None:
        opened.set()
        closing.wait(_SECONDS)

    async with run.worker() as worker:
        made = list(synthetic.events(30, seed=1))
        open_one = asyncio.create_task(
            asyncio.to_thread(transact, run.bootstrap, run.topic, made, commit=True, before_end=hold)
        )
        assert await asyncio.to_thread(opened.wait, _SECONDS)
        await run.produce(60, seed=2)
        assert await run.lag() > 0
        closing.set()
        run.acknowledged += await open_one
        await run.drained(worker)
        assert await worker.terminate() == 0, worker.said
    assert await run.findings() == []


@pytest.mark.parametrize("running", [False, True])
async def test_a_topic_created_again_with_more_records_than_the_old_offset(run: Run, running: bool) -> None:
    """The old offsets mean nothing for it: it is read from 0, known by its id."""
    await run.produce(90, seed=1)
    async with run.worker() as worker:
        await run.drained(worker)
        if not running:
            await run.kill(worker)
        await recreate(run)
        await run.produce(300, seed=2)
        if running:
            await run.drained(worker)
            assert await worker.terminate() == 0, worker.said
    if not running:
        async with run.worker() as heir:
            await run.drained(heir)
            assert await heir.terminate() == 0, heir.said
    assert await run.findings() == []
    snapshot = await database.snapshot(run.databases.ledger_superuser_url, "main")
    retired = {position.topic_id for position in snapshot.positions if position.retired}
    living = {each.topic_id for each in broker.topics(run.bootstrap, [run.topic])}
    assert len(retired) == 1
    assert not retired & living


async def truncate(run: Run, before: dict[int, int]) -> None:
    """As retention does: the log of a partition begins at this offset from now on."""
    places = [TopicPartition(run.topic, partition, offset) for partition, offset in before.items()]
    for answer in run.admin.delete_records(places).values():
        await asyncio.to_thread(answer.result, _SECONDS)


async def ends(run: Run) -> dict[int, int]:
    partitions = await asyncio.to_thread(broker.read_again, run.bootstrap, [run.topic])
    return {each.partition: each.end for each in partitions}


async def test_retention_overtakes_the_worker(run: Run) -> None:
    """A loss, that no one can mend: it is said in the chain, and the work goes on."""
    await run.produce(60, seed=1)
    async with run.worker() as worker:
        await run.drained(worker)
        await run.kill(worker)
    read = await ends(run)
    await run.produce(60, seed=2)
    unread = await ends(run)
    await truncate(run, unread)
    await run.produce(60, seed=3)
    async with run.worker() as heir:
        await run.drained(heir)
        assert await heir.terminate() == 0, heir.said
    lost = {each.code for each in await run.findings()}
    assert lost == {"lost"}, "the acknowledged events that retention took, and nothing else"
    spans = {
        (each["partition"], each["from"], each["to"])
        for each in await skips(run)
        if each["reason"] == "retention"
    }
    assert spans == {
        (number, read[number], unread[number]) for number in read if unread[number] > read[number]
    }


async def test_retention_overtakes_a_worker_that_runs(run: Run) -> None:
    """It was suspended for longer than Kafka keeps records, and goes on: the loss is said in the chain."""
    async with run.worker() as worker:
        await run.produce(60, seed=1)
        await run.drained(worker)
        read = await ends(run)
        worker.signal(signal.SIGSTOP)
        await run.produce(60, seed=2)
        unread = await ends(run)
        await truncate(run, unread)
        await run.produce(60, seed=3)
        worker.signal(signal.SIGCONT)
        await run.drained(worker)
        assert await worker.terminate() == 0, worker.said
    findings = await run.findings()
    assert {each.code for each in findings} <= {"lost"}, (
        "the acknowledged events that retention took, and nothing else"
    )
    taken = [each for each in await skips(run) if each["reason"] == "retention"]
    assert len(findings) == sum(each["to"] - each["from"] for each in taken)
    assert all(
        read[each["partition"]] <= each["from"] < each["to"] == unread[each["partition"]] for each in taken
    )
    assert taken, "it cannot have fetched all of it before it was suspended"


async def test_retention_takes_all_that_was_read(run: Run) -> None:
    """The record before the position is gone, and with it the probe; nothing is lost, nothing is skipped."""
    await run.produce(60, seed=1)
    async with run.worker() as worker:
        await run.drained(worker)
        await run.kill(worker)
    await truncate(run, await ends(run))
    await run.produce(60, seed=2)
    async with run.worker() as heir:
        await run.drained(heir)
        assert await heir.terminate() == 0, heir.said
    assert await run.findings() == []
    assert await skips(run) == []


async def test_partitions_are_added(run: Run) -> None:
    async with run.worker() as worker:
        await run.produce(60, seed=1)
        await run.drained(worker)
        await run.add_partitions(5)
        await run.produce(200, seed=2)
        await run.drained(worker)
        assert await worker.terminate() == 0, worker.said
    assert {each.partition for each in run.acknowledged} == {0, 1, 2, 3, 4}
    assert await run.findings() == []


async def test_offsets_of_groups_decide_nothing(run: Run) -> None:
    """Whatever Kafka says that a group has read, the positions are the ledger's."""
    await run.produce(100, seed=1)
    groups = ("accountability-ledger-main", "accountability-ledger-worker", "accountability-ledger-scan")
    await commit_offsets(run, groups, await ends(run))
    async with run.worker() as worker:
        await run.drained(worker)
        await run.kill(worker)
    await run.produce(100, seed=2)
    await commit_offsets(run, groups, dict.fromkeys(range(3), 0))
    async with run.worker() as worker:
        await run.drained(worker)
        await run.kill(worker)
    await run.produce(100, seed=3)
    deleted = run.admin.delete_consumer_groups(list(groups))
    for answer in deleted.values():
        await asyncio.to_thread(answer.result, _SECONDS)
    async with run.worker() as worker:
        await run.drained(worker)
        assert await worker.terminate() == 0, worker.said
    assert await run.findings() == []


async def commit_offsets(run: Run, groups: tuple[str, ...], offsets: dict[int, int]) -> None:
    places = [TopicPartition(run.topic, partition, offset) for partition, offset in offsets.items()]
    for group in groups:
        request = [ConsumerGroupTopicPartitions(group, places)]
        for answer in run.admin.alter_consumer_group_offsets(request).values():
            await asyncio.to_thread(answer.result, _SECONDS)

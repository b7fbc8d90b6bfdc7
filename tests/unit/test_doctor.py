"""What the doctor says of values that a test's servers cannot have, and that each code is described."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from ledger.cli.doctor import DIAGNOSES, State
from ledger.cli.doctor.brokers import broker_checks, topic_checks
from ledger.cli.doctor.databases import _apart, _durability, _server
from ledger.cli.doctor.ledgers import _said_before
from ledger.cli.doctor.machine import disk_check, settings_checks
from ledger.settings import Settings
from ledger.storage.condition import Condition
from ledger.storage.standing import Standing
from streams.cluster import Broker, TakenHint, TopicState
from streams.topics import Topics

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ledger.cli.doctor import Check

_ROOT = Path(__file__).parents[2]
_GOOD_TOPIC = {
    "message.timestamp.type": "LogAppendTime",
    "cleanup.policy": "delete",
    "retention.ms": "500000000",
    "retention.bytes": "-1",
    "segment.ms": "3600000",
    "unclean.leader.election.enable": "false",
    "min.insync.replicas": "2",
}
_GOOD_SERVER = {
    "archive_mode": "on",
    "autovacuum": "on",
    "fsync": "on",
    "full_page_writes": "on",
    "log_min_duration_sample": "-1",
    "log_min_duration_statement": "-1",
    "log_parameter_max_length": "-1",
    "log_statement": "none",
    "synchronous_commit": "on",
    "synchronous_standby_names": "ANY 1 (a, b)",
    "wal_level": "replica",
}
_GOOD = Condition(
    version=18,
    server="1",
    database="ledger",
    clock_ahead=0.1,
    read_only=False,
    connections_free=100,
    superuser=False,
    may_own=False,
    settings=_GOOD_SERVER,
    roles_missing=(),
    unguarded=(),
    unvacuumed=(),
    excess=(),
    standbys=2,
    pending=(),
    changed=(),
)


def _codes(checks: Iterable[Check]) -> list[str]:
    return [each.code for each in checks if each.code is not None]


def _brokers(count: int) -> list[Broker]:
    return [Broker(number, {"auto.create.topics.enable": "false"}) for number in range(count)]


def _topics(changed: dict[str, str], replicas: int, brokers: int) -> list[str]:
    settings = Settings()
    topics = Topics(settings, "127.0.0.1:1")
    name = topics.inbound[0]
    state = TopicState(name, uuid4(), (0,), replicas, _GOOD_TOPIC | changed)
    return _codes(topic_checks(settings, topics, {name: state}, _brokers(brokers)))


@pytest.mark.parametrize(
    ("changed", "replicas", "brokers", "codes"),
    [
        ({}, 3, 3, []),
        ({}, 2, 3, ["topic-replicas"]),
        ({"min.insync.replicas": "1"}, 3, 5, ["topic-min-insync"]),
        ({"min.insync.replicas": "1"}, 1, 1, []),  # one broker: said once, of the brokers
        ({"retention.ms": str(7 * 86_400_000)}, 3, 3, ["topic-segment"]),
        ({"retention.ms": str(7 * 86_400_000 + 1)}, 3, 3, ["topic-retention-long"]),
        ({"retention.ms": str(24 * 3_600_000)}, 3, 3, []),
        ({"retention.ms": str(24 * 3_600_000 - 1)}, 3, 3, ["topic-retention-short"]),
        ({"cleanup.policy": "compact,delete"}, 3, 3, ["topic-compacted"]),
    ],
)
def test_a_topic_is_judged_by_what_is_declared_and_by_the_brokers_there_are(
    changed: dict[str, str], replicas: int, brokers: int, codes: list[str]
) -> None:
    assert _topics(changed, replicas, brokers) == codes


def test_fewer_than_three_brokers_are_too_few_unless_they_are_embedded() -> None:
    assert _codes(broker_checks(_brokers(3), embedded=False)) == []
    assert _codes(broker_checks(_brokers(2), embedded=False)) == ["brokers-few"]
    assert _codes(broker_checks(_brokers(1), embedded=True)) == []


@pytest.mark.parametrize(
    ("changed", "standbys", "codes"),
    [
        ({}, 2, []),
        ({}, None, []),  # the login may not see them
        ({}, 0, ["standby-absent"]),
        ({"synchronous_commit": "local"}, 2, ["standby-none"]),
        ({"synchronous_standby_names": ""}, 0, ["standby-none"]),
        ({"synchronous_commit": "off"}, 2, ["commit-asynchronous", "standby-none"]),
        ({"archive_mode": "off"}, 2, ["wal-not-archived"]),
    ],
)
def test_durability_of_a_server_of_production(
    changed: dict[str, str], standbys: int | None, codes: list[str]
) -> None:
    found = replace(_GOOD, settings=_GOOD_SERVER | changed, standbys=standbys)
    assert _codes(_durability("ledger database", found, embedded=False)) == codes


def test_what_an_embedded_server_has_not_is_no_complaint() -> None:
    found = replace(
        _GOOD, settings=_GOOD_SERVER | {"archive_mode": "off", "synchronous_standby_names": ""}, standbys=0
    )
    assert _codes(_durability("ledger database", found, embedded=True)) == []


@pytest.mark.parametrize(
    ("ahead", "codes"), [(4.9, []), (-4.9, []), (5.0, ["clock-apart"]), (-60, ["clock-apart"])]
)
def test_clocks_may_differ_by_less_than_five_seconds(ahead: float, codes: list[str]) -> None:
    assert _codes(_server("ledger database", replace(_GOOD, clock_ahead=ahead))) == codes


def test_an_old_server_is_named() -> None:
    assert _codes(_server("ledger database", replace(_GOOD, version=17))) == ["postgres-old"]


@pytest.mark.parametrize(
    ("server", "database", "embedded", "code"),
    [
        ("2", "vault", False, None),
        ("2", "ledger", False, None),
        ("1", "vault", False, "vault-same-server"),
        ("1", "vault", True, None),
        ("1", "ledger", True, "vault-same-database"),
    ],
)
def test_the_vault_belongs_apart(server: str, database: str, embedded: bool, code: str | None) -> None:
    assert _apart(_GOOD, replace(_GOOD, server=server, database=database), embedded=embedded).code == code


@pytest.mark.parametrize(("said", "codes"), [((), []), ((3, 5), []), ((3, 6), ["head-behind"])])
def test_the_log_is_at_least_as_long_as_a_worker_said(said: tuple[int, ...], codes: list[str]) -> None:
    now = Standing(5, None, None, None, 1, None, 0, ())  # type: ignore[arg-type]
    assert _codes(_said_before(now, [TakenHint(size, 0) for size in said])) == codes


def test_an_erasure_must_be_over_within_a_month() -> None:
    assert _codes(settings_checks(Settings(backup_retention_days=27))) == []
    assert _codes(settings_checks(Settings(backup_retention_days=28))) == ["declared-past-deadline"]
    assert _codes(settings_checks(Settings(origin="a b"))) == ["origin-invalid"]


def test_a_disk_is_looked_at_where_the_home_will_be(tmp_path: Path) -> None:
    assert "GiB free" in disk_check(tmp_path / "not" / "yet").detail


def test_every_code_is_described_with_its_state_and_remedy() -> None:
    page = (_ROOT / "docs/reference/doctor.md").read_text(encoding="utf-8").split("## Codes")[1]
    described = re.findall(r"^\| `([a-z-]+)` \| (\w+) \| (.*?) \| (.*?) \|$", page, re.MULTILINE)
    assert described == [
        (code, str(each.state), each.meaning, each.remedy) for code, each in DIAGNOSES.items()
    ]
    assert all(each.state is not State.OK for each in DIAGNOSES.values())


def test_every_code_is_said_somewhere() -> None:
    said = "".join(
        path.read_text(encoding="utf-8")
        for path in (_ROOT / "ledger/cli/doctor").glob("*.py")
        if path.name != "diagnoses.py"
    )
    assert {code for code in DIAGNOSES if f'"{code}"' not in said} == set()

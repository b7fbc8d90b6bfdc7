"""What the container files promise, read from the files: nothing is published beyond this machine, no secret is inside."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from ledger.settings import Settings
from tests.services import KAFKA_IMAGE, POSTGRES_IMAGE

CLONE = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((CLONE / "docker-compose.yml").read_text())["services"]
    return loaded


def test_every_published_port_is_bound_to_this_machine(services: dict[str, Any]) -> None:
    ports = [port for service in services.values() for port in service.get("ports", [])]
    assert len(ports) == 3
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_the_images_are_those_that_the_tests_use(services: dict[str, Any]) -> None:
    assert services["kafka"]["image"] == KAFKA_IMAGE
    assert services["postgres"]["image"] == POSTGRES_IMAGE


def test_passwords_come_from_outside(services: dict[str, Any]) -> None:
    for service in services.values():
        for name, value in service.get("environment", {}).items():
            if "PASSWORD" in name:
                assert re.fullmatch(r"\$\{LEDGER_\w+_PASSWORD(:\?[^}]*)?\}", value)
            if "URL" in name:
                assert re.match(r"postgresql://(ledger|postgres):\$\{LEDGER_\w+_PASSWORD[:}]", value)


def test_only_the_migration_may_act_as_the_superuser(services: dict[str, Any]) -> None:
    holders = [name for name, service in services.items() if "LEDGER_POSTGRES_PASSWORD" in str(service)]
    assert holders == ["postgres", "migrate"]


def test_the_ledger_knows_every_setting_that_it_is_given(services: dict[str, Any]) -> None:
    known = {f"LEDGER_{name.upper()}" for name in Settings.model_fields}
    for name in ("migrate", "worker", "api"):
        given = set(services[name]["environment"])
        assert given
        assert given <= known
        assert services[name]["read_only"] is True
        assert services[name]["cap_drop"] == ["ALL"]


def test_the_builder_gets_only_what_is_listed() -> None:
    lines = [line for line in (CLONE / ".dockerignore").read_text().splitlines() if line and line[0] != "#"]
    assert lines[0] == "*"
    copied = {
        source
        for line in (CLONE / "Dockerfile").read_text().splitlines()
        if line.startswith("COPY ") and "--from" not in line
        for source in line.split()[1:-1]
    }
    assert copied == {line[1:] for line in lines if line.startswith("!")}

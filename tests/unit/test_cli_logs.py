"""Logs of the worker and the API: what happened, never what an event holds."""

from __future__ import annotations

import io
import logging
import sys
from typing import TYPE_CHECKING

import pytest
import structlog

from ledger.cli import logs
from ledger.core.errors import Unreachable

if TYPE_CHECKING:
    from collections.abc import Iterator

SECRET = "email:ann@example.eu"


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.delenv("LEDGER_DEBUG", raising=False)
    logs.configure()
    yield stream
    structlog.reset_defaults()
    root.handlers = handlers
    root.setLevel(level)


def _raise() -> None:
    raise ValueError(f"invalid input: {SECRET}")


def test_an_exception_is_logged_by_type_and_place(said: io.StringIO) -> None:
    try:
        _raise()
    except ValueError:
        structlog.get_logger("ledger.test").exception("worker.halted")
        logging.getLogger("a.library").exception("it failed")
    text = said.getvalue()
    assert SECRET not in text
    assert text.count("ValueError") == 2
    assert text.count("_raise") == 2


def test_an_exception_among_the_arguments_of_a_library_is_reduced_to_its_type(said: io.StringIO) -> None:
    logging.getLogger("mode").error("Crashed reason=%r", ValueError(SECRET))
    logging.getLogger("mode").error("Crashed reason=%s", Unreachable("Kafka does not answer."))
    assert SECRET not in said.getvalue()
    assert "ValueError" in said.getvalue()
    assert "Kafka does not answer." in said.getvalue()


def test_debugging_shows_everything(said: io.StringIO, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEDGER_DEBUG", "1")
    try:
        _raise()
    except ValueError:
        structlog.get_logger("ledger.test").exception("worker.halted")
    assert SECRET in said.getvalue()


def test_our_steps_are_said_and_the_libraries_are_not(said: io.StringIO) -> None:
    structlog.get_logger("ledger.test").info("worker.started")
    logging.getLogger("faust").info("[^-App]: Starting...")
    logging.getLogger("streams.service").info("[^-AppendService]: Starting...")
    assert said.getvalue().count("\n") == 1


def test_a_library_repeats_itself_seldom(said: io.StringIO, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(50):
        logging.getLogger("aiokafka").error("Unable to connect to node %s", number % 3)
        structlog.get_logger("streams.service").info("worker.fetched")
    assert said.getvalue().count("Unable to connect") == 1
    assert said.getvalue().count("worker.fetched") == 50
    monkeypatch.setattr(logs, "_SELDOM_SECONDS", 0.0)
    logging.getLogger("aiokafka").error("Unable to connect to node %s", 7)
    assert "Unable to connect to node 7 (and 49 times more)" in said.getvalue()

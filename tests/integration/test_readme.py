"""What the README and the how-to pages show is run here, on real embedded servers, and says what they say it says.

A block marked ```` ```sh run ```` or ```` ```python run ```` is run as it stands; the lines of a ```` ```text output ````
block after it must come in that order in what was said. `…` stands for anything; runs of white space are one space.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

_ROOT = Path(__file__).parents[2]
_PAGES = (
    "README.md",
    "docs/how-to/producer.md",
    "docs/how-to/auditor.md",
    "docs/how-to/investigator.md",
    "docs/how-to/officer.md",
)
_FENCE = re.compile(r"^```(\w+) (run|output)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_SECONDS = 90
_KEPT = ("LEDGER_JAVA_HOME", "LEDGER_MAVEN_REPOSITORY", "LEDGER_KAFKA_JARS")


@dataclass(frozen=True, slots=True)
class Block:
    """Something to run, and the lines that it must say."""

    language: str
    code: str
    says: tuple[str, ...]


def blocks(page: str) -> list[Block]:
    found: list[Block] = []
    for language, kind, content in _FENCE.findall((_ROOT / page).read_text(encoding="utf-8")):
        if kind == "run":
            found.append(Block(language, content, ()))
        else:
            last = found[-1]
            assert not last.says, f"{page}: two outputs of one block"
            found[-1] = Block(last.language, last.code, tuple(filter(None, content.splitlines())))
    return found


def unsaid(says: tuple[str, ...], output: str) -> str | None:
    """The first line that does not come where it should, or None."""
    lines = iter([" ".join(line.split()) for line in output.splitlines()])
    for wanted in says:
        parts = [re.escape(part.strip()) for part in " ".join(wanted.split()).split("…")]
        pattern = re.compile(r"\s*.*\s*".join(parts))
        if not any(pattern.fullmatch(line) for line in lines):
            return wanted
    return None


class Reader:
    """Who follows the pages: one shell, whose exports last, in one directory."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._exports = home / ".exports"
        environment = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith("LEDGER_") or name in _KEPT
        }
        self.environment = environment | {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "LEDGER_API_PORT": "0",
            "LEDGER_METRICS_PORT": "0",
        }

    def run(self, block: Block) -> str:
        assert block.language in {"sh", "python"}, block.language
        code = block.code if block.language == "sh" else f"python - <<'PYTHON'\n{block.code}PYTHON\n"
        exports = f"'{self._exports}'"
        script = f"[ ! -e {exports} ] || . {exports}\n{code}\nexport -p > {exports}\n"
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script],
            cwd=self._home,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
        assert done.returncode == 0, f"{block.code}\nsaid:\n{done.stdout}"
        return done.stdout

    def caught_up(self) -> None:
        """Waits until the ledger has accounted for all that was published."""
        deadline = time.monotonic() + _SECONDS
        while json.loads(self.run(Block("sh", "ledger status --json", ())))["lag"]:
            assert time.monotonic() < deadline, "the lag does not come back to zero"


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    """A reader for whom `ledger up` runs."""
    home = tmp_path
    reader = Reader(home)
    log = home / "up.log"
    with log.open("wb") as out:
        up = subprocess.Popen(
            ["ledger", "up"],
            cwd=home,
            env=reader.environment,
            stdout=out,
            stderr=out,
            stdin=subprocess.DEVNULL,
        )
    address = home / ".ledger" / "run" / "api.address"
    try:
        deadline = time.monotonic() + _SECONDS
        while "is up" not in log.read_text(encoding="utf-8"):
            assert up.poll() is None, log.read_text(encoding="utf-8")
            assert time.monotonic() < deadline, log.read_text(encoding="utf-8")
            time.sleep(0.1)
        reader.environment["API"] = address.read_text(encoding="ascii").strip()
        yield reader
    finally:
        up.send_signal(signal.SIGTERM)
        assert up.wait(_SECONDS) == 0, log.read_text(encoding="utf-8")


def test_what_the_pages_show_is_so(reader: Reader) -> None:
    """One after the other: the how-to pages ask about what the README published."""
    for page in _PAGES:
        found = blocks(page)
        assert found, page
        for block in found:
            said = reader.run(block)
            missing = unsaid(block.says, said)
            assert missing is None, f"{page}: not said: {missing}\nby:\n{block.code}\nwhich said:\n{said}"
            if "publish" in block.code or block.language == "python":
                reader.caught_up()


def test_a_line_that_is_not_said_is_found() -> None:
    assert unsaid(("a … c", "d"), "a  b  c\nd\n") is None
    assert unsaid(("d", "a … c"), "a b c\nd\n") == "a … c"
    assert unsaid(("a … c",), "a b d\n") == "a … c"
    assert unsaid(("lag 0",), "lag 10\n") == "lag 0"

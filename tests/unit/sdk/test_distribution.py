"""What an adopter gets: a core that needs msgspec alone, and a README whose code runs."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import accountability_ledger
from accountability_ledger.accept import accept
from accountability_ledger.outgoing import Envelopes, Outgoing
from accountability_ledger.producer import Producer, Receipt

if TYPE_CHECKING:
    import pytest

SDK = Path(__file__).parents[3] / "sdk"
WITH_EXTRAS = {"producer": "aiokafka", "http": "httpx"}

IMPORTS = """
import importlib, sys
standard = set(sys.stdlib_module_names)
before = {name.split(".")[0] for name in sys.modules}
for name in sys.argv[1:]:
    importlib.import_module(name)
after = {name.split(".")[0] for name in sys.modules}
print(*sorted(after - before - standard))
"""


def modules() -> list[str]:
    root = Path(accountability_ledger.__file__).parent
    names = [path.relative_to(root).with_suffix("").parts for path in sorted(root.rglob("*.py"))]
    return [".".join(("accountability_ledger", *parts)) for parts in names if parts[-1] != "__init__"]


def test_the_core_needs_msgspec_alone() -> None:
    core = [name for name in modules() if name.rpartition(".")[2] not in WITH_EXTRAS]
    assert len(core) > 20
    imported = subprocess.run(
        [sys.executable, "-c", IMPORTS, *core], check=True, capture_output=True, text=True
    ).stdout.split()
    # msgspec itself takes typing_extensions where it is installed.
    assert set(imported) - {"typing_extensions"} == {"accountability_ledger", "msgspec"}


def test_the_readme_s_code_runs(capsys: pytest.CaptureFixture[str]) -> None:
    blocks = re.findall(r"```python\n(.*?)```", (SDK / "README.md").read_text("utf-8"), re.DOTALL)
    assert len(blocks) == 3
    names: dict[str, Any] = {}
    for block in blocks:
        exec(block, names)  # noqa: S102 - our own README
    assert capsys.readouterr().out.startswith("envelope - ")
    declined: Outgoing = names["declined"]
    assert accept(Envelopes("helpdesk").wrap(declined)).type.short == "rights.declined"

    sent: list[Outgoing] = []

    class Recording(Producer):
        """The producer, cut off before the broker: what the README hands it is judged all the same."""

        async def send(self, event: Outgoing) -> Receipt:
            sent.append(event)
            return Receipt(topic="t", partition=0, offset=0, timestamp=0, source="helpdesk", id="1")

    asyncio.run(
        names["show_recording"](Recording("localhost:1", source="helpdesk", message_key_salt=bytes(32)))
    )
    assert accept(Envelopes("helpdesk").wrap(sent[0])).type.short == "data.accessed"

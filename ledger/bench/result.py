"""What a benchmark says: the shape of `bench.json`."""

from pathlib import Path
from typing import Any, TypeVar

import msgspec

from ledger.bench.growth import Growth
from ledger.bench.pairs import Append
from ledger.bench.peers import Peer
from ledger.bench.questions import WhoAccessed
from ledger.bench.verification import Verify
from ledger.bench.visible import Visible
from ledger.core.errors import BadInput

_T = TypeVar("_T")


class Setting(msgspec.Struct, frozen=True):
    """Under which conditions a part was measured."""

    plan: str
    began: str
    machine: dict[str, Any]
    versions: dict[str, str]
    postgresql: dict[str, str]


class LongGrowth(msgspec.Struct, frozen=True):
    """`ledger bench growth`: a log of millions, and questions among them."""

    setting: Setting
    growth: Growth
    who_accessed: WhoAccessed
    bytes_per_event: dict[str, float]


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """Rates are a second, times milliseconds, sizes bytes.

    `growth` is the longest that was measured here: that of `ledger bench growth` where there was one, of which
    `growth_long` says the rest; `growth_short` is this run's own.
    """

    plan: str
    began: str
    seconds: float
    machine: dict[str, Any]
    versions: dict[str, str]
    postgresql: dict[str, str]
    append: Append
    cpu_us_per_event: dict[str, float]
    peers: list[Peer]
    visible: Visible
    visible_5000: Visible
    verify: Verify
    who_accessed: WhoAccessed
    growth: Growth
    bytes_per_event: float
    bytes_per_event_of: dict[str, float]
    growth_short: Growth
    growth_long: LongGrowth | None = None


class Files:
    """Where results lie: beside each other in the ledger's home."""

    def __init__(self, home: Path) -> None:
        self.json = home / "bench.json"
        self.plot = home / "bench.svg"
        self._long = home / "bench-growth.json"

    def with_long(self, result: Result) -> Result:
        """The result with the long growth that was measured here before, if there was one."""
        if not self._long.exists():
            return result
        long = _decoded(self._long, LongGrowth)
        return msgspec.structs.replace(result, growth=long.growth, growth_long=long)

    def write(self, result: Result) -> None:
        """Keeps a result."""
        _written(self.json, result)

    def write_long(self, long: LongGrowth) -> None:
        """Keeps a long growth, and puts it into the result, if there is one: else into a document of its own."""
        _written(self._long, long)
        if self.json.exists():
            document = msgspec.json.decode(self.json.read_bytes())
        else:
            document = {"machine": long.setting.machine, "versions": long.setting.versions}
        _written(self.json, document | {"growth": long.growth, "growth_long": long})

    def read(self) -> Result:
        """The result; raises BadInput where there is none, or not a whole one."""
        return _decoded(self.json, Result)


def _written(path: Path, document: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    rounded = _rounded(msgspec.to_builtins(document))
    path.write_bytes(msgspec.json.format(msgspec.json.encode(rounded), indent=1) + b"\n")


def _rounded(value: Any) -> Any:
    """Numbers with the digits that mean something: four of a ratio, one of a rate."""
    if isinstance(value, float):
        return round(value, 4 if abs(value) < 100 else 1)
    if isinstance(value, dict):
        return {name: _rounded(each) for name, each in value.items()}
    return [_rounded(each) for each in value] if isinstance(value, list) else value


def _decoded(path: Path, shape: type[_T]) -> _T:
    try:
        return msgspec.json.decode(path.read_bytes(), type=shape)
    except FileNotFoundError:
        raise BadInput(f"There is no {path.name} here: run `ledger bench` first.") from None
    except msgspec.ValidationError as error:
        raise BadInput(
            f"{path.name} is of another version, or not whole: run `ledger bench` again."
        ) from error

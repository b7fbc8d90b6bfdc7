"""How much is measured: the whole, or quickly."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Plan:
    """Sizes of a benchmark. `pair_events` are sent in each run of a pair; the large log has `entries`."""

    name: str
    pairs: int
    pair_events: int
    bulk_pairs: int
    peer_rounds: int
    entries: int
    persons: int
    visible_seconds: int
    questions_rate: int = 1_000
    visible_rates: tuple[int, int] = (1_000, 5_000)
    # How much is sent beside the questions, at most: as many seconds as they may take.
    beside_seconds: int = 60

    @property
    def stream(self) -> int:
        """How many events all of it takes from one stream: two pairs share theirs."""
        pairs = (self.pairs + 1) // 2 * self.pair_events
        beside = self.beside_seconds * self.questions_rate
        return pairs + self.entries + beside + self.visible_seconds * sum(self.visible_rates)


FULL = Plan(
    "full",
    pairs=5,
    pair_events=60_000,
    bulk_pairs=3,
    peer_rounds=3,
    entries=300_000,
    persons=500,
    visible_seconds=20,
)
QUICK = Plan(
    "quick",
    pairs=3,
    pair_events=20_000,
    bulk_pairs=1,
    peer_rounds=1,
    entries=50_000,
    persons=300,
    visible_seconds=3,
    beside_seconds=30,
)
PLANS = {plan.name: plan for plan in (FULL, QUICK)}

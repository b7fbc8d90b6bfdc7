"""The story itself: six steps, each of which fails where what it says does not hold."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

from accountability_ledger.catalog import EVENT_TYPES, full_name
from ledger.cli.ask import answer_view
from ledger.cli.command import login
from ledger.cli.proof import verified_entry
from ledger.demo.attack import Attacker
from ledger.demo.traces import forms_of, in_files, in_kafka, in_tables
from ledger.embedded.jars import KAFKA_VERSION
from ledger.example.month import DEFAULT_START, generate, summarise
from ledger.example.persons import PROTAGONISTS
from ledger.storage.erasure import erase
from ledger.storage.log_reader import checkpoint, export_log
from ledger.storage.questions import Asker, actor_activity, log_entries, who_accessed
from ledger.storage.verify import verify

if TYPE_CHECKING:
    from pathlib import Path

    from ledger.demo.stage import Stage
    from ledger.demo.teller import Teller
    from ledger.example.line import GeneratedLine
    from ledger.storage.opening import OpenLedger
    from ledger.storage.verify import Report

STEPS = 6
_CORRECTED = "email:mislabelled0@example.com"
_SHOWN = 10


@dataclass(frozen=True, slots=True)
class Story:
    """The story on its stage."""

    stage: Stage
    tell: Teller

    async def month(self) -> datetime:
        """Step 2. Answers the moment between the two waves."""
        tell, stage = self.tell, self.stage
        lines = list(generate())
        expected = summarise(lines).expected
        async with stage.opened() as ledger:
            salt = ledger.keyring.message_key_salt
        with tell.waiting("Publishing and appending"):
            published = 0
            then = datetime.now(UTC)
            for wave in (0, 1, 2):
                # The register first: what it does not know yet would be sealed. Then the month, as a declared
                # backfill; then what became known later.
                then = datetime.now(UTC)
                published += await stage.publish(_values(lines, wave), salt)
                found = await stage.caught_up()
        counts = found["counts"]
        days = len({day_of(line) for line in lines} - {None})
        tell.say(
            f"Parley Inc. (invented): {days} days from {DEFAULT_START}, two waves, {published} records published"
        )
        tell.table(
            ("published", "appended", "rejected", "duplicate", "conflict"), [(published, *counts.values())]
        )
        tell.fact("published = appended + rejected + duplicate + conflict", published == sum(counts.values()))
        tell.fact("each count is the one that the example announces", counts == _with_zeros(expected))
        own = found["size"] - counts["appended"] - counts["rejected"] - counts["conflict"]
        tell.say(f"{found['size']} entries in the log; {own} of them are the ledger's own.")
        return then

    async def questions(self, then: datetime) -> int:
        """Step 3. Answers the entry that the attacker will want to change."""
        async with self.stage.opened() as ledger:
            seq = await self._regulator(ledger)
            await self._believed(ledger, then)
            await self._investigator(ledger)
            await self._officer(ledger, then)
        return seq

    async def _regulator(self, ledger: OpenLedger) -> int:
        tell, person = self.tell, PROTAGONISTS.regulators_person
        asker = _asker("a regulator asked for everything that happened to this person's data")
        answer = (await who_accessed(ledger, asker, person, since=None, until=None, known_at=None)).to_json()
        tell.say("A regulator: who accessed this person's data, for what, on which basis?", style="bold")
        tell.command(f"ledger who-accessed {person}")
        entries = answer["entries"]
        by = Counter(
            (
                _who(each),
                EVENT_TYPES[each["type"]].short,
                each["purpose"] or "",
                each["legal_basis_claimed"] or "",
            )
            for each in entries
        )
        tell.table(
            ("actor", "type", "purpose", "basis claimed", "times"),
            [(*key, count) for key, count in by.most_common(_SHOWN)],
        )
        tell.say(f"{len(entries)} acts; the question is itself entry {answer['query_seq']} of the log.")
        return int(next(each["seq"] for each in entries if each["operation"] == "export"))

    async def _believed(self, ledger: OpenLedger, then: datetime) -> None:
        tell, asker = self.tell, _asker("what was believed then, and what is known now")
        bases = []
        for known_at in (then, None):
            answer = await who_accessed(ledger, asker, _CORRECTED, since=None, until=None, known_at=known_at)
            bases.append(
                [each["legal_basis_claimed"] for each in answer.entries if each["legal_basis_claimed"]]
            )
        tell.command(f"ledger who-accessed {_CORRECTED} [--known-at {then:%Y-%m-%dT%H:%M:%SZ}]")
        tell.say(
            f"As believed before the second wave: {', '.join(bases[0])}. As known now: {', '.join(bases[1])}."
        )
        tell.fact(
            "what became known later stands beside what was believed, never in its place",
            bases[1][: len(bases[0])] == bases[0] != bases[1],
        )

    async def _investigator(self, ledger: OpenLedger) -> None:
        tell, account = self.tell, PROTAGONISTS.investigators_account
        since, until = _night()
        asker = _asker("this account was compromised in that night")
        answer = await actor_activity(ledger, asker, account, since=since, until=until)
        tell.say("An investigator: what did the compromised account touch in that night?", style="bold")
        tell.command(
            f"ledger actor {account} --from {since:%Y-%m-%dT%H:%M:%SZ} --to {until:%Y-%m-%dT%H:%M:%SZ}"
        )
        facts = dict(answer_view(answer.to_json()).facts)
        tell.table(
            ("what", ""), [(name, facts[name]) for name in facts if name not in ("asked about", "entries")]
        )

    async def _officer(self, ledger: OpenLedger, then: datetime) -> None:
        """The transfer report is not in this version; what it will be made of is."""
        tell, asker = self.tell, _asker("the month's transfers by destination and mechanism")
        known_then: Counter[tuple[str, str]] = Counter()
        known_now: Counter[tuple[str, str]] = Counter()
        cursor = None
        while True:
            page = await log_entries(
                ledger, asker, kind=full_name("data.transferred"), limit=1000, cursor=cursor
            )
            for each in page.entries:
                data = each["event"]["data"]
                key = (data["destination_country"], data.get("mechanism_id", "none"))
                known_now[key] += 1
                known_then[key] += each["via"]["received"] < then.timestamp() * 1000
            cursor = page.next_cursor
            if cursor is None:
                break
        tell.say("A data protection officer: where did data go, and under which mechanism?", style="bold")
        tell.table(
            ("destination", "mechanism", "known then", "known now"),
            [(*key, known_then[key], count) for key, count in known_now.most_common(_SHOWN)],
        )
        tell.say(
            f"{known_now.total()} transfers in {len(known_now)} groups, read from the log's public fields."
        )
        tell.say("The transfer report with its findings is not in this version.", style="dim")

    async def attack(self, seq: int) -> None:
        """Step 4."""
        tell, stage = self.tell, self.stage
        attacker = Attacker(stage.addresses.migrate_database_url, stage.settings.name)
        original = await attacker.leaf(seq)
        forged = original.replace(b'"operation":"export"', b'"operation":"read"')
        tell.fact(f"entry {seq} says that the account exported this person's data", forged != original)
        tell.fact("a superuser's UPDATE is refused", await attacker.refused(seq, forged))
        await attacker.overwrite(seq, forged)
        tell.say(
            f"The superuser takes the triggers away, turns `export` into `read` in entry {seq}, puts them back."
        )
        async with stage.opened() as ledger:
            before = await checkpoint(ledger)
            report = await verify(ledger.database_url, ledger)
            tell.command("ledger verify")
            tell.table(
                ("verdict", "entry", ""), [(each.verdict, each.seq, each.detail) for each in report.verdicts]
            )
            named = [(each.verdict, each.seq) for each in report.verdicts]
            tell.fact("verify names the entry, and nothing else", named == [("changed-leaf", seq)])
            tell.fact(
                "nothing was appended: bad news is not written into a bad log",
                before == await checkpoint(ledger),
            )
        await attacker.overwrite(seq, original)
        async with stage.opened() as ledger:
            await self._holds(ledger, "restored, and the log verifies again")

    async def erasure(self) -> None:
        """Step 5."""
        tell, stage, person = self.tell, self.stage, PROTAGONISTS.erased_person
        asker, forms = _asker("before and after the erasure"), forms_of(PROTAGONISTS.erased_person)
        async with stage.opened() as ledger:
            before = await who_accessed(ledger, asker, person, since=None, until=None, known_at=None)
            tell.command(f"ledger erase {person} --case E-1")
            done = await erase(ledger, asker.actor, person, "E-1", settings=stage.settings)
            tell.say(
                f"{done.keys} key destroyed, {done.links} links deleted; entries {done.started} and {done.erased} say so."
            )
        async with stage.opened() as ledger:
            after = await who_accessed(ledger, asker, person, since=None, until=None, known_at=None)
            tell.fact(
                f"of {len(before.entries)} acts on this person's data none can be found any more",
                not after.entries,
            )
            await self._holds(ledger, "the log verifies, keys and links too", vault=True)
        addresses = stage.addresses
        tables = await in_tables((addresses.migrate_database_url, addresses.migrate_vault_url), forms)
        tell.fact(
            f"in {tables.places} tables of both databases ({_size(tables.bytes)}) the identifier stands nowhere",
            not tables.found,
        )
        files = await asyncio.to_thread(in_files, stage.settings.home, forms, without="kafka")
        tell.fact(
            f"nor in {files.places} files of database, write-ahead log, keys and logs ({_size(files.bytes)})",
            not files.found,
        )
        topics = await stage.topics.describe()
        partitions = [(each.name, number) for each in topics.values() for number in each.partitions]
        ends = await stage.topics.offsets(partitions, earliest=False)
        kafka = await in_kafka(stage.settings, addresses.kafka_bootstrap, ends, forms)
        tell.say(
            f"{kafka.found} of {kafka.places} records in Kafka still hold it: topics expire, at the latest {done.effective_by:%Y-%m-%d %H:%M} UTC."
        )
        tell.say(
            "What remains: that these entries happened, their times, types, purposes and countries, and sealed values"
            " without a key. That is not anonymous, and erasure is the operator's dated claim, not a proof."
        )

    async def proof(self, home: Path) -> None:
        """Step 6."""
        tell, stage = self.tell, self.stage
        exported, flipped = home / "log-export", home / "log-export-flipped"
        async with stage.opened() as ledger:
            done = await export_log(ledger, exported, asker=_asker("to be checked offline"))
        tell.command(f"ledger export-log {exported}")
        tell.command(f"ledger-verify {exported} --key {exported / 'log.pub'}")
        tell.say(
            f"{done.size} entries as {done.files} static files (tlog-tiles); nothing else is needed to check them."
        )
        code, said = await asyncio.to_thread(_verify_offline, exported)
        tell.fact(f"the offline verifier: {said}", code == 0)
        await asyncio.to_thread(shutil.copytree, exported, flipped)
        bundle = flipped / "tile" / "entries" / "000"
        content = bytearray(bundle.read_bytes())
        place = len(content) // 2
        content[place] ^= 1
        bundle.write_bytes(content)
        code, said = await asyncio.to_thread(_verify_offline, flipped)
        tell.say(f"Then one bit of byte {place} of {bundle.relative_to(home)} is flipped.")
        tell.fact(f"the offline verifier, exit code {code}: {said}", 10 <= code <= 29)
        tell.say("Evidence packages about one person are not in this version.", style="dim")

    async def _holds(self, ledger: OpenLedger, text: str, *, vault: bool = False) -> Report:
        report = await verify(ledger.database_url, ledger, vault=ledger.vault if vault else None)
        self.tell.fact(text, report.ok)
        await ledger.own.append(verified_entry(_asker("demo"), report, vault=vault))
        return report


def opening(stage: Stage, tell: Teller) -> None:
    """What step 1 says of the servers."""
    tell.table(
        ("server", "address"),
        [
            (f"Apache Kafka {KAFKA_VERSION}", stage.addresses.kafka_bootstrap),
            ("PostgreSQL 18", f"127.0.0.1:{stage.servers.postgres_port}"),
            ("worker (Faust)", f"process {stage.worker.pid}"),
        ],
    )


def day_of(line: GeneratedLine) -> date | None:
    """The day of a line's time, None where it has none that can be read or lies outside of the month."""
    start = line.value.find(b'"time":"2026-10-')
    try:
        return date.fromisoformat(line.value[start + 8 : start + 18].decode()) if start >= 0 else None
    except ValueError:
        return None


def _values(lines: list[GeneratedLine], wave: int) -> list[bytes]:
    return [line.value for line in lines if line.wave == wave]


def _with_zeros(expected: dict[Any, int]) -> dict[str, int]:
    return {name: expected.get(name, 0) for name in ("appended", "rejected", "duplicate", "conflict")}


def _asker(reason: str) -> Asker:
    return Asker(f"user:{login()}", "cli", reason, "DEMO-1")


def _who(entry: dict[str, Any]) -> str:
    return str(entry.get("actor") or ("erased" if entry.get("actor_erased") else ""))


def _night() -> tuple[datetime, datetime]:
    start = datetime(DEFAULT_START.year, DEFAULT_START.month, DEFAULT_START.day, tzinfo=UTC)
    begins, ends = PROTAGONISTS.compromised_window(int(start.timestamp() * 1000))
    return datetime.fromtimestamp(begins / 1000, UTC), datetime.fromtimestamp(ends / 1000, UTC)


def _size(count: int) -> str:
    return f"{count / 1_000_000:.0f} MB"


def _verify_offline(directory: Path) -> tuple[int, str]:
    """The offline verifier as its own program; its exit code and first line."""
    ran = subprocess.run(
        [sys.executable, "-m", "ledger.verify_cli", str(directory), "--key", str(directory / "log.pub")],
        capture_output=True,
        text=True,
        check=False,
    )
    lines = (ran.stdout + ran.stderr).strip().splitlines()
    return ran.returncode, lines[0] if lines else ""

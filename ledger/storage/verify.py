"""Verifies a stored log from its bytes: every row of one snapshot, read under the auditor's role.

The screen says quickly that nothing is wrong. Where it is in doubt, the log is judged entry by entry, by the verifier
that has a verdict for everything. Memory stays the same however long the log is.
"""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ledger.core import checkpoint as checkpoints
from ledger.core.errors import BadAnswer
from ledger.core.verifier.block import Seen
from ledger.core.verifier.log import LogVerifier
from ledger.core.verifier.read_leaf import hash_text
from ledger.core.verifier.stretch import Doubt, Joiner, sure
from ledger.storage.database import translated
from ledger.storage.verify_processes import screen_all
from ledger.storage.verify_stretch import CONNECTIONS, beside, fewer_collections, snapshot
from ledger.storage.verify_tables import Tables
from ledger.storage.verify_vault import VaultCheck

if TYPE_CHECKING:
    from collections.abc import Callable

    from ledger.core.checkpoint import Checkpoint
    from ledger.core.verifier.verdicts import Verdict
    from ledger.storage.opening import OpenLedger
    from ledger.storage.vault import Vault

_ANY_SEQ = 1 << 63


@dataclass(frozen=True, slots=True)
class Report:
    """What a verification found. `size` leaves were there, with `root` over them (empty where leaves are missing that
    nothing records); `left_out` verdicts beyond the first thousand were counted alone.
    """

    ok: bool
    verdicts: tuple[Verdict, ...]
    size: int
    root: bytes
    left_out: int = 0


def available_processors() -> int:
    """How many processors this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not everywhere
        return os.cpu_count() or 1


async def verify(
    database: str,
    ledger: OpenLedger,
    *,
    vault: Vault | None = None,
    from_checkpoint: str | None = None,
    progress: Callable[[int, int | None], None] | None = None,
    processes: int | None = None,
) -> Report:
    """Verifies all that the database holds of one ledger, as of one snapshot.

    `vault` has persons' tags, blobs and identities checked too; `from_checkpoint` is the text of a signed checkpoint
    that the log must still hold to; `progress` is called with (entries done, entries in all); `processes` are at most
    as many as there are processors. Raises Unreachable, or ProcessEnded.

    The screen says quickly that nothing is wrong. Where it is in doubt, and where the vault is asked too, which it does
    not know, the log is judged entry by entry.
    """
    origin = ledger.keyring.log_signer.name
    with translated():
        async with snapshot(database, 1) as (keeper,):
            name = await keeper.fetchval("SELECT pg_export_snapshot()")
            if vault is None:
                with suppress(Doubt):
                    return await _screened(
                        database, name, ledger, origin, from_checkpoint, progress, processes
                    )
            return await _judged(database, name, ledger, origin, from_checkpoint, vault, progress)


async def _screened(
    database: str,
    name: str,
    ledger: OpenLedger,
    origin: str,
    from_checkpoint: str | None,
    progress: Callable[[int, int | None], None] | None,
    processes: int | None,
) -> Report:
    """The report on a log of which the screen finds everything right; raises Doubt for any other."""
    async with snapshot(database, 2 + CONNECTIONS, name) as (main, seen_connection, *others):
        tables = Tables([main, seen_connection, *others[:3]], ledger.ledger_id)
        await tables.begin()
        head = tables.head
        checkpoint = None if from_checkpoint is None else _opened(from_checkpoint, ledger, tables)
        sure(head.size == tables.end and not tables.refused and not await tables.strays())
        roots = {}
        if checkpoint is not None:
            sure(checkpoint.origin == origin and checkpoint.size <= head.size)
            roots[checkpoint.size] = checkpoint.root
        count = processes or available_processors()
        done = 0

        def more(entries: int) -> None:
            nonlocal done
            done += entries
            if progress:
                progress(done, head.size)

        tasks = await tables.tasks(database, name, origin, roots, count)
        joiner = Joiner()
        seen = await tables.seen_rows()

        async def join() -> None:
            async for stretch in screen_all(tasks, count, others, more):
                stretch.check_seen(Seen(*await seen.until(stretch.end)))
                await tables.compare_upper(joiner.add(stretch, hash_text(joiner.last_hash)))
            sure(not (await seen.until(_ANY_SEQ))[0])

        await beside(join(), [seen])
        slice_ = tables.slices[-1].slice if tables.slices else None
        root = joiner.finish(head, origin, slice_, tables.intake)
        return Report(ok=True, verdicts=(), size=head.size, root=root)


async def _judged(
    database: str,
    name: str,
    ledger: OpenLedger,
    origin: str,
    from_checkpoint: str | None,
    vault: Vault | None,
    progress: Callable[[int, int | None], None] | None,
) -> Report:
    """The report of the verifier that names what is wrong. Its connections are its own: those of a screen in doubt were
    left in the middle of what they sent.
    """
    async with snapshot(database, 5, name) as connections:
        tables = Tables(connections, ledger.ledger_id)
        await tables.begin()
        await tables.open_seen()
        verifier = LogVerifier(
            tables.head,
            tables.intake,
            tables.slices,
            origin=origin,
            checkpoint=None if from_checkpoint is None else _opened(from_checkpoint, ledger, tables),
            keep_tags=vault is not None,
        )
        for verdict, detail in tables.refused:
            verifier.findings.add(verdict, None, detail)
        check = VaultCheck(ledger, vault, origin, verifier) if vault else None
        with fewer_collections():
            await _run(tables, verifier, check, progress)
        if check:
            await check.finish(database)
        verdicts = verifier.findings.sorted()
        return Report(
            not verdicts, verdicts, verifier.size, verifier.root() or b"", verifier.findings.left_out
        )


async def _run(
    tables: Tables,
    verifier: LogVerifier,
    check: VaultCheck | None,
    progress: Callable[[int, int | None], None] | None,
) -> None:
    async for chunk in tables.chunks():
        verifier.feed(chunk, await check.living(chunk) if check else None)
        await _answer_covers(tables, verifier)
        if check:
            await check.look_at_closed()
        if progress:
            progress(chunk.end, tables.end)
    verifier.finish(await tables.strays())
    await _answer_covers(tables, verifier)


async def _answer_covers(tables: Tables, verifier: LogVerifier) -> None:
    covers = verifier.take_covers()
    events = await tables.events_among({repeated for _, repeated in covers})
    for seq, repeated in covers:
        verifier.answer_cover(seq, is_event=repeated in events and repeated < seq)


def _opened(note: str, ledger: OpenLedger, tables: Tables) -> Checkpoint | None:
    """The checkpoint behind a signed note; None where it does not hold, with the reason among `tables.refused`."""
    try:
        return checkpoints.open(note, ledger.keyring.log_signer.verifier)
    except BadAnswer as why:
        known = why.code if why.code in ("bad-signature", "unknown-key") else "bad-signature"
        tables.refused.append((known, str(why)))
        return None

"""The log as others read it: signed checkpoint, proofs, tiles and bundles, and the whole as static files."""

from __future__ import annotations

import os
import secrets
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ledger.core import base64url, merkle
from ledger.core import checkpoint as checkpoints
from ledger.core.checkpoint import tree_hash_text
from ledger.core.errors import BadAnswer, BadInput, NotFound
from ledger.core.merkle import leaf_hash
from ledger.core.static_log import CHECKPOINT_PATH, RootMismatch, StaticLogWriter
from ledger.core.tile import (
    HEIGHT,
    WIDTH,
    BundleId,
    TileId,
    node_reader,
    parse_path,
    tile_of_node,
)
from ledger.core.tile import entry_bundle as pack_bundle
from ledger.core.tlog_proof import TlogProof
from ledger.storage.database import translated
from ledger.storage.own_entries import OwnEntry
from ledger.storage.questions import EXPORTED, sealed_of
from ledger.storage.reading import checked_head, snapshot
from ledger.storage.sql import load

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable
    from pathlib import Path

    import asyncpg

    from ledger.core.answer import Pin
    from ledger.storage.opening import OpenLedger
    from ledger.storage.questions import Asker

    Reader = asyncpg.Pool | asyncpg.pool.PoolConnectionProxy

_SQL = load("log")
_PAGE = 4096


@dataclass(frozen=True, slots=True)
class ExportResult:
    """What was exported: the tree's size and root (32 bytes), the number of files, and the seq of the entry that
    records it, which lies behind that size.
    """

    size: int
    root: bytes
    files: int
    seq: int


async def head(ledger: OpenLedger) -> Pin:
    """The present size and root. Raises ChangedHead where the row does not agree with itself."""
    with translated():
        return checked_head(await ledger.reader.fetchrow(_SQL.head, ledger.ledger_id))


async def checkpoint(ledger: OpenLedger) -> str:
    """The signed head (C2SP tlog-checkpoint), made on demand."""
    return signed(ledger, await head(ledger))


def signed(ledger: OpenLedger, pin: Pin) -> str:
    """The checkpoint of a tree that was read from the head."""
    spoken = checkpoints.Checkpoint(ledger.origin, pin.size, pin.root)
    return checkpoints.sign(spoken, ledger.keyring.log_signer)


async def inclusion(ledger: OpenLedger, seq: int, size: int | None = None) -> dict[str, Any]:
    """The proof that entry `seq` is in the tree of `size` leaves (default: all there are), RFC 6962 section 2.1.1.

    `{"seq", "size", "leaf_hash", "proof", "root", "tlog_proof"}`: root and proof in standard base64, nearest
    sibling first, the leaf hash in base64url;
    `tlog_proof` is the C2SP tlog-proof with a checkpoint of that size. Raises NotFound for a leaf or size that is not
    there, BadAnswer where the proof does not lead to the root (changed tiles).
    """
    async with snapshot(ledger) as state:
        whole = state.pin
        size = whole.size if size is None else size
        if not 0 <= seq < size <= whole.size:
            raise NotFound(f"There is no leaf {seq} in a tree of {size} leaves; the log has {whole.size}.")
        reader = state.connection
        wanted = {
            tile_of_node(level, index, size)
            for level, index in [*merkle.inclusion_nodes(seq, size), *merkle.range_nodes(0, size), (0, seq)]
        }
        tiles = {each: await _tile(ledger, reader, each) for each in wanted}
        with translated():
            leaf = await reader.fetchval(_SQL.leaf, ledger.ledger_id, seq)
    if leaf is None:
        raise BadAnswer(f"Entry {seq} is missing: run `ledger verify`.")
    node = node_reader(size, tiles.__getitem__)
    hashed = leaf_hash(leaf)
    proof = merkle.inclusion_proof(seq, size, node)
    root = merkle.range_root(0, size, node)
    if size == whole.size and root != whole.root:
        raise RootMismatch("The tiles do not lead to the root of the head: run `ledger verify`.")
    merkle.verify_inclusion(hashed, seq, size, proof, root)
    note = checkpoints.sign(checkpoints.Checkpoint(ledger.origin, size, root), ledger.keyring.log_signer)
    return {
        "seq": seq,
        "size": size,
        "leaf_hash": base64url.encode(hashed),
        "proof": [tree_hash_text(each) for each in proof],
        "root": tree_hash_text(root),
        "tlog_proof": TlogProof(seq, tuple(proof), note).text(),
    }


async def leaves(ledger: OpenLedger, start: int, end: int) -> AsyncIterator[bytes]:
    """The leaves [start, end) in order, as far as the log reaches."""
    async for leaf in _leaves(ledger, ledger.reader, start, end):
        yield leaf


async def _leaves(ledger: OpenLedger, reader: Reader, start: int, end: int) -> AsyncIterator[bytes]:
    while start < end:
        with translated():
            rows = await reader.fetch(_SQL.leaves, ledger.ledger_id, start, end, _PAGE)
        for row in rows:
            if row["seq"] != start:
                raise BadAnswer(f"Entry {start} is missing: run `ledger verify`.")
            start += 1
            yield row["leaf"]
        if not rows:
            return


async def tile(ledger: OpenLedger, path: str) -> bytes:
    """The bytes of a hash tile, full or partial, by its path below the log's prefix (C2SP tlog-tiles). Raises
    BadInput for what is no such path, NotFound beyond the head.
    """
    wanted = parse_path(path)
    if not isinstance(wanted, TileId):
        raise BadInput("This is the path of an entry bundle, not of a hash tile.")
    size = (await head(ledger)).size
    if (wanted.index * WIDTH + wanted.width) << (HEIGHT * wanted.level) > size:
        raise NotFound("The log is not long enough for that tile yet.")
    return await _tile(ledger, ledger.reader, wanted)


async def _tile(ledger: OpenLedger, reader: Reader, wanted: TileId) -> bytes:
    """A tile from the stored full one, or put together from the row below: leaves, or the roots of full tiles."""
    first = wanted.index * WIDTH
    with translated():
        stored = await reader.fetchval(_SQL.tile, ledger.ledger_id, wanted.level, wanted.index)
        if stored is not None:
            hashes = bytes(stored[: merkle.HASH_SIZE * wanted.width])
        elif wanted.level == 0:
            hashes = b"".join(
                [leaf_hash(leaf) async for leaf in _leaves(ledger, reader, first, first + wanted.width)]
            )
        else:
            rows = await reader.fetch(
                _SQL.tile_roots, ledger.ledger_id, wanted.level - 1, first, first + wanted.width
            )
            hashes = b"".join(row["root"] for row in rows)
    if len(hashes) != merkle.HASH_SIZE * wanted.width:
        raise BadAnswer("A tile of the log is missing or changed: run `ledger verify`.")
    return hashes


async def entry_bundle(ledger: OpenLedger, path: str) -> bytes:
    """The bytes of an entry bundle, full or partial (C2SP tlog-tiles). Leaves are pseudonymous personal data: bundles
    are for auditors, and the caller appends the read (`questions.record`) before they leave. Raises as `tile` does.
    """
    wanted = parse_path(path)
    if not isinstance(wanted, BundleId):
        raise BadInput("This is the path of a hash tile, not of an entry bundle.")
    first = wanted.index * WIDTH
    if first + wanted.width > (await head(ledger)).size:
        raise NotFound("The log is not long enough for that bundle yet.")
    return pack_bundle([leaf async for leaf in leaves(ledger, first, first + wanted.width)])


async def export_log(
    ledger: OpenLedger,
    directory: Path,
    progress: Callable[[int, int], None] | None = None,
    *,
    asker: Asker,
) -> ExportResult:
    """Writes the log as static `tlog-tiles`, with `log.pub` and `vkeys`, into a directory that is empty or absent.

    Every file is hashed again from the leaves. The export is put in place whole, after the `ledger.exported` entry
    was appended, which lies behind the exported size. `progress(done, total)` counts leaves. Raises BadInput for the
    directory, RootMismatch where the leaves do not hash to the head's root; then nothing is left behind.
    """
    aside = None
    try:
        aside = _aside(directory)
        aside.mkdir(mode=0o700)
        async with snapshot(ledger) as state:
            pin = state.pin
            files = await _write_log(ledger, state.connection, pin, aside, progress)
        data = {"what": "log", "size": pin.size, "root": tree_hash_text(pin.root)}
        placed = await ledger.own.append(
            OwnEntry(EXPORTED, data, asker.via, persons=[("actor", asker.actor)], sealed=sealed_of(asker))
        )
        aside.rename(directory)
    except OSError as error:
        raise BadInput(f"The directory cannot be written ({error.strerror}).") from error
    finally:
        if aside is not None:
            shutil.rmtree(aside, ignore_errors=True)
    return ExportResult(pin.size, pin.root, files, placed.seq)


def _aside(directory: Path) -> Path:
    """A directory beside the one wanted, for the files until all of them are there."""
    directory = directory.absolute()
    try:
        if any(directory.iterdir()):
            raise BadInput("The directory is not empty: name one that is empty or absent.")
    except FileNotFoundError:
        directory.parent.mkdir(parents=True, exist_ok=True)
    return directory.with_name(f".{directory.name}.{secrets.token_hex(4)}")


async def _write_log(
    ledger: OpenLedger,
    reader: Reader,
    pin: Pin,
    aside: Path,
    progress: Callable[[int, int], None] | None,
) -> int:
    writer = StaticLogWriter()
    files = 0
    done = 0
    async for leaf in _leaves(ledger, reader, 0, pin.size):
        files += _write(aside, writer.add(leaf))
        done += 1
        if progress and done % _PAGE == 0:
            progress(done, pin.size)
    files += _write(aside, writer.finish())
    if (writer.size, writer.root()) != (pin.size, pin.root):
        raise RootMismatch("The leaves do not hash to the root of the head: run `ledger verify`.")
    keys = ledger.keyring
    vkeys = [each.verifier.vkey() for each in (keys.log_signer, keys.index_signer, keys.receipt_signer)]
    files += _write(
        aside,
        [
            ("log.pub", f"{vkeys[0]}\n".encode()),
            ("vkeys", "".join(f"{each}\n" for each in vkeys).encode()),
            (CHECKPOINT_PATH, signed(ledger, pin).encode()),
        ],
    )
    if progress:
        progress(pin.size, pin.size)
    return files


def _write(directory: Path, files: Iterable[tuple[str, bytes]]) -> int:
    count = 0
    for name, content in files:
        path = directory / name
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        count += 1
    return count

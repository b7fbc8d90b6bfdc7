"""Our static export, judged by Tessera's fsck."""

from __future__ import annotations

import random
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest

from ledger.core import checkpoint
from ledger.core.checkpoint import Checkpoint
from ledger.core.merkle import leaf_hash, root_of
from ledger.core.note import Ed25519Signer
from ledger.core.static_log import check_static_log, export_static_log
from tests.conformance.go_programs import fsck

if TYPE_CHECKING:
    from pathlib import Path

SIGNER = Ed25519Signer("ledger.example/log/fsck", bytes(range(32)))


def write_log(directory: Path, size: int, longest: int = 90) -> tuple[Path, bytes]:
    """A log of random leaves as files, its key beside it; gives the key's file and the root."""
    chance = random.Random(size)
    leaves = [chance.randbytes(chance.randrange(longest)) for _ in range(size)]
    root = root_of([leaf_hash(leaf) for leaf in leaves])
    note = checkpoint.sign(Checkpoint(SIGNER.name, size, root), SIGNER)
    for path, data in export_static_log(leaves, note):
        (directory / "log" / path).parent.mkdir(parents=True, exist_ok=True)
        (directory / "log" / path).write_bytes(data)
    key = directory / "log.pub"
    key.write_text(SIGNER.verifier.vkey() + "\n")
    return key, root


def ours(directory: Path) -> bool:
    return check_static_log(lambda path: (directory / path).read_bytes(), SIGNER.verifier).ok


@pytest.mark.parametrize("size", [1, 255, 256, 257, 700])
def test_a_static_export_passes(tmp_path: Path, size: int) -> None:
    key, root = write_log(tmp_path, size)
    assert fsck(tmp_path / "log", key) == (True, f"ok size {size} root {root.hex()}\n")
    assert ours(tmp_path / "log")


def test_a_log_with_a_full_tile_on_level_1_passes(tmp_path: Path) -> None:
    key, root = write_log(tmp_path, 65_536 + 300, longest=3)
    assert (tmp_path / "log/tile/2/000.p/1").exists()
    assert fsck(tmp_path / "log", key) == (True, f"ok size 65836 root {root.hex()}\n")


FILES = (
    "checkpoint",
    "tile/0/000",
    "tile/0/002.p/188",
    "tile/1/000.p/2",
    "tile/entries/000",
    "tile/entries/002.p/188",
)


@pytest.mark.parametrize("path", FILES)
def test_one_flipped_byte_fails(tmp_path: Path, path: str) -> None:
    key, _ = write_log(tmp_path, 700)
    file = tmp_path / "log" / path
    whole = file.read_bytes()
    chance = random.Random(path)
    for at in [0, len(whole) - 1, *(chance.randrange(len(whole)) for _ in range(4))]:
        file.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        passed, said = fsck(tmp_path / "log", key)
        assert not passed, said
        assert not ours(tmp_path / "log")
    file.write_bytes(whole)
    assert fsck(tmp_path / "log", key)[0]


@pytest.mark.parametrize("path", FILES)
def test_a_missing_file_fails(tmp_path: Path, path: str) -> None:
    key, _ = write_log(tmp_path, 700)
    (tmp_path / "log" / path).unlink()
    assert not fsck(tmp_path / "log", key)[0]
    assert not ours(tmp_path / "log")


def test_another_key_or_origin_fails(tmp_path: Path) -> None:
    key, _ = write_log(tmp_path, 3)
    assert not fsck(tmp_path / "log", key, origin="ledger.example/log/other")[0]
    key.write_text(Ed25519Signer(SIGNER.name, bytes(32)).verifier.vkey())
    assert not fsck(tmp_path / "log", key)[0]


class Guarded(SimpleHTTPRequestHandler):
    """Serves a directory; entry bundles only to who brings the token, as the ledger does."""

    def do_GET(self) -> None:
        if self.path.startswith("/tile/entries/") and self.headers["Authorization"] != "Bearer auditor":
            self.send_error(403)
        else:
            super().do_GET()

    def log_message(self, *_: object) -> None:
        pass


def test_a_served_log_passes_for_an_auditor(tmp_path: Path) -> None:
    key, root = write_log(tmp_path, 300)
    token = tmp_path / "token"
    token.write_text("auditor\n")
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Guarded, directory=str(tmp_path / "log"))) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            prefix = f"http://127.0.0.1:{server.server_port}/"
            assert fsck(prefix, key, bearer=token) == (True, f"ok size 300 root {root.hex()}\n")
            assert not fsck(prefix, key)[0]
        finally:
            server.shutdown()
            thread.join()

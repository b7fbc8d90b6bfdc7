"""Where the programs come from, and that nothing else is ever run."""

from __future__ import annotations

import base64
import os
import shutil
import stat
import subprocess
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from ledger.embedded import Embedded, EmbeddedError, jars, postgres_programs
from ledger.embedded.kafka import format_storage
from ledger.embedded.place import Place, others_may_enter
from ledger.embedded.sources import Sources

if TYPE_CHECKING:
    from collections.abc import Iterator


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002 - the base class's name
        pass


@pytest.fixture(scope="module")
def cached() -> list[Path]:
    """The jars of this user's cache, fetched when this is the first start on the machine."""
    return jars.class_path(Sources.from_environment(os.environ, Path("/nonexistent")))


@pytest.fixture
def mirror(tmp_path: Path, cached: list[Path]) -> Iterator[tuple[str, Path]]:
    """A Maven repository on this machine with two of the jars: its URL and its directory."""
    root = tmp_path / "mirror"
    for jar, path in zip(jars.listed(), cached, strict=True):
        if jar in _small():
            place = root / jar.group.replace(".", "/") / jar.artifact / jar.version
            place.mkdir(parents=True)
            shutil.copy(path, place / jar.file_name)
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(root)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/", root
    server.shutdown()
    server.server_close()
    thread.join()


def _small() -> list[jars.Jar]:
    return sorted(jars.listed(), key=lambda jar: jar.size)[:2]


def _sources(tmp_path: Path, **changes: Any) -> Sources:
    values = {
        "java_home": None,
        "kafka_jars": None,
        "maven_repository": None,
        "cache": tmp_path / "cache",
        **changes,
    }
    return Sources(**values)


def test_the_list_is_whole(cached: list[Path]) -> None:
    listed = jars.listed()
    assert len(listed) == 27
    assert len({jar.sha256 for jar in listed}) == 27
    assert [path.name for path in cached] == [jar.file_name for jar in listed]


def test_jars_are_fetched_from_a_mirror_kept_and_verified_again(
    tmp_path: Path, mirror: tuple[str, Path]
) -> None:
    url, repository = mirror
    sources = _sources(tmp_path, maven_repository=url)
    paths = jars.class_path(sources, _small())
    assert all(jar.matches(path) for jar, path in zip(_small(), paths, strict=True))
    paths[0].write_bytes(paths[0].read_bytes()[:-1] + b"!")  # altered in the cache: fetched again
    assert jars.class_path(sources, _small()) == paths
    assert _small()[0].matches(paths[0])
    shutil.rmtree(repository)  # nothing is fetched once it is there
    assert jars.class_path(sources, _small()) == paths
    assert sorted(path.name for path in paths[0].parent.iterdir()) == sorted(path.name for path in paths)


def test_what_a_mirror_gives_is_not_believed(tmp_path: Path, mirror: tuple[str, Path]) -> None:
    url, repository = mirror
    [served] = repository.rglob(_small()[0].file_name)
    served.write_bytes(b"\0" * _small()[0].size)
    sources = _sources(tmp_path, maven_repository=url)
    with pytest.raises(EmbeddedError, match="has not SHA-256"):
        jars.class_path(sources, _small())
    served.unlink()
    with pytest.raises(
        EmbeddedError, match=r"could not be fetched \(RuntimeError\)\. Set LEDGER_MAVEN_REPOSITORY"
    ):
        jars.class_path(sources, _small())
    assert not list((tmp_path / "cache").rglob(_small()[0].file_name))


def test_a_repository_that_is_not_there_is_said(tmp_path: Path) -> None:
    sources = _sources(tmp_path, maven_repository="http://127.0.0.1:1/")
    with pytest.raises(EmbeddedError, match=r"could not be fetched \(ConnectionError\)"):
        jars.class_path(sources, _small())


def test_jars_brought_along_are_verified_and_never_fetched(tmp_path: Path, cached: list[Path]) -> None:
    brought = tmp_path / "brought"
    brought.mkdir()
    for path in cached:
        (brought / path.name).symlink_to(path)
    sources = _sources(tmp_path, kafka_jars=brought, maven_repository="http://127.0.0.1:1/")
    assert jars.class_path(sources) == [brought / path.name for path in cached]
    victim = brought / cached[3].name
    victim.unlink()
    with pytest.raises(EmbeddedError, match="LEDGER_KAFKA_JARS, is missing or is not"):
        jars.class_path(sources)
    victim.write_bytes(b"PK")
    with pytest.raises(EmbeddedError, match="LEDGER_KAFKA_JARS, is missing or is not"):
        jars.class_path(sources)


def test_the_environment_chooses(tmp_path: Path) -> None:
    environment = {
        "HOME": str(tmp_path),
        "XDG_CACHE_HOME": "relative/is/invalid",
        "LEDGER_JAVA_HOME": str(tmp_path / "java"),
        "LEDGER_KAFKA_JARS": str(tmp_path / "jars"),
        "LEDGER_MAVEN_REPOSITORY": "https://maven.example/",
    }
    sources = Sources.from_environment(environment, Path("/nonexistent"))
    assert sources == Sources(
        tmp_path / "java",
        tmp_path / "jars",
        "https://maven.example/",
        tmp_path / ".cache" / "accountability-ledger",
    )
    with pytest.raises(EmbeddedError, match="set LEDGER_JAVA_HOME to the directory of a Java 17 or later"):
        sources.java()
    environment["XDG_CACHE_HOME"] = str(tmp_path / "xdg")
    assert (
        Sources.from_environment(environment, Path("/nonexistent")).cache
        == tmp_path / "xdg" / "accountability-ledger"
    )


def test_a_java_that_fails_is_said_with_its_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    java = tmp_path / "java" / "bin" / "java"
    java.parent.mkdir(parents=True)
    java.write_text("#!/bin/sh\necho this is no Java >&2\nexit 1\n")
    java.chmod(0o755)
    monkeypatch.setenv("LEDGER_JAVA_HOME", str(tmp_path / "java"))
    servers = Embedded(tmp_path / "root")
    try:
        with pytest.raises(EmbeddedError, match=r"(?s)Kafka ended while it was starting.*this is no Java"):
            servers.start()
        assert servers.kafka_pid is None
        assert servers.postgres_pid is None  # started beside it, and not left behind
    finally:
        servers.delete()


def test_storage_is_formatted_once_with_fresh_ids(tmp_path: Path) -> None:
    identities = []
    for name in ("one", "two"):
        format_storage(tmp_path / name)
        properties = (tmp_path / name / "meta.properties").read_text()
        format_storage(tmp_path / name)
        assert (tmp_path / name / "meta.properties").read_text() == properties
        values = dict(line.split("=") for line in properties.splitlines())
        assert (values["node.id"], values["version"]) == ("1", "1")
        identities += [values["cluster.id"], values["directory.id"]]
    assert len(set(identities)) == 4
    assert all(len(base64.urlsafe_b64decode(identity + "==")) == 16 for identity in identities)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "holiday.txt").touch()
    with pytest.raises(EmbeddedError, match="is not a Kafka log directory: move it away"):
        format_storage(tmp_path / "other")


def test_a_root_that_cannot_be_used_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(EmbeddedError, match=r"cannot be used .*: choose one that you may write"):
        Embedded(tmp_path / "file")


def test_data_lives_elsewhere_where_a_socket_could_not(tmp_path: Path) -> None:
    root = tmp_path / ("long" * 40)
    place = Place(root)
    try:
        link = root / "data"
        assert link.is_symlink()
        assert link.resolve() == place.data
        assert len(os.fsencode(place.data / "socket/.s.PGSQL.65535")) <= 103
        assert stat.S_IMODE(place.data.stat().st_mode) == (0o711 if os.geteuid() == 0 else 0o700)
        assert Place(root).data == place.data
        place.data.rmdir()  # as the system's cleaning of temporary files would
        assert Place(root).data != place.data
        Place(root).data.rmdir()
        link.unlink()
        (tmp_path / "elsewhere").touch()
        link.symlink_to(tmp_path / "elsewhere")
        with pytest.raises(EmbeddedError, match="leads to something that is not yours"):
            Place(root)
    finally:
        link.unlink()


def test_who_may_enter(tmp_path: Path) -> None:
    inner = tmp_path / "closed" / "inner"
    inner.mkdir(parents=True)
    inner.parent.chmod(0o700)
    assert not others_may_enter(inner)
    assert others_may_enter(Path("/"))


def test_a_copy_of_the_programs_runs_and_is_made_once(tmp_path: Path) -> None:
    installed = postgres_programs.installed()
    copy = postgres_programs.copied(installed, tmp_path)
    for program in ("postgres", "initdb"):
        said = subprocess.run(
            [copy / "bin" / program, "--version"], capture_output=True, text=True, check=True
        ).stdout
        assert "(PostgreSQL) 18." in said
    fresh = tmp_path / "cluster"
    if os.geteuid() != 0:  # initdb refuses root; the other tests run the copy as `nobody` then
        subprocess.run([copy / "bin" / "initdb", "-D", fresh], capture_output=True, check=True)
        assert (fresh / "PG_VERSION").exists()
    marker = copy / "share" / "marker"
    marker.touch()
    assert postgres_programs.copied(installed, tmp_path) == copy
    assert marker.exists()

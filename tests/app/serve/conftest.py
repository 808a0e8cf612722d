"""A throw-away PostgreSQL cluster for the tests that need one, and the archive on either database."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.app.serve import films
from tests.app.serve.cluster import Cluster, found_binaries


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """A PostgreSQL server of its own on a free port; gone when the tests end."""
    pytest.importorskip("psycopg", reason="PostgreSQL needs hilum[serve]")
    binaries = found_binaries()
    if binaries is None:
        pytest.skip("no PostgreSQL server on this machine (Debian: postgresql-15)")
    account = None
    if os.getuid() == 0:
        try:
            account = pwd.getpwnam("postgres").pw_name
        except KeyError:
            pytest.skip("PostgreSQL does not run as root, and there is no account 'postgres' to run it as")
    folder = Path(tempfile.mkdtemp(prefix="hilum-pg-"))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    made = Cluster(binaries, folder, port, account)
    try:
        made.create()
        made.start()
        yield made
    finally:
        made.stop()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def postgres(cluster: Cluster) -> str:
    """The URL of an empty database of its own."""
    return cluster.fresh()


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'index.db'}"
    return str(request.getfixturevalue("postgres"))


@pytest.fixture
def archive(tmp_path: Path) -> films.Archive:
    """An empty archive on SQLite."""
    return films.archive(tmp_path)

"""The index of the archive in SQLite or PostgreSQL: tables, schema version, transactions that outlive a restart."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from hilum.core.errors import HilumError, InputError, need

try:
    import sqlalchemy as sa
    from sqlalchemy import Column, ForeignKey, Index, Table
    from sqlalchemy.dialects import postgresql, sqlite
    from sqlalchemy.exc import DBAPIError
except ImportError as error:
    raise need("sqlalchemy", "serve", "the archive's index") from error

if TYPE_CHECKING:
    from sqlalchemy.engine import URL, Connection, Engine

Result = TypeVar("Result")
METADATA = sa.MetaData()

patients = Table(
    "patients",
    METADATA,
    Column("key", sa.String(64), primary_key=True),  # of issuer and id, or of the study where the id is empty
    Column("patient_id", sa.Text, nullable=False, index=True),
    Column("issuer", sa.Text, nullable=False),
    Column("name", sa.Text, nullable=False),
    Column("name_folded", sa.Text, nullable=False, index=True),
    Column("birth_date", sa.Text, nullable=False),
    Column("sex", sa.Text, nullable=False),
)
studies = Table(
    "studies",
    METADATA,
    Column("uid", sa.String(64), primary_key=True),
    Column("patient", ForeignKey("patients.key"), nullable=False, index=True),
    *(Column(name, sa.Text, nullable=False) for name in ("date", "time", "accession", "study_id")),
    *(Column(name, sa.Text, nullable=False) for name in ("description", "referring", "modalities")),
    *(Column(name, sa.Integer, nullable=False) for name in ("series", "instances", "films")),
    Column("arrived", sa.Double, nullable=False, index=True),  # seconds since 1970, of the first instance
    Column("changed", sa.Double, nullable=False, index=True),  # of the last instance
    Index("studies_by_date", "date", "uid"),
    Index("studies_by_accession", "accession"),
)
series = Table(
    "series",
    METADATA,
    Column("uid", sa.String(64), primary_key=True),
    Column("study", ForeignKey("studies.uid", ondelete="CASCADE"), nullable=False, index=True),
    *(Column(name, sa.Text, nullable=False) for name in ("modality", "description", "body_part", "laterality")),
    *(Column(name, sa.Text, nullable=False) for name in ("date", "time")),
    Column("number", sa.BigInteger),
    Column("instances", sa.Integer, nullable=False),
)
instances = Table(
    "instances",
    METADATA,
    Column("uid", sa.String(64), primary_key=True),
    Column("series", ForeignKey("series.uid", ondelete="CASCADE"), nullable=False, index=True),
    Column("study", ForeignKey("studies.uid", ondelete="CASCADE"), nullable=False, index=True),
    Column("file", sa.String(64), nullable=False, unique=True),  # the SHA-256 of the UID: its name on the disk
    *(Column(name, sa.Text, nullable=False) for name in ("sop_class", "syntax", "view", "source", "digest")),
    *(Column(name, sa.BigInteger) for name in ("number", "rows", "columns", "frames", "bits")),
    Column("size_bytes", sa.BigInteger, nullable=False),
    Column("film", sa.Boolean, nullable=False),
    Column("arrived", sa.Double, nullable=False),
)
conflicts = Table(  # another file came under a UID that is taken: it is kept apart, the first one stands
    "conflicts",
    METADATA,
    Column("uid", sa.String(64), primary_key=True),
    Column("digest", sa.String(64), primary_key=True),
    *(Column(name, sa.Text, nullable=False) for name in ("study", "source", "reason")),
    Column("size_bytes", sa.BigInteger, nullable=False),
    Column("arrived", sa.Double, nullable=False),
)
readings = Table(  # one row per study; it is made with the first instance, in the same transaction
    "readings",
    METADATA,
    Column("study", ForeignKey("studies.uid", ondelete="CASCADE"), primary_key=True),
    Column("state", sa.Text, nullable=False, index=True),  # unread waiting reading read edited final refused ...
    Column("reason", sa.Text, nullable=False, default=""),
    Column("revision", sa.Integer, nullable=False, default=0),
    Column("progress", sa.Double),  # 0 to 1, or NULL
    Column("attempts", sa.Integer, nullable=False, default=0),
    Column("signature", sa.Text, nullable=False, default=""),  # of the instances that were read
    Column("job", sa.Text, nullable=False, default=""),
    Column("summary", sa.Text, nullable=False, default=""),  # JSON: what the worklist shows
    Column("started", sa.Double),
    Column("finished", sa.Double),
)
schema = Table("hilum_schema", METADATA, Column("version", sa.Integer, nullable=False))


class UnavailableError(HilumError):
    """The database did not answer in time; nothing was changed, and the same request may be sent again."""

    exit_code = 2


class FullError(HilumError):
    """The disk is full; nothing was changed and nothing half-written is left."""


def _first(connection: Connection) -> None:
    METADATA.create_all(connection)


# Step n takes a database from version n to n + 1. Steps are never changed once released, only added:
# a later one says what it does in SQL that both databases understand.
STEPS: tuple[Callable[[Connection], None], ...] = (_first,)


class Database:
    """One index: transactions that wait for a lock and for a database that comes back.

    Args:
        engine: a configured engine (`open_database` makes it).
        patience_s: seconds a transaction is tried again while the database does not answer.
    """

    def __init__(self, engine: Engine, *, patience_s: float = 30.0) -> None:
        self.engine = engine
        self.patience_s = patience_s
        self.embedded = engine.dialect.name == "sqlite"
        self._writer = engine.execution_options(hilum_writes=True)

    def read(self, work: Callable[[Connection], Result]) -> Result:
        """Run `work` in a read transaction and return what it returns.

        Raises:
            UnavailableError: if the database does not answer within `patience_s`.
        """
        return self._run(self.engine, work)

    def write(self, work: Callable[[Connection], Result]) -> Result:
        """Run `work` in one write transaction; committed when this returns, undone when it raises.

        It may run more than once: a connection can break after the database has committed, so `work`
        must come to the same end when its rows are already there.

        Raises:
            FullError: if there is no room left.
            UnavailableError: if the database does not answer within `patience_s`.
        """
        return self._run(self._writer, work)

    def lock(self, connection: Connection, name: str) -> None:
        """Hold `name` against other writers until the transaction ends (in SQLite, a writer is alone anyway)."""
        if not self.embedded:
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(sa.func.hashtextextended(name, 0))))

    def close(self) -> None:
        """Close all connections; in SQLite, what deleted rows held leaves the log first."""
        if self.embedded:
            self.forget()
        self.engine.dispose()

    def forget(self) -> None:
        """Take what deleted rows held out of SQLite's log (the file itself is overwritten by `secure_delete`)."""
        if self.embedded:
            _tell(self.engine, "wal_checkpoint(TRUNCATE)")

    def _run(self, engine: Engine, work: Callable[[Connection], Result]) -> Result:
        until, pause_s = time.monotonic() + self.patience_s, 0.05
        while True:
            try:
                with engine.begin() as connection:
                    return work(connection)
            except DBAPIError as error:
                if _is_full(error):
                    raise FullError("The disk of the database is full. Free space, then send it again.") from error
                if not _passes(error):
                    raise
                if time.monotonic() + pause_s > until:
                    raise UnavailableError(
                        f"The database {self.engine.url.render_as_string(hide_password=True)} did not answer for "
                        f"{self.patience_s:.0f} s. Start it, then try again."
                    ) from error
            time.sleep(pause_s * random.uniform(0.5, 1.0))  # noqa: S311 (spreads writers, nothing secret)
            pause_s = min(2.0, pause_s * 2)


def open_database(url: str, *, patience_s: float = 30.0) -> Database:
    """Open the index, make it if it is new, and bring its schema up to date.

    Args:
        url: 'sqlite:///folder/index.db' or 'postgresql://user:password@host/name'.
        patience_s: seconds to wait for a database that does not answer, now and later.

    Raises:
        InputError: if the URL is of another kind, or the schema is newer than this version knows.
        MissingError: if the PostgreSQL driver is not installed.
        UnavailableError: if the database does not answer.
    """
    engine = _engine(_checked(url))
    database = Database(engine, patience_s=patience_s)
    if database.embedded:  # stays with the file, so it is told once
        _tell(engine, "journal_mode = WAL")
    database.write(lambda connection: migrate(database, connection))
    return database


def migrate(
    database: Database, connection: Connection, *, steps: tuple[Callable[[Connection], None], ...] = STEPS
) -> int:
    """Apply the steps a database lacks, one process at a time, and return its version.

    Raises:
        InputError: if the database was made by a later version of Hilum.
    """
    database.lock(connection, "hilum schema")
    known = sa.inspect(connection).has_table(schema.name)
    version = int(connection.scalar(sa.select(schema.c.version)) or 0) if known else 0
    if version > len(steps):
        raise InputError(
            f"The database has schema version {version}; this Hilum knows versions up to {len(steps)}. "
            "Install the Hilum that wrote it, or a later one."
        )
    for step in steps[version:]:
        step(connection)
    if version < len(steps):
        connection.execute(sa.delete(schema))
        connection.execute(sa.insert(schema).values(version=len(steps)))
    return len(steps)


def insert_once(connection: Connection, table: Table, values: dict[str, Any]) -> bool:
    """Insert a row unless its primary key is taken; tell whether it was inserted."""
    dialect: Any = sqlite if connection.dialect.name == "sqlite" else postgresql
    key = next(iter(table.primary_key.columns))
    insert = dialect.insert(table).values(values).on_conflict_do_nothing().returning(key)
    return connection.execute(insert).first() is not None  # drivers do not agree on what rowcount says


def _checked(url: str) -> URL:
    try:
        parsed = sa.make_url(url)
    except sa.exc.ArgumentError:
        raise InputError("The database URL cannot be read. Expected sqlite:///PATH or postgresql://...") from None
    if parsed.drivername in ("postgresql", "postgres", "postgresql+psycopg"):
        try:
            import psycopg  # noqa: F401
        except ImportError:
            raise need("psycopg", "serve", "a PostgreSQL database") from None
        return parsed.set(drivername="postgresql+psycopg")
    if parsed.drivername not in ("sqlite", "sqlite+pysqlite") or parsed.database in (None, "", ":memory:"):
        raise InputError(
            f"'{parsed.drivername}' is not a database Hilum keeps its index in. Expected sqlite:///PATH (a file) "
            "or postgresql://USER@HOST/NAME."
        )
    return parsed


def _engine(url: URL) -> Engine:
    if url.drivername.startswith("postgresql"):
        return sa.create_engine(
            url, pool_pre_ping=True, pool_size=10, max_overflow=30, connect_args={"connect_timeout": 5}
        )
    path = Path(str(url.database))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))  # names of patients are for its owner only
    except OSError as error:
        raise InputError(f"The database '{path}' cannot be opened: {error.strerror}.") from error
    engine = sa.create_engine(url, pool_size=10, max_overflow=30)
    sa.event.listen(engine, "connect", _prepare)
    sa.event.listen(engine, "begin", _begin)
    return engine


def _prepare(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # the driver would begin transactions late, and only as readers
    settings = ("busy_timeout = 30000", "synchronous = FULL", "foreign_keys = ON", "secure_delete = ON")
    for setting in (*settings, "case_sensitive_like = ON"):  # as PostgreSQL has it
        connection.execute(f"PRAGMA {setting}")


def _begin(connection: Connection) -> None:
    """Take the write lock at once: a reader that becomes a writer may be refused, however long it waits."""
    writes = connection.get_execution_options().get("hilum_writes")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _tell(engine: Engine, pragma: str) -> None:
    """Run a pragma that SQLite takes outside a transaction only."""
    connection = engine.raw_connection()
    try:
        connection.cursor().execute(f"PRAGMA {pragma}")
    finally:
        connection.close()


def _is_full(error: DBAPIError) -> bool:
    state = getattr(error.orig, "sqlstate", None)
    return state == "53100" or "disk is full" in str(error.orig)


def _passes(error: DBAPIError) -> bool:
    """Tell whether an error goes away by itself: a lock, a restart, a lost connection, a deadlock's victim."""
    if error.connection_invalidated:
        return True
    if not isinstance(error, sa.exc.OperationalError):
        return False
    if isinstance(state := getattr(error.orig, "sqlstate", None), str):
        return state[:2] in ("08", "57", "40") or state == "53300"
    text = str(error.orig)
    return "locked" in text or "busy" in text or type(error.orig).__module__.startswith("psycopg")

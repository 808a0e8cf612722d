"""The parts of a running server, from the archive to the workers, started and stopped in their order."""

from __future__ import annotations

import logging
import threading
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Any

from hilum.app.serve import ledger, results
from hilum.app.serve.archive import Archive
from hilum.app.serve.archive_index import CLASSES
from hilum.app.serve.arrivals import Arrivals
from hilum.app.serve.audit import Audit
from hilum.app.serve.database import open_database
from hilum.app.serve.deliver import DELIVER, PATIENT, SENDER, Destination
from hilum.app.serve.events import Watch
from hilum.app.serve.jobs import Jobs
from hilum.app.serve.node import Bounds as NodeBounds
from hilum.app.serve.node import Node
from hilum.app.serve.node_query import Questions
from hilum.app.serve.part10 import Bounds
from hilum.app.serve.retention import delete_old
from hilum.app.serve.security import dicom_server, own_machine, secret_of
from hilum.app.serve.settings import Settings
from hilum.app.serve.shelf import ArchiveShelf
from hilum.app.serve.work import Rules
from hilum.app.serve.workers import Workers
from hilum.core.errors import HilumError, InputError

LOG = logging.getLogger("hilum.serve")
_CLEAN_S = 3600.0
_JOB_DAYS = 90.0


class Department:
    """One server's archive, node, queue, workers and shelf.

    Args:
        settings: see there.

    Raises:
        InputError: if a setting cannot be used, or another server already works in this folder.
        MissingError: if the database does not answer, or a package is missing.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings, self.root = settings, Path(settings.root).absolute()
        try:
            self.root.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise InputError(f"'{self.root}' cannot be the server's folder: {error.strerror}. Give another") from error
        self.audit = Audit(self.root / "audit")
        self.database = open_database(settings.index_url)
        limit = settings.limits.file_mb * 2**20
        self.archive = Archive(self.root, self.database, bounds=Bounds(file_bytes=limit))
        self.destinations = destinations(settings)
        self.jobs = Jobs(settings.jobs_url) if settings.work.enabled else None
        self.shelf = ArchiveShelf(
            self.archive, self.root, jobs=self.jobs, destinations=self.destinations, own_title=settings.dicom.ae_title
        )
        self.archive.after_delete.append(self.shelf.forget)
        self.watch = Watch(self.database)
        self.arrivals = (
            Arrivals(self.database, self.jobs, settle_s=settings.work.settle_seconds) if self.jobs is not None else None
        )
        self.node = self._node() if settings.dicom.enabled else None
        self.workers: Workers | None = None
        self._running = ExitStack()
        self._stopping = threading.Event()

    def settled(self, studies: frozenset[str]) -> None:
        """Hear that whoever sent these studies has finished."""
        if self.arrivals is not None:
            self.arrivals.settled(studies)

    def __enter__(self) -> Department:
        """Repair what a crash left, then start everything."""
        try:
            swept = self.archive.sweep()
            if swept.indexed or swept.removed or swept.restored:
                LOG.warning("repaired after a crash: %s", swept)
            if self.settings.work.enabled:
                self.workers = self._workers()
                self._running.callback(self.workers.stop)
                self.workers.start()
            self._running.enter_context(self.watch)
            if self.arrivals is not None:
                self._running.enter_context(self.arrivals)
            if self.node is not None:  # last in, first out: nothing arrives that nobody would take up
                self._running.enter_context(self.node)
            cleaner = threading.Thread(target=self._clean, name="retention", daemon=True)
            cleaner.start()
            self._running.callback(self._stopping.set)
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop everything; what is half done is taken up at the next start."""
        self.close()

    def close(self) -> None:
        """Stop what runs and let go of the database."""
        self._running.close()
        if self.jobs is not None:
            self.jobs.close()
        self.database.close()

    def _node(self) -> Node:
        dicom, limits = self.settings.dicom, self.settings.limits
        bounds = NodeBounds(
            associations=dicom.associations, instance_bytes=limits.file_mb * 2**20, silence_s=limits.silence_seconds
        )
        peers = {peer.ae_title: (peer.host, peer.port) for peer in self.settings.peers if peer.host and not peer.tls}
        known = own_machine(dicom.host) or bool(dicom.calling) or bool(dicom.authorities)
        questions = Questions(self.archive, peers, own_title=dicom.ae_title) if dicom.questions and known else None
        return Node(
            self.archive, classes=CLASSES, ae_title=dicom.ae_title, host=dicom.host, port=dicom.port,
            calling=dicom.calling, tls=dicom_server(dicom), bounds=bounds, questions=questions,
            settled=self.settled,
        )  # fmt: skip

    def _workers(self) -> Workers:
        work = self.settings.work
        rules = {ledger.READ: Rules(starts=work.attempts, attempts=work.attempts, time_limit_s=work.seconds)}
        groups: dict[str, tuple[int, dict[str, Rules]]] = {"read": (work.workers, rules)}
        if self.destinations:
            groups["deliver"] = (1, {DELIVER: PATIENT})
        return Workers(
            self.settings.jobs_url, groups=groups, bodies="hilum.app.serve.reading:bodies",
            arguments=told_to_workers(self.settings, self.destinations),
            lock=self.root / "server.lock", poll_s=0.25,
        )  # fmt: skip

    def _clean(self) -> None:
        retention = self.settings.retention
        while not self._stopping.wait(_CLEAN_S if self._cleaned else 0.0):
            self._cleaned = True
            try:
                results.sweep(self.root, older_s=max(_CLEAN_S, 2 * self.settings.work.seconds))
                if retention.days:
                    gone = delete_old(self.archive, retention.days, audit=self._told)
                    LOG.info("retention: %d studies deleted", len(gone))
                self.audit.forget(retention.audit_days)
                if self.jobs is not None:
                    self.jobs.forget(older_than_days=_JOB_DAYS)
            except (HilumError, OSError) as error:
                LOG.warning("retention: %s", error)

    _cleaned = False

    def _told(self, by: str, deleted: Any) -> None:
        self.audit.note(by, "delete", study=deleted.study_uid, why=deleted.why, files=deleted.instances)


def destinations(settings: Settings) -> tuple[Destination, ...]:
    """Return who gets results.

    Raises:
        InputError: if a name in `results.send_to` is none of the peers'.
    """
    known = {peer.name: peer for peer in settings.peers}
    made = []
    for name in settings.results.send_to:
        if name == SENDER:
            made.append(Destination(SENDER))
            continue
        if name not in known:
            raise InputError(f"results.send_to names '{name}', but the peers are: {', '.join(known) or 'none'}")
        peer = known[name]
        if peer.stow_url:
            token = secret_of(peer.token_file, f"peers: token_file of '{name}'")
            made.append(Destination(name, url=peer.stow_url, token=token))
        else:
            made.append(Destination(name, peer.ae_title, peer.host, peer.port, peer.tls, peer.authorities))
    return tuple(made)


def told_to_workers(settings: Settings, chosen: tuple[Destination, ...]) -> dict[str, Any]:
    """Return what a worker process is told, as plain JSON.

    Raises:
        InputError: if `results.priors_from` is none of the peers.
    """
    nodes = {
        peer.name: {key: getattr(peer, key) for key in ("ae_title", "host", "port", "tls", "authorities")}
        for peer in settings.peers
        if peer.host
    }
    asked = settings.results.priors_from
    if asked and asked not in nodes:
        raise InputError(f"results.priors_from names '{asked}', but the DICOM peers are: {', '.join(nodes) or 'none'}")
    return {
        "root": str(Path(settings.root).absolute()),
        "database": settings.index_url,
        "destinations": [asdict(one) for one in chosen],
        "peers": list(nodes.values()),
        "prior_peer": nodes.get(asked),
        "ae_title": settings.dicom.ae_title,
    }

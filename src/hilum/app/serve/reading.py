"""The job that reads a study: films from the archive, the prior, the model, results into their places.

Run twice, it comes to the same: identifiers come from content, a result is put in place and recorded in one step, and
only if the films are still those that were read. A reading that a reader has touched is never replaced.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from hilum.app.serve import ledger, results
from hilum.app.serve.archive import Archive
from hilum.app.serve.database import open_database
from hilum.app.serve.deliver import DELIVER, Deliver, Destination
from hilum.app.serve.jobs import Order
from hilum.app.serve.peer import Peer, PeerDownError, PeerRefusedError, find_studies, move_study
from hilum.app.serve.work import Answer, Body, Stopped, Ticket
from hilum.core.errors import InputError, RefusedError

if TYPE_CHECKING:
    from hilum.core.study import Study
    from hilum.systems.interpret import Reading

FORMATS = ("sr", "seg", "gsps", "sc", "fhir", "html")


class Reader:
    """Reads studies with a model, the package's own or a plug-in.

    Args:
        model: 'embedded', another registered model, or 'file.py:name'.
        threads: processor threads of the embedded model; 0 uses all.
    """

    def __init__(self, model: str = "embedded", *, threads: int = 1) -> None:
        """Remember which; weights are opened on first use."""
        self._name, self._threads = model, threads

    @cached_property
    def _model(self) -> Any:
        if self._name == "embedded":
            from hilum.systems.embedded import Embedded

            return Embedded(threads=self._threads)
        from hilum.core.registry import get

        return get("model", self._name)

    @property
    def card(self) -> Mapping[str, Any]:
        """What was measured of the model, empty for a plug-in that tells nothing."""
        card: Mapping[str, Any] = getattr(self._model, "card", {})
        return card

    def read(self, study: Study, prior: Reading | None) -> Reading:
        """Read a study beside its prior."""
        from hilum.systems.interpret import Reading, interpret

        if self._name == "embedded":
            return interpret(study, self._model, prior=prior)
        return Reading(self._model(replace(study, prior=prior.study if prior else None)))


class ReadStudy:
    """Body of the jobs 'read'.

    Args:
        archive: where the films are.
        root: results go to `readings/` under it.
        reader: the model.
        destinations: who gets results.
        prior_peer: a PACS that is asked for a prior when the archive has none.
        own_title: our AE title there.
    """

    def __init__(
        self,
        archive: Archive,
        root: Path,
        reader: Reader,
        *,
        destinations: Sequence[Destination] = (),
        prior_peer: Peer | None = None,
        own_title: str = "HILUM",
    ) -> None:
        """Keep what the job needs."""
        self._archive, self._root, self._reader = archive, root, reader
        self._destinations, self._prior_peer, self._own_title = destinations, prior_peer, own_title

    def run(self, ticket: Ticket) -> Answer:
        """Read one study; see the module."""
        study, database = ticket.order.subject, self._archive.database
        films = ledger.films_of(database, study)
        if not films.own or films.signature != ticket.order.key:
            raise Stopped("overtaken: the study was deleted or has other films now")
        ledger.claim(database, films, ticket.id, attempt=ticket.order.attempt)
        if not films.prior and self._fetch_prior(study):
            raise Stopped("overtaken: its prior has just come from the PACS")
        reading, failed = self._read(films, ticket)
        folder = results.folder_of(self._root, study)
        partial = results.unfinished(folder, ticket.id)
        try:
            result = self._write(reading, failed, partial)
            ticket.check()
            target: list[Path] = []

            def place(touched: bool) -> None:
                target[:] = [results.beside(folder) if touched else folder]
                results.put(partial, target[0])

            if not ledger.finish(database, films, ticket.id, result, place=place):
                raise Stopped("overtaken while it was read")
        finally:
            results.clear(partial)
        if target == [folder] and result.state == "read":
            results.keep_own(self._archive, folder)
            return Answer(then=self._deliveries(films))
        return Answer(reason=result.reason)

    def ended(self, ticket: Ticket, state: Literal["failed", "quarantined", "cancelled"], reason: str) -> None:
        """Record in the worklist why there is no reading."""
        shown = "unread" if state == "cancelled" else state
        ledger.give_up(self._archive.database, ticket.order.subject, ticket.id, state=shown, reason=reason)

    def _read(self, films: ledger.Films, ticket: Ticket) -> tuple[Reading, dict[str, str]]:
        def at(part: float) -> None:
            ticket.check()
            ledger.progress(self._archive.database, films.study, ticket.id, part)

        at(0.1)
        study, failed = results.study_of(self._archive, films.study, films.own)
        study, damaged = results.decoded(study)
        failed |= damaged
        if not study.films:
            raise RefusedError("; ".join(dict.fromkeys(failed.values())) or "none of its files is a radiograph")
        before = None
        if films.prior:
            earlier, _ = results.decoded(results.study_of(self._archive, films.prior, films.earlier)[0])
            if earlier.films:
                before = self._reader.read(earlier, None)
                before = replace(before, study=replace(before.study, images=tuple(f.fresh() for f in earlier.films)))
            at(0.4)
        reading = self._reader.read(study, before)
        at(0.8)
        return reading, failed

    def _write(self, reading: Reading, failed: Mapping[str, str], partial: Path) -> ledger.Result:
        from hilum.app.outputs import write_study
        from hilum.app.view.keep import read_case
        from hilum.app.view.sheet import row_of

        partial.parent.mkdir(parents=True, exist_ok=True)
        study = reading.study
        names = {film.id: film.id for film in study.films}
        try:
            write_study(partial, reading, names, card=self._reader.card, keep_identifiers=True, formats=FORMATS)
        except InputError as error:
            if isinstance(error.__cause__, OSError):  # a full disk passes, unlike an input that is wrong
                raise error.__cause__ from error
            raise
        results.make_durable(partial)
        case = read_case(partial, prior=lambda uid: study.prior)
        reasons = dict.fromkeys([*(reason for _, reason in reading.refused), *failed.values()])
        state = "read" if reading.accepted else "refused"
        return ledger.Result(state, "; ".join(reasons), results.summary_of(row_of(case)))

    def _deliveries(self, films: ledger.Films) -> tuple[Order, ...]:
        return deliveries(self._archive, films.study, films.signature, self._destinations, own_title=self._own_title)

    def _fetch_prior(self, study: str) -> bool:
        """Have the patient's latest earlier study sent here by the PACS; one that is away costs nothing."""
        if self._prior_peer is None:
            return False
        wanted = ledger.identity(self._archive.database, study)
        if wanted is None:
            return False
        try:
            known = find_studies(self._prior_peer, {"PatientID": wanted.patient_id, "StudyDate": f"-{wanted.date}"})
            earlier = [one for one in known if _may_be_prior(one, study, wanted)]
            if not earlier:
                return False
            latest = max(earlier, key=lambda one: (one.get("StudyDate", ""), one.get("StudyTime", "")))
            move_study(self._prior_peer, latest["StudyInstanceUID"], self._own_title)
        except (PeerDownError, PeerRefusedError):
            return False
        return bool(ledger.films_of(self._archive.database, study).prior)


def _may_be_prior(one: Mapping[str, str], study: str, wanted: ledger.Identity) -> bool:
    """Tell whether a PACS's answer is an earlier radiograph of the same patient; many do not tell the modality."""
    modalities = set(filter(None, one.get("ModalitiesInStudy", "").split("\\")))
    when = (one.get("StudyDate") or "99999999", one.get("StudyTime", ""))
    other = one.get("StudyInstanceUID", study) != study and one.get("PatientID") == wanted.patient_id
    return other and when < (wanted.date, wanted.time) and (not modalities or bool(modalities & {"CR", "DX"}))


def deliveries(
    archive: Archive, study: str, key: str, destinations: Sequence[Destination], *, own_title: str
) -> tuple[Order, ...]:
    """Return the orders to send a reading to its destinations; none for studies that we fetched ourselves as priors.

    Args:
        archive: tells who sent the films.
        study: Study Instance UID.
        key: which reading of it, the films' signature or a revision.
        destinations: who gets results.
        own_title: our AE title.
    """
    sources = ledger.sources(archive.database, study)
    if sources and all(source.endswith(f" for {own_title}") for source in sources):
        return ()
    return tuple(
        Order(DELIVER, study, f"{key} {one.name}", {"destination": one.name, "signature": key})
        for one in destinations
        if one.name != "sender" or sources
    )


def bodies(
    *,
    root: str,
    database: str,
    archive_root: str = "",
    model: str = "embedded",
    threads: int = 1,
    destinations: Sequence[Mapping[str, Any]] = (),
    peers: Sequence[Mapping[str, Any]] = (),
    prior_peer: Mapping[str, Any] | None = None,
    ae_title: str = "HILUM",
) -> Mapping[str, Body]:
    """Return the bodies of all kinds of job; a worker process calls this with plain JSON.

    Args:
        root: the server's folder; readings lie under it.
        database: URL of the archive's index.
        archive_root: the archive's folder; `root` where it is empty.
        model, threads: see `Reader`.
        destinations: see `deliver.Destination`.
        peers: known nodes (`ae_title`, `host`, `port`), for results that go back to the sender.
        prior_peer: the node that is asked for priors.
        ae_title: our own title.
    """
    archive = Archive(Path(archive_root or root), open_database(database))
    known = tuple(Peer(**{"own_title": ae_title, **peer}) for peer in peers)
    wanted = tuple(Destination(**one) for one in destinations)
    asked = Peer(**{"own_title": ae_title, **prior_peer}) if prior_peer else None
    read = ReadStudy(
        archive, Path(root), Reader(model, threads=threads), destinations=wanted, prior_peer=asked, own_title=ae_title
    )
    return {ledger.READ: read, DELIVER: Deliver(archive, Path(root), wanted, peers=known, own_title=ae_title)}

"""Other DICOM nodes: echo, find, move and store as a user of theirs (SCU)."""

from __future__ import annotations

import ssl
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hilum.app.serve.node import Bounds, entity
from hilum.core.errors import HilumError, InputError
from hilum.io.save import load_dicom

if TYPE_CHECKING:
    from pydicom.dataset import Dataset
    from pynetdicom.association import Association

_VERIFICATION = "1.2.840.10008.1.1"
_STUDY_FIND, _STUDY_MOVE = "1.2.840.10008.5.1.4.1.2.2.1", "1.2.840.10008.5.1.4.1.2.2.2"
_LITTLE_ENDIAN = ("1.2.840.10008.1.2.1", "1.2.840.10008.1.2")
_PENDING = (0xFF00, 0xFF01)
_CONTEXTS = 120
_STUDY_KEYS = (
    *("PatientID", "IssuerOfPatientID", "PatientName", "StudyInstanceUID", "StudyDate", "StudyTime"),
    *("AccessionNumber", "ModalitiesInStudy", "StudyDescription", "NumberOfStudyRelatedInstances"),
)


class PeerDownError(HilumError):
    """A peer did not answer, or is short of something: the same may work later."""


class PeerRefusedError(HilumError):
    """A peer answered and refused: the same will be refused again until somebody changes a setting."""


@dataclass(frozen=True)
class Peer:
    """Another node.

    Args:
        ae_title: its title.
        host, port: where it listens.
        own_title: the title we call with.
        tls: a client-side context, or True for one that trusts `authorities`; False for plain DICOM.
        authorities: PEM file of who may vouch for the peer; the system's own where it is empty.
        patience_s: seconds to wait for a connection and for each answer.
    """

    ae_title: str
    host: str
    port: int
    own_title: str = "HILUM"
    tls: ssl.SSLContext | bool = field(default=False, compare=False)
    authorities: str = ""
    patience_s: float = 20.0

    def __str__(self) -> str:
        """Title, host and port, for messages."""
        return f"{self.ae_title} at {self.host}:{self.port}"


def echo(peer: Peer) -> None:
    """Ask a peer whether it is there (C-ECHO).

    Raises:
        PeerDownError: if it does not answer.
        PeerRefusedError: if it does not want us.
    """
    with _associated(peer, [(_VERIFICATION, _LITTLE_ENDIAN)]) as association:
        _check(peer, association.send_c_echo(), "C-ECHO")


def find_studies(peer: Peer, query: Mapping[str, str], *, limit: int = 200) -> tuple[dict[str, str], ...]:
    """Return the studies that a peer knows (C-FIND, study root).

    Args:
        peer: whom to ask.
        query: keyword -> value with DICOM's wildcards and ranges; no value means 'tell me'.
        limit: the query is cancelled after so many answers.

    Returns:
        One mapping of keyword to text per study.

    Raises:
        PeerDownError, PeerRefusedError: as for `echo`.
        InputError: if a keyword is unknown.
    """
    from pydicom.dataset import Dataset

    asked = Dataset()
    asked.QueryRetrieveLevel = "STUDY"
    for keyword, value in {**dict.fromkeys(_STUDY_KEYS, ""), **query}.items():
        try:
            setattr(asked, keyword, value)
        except (ValueError, TypeError) as error:
            raise InputError(f"'{keyword}' cannot be asked for with '{value}': {error}") from error
        if keyword not in asked:
            raise InputError(f"'{keyword}' is no DICOM keyword")
    found: list[dict[str, str]] = []
    with _associated(peer, [(_STUDY_FIND, _LITTLE_ENDIAN)]) as association:
        for status, identifier in association.send_c_find(asked, _STUDY_FIND, msg_id=1):
            if getattr(status, "Status", None) not in _PENDING:
                _check(peer, status, "C-FIND")
            elif identifier is not None:
                found.append({element.keyword: _text(element.value) for element in identifier if element.keyword})
                if len(found) >= limit:
                    association.send_c_cancel(1, query_model=_STUDY_FIND)
                    break
    return tuple(found)


def move_study(peer: Peer, study_uid: str, destination: str) -> int:
    """Ask a peer to send a study to an AE title it knows, ours as a rule (C-MOVE, study root).

    Returns:
        How many instances it says it sent.

    Raises:
        PeerDownError: if it does not answer or could not send all of them.
        PeerRefusedError: if it refused, e.g. because it does not know the destination.
    """
    from pydicom.dataset import Dataset

    asked = Dataset()
    asked.QueryRetrieveLevel, asked.StudyInstanceUID = "STUDY", study_uid
    sent = failed = 0
    with _associated(peer, [(_STUDY_MOVE, _LITTLE_ENDIAN)]) as association:
        for status, _ in association.send_c_move(asked, destination, _STUDY_MOVE):
            sent = getattr(status, "NumberOfCompletedSuboperations", sent) or 0
            failed = getattr(status, "NumberOfFailedSuboperations", failed) or 0
            if getattr(status, "Status", None) not in (*_PENDING, 0xB000):
                _check(peer, status, "C-MOVE")
    if failed:
        raise PeerDownError(f"{peer} could not send {failed} of {sent + failed} instances")
    return int(sent)


def store_files(peer: Peer, files: Sequence[str | Path]) -> int:
    """Send DICOM files to a peer (C-STORE) and return how many it took; sending again what it has does no harm.

    Args:
        peer: where to.
        files: Part 10 files.

    Raises:
        PeerDownError: if the peer does not answer, breaks off, or has no room (A7xx): nothing is known of the rest.
        PeerRefusedError: if it does not take a kind of object or answers with a failure; the others were sent.
        DecodeError: if a file is no DICOM file.
    """
    loaded = [load_dicom(Path(file), "object") for file in files]
    refused: list[str] = []
    for batch in _batches(loaded):
        with _associated(peer, _contexts(batch)) as association:
            for ds in batch:
                reason = _sent(peer, association, ds)
                if reason:
                    refused.append(reason)
    if refused:
        reasons = "; ".join(dict.fromkeys(refused))
        raise PeerRefusedError(f"{peer} refused {len(refused)} of {len(loaded)} objects: {reasons}")
    return len(loaded)


def _sent(peer: Peer, association: Association, ds: Dataset) -> str:
    """Send one object; the sentence why it was refused, or ''."""
    name = ds.SOPClassUID.name
    try:
        status = association.send_c_store(ds)
    except ValueError:
        return f"it does not take '{name}' in {ds.file_meta.TransferSyntaxUID.name}"
    except RuntimeError as error:
        raise PeerDownError(f"{peer} broke off: {error}") from error
    code = getattr(status, "Status", None)
    if code is None or 0xA700 <= code <= 0xA7FF:
        raise PeerDownError(f"{peer} " + ("did not answer a C-STORE" if code is None else "has no room (A700)"))
    if code == 0 or 0xB000 <= code <= 0xBFFF:
        return ""
    return f"'{name}': status {code:04X} {getattr(status, 'ErrorComment', '') or ''}".strip()


def _batches(loaded: Sequence[Dataset]) -> Iterator[list[Dataset]]:
    """Split what would need more presentation contexts than one association can have."""
    by_context: dict[tuple[str, str], list[Dataset]] = defaultdict(list)
    for ds in loaded:
        by_context[ds.SOPClassUID, ds.file_meta.TransferSyntaxUID].append(ds)
    groups = list(by_context.values())
    for start in range(0, len(groups), _CONTEXTS):
        yield [ds for group in groups[start : start + _CONTEXTS] for ds in group]


def _contexts(batch: Iterable[Dataset]) -> list[tuple[str, tuple[str, ...]]]:
    offered: dict[tuple[str, tuple[str, ...]], None] = {}
    for ds in batch:
        syntax = str(ds.file_meta.TransferSyntaxUID)
        offered[ds.SOPClassUID, _LITTLE_ENDIAN if syntax in _LITTLE_ENDIAN else (syntax,)] = None
    return list(offered)


@contextmanager
def _associated(peer: Peer, contexts: Sequence[tuple[str, tuple[str, ...]]]) -> Iterator[Association]:
    own = entity(peer.own_title, Bounds(negotiation_s=peer.patience_s, silence_s=peer.patience_s))
    own.connection_timeout = peer.patience_s
    for sop_class, syntaxes in contexts:
        own.add_requested_context(sop_class, list(syntaxes))
    context = _context(peer) if peer.tls is True else peer.tls
    tls = (context, peer.host) if context else None
    association = own.associate(peer.host, peer.port, ae_title=peer.ae_title, tls_args=tls)
    if not association.is_established:
        raise _no_association(peer, association)
    try:
        yield association
    finally:
        if association.is_established:
            association.release()


def _context(peer: Peer) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=peer.authorities or None)
    except (OSError, ssl.SSLError) as error:
        raise InputError(f"the authorities for {peer} in '{peer.authorities}' cannot be used: {error}") from error


def _no_association(peer: Peer, association: Association) -> HilumError:
    if association.rejected_contexts and not association.accepted_contexts:
        rejected = [getattr(context.abstract_syntax, "name", "") for context in association.rejected_contexts]
        names = ", ".join(dict.fromkeys(rejected))
        return PeerRefusedError(f"{peer} does not take '{names}'")
    if not association.is_rejected:
        return PeerDownError(f"{peer} does not answer: check that it runs, its host, port and TLS")
    answer = association.acceptor.primitive
    if answer is not None and answer.result == 0x02:  # rejected for now
        return PeerDownError(f"{peer} is busy: {answer.reason_str}")
    why = answer.reason_str if answer is not None else "no reason given"
    return PeerRefusedError(
        f"{peer} rejected us as '{peer.own_title}': {why}. Its list of known AE titles may lack ours."
    )


def _check(peer: Peer, status: Any, service: str) -> None:
    code = getattr(status, "Status", None)
    if code is None:
        raise PeerDownError(f"{peer} did not answer a {service}")
    if code != 0:
        comment = getattr(status, "ErrorComment", "") or ""
        kind = PeerDownError if 0xA700 <= code <= 0xA702 else PeerRefusedError
        raise kind(f"{peer} answered {service} with status {code:04X} {comment}".strip())


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, str) or not isinstance(value, Iterable):
        return str(value)
    return "\\".join(map(str, value))

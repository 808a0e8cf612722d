"""The DICOM node: answers C-ECHO and C-STORE, and says success only for what the archive has on disk."""

from __future__ import annotations

import errno
import logging
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol

from hilum import __version__
from hilum.app.serve.guard import PatientTls, bound_connection
from hilum.app.serve.node_query import FIND, MOVE, Questions
from hilum.core.errors import HilumError, InputError, MissingError, need
from hilum.io.save import made_uid

if TYPE_CHECKING:
    from pynetdicom.ae import ApplicationEntity
    from pynetdicom.association import Association
    from pynetdicom.events import Event

LOG = logging.getLogger(__name__)

SYNTAXES = (
    "1.2.840.10008.1.2.1",  # Explicit VR Little Endian, first: what is chosen where a peer leaves the choice
    "1.2.840.10008.1.2",  # Implicit VR Little Endian
    "1.2.840.10008.1.2.1.99",  # Deflated Explicit VR Little Endian
    "1.2.840.10008.1.2.2",  # Explicit VR Big Endian
    "1.2.840.10008.1.2.5",  # RLE Lossless
    "1.2.840.10008.1.2.4.50",  # JPEG Baseline
    "1.2.840.10008.1.2.4.51",  # JPEG Extended
    "1.2.840.10008.1.2.4.57",  # JPEG Lossless, Process 14
    "1.2.840.10008.1.2.4.70",  # JPEG Lossless, Selection Value 1
    "1.2.840.10008.1.2.4.80",  # JPEG-LS Lossless
    "1.2.840.10008.1.2.4.81",  # JPEG-LS Near-lossless
    "1.2.840.10008.1.2.4.90",  # JPEG 2000 Lossless
    "1.2.840.10008.1.2.4.91",  # JPEG 2000
    "1.2.840.10008.1.2.4.201",  # High-Throughput JPEG 2000 Lossless
    "1.2.840.10008.1.2.4.202",  # High-Throughput JPEG 2000 with RPCL
    "1.2.840.10008.1.2.4.203",  # High-Throughput JPEG 2000
)
SUCCESS, OUT_OF_RESOURCES, CANNOT_UNDERSTAND, PROCESSING_FAILURE = 0x0000, 0xA700, 0xC000, 0x0110
_VERIFICATION = "1.2.840.10008.1.1"
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.ENOMEM, errno.EMFILE, errno.ENFILE)
_P_DATA = 0x04


class Keeper(Protocol):
    """Where instances go: `archive.Archive`."""

    def store(self, source_file: Any, *, source: str) -> Any:
        """Keep one Part 10 file for good before it returns; what it returns names its `study_uid`."""


@dataclass(frozen=True)
class Bounds:
    """What the node grants its peers.

    Args:
        associations: at a time, those still being negotiated included; a further one is rejected as 'local limit'.
        pdu_bytes: largest PDU it takes.
        instance_bytes: a larger C-STORE request ends its association.
        negotiation_s: a peer that connects must ask for an association within so many seconds.
        silence_s: a peer that sends nothing for so long is disconnected; one PDU may not take longer either.
    """

    associations: int = 32
    pdu_bytes: int = 131_072
    instance_bytes: int = 512 * 2**20
    negotiation_s: float = 10.0
    silence_s: float = 30.0


class Node:
    """A listening DICOM application entity.

    Args:
        keeper: keeps what comes.
        classes: SOP Class UIDs it accepts for storage.
        ae_title: its own title; a peer must call it by that.
        host, port: where it listens; port 0 takes a free one.
        calling: AE titles that may connect; empty lets everybody who reaches the port.
        tls: a server-side context; None for plain DICOM.
        bounds: see `Bounds`.
        questions: answers C-FIND and C-MOVE; None refuses them.
        settled: called with Study Instance UIDs when the association that brought them ends, however it ends.

    Raises:
        MissingError: if pynetdicom is not installed.
        InputError: if the AE title is none.
    """

    def __init__(
        self,
        keeper: Keeper,
        *,
        classes: frozenset[str],
        ae_title: str = "HILUM",
        host: str = "127.0.0.1",
        port: int = 11112,
        calling: tuple[str, ...] = (),
        tls: ssl.SSLContext | None = None,
        bounds: Bounds | None = None,
        questions: Questions | None = None,
        settled: Callable[[frozenset[str]], None] = lambda studies: None,
    ) -> None:
        """Plan the node; `start` opens its port."""
        self._keeper, self._settled, self._questions = keeper, settled, questions
        self._bounds = bounds or Bounds()
        self._address, self._tls = (host, port), tls
        self._entity = entity(ae_title, self._bounds)
        self._entity.require_called_aet = True
        self._entity.require_calling_aet = [title.strip() for title in calling]
        self._entity.maximum_associations = self._bounds.associations
        self._entity.add_supported_context(_VERIFICATION)
        for sop_class in sorted(classes):
            self._entity.add_supported_context(sop_class, list(SYNTAXES))
        for sop_class in (*FIND, *MOVE) if questions is not None else ():
            self._entity.add_supported_context(sop_class)
        self._server: Any = None
        self._brought: dict[Association, set[str]] = {}
        self._bytes: dict[Association, int] = {}
        self._guard = threading.Lock()

    @property
    def port(self) -> int:
        """The port it listens on, 0 before `start`."""
        return int(self._server.server_address[1]) if self._server else 0

    def start(self) -> Node:
        """Open the port and answer from threads of its own.

        Raises:
            InputError: if the address cannot be had.
        """
        from pynetdicom import evt

        handlers: list[Any] = [
            (evt.EVT_C_ECHO, lambda event: SUCCESS),
            (evt.EVT_C_STORE, self._on_store),
            (evt.EVT_CONN_OPEN, self._on_open),
            (evt.EVT_PDU_RECV, self._on_pdu),
            (evt.EVT_CONN_CLOSE, self._on_close),
            *(self._questions.handlers() if self._questions is not None else ()),
        ]
        try:
            tls: Any = PatientTls(self._tls, patience_s=self._bounds.negotiation_s) if self._tls else None
            self._server = self._entity.start_server(self._address, block=False, evt_handlers=handlers, ssl_context=tls)
        except OSError as error:
            host, port = self._address
            raise InputError(
                f"the DICOM node cannot listen on {host}:{port}: {error.strerror or error}. Choose another port."
            ) from error
        return self

    def stop(self) -> None:
        """Close the port and end what is connected."""
        if self._server:
            self._server.shutdown()
            self._server = None
        self._entity.shutdown()

    def __enter__(self) -> Node:
        """Start."""
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop."""
        self.stop()

    def _on_open(self, event: Event) -> None:
        bound_connection(event.assoc, pdu_bytes=self._bounds.pdu_bytes, silence_s=self._bounds.silence_s)

    def _on_store(self, event: Event) -> Any:
        with self._guard:
            self._bytes.pop(event.assoc, None)
        calling = str(event.assoc.requestor.ae_title).strip()
        asked_by = str(getattr(event.request, "MoveOriginatorApplicationEntityTitle", "") or "").strip()
        try:
            stored = self._keeper.store(
                BytesIO(event.encoded_dataset()), source=f"{calling} for {asked_by}" if asked_by else calling
            )
        except Exception as error:  # whatever it was, the peer must hear that it was not kept
            status, comment = status_of(error)
            LOG.warning("an instance from %s was not kept: %#06x, %s", calling, status, type(error).__name__)
            return _answer(status, comment)
        with self._guard:
            self._brought.setdefault(event.assoc, set()).add(stored.study_uid)
        return SUCCESS

    def _on_pdu(self, event: Event) -> None:
        """Count what a request brings, and cut the connection before it fills the memory."""
        if event.pdu.pdu_type != _P_DATA:
            return
        with self._guard:
            held = self._bytes[event.assoc] = self._bytes.get(event.assoc, 0) + event.pdu.pdu_length
            if held > self._bounds.instance_bytes:
                self._bytes[event.assoc] = -(2**62)  # once is enough
        if held > self._bounds.instance_bytes:
            LOG.warning("a peer sent more than %d bytes in one request: disconnected", self._bounds.instance_bytes)
            threading.Thread(target=event.assoc.abort, daemon=True).start()

    def _on_close(self, event: Event) -> None:
        with self._guard:
            self._bytes.pop(event.assoc, None)
            studies = frozenset(self._brought.pop(event.assoc, ()))
        if studies:
            self._settled(studies)


def entity(ae_title: str, bounds: Bounds) -> ApplicationEntity:
    """Return an application entity with our name, limits and silence in the logs.

    Raises:
        MissingError: if pynetdicom is not installed.
        InputError: if the AE title is not 1 to 16 printable ASCII characters without a backslash.
    """
    title = ae_title.strip()
    if not (0 < len(title) <= 16 and title.isascii() and title.isprintable() and "\\" not in title):
        raise InputError(f"'{title}' is no AE title: 1 to 16 ASCII characters without a backslash")
    try:
        from pynetdicom import _config
        from pynetdicom.ae import ApplicationEntity
    except ImportError as error:
        raise need("pynetdicom", "serve", "the DICOM node") from error
    _config.LOG_HANDLER_LEVEL = "none"  # its own log would print what is in the datasets
    logging.getLogger("pynetdicom").setLevel(logging.CRITICAL)
    made = ApplicationEntity(title)
    made.maximum_pdu_size = bounds.pdu_bytes
    made.acse_timeout = bounds.negotiation_s
    made.dimse_timeout = bounds.silence_s
    made.network_timeout = bounds.silence_s
    made.implementation_class_uid = made_uid("hilum", "implementation")
    made.implementation_version_name = f"HILUM {__version__}"[:16]
    return made


def status_of(error: Exception) -> tuple[int, str]:
    """Return the C-STORE status and comment for what kept an instance from being kept.

    A7xx tells a peer to try again later; Cxxx, A9xx and 01xx that this instance will never do.
    """
    failure = getattr(error, "failure", None)
    if isinstance(failure, int):
        return failure, str(error)
    if isinstance(error, OSError):
        if error.errno in _NO_ROOM:
            return OUT_OF_RESOURCES, "no room left; send it again later"
        return PROCESSING_FAILURE, "the archive could not write it; send it again later"
    if type(error).__name__ in ("FullError", "UnavailableError"):
        return OUT_OF_RESOURCES, str(error)
    if isinstance(error, HilumError):
        return PROCESSING_FAILURE if isinstance(error, MissingError) else CANNOT_UNDERSTAND, str(error)
    return PROCESSING_FAILURE, "the archive could not keep it; send it again later"


def _answer(status: int, comment: str) -> Any:
    """A status with its comment, as long as an LO holds it (64 characters, no backslash)."""
    from pydicom.dataset import Dataset

    answer = Dataset()
    answer.Status = status
    answer.ErrorComment = "".join(c if c.isascii() and c.isprintable() and c != "\\" else " " for c in comment)[:64]
    return answer

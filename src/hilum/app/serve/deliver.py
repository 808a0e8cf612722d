"""The job that sends a reading on: to the sender of the films, a PACS or a DICOMweb server, until it has arrived.

Sent twice, nothing changes at the other end: the objects have the same UIDs and bytes. What comes back to us is not a
film and is never read, so no result goes round in a circle.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal

from hilum.app.serve import ledger, results
from hilum.app.serve.archive import Archive
from hilum.app.serve.peer import Peer, PeerDownError, PeerRefusedError, store_files
from hilum.app.serve.work import Answer, Rules, Ticket
from hilum.core.errors import InputError, MissingError, need

DELIVER = "deliver"
PATIENT = Rules(concurrency=2, starts=20, attempts=300, first_wait_s=5.0, factor=2.0, longest_wait_s=600.0)
"""A PACS may be away for a weekend: 300 attempts, at most ten minutes apart, are two days."""
SENDER = "sender"


@dataclass(frozen=True)
class Destination:
    """Who gets results.

    Args:
        name: what people call it; 'sender' sends each reading to the node that sent its films, if it is among the
            known peers.
        ae_title, host, port: a DICOM node.
        tls, authorities: DICOM over TLS to it, see `peer.Peer`.
        url: or a DICOMweb server's root; results go to `<url>/studies`.
        token: bearer token for it, '' for none.
        send: which of 'sr', 'seg', 'gsps', 'sc'.
    """

    name: str
    ae_title: str = ""
    host: str = ""
    port: int = 0
    tls: bool = False
    authorities: str = ""
    url: str = ""
    token: str = field(default="", repr=False)
    send: tuple[str, ...] = ("sr", "seg", "sc")

    def __post_init__(self) -> None:
        object.__setattr__(self, "send", tuple(self.send))
        node = bool(self.ae_title and self.host and self.port)
        if self.name == SENDER:
            return
        if node == bool(self.url):
            raise InputError(f"destination '{self.name}' needs either ae_title, host and port, or url")
        if self.url and not self.url.startswith(("http://", "https://")):
            raise InputError(f"destination '{self.name}': its url must begin with http:// or https://")


class Deliver:
    """Body of the jobs 'deliver'.

    Args:
        archive: tells who sent the films.
        root: readings lie in `readings/` under it.
        destinations: by name, who gets results.
        peers: known nodes, for 'sender'.
        own_title: our AE title.
    """

    def __init__(
        self,
        archive: Archive,
        root: Path,
        destinations: Sequence[Destination],
        *,
        peers: Sequence[Peer] = (),
        own_title: str = "HILUM",
    ) -> None:
        """Keep what the job needs."""
        self._archive, self._root, self._own_title = archive, root, own_title
        self._destinations = {one.name: one for one in destinations}
        self._peers = {peer.ae_title: peer for peer in peers}

    def run(self, ticket: Ticket) -> Answer:
        """Send one reading to one destination, unless a newer one has taken its place."""
        study, details = ticket.order.subject, ticket.order.details
        destination = self._destinations.get(str(details["destination"]))
        if destination is None:
            raise MissingError(f"there is no destination '{details['destination']}' any more")
        row = ledger.row(self._archive.database, study)
        if details["signature"] not in (row.signature, revision_key(row.signature, row.revision)):
            return Answer(reason="not sent: a newer reading takes its place")
        folder = results.require(results.folder_of(self._root, study))
        files = results.objects_in(folder, destination.send)
        ticket.check()
        try:
            said = [self._send(destination, peer, files) for peer in self._targets(destination, study)]
        except PeerDownError as error:
            return Answer("again", str(error))
        return Answer(reason="; ".join(said))

    def ended(self, ticket: Ticket, state: Literal["failed", "quarantined", "cancelled"], reason: str) -> None:
        """Nothing to undo: the job's own row says that results did not arrive, and why."""

    def _targets(self, destination: Destination, study: str) -> list[Peer | None]:
        if destination.url:
            return [None]
        if destination.name != SENDER:
            one = destination
            return [Peer(one.ae_title, one.host, one.port, self._own_title, one.tls, one.authorities)]
        sources = ledger.sources(self._archive.database, study)
        known = [self._peers[source] for source in sources if source in self._peers]
        if not known:
            raise MissingError(
                f"the sender ({', '.join(sources) or 'unknown'}) is not among the known peers: name its host and port"
            )
        return list(known)

    def _send(self, destination: Destination, peer: Peer | None, files: Sequence[Path]) -> str:
        if peer is None:
            send_to_web(destination.url, files, token=destination.token)
            return f"{len(files)} objects sent to {destination.name}"
        return f"{store_files(peer, files)} objects sent to {peer}"


def revision_key(signature: str, revision: int) -> str:
    """Return which reading a reader's save is."""
    return f"{signature} revision {revision}"


def send_to_web(url: str, files: Sequence[Path], *, token: str = "", patience_s: float = 30.0) -> None:
    """Store DICOM files on a DICOMweb server (STOW-RS).

    Args:
        url: the server's DICOMweb root.
        files: Part 10 files, sent in one request.
        token: bearer token, '' for none.
        patience_s: seconds to wait for a connection and for each part of the answer.

    Raises:
        PeerDownError: if it does not answer, is busy or has trouble of its own (429, 5xx).
        PeerRefusedError: if it refused the request or an object.
    """
    try:
        import httpx
    except ImportError as error:
        raise need("httpx", "serve", "sending results to a DICOMweb server") from error
    parts = [Path(file).read_bytes() for file in files]
    boundary = sha256(b"".join(parts)).hexdigest()
    head = f"--{boundary}\r\nContent-Type: application/dicom\r\n\r\n".encode()
    body = b"".join(head + part + b"\r\n" for part in parts) + f"--{boundary}--\r\n".encode()
    headers = {
        "Content-Type": f'multipart/related; type="application/dicom"; boundary={boundary}',
        "Accept": "application/dicom+json",
        **({"Authorization": f"Bearer {token}"} if token else {}),
    }
    try:
        answer = httpx.post(
            f"{url.rstrip('/')}/studies", content=body, headers=headers, timeout=patience_s, trust_env=False
        )
    except httpx.TransportError as error:
        raise PeerDownError(f"{url} does not answer ({type(error).__name__})") from error
    if answer.status_code == 429 or answer.status_code >= 500:
        raise PeerDownError(f"{url} answered {answer.status_code}")
    failed = _failed(answer)
    if answer.status_code >= 300 or failed:
        raise PeerRefusedError(f"{url} refused the results: HTTP {answer.status_code}{failed}")


def _failed(answer: Any) -> str:
    """The failure reasons of a STOW answer (0008,1197) in words, '' where everything was stored."""
    try:
        told = answer.json()
    except ValueError:
        return ""
    items: list[Mapping[str, Any]] = told.get("00081198", {}).get("Value", []) if isinstance(told, Mapping) else []
    codes = [value for item in items for value in item.get("00081197", {}).get("Value", [])]
    return f", {len(items)} objects failed ({', '.join(f'{code:04X}' for code in codes)})" if items else ""

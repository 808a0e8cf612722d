"""What keeps one bad peer from stopping the DICOM node: bounds on PDUs and time, and TLS that nobody else waits for.

The upper layer reads a PDU of whatever length its header says from a socket without a time limit, and shakes hands for
TLS in the thread that accepts everybody. Both are bounded here, per connection.
"""

from __future__ import annotations

import socket
import ssl
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pynetdicom.association import Association

_BLOCK = 2**18
_NEGOTIATION_BYTES = 2**20
"""An association request is no data and may be longer than the data PDUs agreed on."""


class PatientTls:
    """A TLS context whose connections shake hands when they are first read, each in its own thread.

    Args:
        context: the server's certificate and rules.
        patience_s: seconds that the handshake may take.
    """

    def __init__(self, context: ssl.SSLContext, *, patience_s: float) -> None:
        self._context, self._patience_s = context, patience_s

    def wrap_socket(self, connection: socket.socket, server_side: bool = True) -> ssl.SSLSocket:
        """Wrap a connection and return at once."""
        connection.settimeout(self._patience_s)
        return self._context.wrap_socket(connection, server_side=server_side, do_handshake_on_connect=False)


def bound_connection(association: Association, *, pdu_bytes: int, silence_s: float) -> None:
    """Bound what one connection may send: no longer PDU than agreed, and each within `silence_s` seconds.

    Args:
        association: one that was just accepted.
        pdu_bytes: the longest PDU.
        silence_s: seconds from a part's first byte to its last.
    """
    transport: Any = association.dul.socket
    longest = max(pdu_bytes, _NEGOTIATION_BYTES) + 6
    transport.socket.settimeout(silence_s)

    def receive(wanted: int) -> bytearray:
        if wanted > longest:
            raise OSError(f"a PDU of {wanted} bytes; {longest} were agreed on")
        return _received(transport.socket, wanted, silence_s)

    transport.recv = receive


def _received(connection: socket.socket, wanted: int, silence_s: float) -> bytearray:
    """Read so many bytes, fewer if the peer closes; TimeoutError when they take longer than allowed."""
    until, found = time.monotonic() + silence_s, bytearray()
    try:
        while len(found) < wanted:
            left = until - time.monotonic()
            if left <= 0:
                raise TimeoutError("the peer is too slow")
            connection.settimeout(left)
            piece = connection.recv(min(wanted - len(found), _BLOCK))
            if not piece:
                break
            found += piece
    finally:
        connection.settimeout(silence_s)
    return found

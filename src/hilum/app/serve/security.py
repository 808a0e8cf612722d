"""TLS contexts and the rule for who may be reached without TLS."""

from __future__ import annotations

import ssl
from ipaddress import ip_address
from pathlib import Path

from hilum.app.serve.settings import Dicom, Http
from hilum.core.errors import InputError


def own_machine(host: str) -> bool:
    """Say whether an address is this machine's own."""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def check_reach(http: Http) -> None:
    """Refuse to send tokens and films over a network in the clear.

    Raises:
        InputError: if other machines reach the page, and neither TLS, a proxy nor `http.plain` is set.
    """
    if own_machine(http.host) or http.certificate or http.trusted_proxies or http.plain:
        return
    raise InputError(
        f"http.host is {http.host}, so that other machines reach the page, but nothing encrypts the way: set "
        "http.certificate and http.key, or put a proxy with TLS in front and name it in http.trusted_proxies, "
        "or agree to it with http.plain = true"
    )


def dicom_server(dicom: Dicom) -> ssl.SSLContext | None:
    """Return the context of the DICOM node, None for plain DICOM.

    Raises:
        InputError: if a file is missing or no PEM.
    """
    if not dicom.certificate:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    _load(context, dicom.certificate, dicom.key, "dicom.certificate and dicom.key")
    if dicom.authorities:
        context.verify_mode = ssl.CERT_REQUIRED
        _trust(context, dicom.authorities)
    return context


def check_web(http: Http) -> None:
    """Try the page's certificate before the port is opened.

    Raises:
        InputError: if a file is missing or no PEM.
    """
    if http.certificate:
        _load(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), http.certificate, http.key, "http.certificate and http.key")


def _load(context: ssl.SSLContext, certificate: str, key: str, named: str) -> None:
    try:
        context.load_cert_chain(certificate, key or None)
    except (OSError, ssl.SSLError) as error:
        raise InputError(f"{named}: '{certificate}' and '{key}' cannot be used: {error}") from error


def _trust(context: ssl.SSLContext, authorities: str) -> None:
    try:
        context.load_verify_locations(authorities)
    except (OSError, ssl.SSLError) as error:
        raise InputError(f"dicom.authorities: '{authorities}' cannot be used: {error}") from error


def secret_of(path: str, named: str) -> str:
    """Return the secret a file holds, '' for no file.

    Raises:
        InputError: if it cannot be read.
    """
    if not path:
        return ""
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise InputError(f"{named}: '{path}' cannot be read: {error}") from error

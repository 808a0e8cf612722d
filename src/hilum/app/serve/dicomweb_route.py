"""What all of DICOMweb shares: who asks, errors as sentences with their status, and addresses that outlive a proxy."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, Protocol

from hilum.app.serve.database import FullError, UnavailableError
from hilum.app.serve.dicomweb_json import encode
from hilum.app.serve.dicomweb_media import RequestError, accepted
from hilum.app.serve.retention import BusyError
from hilum.core.errors import DecodeError, HilumError, MissingError, RefusedError, TooLargeError, need

try:
    from anyio import CapacityLimiter
    from anyio.to_thread import run_sync
    from fastapi import Path, Request, Response
    from fastapi.exceptions import RequestValidationError
    from fastapi.routing import APIRoute
except ImportError:
    raise need("fastapi", "serve", "DICOMweb") from None

if TYPE_CHECKING:
    from hilum.app.serve.archive import Archive
    from hilum.app.serve.dicomweb_media import Media

JSON = "application/dicom+json"
Uid = Annotated[str, Path(pattern=r"^[0-9]+(\.[0-9]+)+$", max_length=64)]
HEADERS = {"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"}
_STATUS: tuple[tuple[type[HilumError], int], ...] = (
    (MissingError, 404),
    (BusyError, 409),
    (UnavailableError, 503),
    (FullError, 507),
    (TooLargeError, 413),
    (RefusedError, 406),
    (DecodeError, 406),
)


class Seen(Protocol):
    """Who asks: the session that the server's access rules give."""

    @property
    def user(self) -> str:
        """A name for the record."""
        ...

    @property
    def roles(self) -> tuple[str, ...]:
        """'reader', 'admin'."""
        ...


@dataclass(frozen=True)
class UploadLimits:
    """Upper bounds of one upload.

    Args:
        total_bytes: bytes of its body.
        parts: instances in it.
        idle_s: seconds without a byte.
        total_s: seconds from its first to its last byte.
    """

    total_bytes: int = 4 * 2**30
    parts: int = 2_000
    idle_s: float = 30.0
    total_s: float = 1_800.0


@dataclass(frozen=True)
class Service:
    """The archive as DICOMweb serves it.

    Args:
        archive: what is served.
        who: tells who asks; raises an error with a `status` (401, 403) where nobody may.
        limits: of one upload.
        audit: told (user, what, study) of uploads and deletions.
        after_upload: told the studies an upload added to, when it has ended.
        public_url: the server's address as clients see it, with its prefix; '' takes it from each request.
        stores: uploads that may write at once; searches never wait behind them.
        pictures: films that may be decoded at once, as each takes the memory of a whole film.
    """

    archive: Archive
    who: Callable[[Request], Seen]
    limits: UploadLimits = field(default_factory=UploadLimits)
    audit: Callable[[str, str, str], None] | None = None
    after_upload: Callable[[frozenset[str]], None] | None = None
    public_url: str = ""
    stores: CapacityLimiter = field(default_factory=lambda: CapacityLimiter(8))
    pictures: CapacityLimiter = field(default_factory=lambda: CapacityLimiter(2))

    def seen(self, request: Request) -> Seen:
        """Return who asks."""
        return self.who(request)

    def tell(self, user: str, what: str, study: str) -> None:
        """Give one line to the audit."""
        if self.audit is not None:
            self.audit(user, what, study)


class Route(APIRoute):
    """A route whose errors are sentences in JSON, with the status that PS3.18 gives them."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the handler with its errors told."""
        handler = super().get_route_handler()

        async def told(request: Request) -> Response:
            try:
                return await handler(request)
            except RequestValidationError:
                return refusal(
                    RequestError(400, "The address or a parameter cannot be read.", "Check UIDs and numbers.")
                )
            except HilumError as error:
                return refusal(error)

        return told


def refusal(error: HilumError) -> Response:
    """Return an error as a response: its sentence, what to do, and nothing of the inside."""
    status = getattr(error, "status", None) or next((code for kind, code in _STATUS if isinstance(error, kind)), 400)
    body = encode({"error": {"message": str(error), "fix": getattr(error, "fix", "")}})
    headers = {**HEADERS, **({"Retry-After": "5"} if status == 503 else {})}
    return Response(body, status_code=int(status), media_type="application/json", headers=headers)


def answer(value: Any, *, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """Return DICOM JSON as a response."""
    return Response(encode(value), status_code=status, media_type=JSON, headers={**HEADERS, **(headers or {})})


def wanted(request: Request) -> list[Media]:
    """Return what a request accepts: its `accept` parameter, else its header (PS3.18 8.3.3)."""
    return accepted(request.query_params.get("accept") or ",".join(request.headers.getlist("accept")))


def check_json(request: Request) -> None:
    """Raise 406 unless the request accepts DICOM JSON."""
    names = {media.inner for media in wanted(request)}
    if not names & {JSON, "application/json", "*/*", "application/*", ""}:
        raise RequestError(406, "The answer is DICOM JSON, which is not accepted.", f"Accept {JSON}.")


def address(request: Request, service: Service, study: str = "", series: str = "", instance: str = "") -> str:
    """Return the absolute address of the studies, or of one study, series or instance."""
    at = f"{service.public_url.rstrip('/')}/dicomweb/studies" if service.public_url else ""
    return below(at or str(request.url_for("dicomweb_search_studies")), study, series, instance)


def below(root: str, study: str = "", series: str = "", instance: str = "") -> str:
    """Return the address of a study, series or instance under the address of all studies."""
    parts = [root]
    parts += [study] if study else []
    parts += ["series", series] if series else []
    parts += ["instances", instance] if instance else []
    return "/".join(parts)


async def aside(work: Callable[..., Any], *arguments: Any, limiter: CapacityLimiter | None = None) -> Any:
    """Run disk or database work on a thread, away from the event loop."""
    return await run_sync(lambda: work(*arguments), limiter=limiter)

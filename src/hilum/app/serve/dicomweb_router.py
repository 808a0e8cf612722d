"""DICOMweb (PS3.18) over the archive: STOW-RS, QIDO-RS, WADO-RS and the deletion of studies."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Depends, Request, Response

from hilum.app.serve.dicomweb_media import RequestError
from hilum.app.serve.dicomweb_rendered import add_rendered
from hilum.app.serve.dicomweb_retrieve import add_retrieve
from hilum.app.serve.dicomweb_route import HEADERS, Route, Seen, Service, Uid, UploadLimits, aside
from hilum.app.serve.dicomweb_search import add_search
from hilum.app.serve.dicomweb_store import add_store

if TYPE_CHECKING:
    from hilum.app.serve.archive import Archive


def router(
    archive: Archive,
    who: Callable[[Request], Seen],
    *,
    limits: UploadLimits | None = None,
    audit: Callable[[str, str, str], None] | None = None,
    after_upload: Callable[[frozenset[str]], None] | None = None,
    public_url: str = "",
) -> APIRouter:
    """Return DICOMweb under `/dicomweb`.

    Args:
        archive: what is served.
        who: tells who asks; raises an error with a `status` (401, 403) where nobody may.
        limits: of one upload.
        audit: told (user, 'stored' or 'deleted', Study Instance UID).
        after_upload: told the Study Instance UIDs an upload added to, when it has ended.
        public_url: the server's address as clients see it, with its prefix, for the addresses in answers;
            '' takes it from each request (its Host, and the prefix that the proxy names).
    """
    service = Service(archive, who, limits or UploadLimits(), audit, after_upload, public_url)
    made = APIRouter(prefix="/dicomweb", tags=["DICOMweb"])
    add_search(made, service)
    add_store(made, service)
    add_retrieve(made, service)
    add_rendered(made, service)
    _add_delete(made, service)
    return made


def _add_delete(made: APIRouter, service: Service) -> None:
    async def delete(study: Uid, seen: Any = Depends(service.seen)) -> Response:
        """Delete a study; for administrators, and never while it is being read."""
        if "admin" not in seen.roles:
            raise RequestError(403, "Only an administrator may delete.", "Ask one.")
        await aside(service.archive.delete, study, limiter=service.stores)
        service.tell(str(seen.user), "deleted", study)
        return Response(status_code=204, headers=HEADERS)

    made.add_api_route(
        "/studies/{study}",
        delete,
        methods=["DELETE"],
        name="dicomweb_delete",
        status_code=204,
        response_class=Response,
        route_class_override=Route,
    )

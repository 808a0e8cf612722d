"""QIDO-RS: studies, series and instances that match, as DICOM JSON."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Depends, Request, Response

from hilum.app.serve.archive_query import FIELDS, LIMIT, OWN, Found, Level, Query, search
from hilum.app.serve.dicomweb_json import attributes, keyword_of
from hilum.app.serve.dicomweb_media import RequestError
from hilum.app.serve.dicomweb_route import Route, Service, Uid, address, answer, aside, below, check_json

_SETTINGS = ("limit", "offset", "includefield", "fuzzymatching", "accept", "charset", "emptyvaluematching")
_LITERAL = '299 hilum "The fuzzymatching parameter is not supported. Only literal matching has been performed."'
_MORE = '299 hilum "The number of results exceeded the maximum; there are additional results that can be requested"'


def add_search(router: APIRouter, service: Service) -> None:
    """Add QIDO-RS to a router."""

    async def studies(request: Request, seen: Any = Depends(service.seen)) -> Response:
        """Search for studies."""
        return await _search(request, service, "study", {})

    async def series(request: Request, seen: Any = Depends(service.seen)) -> Response:
        """Search for series of all studies."""
        return await _search(request, service, "series", {})

    async def instances(request: Request, seen: Any = Depends(service.seen)) -> Response:
        """Search for instances of all studies."""
        return await _search(request, service, "instance", {})

    async def study_series(request: Request, study: Uid, seen: Any = Depends(service.seen)) -> Response:
        """Search for series of a study."""
        return await _search(request, service, "series", {"StudyInstanceUID": study})

    async def study_instances(request: Request, study: Uid, seen: Any = Depends(service.seen)) -> Response:
        """Search for instances of a study."""
        return await _search(request, service, "instance", {"StudyInstanceUID": study})

    async def series_instances(
        request: Request, study: Uid, series: Uid, seen: Any = Depends(service.seen)
    ) -> Response:
        """Search for instances of a series."""
        inside = {"StudyInstanceUID": study, "SeriesInstanceUID": series}
        return await _search(request, service, "instance", inside)

    told: dict[str, Any] = {"methods": ["GET"], "response_class": Response, "route_class_override": Route}
    for place, work, name in (
        ("/studies", studies, "studies"),
        ("/series", series, "series"),
        ("/instances", instances, "instances"),
        ("/studies/{study}/series", study_series, "study_series"),
        ("/studies/{study}/instances", study_instances, "study_instances"),
        ("/studies/{study}/series/{series}/instances", series_instances, "series_instances"),
    ):
        router.add_api_route(place, work, name=f"dicomweb_search_{name}", **told)


async def _search(request: Request, service: Service, level: Level, inside: dict[str, str]) -> Response:
    check_json(request)
    query = _query(request, level, inside)
    found: Found = await aside(search, service.archive.database, level, query)
    warned = [_LITERAL] if request.query_params.get("fuzzymatching", "").lower() == "true" else []
    warned += [_MORE] if found.more and query.limit >= LIMIT else []
    headers = {"Warning": ", ".join(warned)} if warned else {}
    if not found.rows:
        return Response(status_code=204, headers=headers)
    root = address(request, service)
    response: Response = await aside(lambda: answer([_row(root, level, row) for row in found.rows], headers=headers))
    return response


def _query(request: Request, level: Level, inside: dict[str, str]) -> Query:
    """Read the parameters of a search.

    Raises:
        RequestError: 400 if one is not known: a misspelt word must not return everything.
    """
    match, include = dict(inside), list[str]()
    for name, value in request.query_params.multi_items():
        if name == "includefield":
            include += (
                list(FIELDS[level]) if value == "all" else [keyword_of(part.strip()) for part in value.split(",")]
            )
        elif name not in _SETTINGS:
            keyword = keyword_of(name)
            if keyword in match and keyword in inside and match[keyword] != value:
                raise RequestError(400, f"{keyword} is in the address already.", "Leave it out.")
            if not keyword:
                raise RequestError(400, f"{name[:64]!a} is not an attribute.", "Use keywords or eight-digit tags.")
            match[keyword] = value
    limit, offset = _count(request, "limit", LIMIT), _count(request, "offset", 0)
    return Query(match, limit=limit, offset=offset, include=tuple(dict.fromkeys(name for name in include if name)))


def _count(request: Request, name: str, default: int) -> int:
    value = request.query_params.get(name, "")
    if not value:
        return default
    if not (value.isascii() and value.isdigit() and len(value) <= 9):
        raise RequestError(400, f"'{name}' is a whole number, got {value[:40]!a}.")
    return int(value)


def _row(root: str, level: Level, row: dict[str, Any]) -> dict[str, Any]:
    uids = [row.get(name, "") for name in ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID")]
    depth = ("study", "series", "instance").index(level) + 1
    told = {
        **row,
        "SpecificCharacterSet": "ISO_IR 192",
        "InstanceAvailability": "ONLINE",
        "RetrieveURL": below(root, *uids[:depth]),
    }
    if level != "instance":
        told = {name: value for name, value in told.items() if value is not None or name in OWN[level]}
    return attributes(told)

"""Random finding sets of the loop property's domain, read from the same tables that users extend."""

from __future__ import annotations

import random
from dataclasses import replace
from functools import cache
from typing import Any

from hilum.core.finding import Finding, Measurement
from hilum.core.vocabulary import ancestors, concept, concepts
from hilum.text.bank import bank
from hilum.text.loop import loop_domain
from hilum.text.sites import each_side, parts

CHANGES = {
    "present": ("new", "improved", "worsened", "unchanged"),
    "absent": ("unchanged", "resolved"),
    "uncertain": ("new", "improved", "worsened", "unchanged", "resolved"),
}
WHOLE = ("lung", "pleura", "pleural space")
LARGE = ("lung", "chest", "bilateral lungs", "pleura", "mediastinum", "spine")
KINDS_OF_LOOK = {"distribution": ("diffuse", "focal", "scattered", "segmental")}


@cache
def names() -> tuple[str, ...]:
    """Every concept of the vocabulary that is not a site and not a stated limit."""
    return tuple(item.name for item in concepts() if item.kind != "site" and item.name not in loop_domain()["limits"])


def entry(name: str) -> dict[str, Any]:
    return bank()["concepts"].get(name, {})


def group(name: str) -> str:
    fallback = {"device": "devices", "quality": "quality"}.get(concept(name).kind, "lungs")
    return entry(name).get("group", fallback)


@cache
def sites_of(name: str) -> tuple[str, ...]:
    """Sites that a finding of this concept may have."""
    domain, own = loop_domain(), entry(name)
    places = {*own.get("sided", ()), *own.get("of", {}).get("sites", ())}
    found = [item.name for item in concepts() if item.kind == "site" and parts(item.name)[1] in places]
    if name not in domain["own sites only"] and (group(name) == "lungs" or "sided" in own):
        found += domain["sites"].get(group(name), ())
    if name not in domain["needs a site"]:
        found += own.get("implied", ())
    else:
        found = [site for site in found if parts(site)[0] and parts(site)[1] == own["sided"][0]]
    return tuple(dict.fromkeys(found))


@cache
def may(name: str) -> frozenset[str]:
    """Which of 'grade', 'count' and 'size' a finding of this concept may be given."""
    domain, own = loop_domain(), entry(name)
    told = set()
    if own.get("count") and group(name) in domain["grades of"]["groups"]:
        told.add("grade")
    countable = own.get("count") == "one" and not own.get("implied")
    if countable and group(name) in domain["counts of"]["groups"]:
        told.add("count")
    if own.get("sized"):
        told.add("size")
    return frozenset(told)


def apart(sites: tuple[str, ...]) -> tuple[str, ...]:
    """The sites without those that hold, or lie in, one before; a whole side is not told with an unsided place."""
    kept: list[str] = []
    for site in sites:
        ends = {one for given in kept for one in _reach(given)}
        sides = {bool(parts(given)[0]) for given in (*kept, site)}
        whole = any(parts(given)[1] in WHOLE for given in (*kept, site))
        beside = any(_sides(site) & _sides(given) for given in kept)
        if not (_reach(site) & ends) and not (whole and (beside or len(sides) > 1)):
            kept.append(site)
    return tuple(kept)


def _sides(site: str) -> set[str]:
    return {side for side, _ in each_side(site)}


def _reach(site: str) -> frozenset[str]:
    """A site, both sides of a bilateral one, and all that these are part of below the lung and the chest."""
    name, (side, place) = concept(site).name, parts(site)
    ends = {name} if side != "bilateral" else {f"right {place}", f"left {place}"}
    above = {each.name for end in ends for each in ancestors(end)}
    return frozenset(ends | {each for each in above if each not in LARGE})


def draw_finding(draw: random.Random) -> Finding:
    """One random finding of the domain."""
    name, state = draw.choice(names()), draw.choice(("present", "absent", "uncertain"))
    places, needs = sites_of(name), name in loop_domain()["needs a site"]
    many = draw.choice((1,) if needs else (0, 0, 1, 1, 1, 2, 3))
    sites = apart(tuple(draw.sample(places, min(many, len(places)))))
    told: dict[str, str] = {}
    if "grade" in may(name) and draw.random() < 0.4:
        told["severity"] = draw.choice(loop_domain()["grade words"])
    if "count" in may(name) and draw.random() < 0.25:
        told["count"] = draw.choice(loop_domain()["count words"])
    looks = loop_domain()["looks of"].get(name, ())
    if looks and draw.random() < 0.4:
        look = draw.choice(looks)
        told["distribution" if look in KINDS_OF_LOOK["distribution"] else "morphology"] = look
    if draw.random() < 0.2 and group(name) != "quality":
        told["prior"] = draw.choice(("present", "absent"))
    sizes = []
    if "size" in may(name) and draw.random() < 0.3:
        unit = draw.choice(("mm", "cm"))
        values = [round(draw.uniform(0.2, 9), 1) if unit == "cm" else draw.randint(2, 90) for _ in range(3)]
        sizes = [Measurement("diameter", float(value), unit) for value in values[: draw.randint(1, 3)]]
    change = draw.choice((None, *CHANGES[state])) if draw.random() < 0.5 and group(name) != "quality" else None
    return Finding(name, state, sites=sites, attributes=told, measurements=tuple(sizes), change=change)  # type: ignore[arg-type]


def draw_set(draw: random.Random) -> tuple[tuple[Finding, ...], bool, int]:
    """(findings with ids, whether a prior was read, seed of the words) of one case."""
    prior = draw.random() < 0.5
    found = [draw_finding(draw) for _ in range(draw.randint(0, 8))]
    return tuple(replace(item, id=f"f{number}") for number, item in enumerate(found)), prior, draw.randrange(2**31)

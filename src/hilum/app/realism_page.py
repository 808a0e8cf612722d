"""The realism page: one command measures a cohort of virtual patients against real films and writes JSON and HTML."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Callable, Mapping, Sequence
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hilum.app.bench_page import table
from hilum.app.interval_plot import figure
from hilum.app.markup import Html, element, join
from hilum.app.page_shell import document
from hilum.app.realism_arms import RAW
from hilum.app.realism_films import Shadow, chosen, cohort_films, real_films, sheet
from hilum.app.realism_heart import TRUSTED, hearts, sentence
from hilum.app.realism_rows import (
    MEASURES,
    ablation,
    arms,
    compare,
    far,
    far_rows,
    judged,
    measures,
)
from hilum.data.virtual import manifest
from hilum.io.save import save_bytes, save_text
from hilum.measure.realism import grey_quantiles
from hilum.measure.realism_sets import DISTANCES
from hilum.systems.embedded import Embedded

CAUTION = "Virtual patients, never exposed · Research use only · not a medical device"
ALL, SHOWN = "all families", 24
LIMITS = (
    "Real films are the pack's NIH, Hannover and COVID films, one of each patient, at the cohort's size. The embedded "
    "model was trained on films of NIH and Hannover, so its lungs are at home there; virtual films are new to it.",
    "p is from a permutation of patients, one test for each cell, not corrected for their number. With few patients a "
    "large p says little; with many a small p says little: read the gap in real SDs.",
    "Feature distances fall with the number of films, so all of one block stand at one number n; brackets are ranges "
    "over splits of the real patients, not confidence intervals.",
    "Nothing here says that disease looks as it does in patients.",
)


def measure(
    cohort: Path, pack: Path, *, films: int = 200, real: int = 300, steps: int = 150, seed: int = 0,
    say: Callable[[str], None] = lambda _: None,
) -> tuple[dict[str, Any], dict[str, NDArray[np.uint8]]]:  # fmt: skip
    """Measure a cohort against real films.

    Args:
        cohort: that `hilum draw --cohort` wrote; with --maps also the raw ceiling and the ablation can be had.
        pack: of real films.
        films: of each family at most.
        real: films at most.
        steps: of the judging networks' training; 0 leaves them out, and the cardiothoracic ratio with them.
        seed: of every choice.
        say: told what is being done.

    Returns:
        the figures, for JSON; and sheets by name: 'virtual', and 'both' with real films, which must stay where it is.

    Raises:
        MissingError: if either is not there.
    """
    recipe, families = manifest(cohort)["recipe"], cohort_films(cohort, most=films)
    taken = real_films(pack, size=recipe["size"], most=real, seed=seed)
    outlined = real_films(pack, size=recipe["size"], most=real, masked=True, seed=seed)
    say(f"{len(taken)} real films; {', '.join(f'{len(v)} {k}' for k, v in families.items())}")
    made = {ALL: [film for each in families.values() for film in each], **families}
    table_, check = _rows(taken, outlined, made, say, steps=steps, seed=seed)
    again = arms(made[ALL], say=say)
    facts: dict[str, Any] = {
        "recipe": recipe, "seed": seed, "real": _counted(taken, outlined),
        "virtual": {name: len(each) for name, each in families.items()}, "rows": table_, "heart": check,
        "distances": [], "ablation": [],
    }  # fmt: skip
    if len(again[RAW]) > 7:
        say("feature distances")
        by_family = {film.name: name for name, each in families.items() for film in each}
        facts["distances"].append(far_rows(far(taken, {ALL: made[ALL], RAW: again[RAW]}, seed=seed)))
        for name, each in families.items():
            own = [film for film in again[RAW] if by_family[film.name] == name]
            if min(len(own), len(each)) > 7:
                facts["distances"].append(far_rows(far(taken, {name: each, RAW: own}, seed=seed)))
        facts["ablation"] = ablation(again, far(taken, again, seed=seed))
    facts["apart"] = judged(taken, made, steps=steps, say=say, seed=seed) if steps else []
    share = -(-SHOWN // len(families))
    virtual = [film for each in families.values() for film in chosen(each, share, seed=seed)][:SHOWN]
    return facts, {"virtual": sheet(virtual), "both": sheet([*virtual, *chosen(taken, SHOWN, seed=seed)])}


def _rows(
    taken: Sequence[Shadow], outlined: Sequence[Shadow], made: Mapping[str, Sequence[Shadow]],
    say: Callable[[str], None], *, steps: int, seed: int,
) -> tuple[list[dict[str, Any]], dict[str, float]]:  # fmt: skip
    reader, tones = Embedded(), np.mean([grey_quantiles(film.pixels) for film in taken], axis=0)
    sets = {}
    for name, films in {"real": taken, "outlined": outlined, **made}.items():
        say(f"measuring {name}")
        sets[name] = (measures(films, tones, reader=reader), [film.patient for film in films])
    check: dict[str, float] = {}
    if steps:
        say("learning heart and lungs")
        found = hearts(made[ALL], taken, outlined, steps=3 * steps, seed=seed)
        ratio = {id(film): value for film, value in zip(made[ALL], found.virtual, strict=True)}
        check, sets["real"][0]["ctr"] = found.check, found.real
        for name, films in made.items():
            sets[name][0]["ctr"] = np.array([ratio[id(film)] for film in films])
    virtual = {name: sets[name] for name in made}
    rows = [compare(key, sets["outlined" if key.startswith("drawn") else "real"], virtual) for key in MEASURES]
    for each in (each for row in rows if row["key"] == "ctr" for each in row["sets"].values()):
        each["met"] = each["met"] if check.get("correlation", 0.0) >= TRUSTED else None
    return rows, check


def _counted(taken: Sequence[Shadow], outlined: Sequence[Shadow]) -> dict[str, Any]:
    names = [film.name.split("/")[0] for film in taken]
    return {
        "films": len(taken),
        "outlined": len(outlined),
        "sources": {name: names.count(name) for name in sorted(set(names))},
    }


def write_page(cohort: Path, pack: Path, out: Path, **settings: Any) -> dict[str, Any]:
    """Measure, write realism.json, realism.html, sheet-virtual.jpg and sheet.jpg into a folder, and return the figures.

    sheet.jpg holds real films: it stays on this machine. Settings are those of `measure`.
    """
    facts, sheets = measure(cohort, pack, **settings)
    out.mkdir(parents=True, exist_ok=True)
    pictures = {name: _jpeg(pixels) for name, pixels in sheets.items()}
    save_bytes(pictures["virtual"], out / "sheet-virtual.jpg")
    save_bytes(pictures["both"], out / "sheet.jpg")
    save_text(json.dumps(_plain(facts), indent=1) + "\n", out / "realism.json")
    save_text(page(facts, pictures["virtual"]), out / "realism.html")
    return facts


def _jpeg(pixels: NDArray[np.uint8], limit: int = 390_000) -> bytes:
    from PIL import Image as Picture

    for quality in (88, 80, 70, 60, 45):
        kept = io.BytesIO()
        Picture.fromarray(pixels).save(kept, "JPEG", quality=quality)
        if kept.tell() <= limit:
            break
    return kept.getvalue()


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    return (None if not isfinite(value) else float(f"{value:.6g}")) if isinstance(value, float) else value


def blocks(facts: Mapping[str, Any]) -> list[tuple[str, tuple[str, ...], list[tuple[str, ...]]]]:
    """Return the page's tables as (title, heads, rows of text): what the command prints and the page shows."""
    names = [ALL, *facts["virtual"]]
    first = [
        (row["measure"], row["target"], _spread(row["real"]), *(_set(row["sets"][name]) for name in names))
        for row in facts["rows"]
    ]
    second = [
        (row["set"], str(row["n"]), *(_range(row[key]) for key in DISTANCES), _share(row["share"], row["set"]))
        for block in facts["distances"] for row in block
    ]  # fmt: skip
    third = [
        (row["arm"], str(row["n"]), f"{row['slope']:.2f} ± {row['slope sd']:.2f}", figure(row["snr"], 1),
         _range(row["fid"]), figure(row["share"], 2)) for row in facts["ablation"]
    ]  # fmt: skip
    fourth = [
        (row["set"], "matched" if row["matched"] else "as they are", str(row["n"]), _range(row["auroc"], 3))
        for row in facts["apart"]
    ]
    far_heads = ("FID-local", "KID-local", "Precision", "Recall", "Density", "Coverage")
    return [
        ("Films side by side", ("Measure", "Target", "Real", *names), first),
        ("Distance from real films", ("Set", "n", *far_heads, "Above floor, raw = 1 (target < 0.5)"), second),
        ("The same rays with a block taken out",
         ("Exposure", "n", "Slope", "SNR (median)", "FID-local", "Above floor"), third),
        ("A small network telling virtual from real (aim < 0.9)", ("Set", "Spectrum and tone", "n", "AUROC"), fourth),
    ]  # fmt: skip


def _spread(each: Mapping[str, Any]) -> str:
    mean = each["mean"]
    if not each["count"]:
        return "none"
    return f"{mean['value']:.3g} [{mean['low']:.3g}, {mean['high']:.3g}] SD {each['sd']:.2g}, n {each['count']}"


def _set(each: Mapping[str, Any]) -> str:
    said = {True: "; met", False: "; MISSED", None: ""}[each["met"]]
    return f"{_spread(each)}; {each['in_sd']:+.1f} SD, p {each['p']:.2g}{said}" if each["count"] else "none"


def _range(each: Mapping[str, float], digits: int = 2) -> str:
    low, high = each["low"], each["high"]
    return f"{each['value']:.{digits}f} [{low:.{digits}f}, {high:.{digits}f}]"


def _share(share: float, name: str) -> str:
    if name in ("floor", RAW) or not isfinite(share):
        return figure(share, 2)
    return f"{share:.2f}; {'met' if share < 0.5 else 'MISSED'}"


def page(facts: Mapping[str, Any], virtual: bytes) -> str:
    """Return the page as text; it holds virtual films only.

    Args:
        facts: from `measure`.
        virtual: JPEG of the sheet of virtual films.
    """
    counts, real = facts["virtual"], facts["real"]
    head = (
        f"{sum(counts.values())} virtual films ({_listed(counts)}; seed {facts['recipe']['seed']}, "
        f"{facts['recipe']['size']} px) against {real['films']} real ones ({_listed(real['sources'])}); shapes also "
        f"against {real['outlined']} whose lungs people outlined. Brackets are 95 % intervals over patients."
    )
    shown = element("img", src="data:image/jpeg;base64," + base64.b64encode(virtual).decode("ascii"),
                    alt="24 virtual films", style="max-width:100%")  # fmt: skip
    sections = [element("section", element("h2", title), table(heads, [_line(row) for row in rows]))
                for title, heads, rows in blocks(facts) if rows]  # fmt: skip
    if not facts["distances"]:
        sections.append(element("p", "Drawn without --maps: no raw ceiling and no ablation."))
    body = join((
        element("p", head, class_="counts"), *sections, element("p", sentence(facts["heart"]), class_="fine"),
        element("section", element("h2", "Virtual films"), shown),
        element("section", element("h2", "Limits"), element("ul", *(element("li", line) for line in LIMITS))),
        element("section", element("h2", "Recipe"), element("pre", json.dumps(facts["recipe"], indent=1))),
    ))  # fmt: skip
    return document("report", "Realism of virtual films", caution=CAUTION, heading="Realism of virtual films",
                    label="measured", body=body)  # fmt: skip


def _listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{number} {name}" for name, number in counts.items())


def _line(cells: Sequence[str]) -> Html:
    return element("tr", element("th", cells[0], scope="row"), *(element("td", cell) for cell in cells[1:]))

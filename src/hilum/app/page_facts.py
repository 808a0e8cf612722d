"""What a page says about where things come from, and what it must not say: identifiers."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from hilum import __version__
from hilum.app.markup import Html, element, join
from hilum.app.page_film import hung, letters, spacing
from hilum.app.page_findings import Clean
from hilum.core.image import Image, MadeBy, Volume
from hilum.core.study import Study


def cleaner(study: Study, names: Mapping[str, str], keep_identifiers: bool) -> Clean:
    """Return the function that replaces identifiers in free text by shown names.

    Identifiers below four characters, and those that are a lower-case word, are left: they would
    match ordinary words and numbers.
    """
    if keep_identifiers:
        return str
    replacements: dict[str, str] = {}
    for each in (study.prior, study) if study.prior else (study,):
        replacements |= {each.id: "this study", each.patient: "this patient"}
        replacements |= {image.id: names.get(image.id, "this film") for image in each.images}
    known = sorted(
        (key for key in replacements if len(key) >= 4 and not (key.isalpha() and key.islower())), key=len, reverse=True
    )
    if not known:
        return str
    pattern = re.compile(r"(?<![\w.])(?:" + "|".join(map(re.escape, known)) + r")(?![\w]|\.\w)")
    return lambda words: pattern.sub(lambda match: replacements[match.group()], words)


def _definitions(pairs: Sequence[tuple[str, object]]) -> Html:
    return element("dl", *[join([element("dt", name), element("dd", value)]) for name, value in pairs if value])


def _signature(made_by: MadeBy) -> Html:
    digest = element("code", made_by.sha256) if made_by.sha256 else None
    return join(
        [
            f"{made_by.name} {made_by.version}".strip(),
            element("br") if digest else None,
            "SHA-256 " if digest else None,
            digest,
        ]
    )


def _film_facts(film: Image) -> str:
    height, width = film.pixels.shape
    left, right, _, assumed = letters(film)
    side = (
        f"image left is {left}, right is {right}" + (" (assumed)" if assumed else "") if left else "orientation unknown"
    )
    view = f"view {film.view}"
    polarity = "MONOCHROME1, shown inverted" if film.inverted else ""
    source = f"synthetic, made by {film.made_by or 'an unnamed generator'}" if film.synthetic else ""
    return " · ".join(filter(None, (f"{width} × {height} px", view, spacing(film), side, polarity, source)))


def _card_facts(card: Mapping[str, Any], said: frozenset[str]) -> list[tuple[str, object]]:
    """Return the model card's single-valued facts, each under its key in plain words, less those `said` already."""
    facts: list[tuple[str, object]] = []
    for key, value in card.items():
        listed = isinstance(value, (list, tuple)) and all(isinstance(item, str) for item in value)
        shown = "; ".join(value) if listed else str(value) if isinstance(value, (str, int, float)) else ""
        if shown and shown not in said:
            name = f"Model card: {key.replace('_', ' ')}"
            facts.append((name, element("code", shown) if key == "sha256" else shown))
    return facts


def provenance(
    study: Study, names: Mapping[str, str], card: Mapping[str, Any], clean: Clean, *, said: Sequence[str] = ()
) -> Html:
    """Return who made what, from which films and with which calibration.

    Args:
        study: the study with its prior.
        names: shown name of each film by id.
        card: model-card facts.
        clean: removes identifiers from free text.
        said: sentences the page shows elsewhere; notes that hold one are left out here.
    """
    films = (*hung(study.films), *hung(study.prior.films if study.prior else ()))
    volumes = sum(isinstance(image, Volume) for image in study.images)
    calibrations = sorted({finding.calibration for finding in study.findings if finding.calibration})
    pairs: list[tuple[str, object]] = []
    for signed in study.provenance:
        added = f"added {', '.join(signed.added)}" if signed.added else "added nothing"
        pairs.append(("Made by", join([_signature(signed.made_by), element("br"), added])))
    pairs += [
        ("Prior made by", _signature(signed.made_by)) for signed in (study.prior.provenance if study.prior else ())
    ]
    pairs += _card_facts(card, frozenset(signed.made_by.sha256 for signed in study.provenance))
    pairs += [("Calibration", ", ".join(calibrations)), ("Software", f"Hilum {__version__}")]
    pairs += [(names[film.id], _film_facts(film)) for film in films]
    pairs += [("Not shown", f"{volumes} CT volume{'s' if volumes > 1 else ''}")] if volumes else []
    notes = dict.fromkeys(clean(note) for signed in study.provenance for note in signed.notes)
    items = [
        element("li", note) for note in notes if not any(sentence in note for sentence in map(clean, said) if sentence)
    ]
    listed = join([element("h3", "Notes"), element("ul", *items)]) if items else None
    return join([_definitions(pairs), listed])

"""Invented diseases on made films: are untaught ones told by their facets, and does a vector for each help?"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray

from hilum.core.errors import MissingError, need
from hilum.learn.label_trunk import seen
from hilum.learn.pairs import Pairs
from hilum.measure.scored import Scored
from hilum.systems._devide_align import WIDTH, Shown, align, how_of
from hilum.systems._devide_arms import DESCRIPTIONS, MADE, MADE_ARMS, MADE_BESIDE, ONE, Part, told_in
from hilum.systems._devide_arms import judged as judged_by
from hilum.systems._devide_diseases import Diseases, invent
from hilum.systems._devide_knowledge import Entry
from hilum.systems._devide_lesions import Drawn, draw_films
from hilum.systems._devide_picture import CAPTION, picture
from hilum.systems._devide_scores import COSINE, CROWDED, SEEN, UNSEEN, by_count, crowded, mean_auroc
from hilum.systems._devide_trunk import fit_places

Say = Callable[[str], None]
Trials = dict[str, dict[str, list[Scored]]]
TAUGHT, KEPT, GROUNDS, RATE = 24, 3, 150, 4e-3
"""Diseases that are taught, and kept for the test, whose films show one of them each; films to draw into, and
peak rate of an arm."""
_TEST = 500_000


def lung_fields(films: NDArray[np.uint8], *, say: Say = lambda line: None) -> NDArray[np.bool_]:
    """Return lung fields of films (N, S, S) as the package's own model finds them.

    Raises:
        MissingError: if onnxruntime is not installed.
    """
    from PIL import Image as Picture

    from hilum.systems.embedded import shipped

    say(f"lung fields of {len(films)} films")
    model = shipped()
    side = int(model.card["input_size"])
    found = []
    try:
        for film in films:
            big = np.asarray(Picture.fromarray(film).resize((side, side)), np.float32) / 255.0
            logits = model.session(big[None, None])["lung"][0, 0]
            found.append(np.asarray(Picture.fromarray(logits.astype(np.float32)).resize(film.shape[::-1])) > 0)
    except ImportError:
        raise need("onnxruntime", "read", "finding lung fields to draw into") from None
    if not found:
        raise MissingError("no film to find lungs in: draw more virtual patients")
    return np.stack(found)


def judge_made(
    train: Pairs, test: Pairs, *, seed: int, seeds: int, films: int, tests: int, steps: tuple[int, int], say: Say
) -> Part:
    """Train every arm on films with lesions drawn into them and judge the claims.

    Args:
        train, test: frontal films of different patients to draw into.
        seed: of the first set of diseases, its films and its training; the next seeds have sets of their own.
        seeds: sets.
        films, tests: to draw of each set.
        steps: of the shared encoder, and of each arm.
        say: told what is being done.
    """
    trials: Trials = defaultdict(lambda: defaultdict(list))
    counts: dict[str, list[list[float]]] = defaultdict(list)
    beneath = [part.take(np.arange(min(len(part), GROUNDS))) for part in (train, test)]
    grounds = [(part.films, lung_fields(part.films, say=say), part.patient) for part in beneath]
    shots: list[bytes] = []
    for number in range(seed, seed + seeds):
        diseases = invent(TAUGHT, KEPT, seed=number)
        known = draw_films(*grounds[0], diseases, films, seed=number)
        judged = draw_films(*grounds[1], diseases, tests, seed=number + _TEST, untaught=True)
        maps = _arms(diseases, known, judged, trials, counts, number, steps, say)
        shots.append(picture(judged, diseases, maps))
    patients = judged.patients.tolist()
    lines = [
        f"invented diseases: {TAUGHT} taught, {KEPT} never, other ones in each of {seeds} sets; {films} films to learn "
        f"from, {tests} of {len(set(patients))} other patients to judge, 1 to 5 diseases a film, one of "
        "those to judge never taught",
        *_table(counts, trials),
    ]
    part = Part(lines=lines, figures={CAPTION: shots[0]})
    part.judged = [judged_by(claim, trials[claim.metric], patients, seed) for claim in MADE]
    part.beside = [judged_by(claim, trials[claim.metric], patients, seed) for claim in MADE_BESIDE]
    return part


def _arms(
    diseases: Diseases, known: Drawn, judged: Drawn, trials: Trials, counts: dict[str, list[list[float]]], seed: int,
    steps: tuple[int, int], say: Say,
) -> NDArray[np.float32]:  # fmt: skip
    taught, everyone = diseases.seen, np.ones_like(judged.target)
    say(f"set {seed}: the encoder that all arms share")
    encoder = fit_places(known.films, known.places[:, :taught], np.ones((len(known.films), taught), np.bool_),
                         width=WIDTH, steps=steps[0], seed=seed)  # fmt: skip
    reports = tuple(_report(row, diseases.told) for row in known.target)
    target = torch.from_numpy(known.target[:, :taught]).float()
    shown = Shown(seen(encoder, known.films), target, torch.ones_like(target, dtype=torch.bool), reports)
    looked = seen(encoder, judged.films)
    for arm in MADE_ARMS:
        say(f"set {seed}: {arm}")
        told = told_in(arm, diseases.told, seed)
        reader = align(shown, told[:taught], how_of(arm), steps=steps[1], seed=seed, rate=RATE)
        scores = reader.scores(looked, told)
        for name, part in ((SEEN, slice(taught)), (UNSEEN, slice(taught, None))):
            scored = mean_auroc(name, scores.logits[:, part], judged.target[:, part], everyone[:, part])
            trials[name][arm].append(scored)
        trials[COSINE][arm].append(mean_auroc(COSINE, scores.cosine, judged.target, everyone))
        trials[CROWDED][arm].append(crowded(scores.cosine, judged.target))
        counts[arm].append(by_count(scores.cosine, judged.target))
        if arm == DESCRIPTIONS:
            maps = scores.maps.astype(np.float32)
    return maps


def _report(row: NDArray[np.bool_], told: tuple[Entry, ...]) -> str:
    return ". ".join(told[int(at)].name for at in np.flatnonzero(row)) or "nothing"


def _table(counts: dict[str, list[list[float]]], trials: Trials) -> list[str]:
    lines = [f"    taught diseases, {arm}: AUROC {np.mean([run.value for run in runs]):.3f}"
             for arm, runs in trials[SEEN].items()]  # fmt: skip
    for arm in (DESCRIPTIONS, ONE):
        each = ", ".join(f"{n}: {value:.3f}" for n, value in enumerate(np.mean(counts[arm], axis=0), 1))
        lines.append(f"    AUROC by cosine by diseases on a film, {arm}: {each}")
    return lines

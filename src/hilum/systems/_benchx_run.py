"""One run of the experiment: films, arms of every seed, cells, judgement, lines and picture."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from hilum.core.errors import InputError
from hilum.learn.pairs import Pairs, join
from hilum.learn.wording import Wording
from hilum.measure.claim import Judged
from hilum.measure.rank import places
from hilum.systems._aligned import aligned, auroc_of, judged_names
from hilum.systems._benchx_cells import encoders, run_cells
from hilum.systems._benchx_claims import RANDOM, SUPERVISED
from hilum.systems._benchx_data import pairs_of, real_of
from hilum.systems._benchx_judge import judge_ranking
from hilum.systems._benchx_lines import Aurocs, published_lines, ranking, retrieval_lines
from hilum.systems._benchx_method import Method
from hilum.systems._benchx_picture import CAPTION, ranking_svg
from hilum.systems._benchx_protocol import DEFAULT, FROZEN, SEARCHED, TUNED, Cells, Protocol, Split
from hilum.systems._benchx_reading import Scale

Say = Callable[[str], None]
Found = tuple[list[Judged], list[Judged], list[str], dict[str, bytes | str]]


def films(data: str | Path | None, *, size: int, patients: int, seed: int, say: Say) -> Split:
    """Return films to learn from, to validate and to judge on; of virtual patients these hold an unseen family too.

    Args:
        data: registered set as 'name:/path'; None for virtual patients, beside which a pack gives real films.
        size, patients, seed, say: of `aligned`.

    Raises:
        InputError: if a part of the data has no frontal film.
    """
    real = real_of(data, size=size)
    if data is None or real is not None:
        virtual = aligned(patients, size=size, seed=seed, views=("PA", "AP", "LL"), say=say)
        parts = [virtual.train, virtual.val, join([virtual.test, virtual.unseen])]
    else:
        whole = pairs_of(data, size=size, say=say)
        parts = [whole.take(whole.split == name) for name in ("train", "val", "test")]
    val, test = (part.take(part.frontal) for part in parts[1:])
    split = Split(parts[0], val, test, real)
    for name in ("train", "val", "test"):
        if not len(getattr(split, name)):
            raise InputError(f"there is no frontal film to {name} with: give more patients")
    return split


def run(
    data: str | Path | None, methods: Sequence[str], *, seed: int, seeds: int, size: int, patients: int, steps: int,
    modes: Sequence[str] = (FROZEN, TUNED), say: Say = lambda line: None, protocol: Protocol | None = None,
) -> Found:  # fmt: skip
    """Return the judged claims, the one beside them, lines for people and pictures.

    Args:
        data: of `films`.
        methods: to pre-train, by name.
        seed, seeds: first seed, and how many.
        size, patients, steps, modes: of `reproduce`.
        say: told what is being done.
        protocol: recipes to try; BenchX's by default.
    """
    split = films(data, size=size, patients=patients, seed=seed, say=say)
    how = protocol or Protocol(methods=tuple(methods), modes=tuple(modes))
    wording, scale, cells = Wording.of(split.train.report), Scale(steps=steps), Cells()
    nets: dict[str, list[Method]] = {name: [] for name in methods}
    for number in range(seeds):
        arms = encoders(split, wording, scale, how, seed=seed + number, say=say)
        run_cells(cells, arms, split, how, seed=seed + number, say=say)
        for name in methods:
            method = arms[name][1]
            assert method is not None
            nets[name].append(method)
    names = judged_names(split.test)
    if not names:
        raise InputError("no finding is on ten test films and missing from ten: give more patients")
    parts, beside, table = judge_ranking(cells, split.test, names, methods, seeds=seeds, seed=seed)
    lines = [_told(split), f"scored: {', '.join(names)}", *table,
             *retrieval_lines(nets, split.test, lambda texts: wording.code(texts, longest=scale.words)),
             *published_lines(methods), *real_lines(cells, split, seed=seed)]  # fmt: skip
    return parts, beside, lines, {CAPTION: _picture(cells, split.test, names, methods, seeds)}


def real_lines(cells: Cells, split: Split, *, seed: int) -> list[str]:
    """Return what the probes on all virtual patients say of real films: the mean AUROC of text-mined labels."""
    if split.real is None:
        return ["real films: none were given (--data with a pack of them)"]
    names = [name for name in judged_names(split.real) if name in split.train.names]
    if not names:
        return ["real films: no finding is on ten of them and missing from ten"]
    columns = [split.train.column(name) for name in names]
    patients = [str(each) for each in split.real.patient]
    lines = [f"real films ({len(split.real)} of {len(set(patients))} patients), no tuning on any: mean AUROC of "
             f"{', '.join(names)}, mined from reports"]  # fmt: skip
    for arm, runs in cells.real.items():
        mean = np.mean([1 / (1 + np.exp(-logits[:, columns])) for logits in runs], axis=0)
        value = auroc_of(split.real, names, mean).interval(patients, replicates=400, seed=seed)
        lines.append(f"    {arm:12} {value} (the mean of {len(runs)} probes)")
    return lines


def _told(split: Split) -> str:
    one, two, three = (len(set(part.patient)) for part in (split.train, split.val, split.test))
    return (f"pre-trained and tuned on {one} patients, stopped by {two}, judged on {len(split.test)} films of "
            f"{three}")  # fmt: skip


def _picture(cells: Cells, test: Pairs, names: Sequence[str], methods: Sequence[str], seeds: int) -> str:
    values, every = Aurocs(cells, test, names), [*methods, RANDOM, SUPERVISED]
    means = {recipe: np.mean([ranking(values, every, cell, seeds) for cell in cells.logits if cell.recipe == recipe],
                             axis=0) for recipe in (DEFAULT, SEARCHED)}  # fmt: skip
    one = np.ones((1, len(test)))
    own = [cell for cell in cells.logits if cell.recipe == SEARCHED]
    spread = [float(np.std([values.scored([arm], own, seed).at(one)[0] for seed in range(seeds)])) for arm in every]
    rows = [(arm, float(means[DEFAULT][at]), float(means[SEARCHED][at]), spread[at]) for at, arm in enumerate(every)]
    ranked = [places(means[recipe][: len(methods)]) for recipe in (DEFAULT, SEARCHED)]
    ranks = {name: (int(ranked[0][at]), int(ranked[1][at])) for at, name in enumerate(methods)}
    return ranking_svg(rows[: len(methods)], rows[len(methods) :], ranks, title="BenchX on virtual patients")

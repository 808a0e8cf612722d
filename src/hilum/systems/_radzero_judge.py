"""RadZero judged: one map of likeness against global alignment, on a family of anatomy that nothing learned from."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from pathlib import Path

from hilum.learn.label_trunk import label_trunk
from hilum.measure.claim import Judged, judge
from hilum.systems._aligned import UNSEEN, Aligned, judged_names, real_films
from hilum.systems._radzero_bench import Bench, Trials, kinds, score_arm, score_centre
from hilum.systems._radzero_claims import ARMS, BESIDE, CLAIMS, OURS
from hilum.systems._radzero_fit import Size, align, network
from hilum.systems._radzero_look import cached, standardised
from hilum.systems._radzero_real import concerned, on_real
from hilum.systems._radzero_texts import told, wording_of


def judge_radzero(
    data: Aligned, root: Path | None, *, size: Size, seed: int, seeds: int, say: Callable[[str], None]
) -> tuple[list[Judged], list[Judged], list[str], Mapping[str, bytes | str]]:
    """Train every arm from several seeds over one frozen encoder and judge all claims on the same films.

    Args:
        data: virtual films.
        root: pack with real films, or None.
        size: of the network and its fitting.
        seed, seeds: the first, and how many.
        say: told what is being done.

    Returns:
        The judged claims, what is judged beside them, lines for people, and figures.
    """
    from hilum.systems._radzero_picture import picture

    trunk = label_trunk(data.train, width=size.width, stride=size.stride, seed=seed, say=say)
    encoder = standardised(trunk, data.train.films, size.width)
    films = {"val": data.val, "unseen": data.unseen}
    if root is not None:
        say("reading the real films")
        films["real"] = real_films(root, size=data.train.films.shape[-1])
    seen = {name: cached(encoder, each.films) for name, each in films.items()}
    names = judged_names(data.unseen)
    bench = Bench(size, wording_of(data.train), seen, films, names, *kinds(data.unseen, names))
    kept = cached(encoder, data.train.films, versions=size.versions, seed=seed)
    trials: Trials = defaultdict(lambda: defaultdict(list))
    figures: dict[str, bytes | str] = {}
    score_centre(trials, bench)
    for number in range(seed, seed + seeds):
        for name, arm in ARMS.items():
            say(f"seed {number - seed + 1} of {seeds}: {name}")
            texts = told(data.train, bench.wording, whole=arm.whole, shuffled=number if arm.shuffled else None)
            net = network(encoder, len(bench.wording), size, arm.how, seed=number)
            align(net, kept, texts, arm, size, seed=number, films=None if arm.shuffled else data.train)
            reading = score_arm(trials, bench, name, net)
            if name == OURS and number == seed:
                figures["Held-out family: the region in green, the map of likeness in red, its peak as a cross"] = (
                    picture(data.unseen, bench.found, reading)
                )
    parts = [judge(claim, trials[claim.metric], data.unseen.patient.tolist(), seed=seed) for claim in CLAIMS]
    beside = [judge(claim, concerned(claim, trials), data.unseen.patient.tolist(), seed=seed) for claim in BESIDE]
    lines = _lines(data, bench, size)
    if root is None:
        lines.append("real films: cannot be tested here (give the pack of real films: --data FOLDER)")
        return parts, beside, lines, figures
    more, told_ = on_real(trials, films["real"], seed=seed)
    return parts, [*more, *beside], [*lines, *told_], figures


def _lines(data: Aligned, bench: Bench, size: Size) -> list[str]:
    count = {name: len(set(films.patient.tolist())) for name, films in vars(data).items()}
    return [
        f"virtual patients: {len(data.train)} frontal films of {count['train']} to learn from, {len(data.val)} of "
        f"{count['val']} for thresholds, {len(data.unseen)} of {count['unseen']} of the family '{UNSEEN}', "
        "which nothing learned from, to judge on",
        f"one encoder, taught by labels and frozen, for all arms; {size.layers} layers of width {size.width}, "
        f"{size.steps} steps of {size.batch} films",
        f"classified: {', '.join(bench.names)}; pointed to and outlined: {', '.join(bench.found)}; "
        f"on a side: {', '.join(bench.sided)}",
    ]

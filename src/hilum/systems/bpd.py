"""BPD: bronchopulmonary dysplasia from the first day's film, learned by a network that knows films from few children.

Source: arXiv 2507.12269 and its public training script, read for its numbers and written anew. `train` is the
published protocol on a site's own folder: ResNet-50 of torchxrayvision (the user's weights), linear probe, progressive
thawing with rates by block, CutMix, six runs of five balanced folds; `reproduce` judges on many small drawn cohorts
what of it helps, and whether sites that never pool films reach what pooling reaches. No open data set holds newborns
with their outcome. Research use only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hilum.core.errors import InputError, need
from hilum.core.registry import register
from hilum.measure.claim import verdict
from hilum.measure.verdict import Verdict
from hilum.systems._bpd_claims import ARMS, BESIDE, CLAIMED, CLAIMS, REAL_CLAIMS
from hilum.systems._chestx_ray8_films import whole

if TYPE_CHECKING:
    from torch import nn

__all__ = ["Bpd", "build", "reproduce", "train", "trained"]
TEXT = "few children are enough for a network that knows films, thawed block by block"
PARTS = ("drawn", "sites", "real")
NOTES = (
    "published, 163 infants, 6 runs of 5 folds: in-domain + probe + progressive + CutMix .783, in-domain progressive "
    ".775, in-domain full .761, ImageNet progressive .717; p = .031 is the least that six runs can give",
    "infants here are drawn: what is judged is the schedule and the start, not the disease",
)


def build(
    *, start: str = "in-domain", weights: str | Path | None = None, size: int = 512, net: str = "published"
) -> nn.Module:
    """Return the network with the weights of a start: films (B, 1, S, S) in [0, 1] to logits (B,).

    Args:
        start: 'in-domain' (torchxrayvision's resnet50-res512-all), 'imagenet' or 'random'.
        weights: folder or .safetensors file; None looks in the folder that HILUM_WEIGHTS names.
        size: side that films are resized to.
        net: 'published' or 'small'.

    Raises:
        MissingError: if torch or the weights are missing; the sentence says where they are got.
        InputError: if they do not fit.
    """
    _torch()
    from hilum.systems._bpd_net import network

    return network(start, weights=weights, size=size, net=net)


def train(
    *, data: str | Path, out: str | Path, seed: int = 0, resume: bool = False, settings: Mapping[str, Any] | None = None
) -> Path:
    """Cross-validate and train on a site's folder: see `hilum.systems._bpd_train.train`."""
    _torch()
    from hilum.systems._bpd_train import train as run

    return run(data, Path(out), seed=seed, resume=resume, settings=settings or {})


def trained(folder: str | Path) -> tuple[nn.Module, Mapping[str, Any]]:
    """Return the network that `train` wrote, and its card; MissingError if the folder holds none."""
    _torch()
    from hilum.systems._bpd_train import trained as read

    return read(Path(folder))


def _torch() -> None:
    if find_spec("torch") is None:
        raise need("torch", "train", "the network of bpd")


def reproduce(
    data: str | Path | None = None, *, seed: int = 0, say: Callable[[str], None] = lambda line: None,
    seeds: int | str = 3, cohorts: int | str = 7, size: int | str = 48, epochs: int | str = 15, first: int | str = 300,
    parts: str = "drawn,sites,real",
    arms: str = "all", patients: int | str = 360, children: int | str = 160, tested: int | str = 200,
    federations: int | str = 3, runs: int | str = 3,
) -> Verdict:  # fmt: skip
    """Judge starts and schedules on many small cohorts, every arm and control in one run.

    Args:
        data: pack of real films; with it, the same is judged on 163 real children.
        seed: of every draw.
        say: told what is being done.
        seeds, cohorts: starts made anew, and cohorts of each.
        size, epochs, first: rows of a film, epochs of a schedule, steps of what networks start from.
        parts: with commas: 'drawn' cohorts, 'sites' that never pool, 'real' children (with `data`).
        arms: 'all' twelve of a cohort, or the eight 'claimed' ones.
        patients: virtual patients that adults and bodies are taken from.
        children, tested: of each cohort, to learn from and to judge on.
        federations: of three sites, drawn for each seed.
        runs: of five folds on real films.

    Raises:
        InputError: if a count cannot be used.
        MissingError: if torch or numba is missing.
    """
    n, each, px, passes, steps = whole(seeds=seeds, cohorts=cohorts, size=size, epochs=epochs, first=first)
    bodies, kids, kept, drawn, rounds = whole(
        patients=patients, children=children, tested=tested, federations=federations, runs=runs
    )
    chosen = [part.strip() for part in parts.split(",")]
    if not chosen or set(chosen) - set(PARTS):
        raise InputError(f"parts are some of {', '.join(PARTS)}; got '{parts}'")
    if arms not in ("all", "claimed"):
        raise InputError(f"arms are 'all' or 'claimed', got '{arms}'")
    if px % 16 or passes < 3 or kids < 20 or kept < 20:
        raise InputError(f"films measure a multiple of 16 pixels (got {px}), with 3 epochs and 20 children at least")
    _torch()
    if find_spec("numba") is None:
        raise need("numba", "drr", "drawing bodies")
    from hilum.systems._bpd_experiment import experiment
    from hilum.systems._bpd_trials import Effort

    effort = Effort(seeds=n, cohorts=each, children=kids, tested=kept, size=px, first=steps, epochs=passes,
                    probe=passes // 3, arms=ARMS if arms == "all" else CLAIMED)  # fmt: skip
    root = Path(data) if data and (Path(data) / "manifest.csv").is_file() else None
    judged, beside, lines, figures = experiment(
        effort, root, parts=chosen, patients=bodies, federations=drawn, runs=rounds, seed=seed, say=say
    )
    if not judged:
        return Verdict(TEXT, "cannot be tested here", (*lines, *NOTES), figures=figures)
    made = verdict(TEXT, judged, notes=(*lines, *NOTES))
    if not beside:
        return replace(made, figures=figures)
    more = verdict(TEXT, beside)
    return replace(made, lines=(*made.lines, *more.lines), scores={**made.scores, **more.scores}, figures=figures)


@register.system(
    "bpd", summary="Chronic lung disease of newborns from few films: thawing block by block, also over sites",
    source="arXiv 2507.12269",
)  # fmt: skip
class Bpd:
    """`build` and `train` make the network, `reproduce` judges starts, schedules and learning over sites."""

    claims, minutes = (*CLAIMS, *REAL_CLAIMS, *BESIDE), 8.0
    build, reproduce = staticmethod(build), staticmethod(reproduce)
    train, trained = staticmethod(train), staticmethod(trained)

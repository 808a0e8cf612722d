"""`hilum train bpd`: a site's folder cross-validated as published, then one network of all its patients.

The network that is written saw every patient of the folder: its own figures would flatter it, so that the card holds
those of the cross-validation and no other.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import nn

from hilum import RESEARCH_USE, __version__
from hilum.core.errors import MissingError
from hilum.io.save import save_bytes, save_text
from hilum.learn.weak import one_thread
from hilum.systems._bpd_arm import arm
from hilum.systems._bpd_augment import Vary
from hilum.systems._bpd_cross import out_of_fold
from hilum.systems._bpd_learn import How, as_film, learn
from hilum.systems._bpd_net import SMALL, network, settle_norms
from hilum.systems._bpd_plan import plan
from hilum.systems._bpd_recipe import Recipe, resolve, site_of
from hilum.systems._bpd_site import Site

log = logging.getLogger(__name__)
WEIGHTS, CARD, SCORES = "model.safetensors", "card.json", "scores.csv"


def train(root: str | Path, out: Path, *, seed: int, resume: bool, settings: Mapping[str, Any]) -> Path:
    """Cross-validate, train on all, and write; return the folder with model.safetensors, card.json and scores.csv.

    Args:
        root: the site's folder, also as 'bpd-site:/path'.
        out: folder of what is written.
        seed: of every draw.
        resume: keep a finished cross-validation of the same settings, and go on with the last network's state.
        settings: of `Recipe`, by name.

    Raises:
        InputError: if a setting or the folder cannot be used.
        MissingError: if the start's weights are not there.
    """
    recipe = resolve(settings)
    stages = plan(recipe.schedule, epochs=recipe.epochs, probe=recipe.probe, norms=recipe.norms, rate=recipe.rate)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    how = How(recipe.batch, Vary(mirror=0.5 * recipe.mirror), device)
    start = _starting(recipe)
    start(seed)  # weights that are not there are told before films are read
    site = site_of(str(root).removeprefix("bpd-site:"), size=recipe.size)
    begin = _settled(start, site) if recipe.start == "random" and not recipe.weights else start
    out.mkdir(parents=True, exist_ok=True)
    counts = {"patients": len(site.patients), "films": len(site.films), "moderate or severe": int(site.bpd.sum())}
    facts = {"settings": asdict(recipe), "seed": seed, "data": counts}
    before = _before(out, facts) if resume else None
    with _threads(recipe):
        measured = before if before is not None else _measured(site, begin, stages, recipe, seed, how, out)
        net = learn(begin(seed), site.films, site.bpd[site.owner], stages, seed=seed, how=how, folder=out / "fit",
                    resume=resume)  # fmt: skip
    card = {"name": "bpd", "hilum": __version__, "caution": RESEARCH_USE, "torch": torch.__version__,
            "source": "schedule of arXiv 2507.12269", "trained on": "all patients of the site: never evaluate there",
            **facts, "cross-validation": measured}  # fmt: skip
    _save(net, out, card)
    return out


def _threads(recipe: Recipe) -> AbstractContextManager[None]:
    return one_thread() if recipe.net == SMALL else nullcontext()


def _starting(recipe: Recipe) -> Callable[[int], nn.Module]:
    def start(seed: int) -> nn.Module:
        return network(recipe.start, weights=recipe.weights or None, size=recipe.size, seed=seed, net=recipe.net)

    return start


def _settled(start: Callable[[int], nn.Module], site: Site) -> Callable[[int], nn.Module]:
    return lambda seed: settle_norms(start(seed), as_film(site.films[:64]))


def _measured(
    site: Site, start: Callable[[int], nn.Module], stages: Any, recipe: Recipe, seed: int, how: How, out: Path
) -> dict[str, Any]:
    """Cross-validate, write each patient's scores, and return what they say."""
    if not recipe.runs:
        return {}
    scores = out_of_fold(site, start, stages, seed=seed, runs=recipe.runs, count=recipe.folds, kind=recipe.kind,
                         how=how, say=log.info)  # fmt: skip
    save_text(site.table(scores), out / SCORES)
    found = arm(site.bpd, scores, patients=site.patients, seed=seed)
    log.info("%s", found)
    return {**asdict(found), "in words": str(found)}


def _before(out: Path, facts: Mapping[str, Any]) -> dict[str, Any] | None:
    """The cross-validation of a finished run with the same settings and data, or None."""
    if not (out / CARD).is_file():
        return None
    card = json.loads((out / CARD).read_text(encoding="utf-8"))
    same = all(card.get(name) == value for name, value in facts.items())
    return dict(card["cross-validation"]) if same else None


def _save(net: nn.Module, out: Path, card: Mapping[str, Any]) -> None:
    from safetensors.torch import save

    tensors = {name: value.detach().contiguous() for name, value in net.state_dict().items()}
    save_bytes(save(tensors), out / WEIGHTS)
    save_text(json.dumps(card, indent=1, ensure_ascii=False) + "\n", out / CARD)


def trained(folder: Path) -> tuple[nn.Module, Mapping[str, Any]]:
    """Return the network that `hilum train bpd` wrote, in evaluation mode, and its card.

    Raises:
        MissingError: if the folder holds none.
    """
    from safetensors.torch import load_file

    if not (folder / WEIGHTS).is_file() or not (folder / CARD).is_file():
        raise MissingError(f"no {WEIGHTS} and {CARD} in '{folder}': train with 'hilum train bpd --data FOLDER'")
    card = json.loads((folder / CARD).read_text(encoding="utf-8"))
    settings = resolve(card["settings"])
    net = network("random", size=settings.size, net=settings.net)
    if settings.net != SMALL and settings.start == "imagenet":
        net = _of_three(settings.size)
    net.load_state_dict(load_file(folder / WEIGHTS))
    return net.eval(), card


def _of_three(size: int) -> Any:
    """ResNet-50 of three channels, without weights."""
    from hilum.nets.encoders import image_encoder
    from hilum.systems._bpd_net import SiteNet

    encoder = image_encoder("resnet50", weights="random", size=size)
    return SiteNet(encoder, encoder.width)

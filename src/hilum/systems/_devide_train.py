"""How DeViDe is trained on a user's films and reports, what is written, and how it is asked."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from hilum.core.errors import InputError
from hilum.core.seed import generator
from hilum.learn.fit import Fit, fit
from hilum.learn.label_trunk import film_batch
from hilum.learn.pairs import Pairs
from hilum.learn.weak import one_thread
from hilum.learn.wording import Wording
from hilum.systems._devide_knowledge import Entry, entries, knowledge, read_knowledge
from hilum.systems._devide_loss import devide_loss
from hilum.systems._devide_net import Devide
from hilum.systems._devide_recipe import Recipe, network, settings_of
from hilum.systems._devide_scores import FEWEST, SEEN, mean_auroc
from hilum.systems._devide_texts import Tokens, coded_texts
from hilum.systems._label_text import card_of, filled, films_of, write

log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Trained:
    """A trained network, what codes its texts, the store that it was told from, and its card."""

    net: Devide
    tokens: Tokens
    store: Mapping[str, Entry]
    card: Mapping[str, Any]

    @torch.no_grad()
    def ask(self, films: NDArray[np.uint8], diseases: Sequence[str | Entry], *, batch: int = 32) -> NDArray[np.float64]:
        """Return existence logits (N, C) of films uint8 (N, S, S) for findings of the store, or entries of your own.

        Raises:
            InputError: if the store has nothing of a name.
        """
        told = [each if isinstance(each, Entry) else entries([each], dict(self.store))[0] for each in diseases]
        texts = coded_texts(told, self.tokens)
        with one_thread():
            parts = [self.net.eval()(film_batch(films[at : at + batch], seed=0, step=0, vary=None), texts).logits
                     for at in range(0, len(films), batch)]  # fmt: skip
        return torch.cat(parts).double().numpy()


def train(data: str | Path | None, out: Path, *, seed: int, resume: bool, settings: Mapping[str, Any]) -> Path:
    """Train on films of the split 'train' and write model.safetensors, card.json and log.csv; return the folder.

    Args:
        data: 'NAME:FOLDER' of a registered data set, 'virtual', or None for virtual patients.
        out: folder.
        seed: of every draw.
        resume: go on from the state in `out`.
        settings: of `Recipe`, by name.
    """
    recipe, began = settings_of(settings), time.time()
    pairs = films_of(data, size=recipe.size, patients=recipe.patients, seed=seed)
    store = _store(recipe)
    learned = pairs.take(pairs.split == "train")
    counts = (learned.target * learned.known).sum(axis=0)
    names = [name for name, count in zip(pairs.names, counts, strict=True) if name in store and count >= FEWEST]
    if not names:
        raise InputError(f"no finding of the knowledge store is on {FEWEST} films or more: there is nothing to ask for")
    told = entries(names, dict(store))
    words = Wording.of([*learned.report, *(t for each in told for t in (each.name, each.definition, *each.facets))])
    torch.manual_seed(seed)
    net, tokens = network(recipe, words)
    out.mkdir(parents=True, exist_ok=True)
    fit_devide(net, tokens, learned, told, recipe, seed=seed, out=out, resume=resume)
    card = {
        "name": "devide", "source": "DeViDe (arXiv 2404.03618), losses reconstructed", "data": str(data or "virtual"),
        "seed": seed, "settings": asdict(recipe), "findings": names, "words": words.to_json(),
        "seconds": round(time.time() - began, 1),
    }  # fmt: skip
    measured = _measured(Trained(net, tokens, store, card), pairs, names)
    return write(out, net, {**card, "measured": measured}, pairs)


def fit_devide(
    net: Devide, tokens: Tokens, films: Pairs, told: Sequence[Entry], recipe: Recipe, *, seed: int,
    out: Path | None = None, resume: bool = False,
) -> Devide:  # fmt: skip
    """Fit all of a network to films, their labels and their reports."""
    at = [films.column(each.name) for each in told]
    texts, (ids, mask) = coded_texts(told, tokens), tokens.code(films.report)
    held = torch.tensor([bool(text) for text in films.report])
    target, known = torch.from_numpy(films.target[:, at]), torch.from_numpy(films.known[:, at])

    def draw(step: int) -> tuple[Tensor, NDArray[np.int64]]:
        rows = generator(seed, "devide", step).integers(0, len(films), recipe.batch)
        return film_batch(films.films[rows], seed=seed, step=step), rows

    def minimise(model: nn.Module, batch: tuple[Tensor, NDArray[np.int64]]) -> tuple[Tensor, dict[str, float]]:
        assert isinstance(model, Devide)
        film, rows = batch
        said = (ids[rows], mask[rows], held[rows])
        return devide_loss(model, model(film, texts), target[rows], known[rows], said, recipe.weights)

    spec = Fit(recipe.steps, rate=recipe.rate, bf16=False, average=0.99, save_every=recipe.save_every,
               slow=1.0 if recipe.image == "small" else 0.1, slow_prefix="image.")  # fmt: skip
    with one_thread():
        fit(net, draw, minimise, spec, seed=seed, folder=out, resume=resume)
    return net


def trained(folder: Path) -> Trained:
    """Return what `train` wrote, in evaluation mode; MissingError if the folder holds none."""
    card = card_of(folder, "devide")
    recipe = settings_of(card["settings"])
    net, tokens = network(recipe, Wording.from_json(card["words"]))
    filled(net, folder)
    return Trained(net.eval(), tokens, _store(recipe), card)


def _store(recipe: Recipe) -> Mapping[str, Entry]:
    return read_knowledge(recipe.knowledge) if recipe.knowledge else knowledge()


def _measured(made: Trained, pairs: Pairs, names: Sequence[str]) -> dict[str, float | None]:
    """Mean AUROC of the taught findings on each split that was not learned from."""
    found: dict[str, float | None] = {}
    at = [pairs.column(name) for name in names]
    for split in sorted(set(pairs.split.tolist()) - {"train"}):
        part = pairs.take(pairs.split == split)
        scored = mean_auroc(SEEN, made.ask(part.films, names), part.target[:, at] > 0, part.known[:, at])
        found[f"mean AUROC, {split}"] = round(scored.value, 4) if np.isfinite(scored.value) else None
    return found

"""A trained reader: what it writes about samples, how likely it finds answers, and how it is kept."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from torch import Tensor

from hilum.core.errors import InputError, MissingError
from hilum.io.save import save_bytes
from hilum.learn.decode import Decoding, Row, Written, likelihood, write
from hilum.learn.reader.features import Features
from hilum.learn.reader.layout import prompt_ids
from hilum.learn.reader.preset import Preset
from hilum.learn.reader.sample import Sample
from hilum.learn.spread import lent
from hilum.learn.weak import one_thread

CARD = "reader.json"
BATCH = 64


@dataclass(frozen=True, eq=False)
class Made:
    """A reader and the processor that goes with it.

    Args:
        reader: of `nets.reader`.
        processor: its processor, with the tokenizer.
    """

    reader: Any
    processor: Any


@dataclass(frozen=True, eq=False)
class Trained:
    """A reader that has learned, the preset it was laid out by, and the features of films it has seen.

    Args:
        reader, processor: of `nets.reader`.
        preset: how samples are laid out for it.
        features: of its frozen encoder; films are computed afresh where None.
        card: what else is known of it.
    """

    reader: Any
    processor: Any
    preset: Preset
    features: Features | None = None
    card: Mapping[str, Any] = field(default_factory=dict)

    def rows(self, samples: Sequence[Sample]) -> list[Row]:
        """Return the prompts of samples with their films, up to where the last answer begins."""
        laid = [prompt_ids(sample, self.preset, self.processor) for sample in samples]
        if self.features is not None:
            self.features.see(film for _, films in laid for film in films)
        return [Row(ids, self._films(films)) for ids, films in laid]

    def _films(self, films: Sequence[Any]) -> Tensor | None:
        if not films:
            return None
        if self.features is not None:
            made: Tensor = self.reader.model.chosen(self.features.of(list(films)))
            return made
        pixels: Tensor = self.processor.image_processor(list(films))["pixel_values"]
        return pixels

    def decoding(self, task: str = "", **changes: Any) -> Decoding:
        """Return the preset's decoding of a task with some of it changed."""
        return Decoding(**{**self.preset.settings(task), **changes})

    def written(
        self, samples: Sequence[Sample], *, seed: int = 0, decoding: Decoding | None = None, batch: int = BATCH
    ) -> list[Written]:
        """Return answers to the last turn of samples, with their tokens and log-probabilities, in order.

        Args:
            samples: any; their own last answers are not looked at.
            seed: of draws.
            decoding: the preset's for the first sample's task if None.
            batch: prompts at a time.
        """
        if not samples:
            return []
        how = decoding or self.decoding(samples[0].task)
        with one_thread(), lent(self.reader):
            return write(self.reader, self.processor, self.rows(samples), how, seed=seed, batch=batch)

    def write(self, samples: Sequence[Sample], *, seed: int = 0, decoding: Decoding | None = None) -> list[str]:
        """Return the texts that `written` gives."""
        return [each.text for each in self.written(samples, seed=seed, decoding=decoding)]

    def likelihood(self, samples: Sequence[Sample], options: Sequence[Sequence[str]] | None = None) -> Tensor:
        """Return the mean log-probability of each option of each sample (N, O), -inf where there is none.

        Args:
            samples: with options of their own, unless some are given.
            options: of each sample.

        Raises:
            InputError: if a sample has no option.
        """
        asked = [list(sample.options) for sample in samples] if options is None else [list(some) for some in options]
        if not asked or not all(asked):
            raise InputError("likelihood compares options: every sample needs at least one")
        with one_thread(), lent(self.reader):
            return likelihood(self.reader, self.processor, self.rows(samples), asked, batch=BATCH)

    def save(self, folder: Path, **card: Any) -> Path:
        """Write weights (safetensors), processor and card into a folder, each file whole or not at all; return it.

        Args:
            folder: made where missing.
            card: what to keep beside the preset, ready for JSON.
        """
        from hilum.nets.reader import without_bars

        folder.mkdir(parents=True, exist_ok=True)
        with without_bars(), TemporaryDirectory(dir=folder, prefix=".part-") as part:
            self.reader.save_pretrained(part, safe_serialization=True)
            self.processor.save_pretrained(part)
            for path in sorted(Path(part).iterdir()):
                path.replace(folder / path.name)
        told = {"preset": _plain(self.preset), "fit": None if self.features is None else self.features.fit,
                **self.card, **card}  # fmt: skip
        save_bytes(json.dumps(told, indent=1).encode(), folder / CARD)
        return folder

    @classmethod
    def load(cls, folder: Path) -> Trained:
        """Read back what `save` wrote.

        Raises:
            MissingError: if the folder holds no reader.
            InputError: if its card cannot be read.
        """
        import hilum.nets.small_vision  # noqa: F401  (tells transformers of the small encoder)
        from hilum.nets.reader import Reader, without_bars
        from hilum.nets.reader_processor import ReaderProcessor

        if not (folder / CARD).is_file():
            raise MissingError(f"'{folder}' holds no reader: there is no {CARD}; train one with `hilum train`")
        try:
            card = json.loads((folder / CARD).read_text(encoding="utf-8"))
            preset = preset_from(card.pop("preset"))
        except (ValueError, TypeError, KeyError) as error:
            raise InputError(f"the card of the reader cannot be read: {folder / CARD} ({error})") from error
        with without_bars():
            reader = Reader.from_pretrained(folder).eval()
        processor = ReaderProcessor.from_pretrained(folder)
        fit = card.pop("fit", None)
        features = Features(reader.model.vision_tower, fit=fit) if fit else None
        return cls(reader, processor, preset, features, card)


def _plain(preset: Preset) -> dict[str, Any]:
    made = {name: getattr(preset, name) for name in preset.__dataclass_fields__}
    return {name: dict(value) if isinstance(value, Mapping) else value for name, value in made.items()}


def preset_from(told: Mapping[str, Any]) -> Preset:
    """Return a preset from its JSON form."""
    plain: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in told.items()}
    return Preset(**plain)

"""The ways into a published reader that recipes share: sizes, training, reading back, authors' tensors, verdict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hilum.core.errors import need
from hilum.measure.claim import Judged, verdict
from hilum.measure.verdict import Verdict

if TYPE_CHECKING:
    from hilum.learn.reader.trained import Trained
    from hilum.systems._reader_published import Published


@dataclass(frozen=True)
class Door:
    """The ways into one published reader.

    Args:
        name: of the system, its preset and its folder of weights.
    """

    name: str

    def installed(self) -> None:
        """Say what is missing.

        Raises:
            MissingError: if torch or transformers is not installed.
        """
        for package, extra in (("torch", "train"), ("transformers", "language")):
            if find_spec(package) is None:
                raise need(package, extra, self.name)

    def build(self) -> Any:
        """Return the reader at its published sizes on torch's 'meta' device: to count and to check, without weights.

        Raises:
            MissingError: if torch or transformers is not installed.
        """
        self.installed()
        from hilum.systems._reader_published import empty

        return empty(self.name)

    def train(
        self, *, out: str | Path, data: str | Path | None = None, seed: int = 0, resume: bool = False,
        settings: Mapping[str, Any] | None = None,
    ) -> Path:  # fmt: skip
        """Train a reader: see `hilum.systems._reader_train.train` for data, and `_reader_recipe.Recipe` for settings.

        Raises:
            MissingError: if torch or transformers is not installed.
        """
        self.installed()
        from hilum.systems._reader_train import train as run

        return run(self.name, data, Path(out), seed=seed, resume=resume, settings=settings or {})

    def trained(self, folder: str | Path) -> Trained:
        """Return what `train` wrote.

        Raises:
            MissingError: if torch or transformers is not installed, or the folder holds no reader.
        """
        self.installed()
        from hilum.learn.reader.trained import Trained

        return Trained.load(Path(folder))

    def published(self, folder: str | Path | None = None) -> Published:
        """Return the authors' reader from weights that you have got, as its page says. Not run against them.

        Args:
            folder: with config.json, tokenizer and safetensors; by default the reader's name in the folder that
                HILUM_WEIGHTS names.

        Raises:
            MissingError: if torch, transformers or the weights are missing.
            InputError: if the tensors are not laid out as the authors' code says.
        """
        self.installed()
        from hilum.systems._reader_published import load_published

        return load_published(self.name, folder)


Parts = tuple[list[Judged], list[Judged], list[Judged], list[str], dict[str, bytes | str]]
"""The claims, the controls and what stands beside them as judged; lines; pictures by caption."""


def concluded(text: str, judged: Parts, notes: Sequence[str]) -> Verdict:
    """Return the verdict: the claims decide, controls and what stands beside them are told after them.

    Args:
        text: the system's claim as a whole.
        judged: see `Parts`.
        notes: more lines of evidence.
    """
    parts, controls, beside, lines, figures = judged
    made, more = verdict(text, parts, notes=(*lines, *notes)), verdict(text, [*controls, *beside])
    return replace(made, lines=(*made.lines, *more.lines), scores={**made.scores, **more.scores}, figures=figures)

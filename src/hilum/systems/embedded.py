"""The model inside the package: gate, view, lung field and findings on a chest radiograph.

Source: ChestX-ray8 (Wang et al., CVPR 2017) for pooling, loss and boxes; EfficientNet-Lite0 (Tan & Le 2019)
and U-Net (Ronneberger et al. 2015) for the network. Trained on NIH ChestX-ray14, Kermany 2018 and the Hannover
COVID-19 repository; see weights/embedded/card.json. Research use only.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hilum.core.image import MadeBy
from hilum.core.registry import register
from hilum.core.study import Study
from hilum.learn.gate import Gate
from hilum.learn.onnx import Session, read_facts
from hilum.learn.predict import one
from hilum.systems import _embedded_judge as judge
from hilum.systems._embedded_judge import Assessment, FilmFinding
from hilum.systems._embedded_labels import VIEWS

__all__ = ["WEIGHTS", "Assessment", "Embedded", "FilmFinding", "embedded", "shipped", "train"]
WEIGHTS = Path(__file__).resolve().parents[1] / "weights" / "embedded"


class Embedded:
    """The shipped model; weights are opened on first use.

    Args:
        threads: CPU threads, 0 for the runtime's choice.
        folder: where model.onnx and card.json lie; the package's own by default.
        withdrawn: also report findings that the card withdraws because a control contradicts them; for
            research on that contradiction, never for reading films.
    """

    def __init__(self, *, threads: int = 0, folder: Path | None = None, withdrawn: bool = False) -> None:
        """Remember where the weights are."""
        self.withdrawn = withdrawn
        self.folder = Path(folder or WEIGHTS)
        self.threads = threads

    @cached_property
    def card(self) -> Mapping[str, Any]:
        """The model card: what it was trained on and how well it does.

        Raises:
            MissingError: if the card is not installed.
        """
        return read_facts(self.folder / "card.json")

    @cached_property
    def made_by(self) -> MadeBy:
        """Model name, version and weight hash."""
        return MadeBy(self.card["name"], self.card["version"], self.card["sha256"])

    @cached_property
    def session(self) -> Session:
        """The network; opening it checks its hash against the card."""
        return Session(self.folder / "model.onnx", sha256=self.card["sha256"], threads=self.threads)

    @cached_property
    def gate(self) -> Gate | None:
        """A gate that the folder carries beside the model; None where it carries none."""
        return Gate.beside(self.folder, model_sha256=self.card["sha256"])

    def assess(self, display: NDArray[np.float32], *, stated_view: str = "unknown") -> Assessment:
        """Read one film.

        Args:
            display: float32 (H, W) in [0, 1], 0 black, as `Image.display` returns it.
            stated_view: what the header says; a stated lateral is believed, all else is the model's own view.

        Returns:
            The assessment; deterministic for the same pixels.
        """
        outputs, box = one(self.session, display, size=self.card["input_size"])
        everything = [*self.card["findings"], *self.card["not_assessed"]]
        reason = judge.refusal(outputs, self.card["gate"]["limits"])
        if not reason and self.gate:
            adults = bool(self.card.get("adults_only", False))
            reason = self.gate.reason(outputs["features"], stated_view=stated_view, adults_only=adults)
        if reason:
            missing = dict.fromkeys(everything, f"film refused: {reason}")
            return Assessment(False, reason, "unknown", 0.0, None, (), missing, self.made_by)
        chances = judge.softmax(outputs["view"])
        view, chance = VIEWS[int(np.argmax(chances))], float(chances.max())
        if view == "lateral" or stated_view in ("LL", "RL"):
            missing = dict.fromkeys(everything, judge.LATERAL_REASON)
            return Assessment(True, "", "lateral", float(chances[2]), None, (), missing, self.made_by)
        lungs = judge.lung_source(outputs, box)
        allowed = {**self.card["findings"], **(self.card["withdrawn"] if self.withdrawn else {})}
        found = judge.findings(outputs, box, allowed)
        missing = {name: why for name, why in self.card["not_assessed"].items() if name not in allowed}
        return Assessment(True, "", view, chance, lungs, found, missing, self.made_by)

    def read(self, study: Study) -> Study:
        """Return the study with findings and a draft report added and signed."""
        from hilum.systems.interpret import interpret

        return interpret(study, self).study


@lru_cache(maxsize=1)
def shipped() -> Embedded:
    """Return the package's own model, opened once."""
    return Embedded()


@register.model("embedded", needs=("images",), adds=("findings", "report"))
def embedded(study: Study) -> Study:
    """Read a study with the model that ships inside the package."""
    return shipped().read(study)


def train(
    *, data: str | Path, out: str | Path, seed: int = 0, resume: bool = False, settings: Mapping[str, Any] | None = None
) -> Path:
    """Train the model anew: see `hilum.systems._embedded_train.train`."""
    from hilum.systems._embedded_train import train as run

    return run(Path(data), Path(out), seed=seed, resume=resume, settings=settings or {})


@register.system("embedded", summary="The model inside the package", source="ChestX-ray8 (Wang et al., CVPR 2017)")
class EmbeddedSystem:
    """How the shipped model is trained."""

    fits = 6
    train = staticmethod(train)


if __name__ == "__main__":
    import sys

    from hilum.core.errors import HilumError
    from hilum.systems._embedded_report import run

    try:
        print(run())
    except HilumError as error:
        print(error, file=sys.stderr)
        sys.exit(error.exit_code)

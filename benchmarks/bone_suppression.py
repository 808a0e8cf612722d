"""What bone suppression metrics say of doing nothing, of a blur, and of the truth, on the real pairs of the pack.

python benchmarks/bone_suppression.py --data ROOT
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from PIL import Image
from scipy.ndimage import gaussian_filter

from hilum.measure.bone import BoneTruth
from hilum.measure.metric import metric
from hilum.measure.pairs import Pairs

METRICS = ("bsr/published", "bsr2", "psnr/float")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="root folder of the pack")
    films = sorted((parser.parse_args().data / "bonesupp").glob("*_cxr.png"))
    print(f"{'pair':16}{'answer':22}" + "".join(f"{name:>16}" for name in METRICS) + "   psnr in 8 bits")
    for path in films:
        film, soft = (
            np.asarray(Image.open(each).convert("L"))
            for each in (path, path.with_name(path.name.replace("_cxr", "_bone_suppressed")))
        )
        blurred = np.rint(gaussian_filter(film.astype(float), 20)).astype(np.uint8)
        half = np.rint((film.astype(float) + soft) / 2).astype(np.uint8)
        answers = {"the film untouched": film, "blurred, SD 20 px": blurred, "half of the bone": half}
        for name, answer in answers.items():
            pairs = Pairs((BoneTruth(film, soft),), (answer,))
            wrapped = 10 * np.log10(255**2 / np.mean(np.square(answer - soft).astype(float)))
            values = "".join(f"{metric(each)(pairs).value:16.3f}" for each in METRICS)
            print(f"{path.stem.removesuffix('_cxr'):16}{name:22}{values}{wrapped:17.1f}")


if __name__ == "__main__":
    main()

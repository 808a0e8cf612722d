"""The peer of benchmarks/read.py: torchxrayvision's DenseNet-121 (random weights) on the same DICOM films.

Run by read.py in an environment of its own, because torchxrayvision needs torchvision:
    python3 -m venv peer && peer/bin/pip install -c constraints.txt torch==2.13.0 scikit-image pandas requests tqdm \
        imageio pydicom pylibjpeg-openjpeg pyjpegls python-gdcm &&
    peer/bin/pip install --no-deps torchvision==0.28.0 torchxrayvision
Reads film paths from the command line, prints one JSON object.
"""

from __future__ import annotations

import json
import resource
import sys
import time

START = time.perf_counter()


def declare_operators() -> None:
    """Name torchvision's compiled operators, so that its Python half imports beside a CPU build of torch.

    The model uses none of them; with a matching torchvision build this changes nothing.
    """
    import re
    from importlib.util import find_spec
    from pathlib import Path

    import torch

    folder = find_spec("torchvision").submodule_search_locations[0]
    source = Path(folder, "_meta_registrations.py").read_text()
    names = re.findall(r'register_meta\("(\w+)"', source) + re.findall(r'register_fake\("torchvision::(\w+)"', source)
    if hasattr(torch.ops.torchvision, "nms"):
        return
    library = torch.library.Library("torchvision", "FRAGMENT")
    for name in dict.fromkeys(names):
        library.define(f"{name}(Tensor x) -> Tensor")
    declare_operators.keep = library


def main() -> None:
    """Read each film as torchxrayvision's own script does: decode, normalise, crop, resize, classify."""
    declare_operators()
    import numpy as np
    import pydicom
    import torch
    import torchxrayvision as xrv

    torch.set_num_threads(2)
    model = xrv.models.DenseNet(num_classes=18, in_channels=1)
    model.eval()
    crop, resize = xrv.datasets.XRayCenterCrop(), xrv.datasets.XRayResizer(224)
    marks = []
    with torch.inference_mode():
        for path in sys.argv[1:]:
            ds = pydicom.dcmread(path)
            pixels = ds.pixel_array.astype(np.float32)
            if ds.PhotometricInterpretation == "MONOCHROME1":
                pixels = pixels.max() - pixels
            scaled = xrv.datasets.normalize(pixels, 2**ds.BitsStored - 1)
            model(torch.from_numpy(resize(crop(scaled[None])))[None])
            marks.append(time.perf_counter())
    steady = (len(marks) - 1) / (marks[-1] - marks[0]) if len(marks) > 1 else None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        json.dumps(
            {"first_film_s": marks[0] - START, "films_per_s": steady, "peak_mb": peak, "version": xrv.__version__}
        )
    )


if __name__ == "__main__":
    main()

"""Where other people's weights are, what to get where they are not, and what identifies them."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from hilum.core.errors import MissingError

ROOT = "HILUM_WEIGHTS"
"""Environment variable that names the folder which holds one folder for each model."""
_PICKLES = (".pth", ".pt", ".bin", ".th", ".ckpt", ".tar.gz", ".pkl")
_HOW_TO_CONVERT = (
    "A pickled checkpoint can run any code, and Hilum never opens one. If you trust where it comes from, convert it "
    "yourself, once: python scripts/convert_weights.py {found} {target} --i-trust-this-file (it loads tensors only)"
)


@dataclass(frozen=True)
class Source:
    """Weights that someone else publishes.

    Args:
        folder: of the model, below the folder that HILUM_WEIGHTS names.
        model: name for the signature.
        repository: where it is published.
        licence: in short, and where it is stated.
        size: to download.
        layout: files that the folder must hold, as a person would write them.
        files: names that must be there besides weights.
        page: of the documentation that gives the steps.
    """

    folder: str
    model: str
    repository: str
    licence: str
    size: str
    layout: str
    files: tuple[str, ...] = ("config.json",)
    page: str = "docs/metrics-official.md"


@dataclass(frozen=True)
class Weights:
    """Weights on this machine.

    Args:
        root: their folder.
        files: of tensors.
        digest: first 12 hexadecimal digits of the SHA-256 of the file (of the files' digests where there are many).
        source: what they should be.
    """

    root: Path
    files: tuple[Path, ...]
    digest: str
    source: Source

    def said(self, *packages: str) -> dict[str, object]:
        """Return what a signature says of them: backend, model, digest, and versions of packages."""
        versions = {name: installed(name) for name in packages}
        return {"backend": "official-weights", "model": self.source.model, "weights": self.digest, **versions}


def find(metric: str, source: Source, given: str | Path | None = None, name: str = "") -> Path:
    """Return the folder of a model.

    Args:
        metric: that needs it, for the error.
        source: what is needed.
        given: the model's own folder; by default the one in the folder that HILUM_WEIGHTS names.
        name: folder of a sub-model inside it.

    Raises:
        MissingError: if it is not there; the sentence says what to get, from where, under which licence.
    """
    root = Path(given) if given else Path(os.environ[ROOT]) / source.folder if os.environ.get(ROOT) else None
    if root is None or not root.is_dir():
        where = f"there is no folder {root}" if root else f"{ROOT} is not set"
        raise MissingError(_needed(metric, source, where))
    inner = root / name if name else root
    if not inner.is_dir():
        raise MissingError(_needed(metric, source, f"there is no folder {inner}"))
    return inner


def load(metric: str, source: Source, given: str | Path | None = None, name: str = "") -> Weights:
    """Return a model's safetensors with what identifies them; arguments as for `find`.

    Raises:
        MissingError: if the folder, a file of it or the tensors are not there, or there is a pickle in their place.
    """
    root = find(metric, source, given, name)
    files = tuple(sorted(root.glob("*.safetensors")))
    if not files:
        pickles = [path for path in sorted(root.iterdir()) if path.name.endswith(_PICKLES)]
        if pickles:
            target = root / "model.safetensors"
            raise MissingError(
                f"'{metric}' found {pickles[0]}, but takes safetensors only. "
                + _HOW_TO_CONVERT.format(found=pickles[0], target=target)
            )
        raise MissingError(_needed(metric, source, f"{root} holds no .safetensors file"))
    for each in source.files:
        if not (root / each).is_file():
            raise MissingError(_needed(metric, source, f"{root} lacks {each}"))
    return Weights(root, files, digest_of(files), source)


def digest_of(files: tuple[Path, ...]) -> str:
    """Return the first 12 hexadecimal digits of a file's SHA-256, or of the digests of several files."""
    each = [_sha256(path, path.stat().st_mtime_ns, path.stat().st_size) for path in files]
    return (each[0] if len(each) == 1 else sha256("\n".join(each).encode()).hexdigest())[:12]


@lru_cache(maxsize=64)
def _sha256(path: Path, changed: int, size: int) -> str:
    """Hash of a file, read again only where it changed."""
    digest = sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 22):
            digest.update(block)
    return digest.hexdigest()


def installed(package: str) -> str:
    """Return the version of an installed package, 'none' where it is not installed."""
    try:
        return version(package)
    except PackageNotFoundError:
        return "none"


def _needed(metric: str, source: Source, why: str) -> str:
    return (
        f"'{metric}' needs weights of others, which Hilum neither ships nor fetches ({why}). Get {source.repository} "
        f"({source.size}; licence: {source.licence}) and lay it out as {source.layout} in a folder '{source.folder}' "
        f"of the folder that {ROOT} names, or name it with weights=FOLDER; the steps are in {source.page}"
    )

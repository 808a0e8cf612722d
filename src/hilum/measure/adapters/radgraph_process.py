"""RadGraph's own package in an environment of its own, asked through a process: texts in, annotations out, as JSON."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from hilum.core.errors import HilumError, InputError, MissingError
from hilum.measure.adapters.weights import Source, digest_of, find

Model = Literal["radgraph-xl", "modern-radgraph-xl", "radgraph"]
PYTHON = "HILUM_RADGRAPH_PYTHON"
"""Environment variable that names the Python in which the package radgraph is installed."""
WORKER = Path(__file__).with_name("radgraph_worker.py")
_START_S = 600.0
_EACH_S = 5.0
_TENSORS = "weights.th"


@dataclass(frozen=True)
class Annotated:
    """What the package said of texts.

    Args:
        documents: one in RadGraph's JSON form for each text; None where it skipped the text.
        said: model, digest of its weights, and versions, for the signature.
    """

    documents: tuple[dict[str, Any] | None, ...]
    said: dict[str, object]


def source(model: Model) -> Source:
    """Return what a model needs; raises InputError if there is none of that name."""
    if model not in get_args(Model):
        raise InputError(f"RadGraph's models are {', '.join(get_args(Model))}, not '{model}'")
    return Source(
        folder=model,
        model=model,
        repository=f"{model}.tar.gz of StanfordAIMI/RRG_scorers on Hugging Face",
        licence="code MIT (github.com/Stanford-AIMI/radgraph); of the weights, see the page of the repository",
        size="about 0.5 GB",
        layout=f"the unpacked archive: config.json, vocabulary/ and {_TENSORS}",
    )


def python_of(metric: str, given: str | Path | None = None) -> str:
    """Return the Python that has the package.

    Args:
        metric: that needs it, for the error.
        given: its path; HILUM_RADGRAPH_PYTHON by default.

    Raises:
        MissingError: if none is named, or it is not there.
    """
    named = str(given or os.environ.get(PYTHON, ""))
    found = shutil.which(named) if named else None
    if not found:
        why = f"there is no program '{named}'" if named else f"{PYTHON} is not set"
        raise MissingError(
            f"'{metric}' runs RadGraph's own package in an environment of its own ({why}). Make one, once: "
            "python -m venv radgraph-env && radgraph-env/bin/pip install radgraph==0.1.18 'transformers<5' requests, "
            f"and name it: {PYTHON}=radgraph-env/bin/python"
        )
    return found


def annotate(
    metric: str, texts: Sequence[str], model: Model = "radgraph-xl", weights: str | Path | None = None,
    python: str | Path | None = None, timeout_s: float | None = None,
) -> Annotated:  # fmt: skip
    """Annotate texts by RadGraph's package.

    Args:
        metric: that needs it, for errors.
        texts: to annotate; none may be empty.
        model: of RadGraph.
        weights: the model's folder, named as the model; by default the one in the folder that HILUM_WEIGHTS names.
        python: that has the package; HILUM_RADGRAPH_PYTHON by default.
        timeout_s: in seconds; by default 600 and 5 for each text.

    Raises:
        MissingError: if the Python, the package or the weights are not there.
        InputError: if the folder is not named as the model, which the package wants.
        HilumError: if the process fails, takes too long, or answers something else.
    """
    wanted = source(model)
    root = find(metric, wanted, weights).resolve()
    program = python_of(metric, python)
    if root.name != model:
        raise InputError(f"the package radgraph looks for a folder named '{model}', but was given {root}: rename it")
    if not (root / _TENSORS).is_file():
        raise MissingError(f"{root} lacks {_TENSORS}: unpack {wanted.repository} there ({wanted.layout})")
    digest = digest_of((root / _TENSORS,))
    request = {"model": model, "cache": str(root.parent), "texts": list(texts)}
    limit = _START_S + _EACH_S * len(texts) if timeout_s is None else timeout_s
    answer = _ask(metric, program, request, limit)
    said = {"backend": "official-weights", "model": model, "weights": digest}
    return Annotated(tuple(answer["annotations"]), {**said, **{name: answer[name] for name in ("radgraph", "torch")}})


def _ask(metric: str, program: str, request: dict[str, Any], limit_s: float) -> dict[str, Any]:
    environment = {**os.environ, "HF_HUB_OFFLINE": os.environ.get("HF_HUB_OFFLINE", "1")}
    environment.pop("PYTHONPATH", None)  # of this environment, not of that one
    try:
        done = subprocess.run(  # noqa: S603 - the user names the program
            [program, str(WORKER)], input=json.dumps(request), capture_output=True, text=True, encoding="utf-8",
            timeout=limit_s, check=False, env=environment,
        )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        raise HilumError(
            f"'{metric}': RadGraph's process took more than {limit_s:g} s for {len(request['texts'])} texts and was "
            "stopped; give it more with timeout_s=SECONDS"
        ) from error
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        if "No module named" in last:
            raise MissingError(
                f"'{metric}': {program} lacks a package: {last}. Install radgraph (and requests, which it forgets to "
                "ask for) in that environment"
            )
        raise HilumError(f"'{metric}': RadGraph's process failed with code {done.returncode}: {last}")
    return _checked(metric, done.stdout, len(request["texts"]))


def _checked(metric: str, output: str, count: int) -> dict[str, Any]:
    try:
        answer = json.loads(output)
        length = len(answer["annotations"])
        _ = answer["radgraph"], answer["torch"]
    except (ValueError, KeyError, TypeError) as error:
        raise HilumError(
            f"'{metric}': RadGraph's process did not answer in JSON as radgraph_worker.py does ({error!r}); it said "
            f"{output[:80]!r}"
        ) from error
    if length != count:
        raise HilumError(f"'{metric}': RadGraph's process was given {count} texts and answered {length}")
    return dict(answer)

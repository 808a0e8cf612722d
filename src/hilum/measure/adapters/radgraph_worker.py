"""Run by the Python that has the package radgraph: texts as JSON on standard input, annotations as JSON on output.

It needs nothing of Hilum, so that it runs in any environment: python radgraph_worker.py < request.json
Request: {"model": name, "cache": folder or "", "texts": [...]}. Answer: {"radgraph": version, "torch": version,
"annotations": [one document in RadGraph's form for each text]}.
"""

import json
import os
import sys


def main() -> int:
    """Annotate what standard input holds; returns the exit code."""
    request = json.load(sys.stdin)
    answer, sys.stdout = sys.stdout, sys.stderr  # the package talks while it loads; only JSON may reach the caller
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    os.environ["TORCH_FORCE_WEIGHTS_ONLY_LOAD"] = "1"  # tensors only, whatever the package asks for
    from importlib.metadata import version

    from radgraph import RadGraph  # type: ignore[import-not-found]

    # without a graphics card the package loads tensors only, of its own accord
    model = RadGraph(model_type=request["model"], cuda=-1, model_cache_dir=request["cache"])
    made = model(list(request["texts"])) if request["texts"] else {}
    json.dump(
        {
            "radgraph": version("radgraph"),
            "torch": version("torch"),
            "annotations": [made.get(str(number)) for number in range(len(request["texts"]))],
        },
        answer,
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

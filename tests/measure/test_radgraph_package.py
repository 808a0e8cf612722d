"""RadGraph's real package on a small random model of its class: our rewards are its own; only where it is installed."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hilum.measure.adapters.radgraph_process import PYTHON
from hilum.measure.metric import metric
from hilum.measure.pairs import ReportPairs

WORDS = (
    "[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "no", "acute", "disease", "clear", "lungs", "heart", "size",
    "normal", "large", ".", "effusion", "pleural", "left", "right", "small", "edema", "1", "2", "a", "b",
)  # fmt: skip
LEVELS = ("simple", "partial", "complete")
MAKE = """
import sys, torch, transformers
root, bert = sys.argv[1:]
transformers.BertTokenizerFast(bert + "/vocab.txt").save_pretrained(bert)
torch.manual_seed(1)
transformers.BertModel(transformers.BertConfig(
    vocab_size=int(open(bert + "/size").read()), hidden_size=16, num_hidden_layers=1, num_attention_heads=2,
    intermediate_size=16, initializer_range=0.8,
)).save_pretrained(bert)
torch.load = lambda *given, **more: {}
from radgraph.dygie.models.dygie import DyGIE
DyGIE.load_state_dict = lambda self, *given, **more: torch.save(self.state_dict(), root + "/radgraph-xl/weights.th")
from radgraph import RadGraph
RadGraph(model_type="radgraph-xl", cuda=-1, model_cache_dir=root)
"""
SCORE = """
import json, sys
from radgraph import F1RadGraph
scorer = F1RadGraph(reward_level="all", model_type="radgraph-xl", cuda=-1, model_cache_dir=sys.argv[1])
references, answers = json.load(open(sys.argv[2]))
json.dump(scorer(refs=references, hyps=answers)[1], open(sys.argv[3], "w"))
"""


def run(code: str, *arguments: object) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [os.environ[PYTHON], "-c", code, *map(str, arguments)], capture_output=True, text=True, check=False,
        env={**environment, "HF_HUB_OFFLINE": "1"}, timeout=280,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]


def config(bert: Path) -> dict[str, Any]:
    """What the package reads beside the weights, in its own form."""
    indexer = {"type": "pretrained_transformer_mismatched", "model_name": str(bert), "max_length": 512}
    embedder = {"token_embedders": {"bert": indexer}}
    loss = {"trigger": 1.0, "arguments": 1.0}
    model = {
        "type": "dygie", "embedder": embedder, "initializer": {}, "module_initializer": {},
        "modules": {
            "ner": {}, "coref": {"spans_per_word": 0.3, "max_antecedents": 10}, "relation": {"spans_per_word": 0.5},
            "events": {"trigger_spans_per_word": 0.3, "argument_spans_per_word": 0.8, "loss_weights": loss},
        },
        "feature_size": 5, "max_span_width": 4, "target_task": "relation",
        "feedforward_params": {"num_layers": 2, "hidden_dims": 12, "dropout": 0.4},
        "loss_weights": {"ner": 0.2, "relation": 1.0, "coref": 0, "events": 0},
    }  # fmt: skip
    return {"dataset_reader": {"max_span_width": 4, "token_indexers": {"bert": indexer}}, "model": model}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if not os.environ.get(PYTHON):
        pytest.skip(f"no Python with the package radgraph is named ({PYTHON})")
    root = tmp_path_factory.mktemp("radgraph")
    bert, model = root / "bert", root / "radgraph-xl"
    (model / "vocabulary").mkdir(parents=True)
    bert.mkdir()
    (bert / "vocab.txt").write_text("\n".join(WORDS) + "\n", encoding="utf-8")
    (bert / "size").write_text(str(len(WORDS)), encoding="utf-8")
    (model / "config.json").write_text(json.dumps(config(bert)), encoding="utf-8")
    (model / "weights.th").write_bytes(b"")
    for name, lines in {
        "non_padded_namespaces": "*tags\n*labels\n",
        "radgraph-xl__ner_labels": "\nObservation::definitely present\nAnatomy::definitely present\n",
        "radgraph-xl__relation_labels": "modify\nlocated_at\nsuggestive_of\n",
    }.items():
        (model / "vocabulary" / f"{name}.txt").write_text(lines, encoding="utf-8")
    run(MAKE, root, bert)
    return root


@pytest.mark.slow
def test_rewards_are_the_packages_own(root: Path, draw: np.random.Generator) -> None:
    words = [word for word in WORDS[5:-4] if word != "."] + ["Edema", "Left"]
    references = [" ".join(draw.choice(words, size=6)) + "." for _ in range(40)] + [""]
    answers = [f"{' '.join(r.split()[: draw.integers(2, 6)])} no edema." for r in references[:-1]] + ["edema"]
    (root / "texts.json").write_text(json.dumps([references, answers]), encoding="utf-8")
    run(SCORE, root, root / "texts.json", root / "scores.json")
    expected = json.loads((root / "scores.json").read_text(encoding="utf-8"))
    pairs = ReportPairs(tuple(references), tuple(answers))
    assert max(expected[0]) > 0.0
    for level, values in zip(LEVELS, expected, strict=True):
        scored = metric(f"radgraph-xl/{level}")(pairs, weights=root / "radgraph-xl", case="as-released-0.1.18")
        np.testing.assert_allclose(scored.values, values, atol=1e-12)
        assert "radgraph:0.1.18" in scored.signature

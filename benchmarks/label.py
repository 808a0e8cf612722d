"""Time the labeler beside the peers that run offline, block by block in one run, and print ratios.

Run: python benchmarks/label.py --data ../shared/data --peer-python /path/to/peer-venv/bin/python
The peers live in their own environment (pip install medspacy negspacy 'numpy<2'). Every peer is tried there; one that
cannot be loaded is left out with what it said. negspaCy and medspaCy get the same 120 target phrases. Times are
processor seconds of one process each; the blocks alternate, so that a busy machine slows all alike. Ratios are the
median of the ratios of the blocks. Graphs and scenes are timed where their modules are there.
"""

from __future__ import annotations

import argparse
import csv
import importlib
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path

from hilum.text.labels import label
from hilum.text.lexicon import expand
from hilum.text.parse import parse, sentence_facts

BLOCK = 100
FLOOR = 4_000  # reports per processor second that labels with evidence must reach
LEXICON = Path(__file__).resolve().parents[1] / "src" / "hilum" / "text" / "tables" / "lexicon_en.csv"

PEER = r"""
import json, logging, sys, time
logging.disable(logging.CRITICAL)
try:
    from loguru import logger
    logger.remove()
except ImportError:
    pass
which, phrases = sys.argv[1], json.loads(sys.stdin.readline())
try:
    if which == "negspacy":
        import spacy
        import negspacy.negation
        nlp = spacy.blank("en")
        nlp.add_pipe("sentencizer")
        ruler = nlp.add_pipe("entity_ruler", config={"phrase_matcher_attr": "LOWER"})
        ruler.add_patterns([{"label": "FINDING", "pattern": text} for text in phrases])
        nlp.add_pipe("negex", config={"ent_types": ["FINDING"]})
        read = lambda text: len(nlp(text).ents)
    elif which == "radgraph":
        from radgraph import RadGraph
        nlp = RadGraph()
        read = lambda text: len(nlp([text])["0"]["entities"])
    elif which == "radlabels":
        import radlabels
        read = lambda text: len(radlabels.label_reports([text], ids=["0"]))
    elif which == "radtext":
        import radtext
        raise ImportError("radtext was imported, but has no labeler that runs without its models")
    elif which == "chexpert-labeler":
        import negbio.chexpert.stages
        raise ImportError("NegBio's CheXpert stages were imported; their parser needs BLLIP models and CoreNLP (Java)")
    elif which == "NegBio":
        import negbio.pipeline
        raise ImportError("NegBio was imported; its parser needs BLLIP models and CoreNLP (Java)")
    else:
        import medspacy
        from medspacy.ner import TargetRule
        nlp = medspacy.load()
        nlp.get_pipe("medspacy_target_matcher").add([TargetRule(text, "FINDING") for text in phrases])
        read = lambda text: len(nlp(text).ents)
    read("No effusion.")
    print(json.dumps({"ready": True}), flush=True)
except Exception as error:
    print(json.dumps({"error": f"{type(error).__name__}: {error}".splitlines()[0][:160]}), flush=True)
    sys.exit()
for line in sys.stdin:
    texts = json.loads(line)
    began = time.process_time()
    found = sum(read(text) for text in texts)
    print(json.dumps({"seconds": time.process_time() - began, "found": found}), flush=True)
"""


PEERS = ("negspacy", "medspacy", "chexpert-labeler", "NegBio", "radtext", "radgraph", "radlabels")


class Peer:
    """One peer in a process of its own."""

    def __init__(self, python: str, name: str, phrases: list[str]) -> None:
        self.name, self.works = name, False
        self.process = subprocess.Popen(
            [python, "-c", PEER, name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={**os.environ, "HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1"},
        )
        self.hello = self.ask(phrases)

    def ask(self, message: object) -> dict:
        """Send one line, return the answer."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        try:
            self.process.stdin.write(json.dumps(message) + "\n")
            self.process.stdin.flush()
            return json.loads(self.process.stdout.readline() or '{"error": "it ended without a word"}')
        except BrokenPipeError:
            return {"error": "it ended without a word"}


def phrases_of_findings(most: int = 120) -> list[str]:
    """The shortest plain phrases of our own table, for the peers."""
    found: dict[str, None] = {}
    with LEXICON.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if row["kind"] in ("finding", "device"):
                words = (" ".join(each) for pattern in row["patterns"].split(";") for each in expand(pattern))
                found.update(dict.fromkeys(word for word in list(words)[:4] if "*" not in word and "xxxx" not in word))
    return list(found)[:most]


def texts_of(data: Path, most: int) -> list[str]:
    with (data / "openi" / "gold_findings.csv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["findings"] or row["impression"]]
    return [f"FINDINGS: {row['findings']}\nIMPRESSION: {row['impression']}" for row in rows][:most]


def ours(texts: list[str]) -> tuple[float, int]:
    began = time.process_time()
    found = sum(len(label(text).findings) for text in texts)
    return time.process_time() - began, found


def without_memory(texts: list[str]) -> float:
    """Processor seconds when every sentence is met for the first time."""
    total = 0.0
    for text in texts:
        sentence_facts.cache_clear()
        began = time.process_time()
        label(text)
        total += time.process_time() - began
    return total


def drawn(texts: list[str]) -> float:
    """Processor seconds for the graph and the scene of each report, sentences met before or not as they come."""
    graph = importlib.import_module("hilum.text.graph").graph
    scene = importlib.import_module("hilum.text.scene").scene
    began = time.process_time()
    for text in texts:
        parsed = parse(text)
        graph(parsed)
        scene(parsed)
    return time.process_time() - began


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    default = os.environ.get("HILUM_PACK") or Path(__file__).resolve().parents[2] / "shared" / "data"
    options.add_argument("--data", type=Path, default=default, help="folder that holds openi/gold_findings.csv")
    options.add_argument("--peer-python", default=sys.executable, help="python of an environment with the peers")
    options.add_argument("--reports", type=int, default=3000)
    chosen = options.parse_args()
    if not (chosen.data / "openi" / "gold_findings.csv").exists():
        raise SystemExit(f"{chosen.data} holds no openi/gold_findings.csv: give the folder with --data")
    texts = texts_of(chosen.data, chosen.reports)
    peers = start(chosen.peer_python)
    ours(texts[:50])
    sentence_facts.cache_clear()
    blocks = [texts[at : at + BLOCK] for at in range(0, len(texts), BLOCK)]
    rates: dict[str, list[float]] = {"first pass": [len(block) / ours(block)[0] for block in blocks]}
    rates["second pass"] = [len(block) / ours(block)[0] for block in blocks]
    rates["every sentence new"] = []
    for block in blocks[:10]:
        rates["every sentence new"].append(len(block) / without_memory(block))
        for peer in peers:
            if peer.works and len(rates.setdefault(peer.name, [])) < 5:
                rates[peer.name].append(len(block) / peer.ask(block)["seconds"])
    try:
        sentence_facts.cache_clear()
        rates["graph + scene"] = [len(block) / drawn(block) for block in blocks[:10]]
    except ImportError as error:
        print(f"graph + scene left out: {error}")
    report(texts, rates)
    for peer in peers:
        peer.process.terminate()


def start(python: str) -> list[Peer]:
    peers = [Peer(python, name, phrases_of_findings()) for name in PEERS]
    for peer in peers:
        peer.works = "error" not in peer.hello
        print(f"{peer.name}: {'runs' if peer.works else 'left out: ' + str(peer.hello['error'])}")
    return peers


def report(texts: list[str], rates: dict[str, list[float]]) -> None:
    print(f"{len(texts)} Open-i reports, python {sys.version.split()[0]}, one process, reports per processor second")
    new = rates["every sentence new"]
    for name, each in rates.items():
        middle = statistics.median(each)
        ratio = statistics.median(ours / theirs for ours, theirs in zip(new, each, strict=False))
        print(f"{name:24s} median {middle:8,.0f}  (blocks {min(each):,.0f} to {max(each):,.0f})  "
              f"ours, every sentence new / this {ratio:8.2f}")  # fmt: skip
    least = statistics.median(rates["first pass"])
    print(f"labels with evidence, first pass: {least:,.0f}, {'at least' if least >= FLOOR else 'BELOW'} {FLOOR:,}")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"peak memory of this process: {peak:,.0f} MiB")


if __name__ == "__main__":
    main()

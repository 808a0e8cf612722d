"""Time the labeler beside the peers that run offline, block by block in one run, and print ratios.

Run: python benchmarks/label.py --data ../shared/data --peer-python /path/to/peer-venv/bin/python
The peers (negspaCy, medspaCy) live in their own environment; one that cannot be imported there is left out with the
reason. Both get the same 120 target phrases. Times are processor seconds of one process each; the blocks alternate,
so that a busy machine slows all alike.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

from hilum.text.labels import label
from hilum.text.lexicon import expand
from hilum.text.parse import sentence_facts

BLOCK = 100
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
    import spacy
    if which == "negspacy":
        import negspacy.negation
        nlp = spacy.blank("en")
        nlp.add_pipe("sentencizer")
        ruler = nlp.add_pipe("entity_ruler", config={"phrase_matcher_attr": "LOWER"})
        ruler.add_patterns([{"label": "FINDING", "pattern": text} for text in phrases])
        nlp.add_pipe("negex", config={"ent_types": ["FINDING"]})
    else:
        import medspacy
        from medspacy.ner import TargetRule
        nlp = medspacy.load()
        nlp.get_pipe("medspacy_target_matcher").add([TargetRule(text, "FINDING") for text in phrases])
    nlp("No effusion.")
    print(json.dumps({"version": spacy.__version__}), flush=True)
except Exception as error:
    print(json.dumps({"error": f"{type(error).__name__}: {error}"}), flush=True)
    sys.exit()
for line in sys.stdin:
    texts = json.loads(line)
    began = time.process_time()
    found = sum(len(nlp(text).ents) for text in texts)
    print(json.dumps({"seconds": time.process_time() - began, "found": found}), flush=True)
"""


class Peer:
    """One peer in a process of its own."""

    def __init__(self, python: str, name: str, phrases: list[str]) -> None:
        self.name = name
        self.process = subprocess.Popen(
            [python, "-c", PEER, name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
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


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    default = os.environ.get("HILUM_PACK") or Path(__file__).resolve().parents[2] / "shared" / "data"
    options.add_argument("--data", type=Path, default=default, help="folder that holds openi/gold_findings.csv")
    options.add_argument("--peer-python", default="", help="python of an environment with negspacy and medspacy")
    options.add_argument("--reports", type=int, default=3000)
    chosen = options.parse_args()
    if not (chosen.data / "openi" / "gold_findings.csv").exists():
        raise SystemExit(f"{chosen.data} holds no openi/gold_findings.csv: give the folder with --data")
    texts = texts_of(chosen.data, chosen.reports)
    peers = start(chosen.peer_python)
    ours(texts[:50])
    sentence_facts.cache_clear()
    rates: dict[str, list[float]] = {"first pass": [], "warm": [], "no sentence met before": []}
    rates.update({peer.name: [] for peer in peers})
    for at in range(0, len(texts), BLOCK):
        block = texts[at : at + BLOCK]
        rates["first pass"].append(len(block) / ours(block)[0])
        for peer in peers:
            if at < 5 * BLOCK:
                rates[peer.name].append(len(block) / peer.ask(block)["seconds"])
    for at in range(0, len(texts), BLOCK):
        block = texts[at : at + BLOCK]
        rates["warm"].append(len(block) / ours(block)[0])
    for at in range(0, min(len(texts), 10 * BLOCK), BLOCK):
        block = texts[at : at + BLOCK]
        rates["no sentence met before"].append(len(block) / without_memory(block))
    report(texts, rates)
    for peer in peers:
        peer.process.terminate()


def start(python: str) -> list[Peer]:
    if not python:
        print("peers left out: no --peer-python was given")
        return []
    peers = [Peer(python, name, phrases_of_findings()) for name in ("negspacy", "medspacy")]
    for peer in peers:
        print(f"{peer.name}: {peer.hello.get('error') or 'ready, spaCy ' + peer.hello['version']}")
    return [peer for peer in peers if "error" not in peer.hello]


def report(texts: list[str], rates: dict[str, list[float]]) -> None:
    print(f"{len(texts)} Open-i reports, python {sys.version.split()[0]}, one process, reports per processor second")
    base = statistics.median(rates["first pass"])
    for name, each in rates.items():
        middle = statistics.median(each)
        print(f"{name:24s} median {middle:8,.0f}  (blocks {min(each):,.0f} to {max(each):,.0f})  "
              f"ours, first pass / this {base / middle:8.2f}")  # fmt: skip


if __name__ == "__main__":
    main()

"""Time report scoring beside its peers on 3,000 pairs, in one run with interleaved rounds, and print ratios.

Run: python benchmarks/score.py [--data ../shared/data] [--pairs 3000] [--rounds 3] [--parts peers,suite,features]

Pairs are Open-i dev reports where the data folder holds them, else reports that hilum.text.phrase composes: half with
another report as answer, half with a few words dropped. Times are wall seconds with processor seconds (children
included) in brackets; the best round of each. Our memory of words is emptied before each round, and a peer's Java or
WordNet loads anew where it would in use. A peer that is not installed is skipped with a line. The suite and the
features run in processes of their own, for their peak memory.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import importlib
import io
import json
import os
import random
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from hilum.core.errors import HilumError, InputError
from hilum.measure.metric import metric, metrics
from hilum.measure.pairs import Pairs

COCO = ("bleu-1", "bleu-2", "bleu-3", "bleu-4", "rouge-l", "cider")
FEATURES = ("fid", "precision", "recall", "density", "coverage")
WORDNET = Path("/usr/share/wordnet")
ROUND = Callable[[list[str], list[str]], None]


def texts_of(data: Path) -> tuple[list[str], str]:
    """Distinct reports to make pairs of, and where they are from."""
    path = data / "openi" / "gold_findings.csv"
    if path.is_file():
        with path.open(encoding="utf-8", newline="") as file:
            rows = [row for row in csv.DictReader(file) if int(row["text_hash"], 16) % 2 == 0]
        found = [" ".join(f"{row['findings']} {row['impression']}".split()) for row in rows]
        return sorted({text for text in found if len(text) > 20}), "Open-i dev reports"
    return composed(1500), "reports composed by hilum.text.phrase"


def composed(count: int) -> list[str]:
    """Reports of drawn findings."""
    from hilum.core.finding import Finding
    from hilum.core.vocabulary import concepts
    from hilum.text.phrase import compose

    draw = random.Random(0)
    names = [concept.name for concept in concepts()]
    made: list[str] = []
    for number in range(count):
        some = [Finding(name, draw.choice(["present", "absent", "uncertain"])) for name in draw.sample(names, 6)]
        with contextlib.suppress(InputError):
            said = compose(some, seed=number)
            made.append(" ".join(f"{said.findings} {said.impression}".split()))
    return made


def pairs_of(data: Path, count: int) -> tuple[list[str], list[str], str]:
    """References and answers."""
    texts, source = texts_of(data)
    draw = random.Random(1)
    references = [texts[number % len(texts)] for number in range(count)]
    answers = []
    for number, text in enumerate(references):
        words = text.split()
        kept = [word for word in words if draw.random() > 0.1]
        answers.append(draw.choice(texts) if number % 2 else " ".join(kept or words))
    return references, answers, f"{count} pairs of {source}"


# --- ours ---------------------------------------------------------------------------------------------------------


def forget() -> None:
    """Empty our memory of words, stems and synonyms."""
    from hilum.measure import lexical, porter, ptb, synonyms

    for held in (ptb._words, porter.stem, synonyms.synonyms, synonyms._parts, lexical._apart):
        held.cache_clear()


def ours(*names: str) -> ROUND:
    def run(references: list[str], answers: list[str]) -> None:
        forget()
        pairs = Pairs(references, answers)
        for name in names:
            assert np.isfinite(metric(name)(pairs).value)

    return run


# --- peers ----------------------------------------------------------------------------------------------------------


def coco_texts(texts: list[str]) -> dict[int, list[dict[str, str]]]:
    return {number: [{"caption": text}] for number, text in enumerate(texts)}


def coco_tokens(references: list[str], answers: list[str]) -> tuple[Any, Any]:
    from pycocoevalcap.tokenizer.ptbtokenizer import PTBTokenizer

    return PTBTokenizer().tokenize(coco_texts(references)), PTBTokenizer().tokenize(coco_texts(answers))


class Coco:
    """The COCO caption scorers, with their Java tokenizer and on tokens made before."""

    def __init__(self, references: list[str], answers: list[str]) -> None:
        self.tokens = coco_tokens(references, answers)

    def score(self, truth: Any, said: Any) -> None:
        from pycocoevalcap.bleu.bleu import Bleu
        from pycocoevalcap.cider.cider import Cider
        from pycocoevalcap.rouge.rouge import Rouge

        Bleu(4).compute_score(truth, said, verbose=0)
        Rouge().compute_score(truth, said)
        Cider().compute_score(truth, said)

    def with_tokenizer(self, references: list[str], answers: list[str]) -> None:
        self.score(*coco_tokens(references, answers))

    def without_tokenizer(self, references: list[str], answers: list[str]) -> None:
        self.score(*self.tokens)

    def meteor(self, references: list[str], answers: list[str]) -> None:
        from pycocoevalcap.meteor.meteor import Meteor

        scorer = Meteor()
        scorer.compute_score(*self.tokens)
        scorer.close() if hasattr(scorer, "close") else scorer.meteor_p.kill()


def nltk_meteor(folder: Path) -> ROUND:
    import nltk
    from nltk.corpus.reader.wordnet import WordNetCorpusReader
    from nltk.translate.meteor_score import single_meteor_score

    home = folder / "corpora" / "wordnet"
    shutil.copytree(WORDNET, home)
    (home / "lexnames").write_text("".join(f"{n:02}\tname{n}\t1\n" for n in range(45)), encoding="utf-8")
    (home / "index.sense").write_text("", encoding="utf-8")
    nltk.data.path.insert(0, str(folder))
    from hilum.measure.lexical import words

    def run(references: list[str], answers: list[str]) -> None:
        import warnings

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            reader = WordNetCorpusReader(nltk.data.find("corpora/wordnet"), None)
        for reference, answer in zip(references, answers, strict=True):
            single_meteor_score(words(reference), words(answer), wordnet=reader)

    return run


def sacrebleu_all(references: list[str], answers: list[str]) -> None:
    import sacrebleu

    sacrebleu.corpus_bleu(answers, [references], force=True)
    for reference, answer in zip(references, answers, strict=True):
        sacrebleu.sentence_bleu(answer, [reference])
    sacrebleu.corpus_chrf(answers, [references])


def rouge_score_all(references: list[str], answers: list[str]) -> None:
    from rouge_score.rouge_scorer import RougeScorer

    scorer = RougeScorer(["rouge1", "rouge2", "rougeL"])
    for reference, answer in zip(references, answers, strict=True):
        scorer.score(reference, answer)


def runners(references: list[str], answers: list[str], folder: Path) -> dict[str, ROUND]:
    """Name -> one round, ours and each peer's that is installed."""
    found: dict[str, ROUND] = {"hilum BLEU, ROUGE-L, CIDEr": ours(*COCO), "hilum METEOR": ours("meteor/nltk")}
    found["hilum sacreBLEU, chrF"] = ours("bleu/sacrebleu", "chrf/sacrebleu")
    found["hilum ROUGE-1/2/L"] = ours("rouge-1/rouge-score", "rouge-2/rouge-score", "rouge-l/rouge-score")

    def add(package: str, make: Callable[[], dict[str, ROUND]], also: bool = True, lacks: str = "") -> None:
        try:
            importlib.import_module(package)
            if not also:
                raise ImportError(lacks)
            found.update(make())
        except (ImportError, OSError, subprocess.SubprocessError) as error:
            print(f"skipped: {package} ({error})")

    def coco() -> dict[str, ROUND]:
        peer = Coco(references, answers)
        return {
            "pycocoevalcap BLEU, ROUGE-L, CIDEr": peer.with_tokenizer,
            "  without its tokenizer": peer.without_tokenizer,
            "METEOR 1.5 (Java)": peer.meteor,
        }

    add("pycocoevalcap", coco, shutil.which("java") is not None, "no Java")
    add("nltk", lambda: {"nltk METEOR": nltk_meteor(folder)}, (WORDNET / "data.noun").is_file(), f"no {WORDNET}")
    add("sacrebleu", lambda: {"sacrebleu BLEU, chrF": sacrebleu_all})
    add("rouge_score", lambda: {"rouge-score ROUGE-1/2/L": rouge_score_all})
    return found


def processor() -> float:
    """Processor seconds of this process and its children that have ended."""
    return sum(os.times()[:4])


def peak_gb() -> float:
    """Most memory this process held; Linux's ru_maxrss would count the process that started this one."""
    status = Path("/proc/self/status")
    if status.is_file():
        found = [line for line in status.read_text(encoding="utf-8").splitlines() if line.startswith("VmHWM")]
        return int(found[0].split()[1]) / 1024**2
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2


def peers(references: list[str], answers: list[str], rounds: int) -> None:
    """Time all in turn, and print the best of the rounds and the ratios that must hold."""
    with tempfile.TemporaryDirectory() as folder:
        found = runners(references, answers, Path(folder))
        times: dict[str, list[tuple[float, float]]] = {name: [] for name in found}
        for _ in range(rounds):
            for name, run in found.items():
                start, used = time.perf_counter(), processor()
                with contextlib.redirect_stdout(io.StringIO()):
                    run(references, answers)
                times[name].append((time.perf_counter() - start, processor() - used))
    best = {name: min(each) for name, each in times.items()}
    for name, (wall, cpu) in best.items():
        print(f"{name:36} {wall:7.2f} s  ({cpu:.2f} CPU-s)")
    rules = [
        ("hilum BLEU, ROUGE-L, CIDEr", "pycocoevalcap BLEU, ROUGE-L, CIDEr", 0.5),
        ("hilum METEOR", "METEOR 1.5 (Java)", 0.25),
        ("hilum METEOR", "nltk METEOR", None),
        ("hilum sacreBLEU, chrF", "sacrebleu BLEU, chrF", None),
        ("hilum ROUGE-1/2/L", "rouge-score ROUGE-1/2/L", None),
    ]
    for mine, other, most in rules:
        if other in best:
            shares = [a[0] / b[0] for a, b in zip(times[mine], times[other], strict=True)]
            share = float(np.median(shares))
            goal = "" if most is None else f"; goal <= {most}: {'holds' if share <= most else 'FAILS'}"
            print(f"{mine} / {other.strip()}: {share:.3f} (median of {rounds} rounds, {1 / share:.1f}x faster{goal})")


def verdict(wall: float, cpu: float, peak: float, seconds: float, gb: float) -> str:
    """Whether a goal holds; where only other work on the machine stands between, that is said."""
    if wall <= seconds and peak <= gb:
        return "holds"
    if cpu > seconds or peak > gb:
        return "FAILS"
    return f"FAILS in wall seconds at load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores ({cpu:.1f} CPU-s)"


# --- the whole suite, and features --------------------------------------------------------------------------------


def suite(references: list[str], answers: list[str]) -> None:
    """Every report metric that needs nothing more, then 1,000 bootstrap replicates of each; times and peak memory."""
    start, used = time.perf_counter(), processor()
    pairs, done, rows = Pairs(references, answers), {}, []
    for each in metrics("report"):
        if each.needs:
            print(f"  {each.name:32} needs {each.needs}")
            continue
        began, burnt = time.perf_counter(), processor()
        try:
            done[each.name] = each(pairs)
        except HilumError as error:
            print(f"  {each.name:32} unscored: {error}")
            continue
        rows.append((each.name, time.perf_counter() - began, processor() - burnt))
    wall, cpu = time.perf_counter() - start, processor() - used
    patients = [str(number) for number in range(len(pairs))]
    for name, seconds, burnt in rows:
        began = time.perf_counter()
        interval = done[name].interval(patients, replicates=1000)
        boot = time.perf_counter() - began
        late = "" if boot <= 2 else "  bootstrap over 2 s"
        value = f"{done[name].value:9.4f} [{interval.low:.4f}, {interval.high:.4f}]"
        print(f"  {name:32} {seconds:6.2f} s ({burnt:5.2f} CPU-s)  bootstrap {boot:5.2f} s  {value}{late}")
    peak = peak_gb()
    print(f"full text suite, {len(rows)} metrics: {wall:.2f} s ({cpu:.2f} CPU-s), peak {peak:.2f} GB", end="")
    print(f"; goal 12 s, 1 GB: {verdict(wall, cpu, peak, 12, 1)}")


def features(count: int = 10_000, width: int = 768) -> None:
    """FID, PRDC and the like on drawn feature vectors."""
    registered = {each.name for each in metrics("features")}
    names = [name for name in FEATURES if name in registered]
    if not names:
        print("skipped: no metric of features is registered")
        return
    from hilum.measure.sets import FeatureSets

    draw = np.random.default_rng(0)
    real, fake = (draw.normal(shift, 1, (count, width)).astype(np.float32) for shift in (0.0, 0.05))
    start, used = time.perf_counter(), processor()
    sets = FeatureSets(real, fake)
    for name in names:
        began = time.perf_counter()
        try:
            print(f"  {name:32} {metric(name)(sets).value:9.4f}  {time.perf_counter() - began:6.2f} s")
        except HilumError as error:
            print(f"  {name:32} unscored: {error}")
    wall, cpu = time.perf_counter() - start, processor() - used
    peak = peak_gb()
    print(f"features, {count} x {width}: {wall:.2f} s ({cpu:.2f} CPU-s), peak {peak:.2f} GB", end="")
    print(f"; goal 15 s, 2 GB: {verdict(wall, cpu, peak, 15, 2)}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("HILUM_PACK", "../shared/data")))
    parser.add_argument("--pairs", type=int, default=3000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--parts", default="peers,suite,features")
    parser.add_argument("--child", default="", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        references, answers = json.loads(sys.stdin.read())
        suite(references, answers) if given.child == "suite" else features()
        return
    references, answers, source = pairs_of(given.data, given.pairs)
    print(f"{source}; load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores", flush=True)
    parts = given.parts.split(",")
    if "peers" in parts:
        peers(references, answers, given.rounds)
    for part in ("suite", "features"):
        if part in parts:
            sys.stdout.flush()
            command = [sys.executable, __file__, "--child", part]
            subprocess.run(command, input=json.dumps([references, answers]), text=True, check=True)


if __name__ == "__main__":
    main()

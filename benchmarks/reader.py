"""How many reports a second the small reader writes, beside transformers' own `generate` on the same weights.

python benchmarks/reader.py [--rows 32] [--batch 16] [--repeats 3] [--beams 3] [--width 128] [--depth 2] [--device cuda]

Both write the same words (counted), from the same prompts: two or three films, and 48 words of text. The weights are
random, wide enough that answers differ; the few that end early end early in both. Each way runs once untimed, then runs
alternate, and the median of each is taken. CPU time is of the whole process, all threads: what a busy machine does not
change.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from types import SimpleNamespace

import torch
from transformers import ViTConfig, ViTModel

from hilum.core.seed import generator
from hilum.learn.decode import Decoding, Row, batch_of, never, settings, write
from hilum.learn.reader.words import word_tokenizer
from hilum.nets.reader import Reader
from hilum.nets.reader_processor import ReaderProcessor
from hilum.nets.readers import processor_for, small_reader

SIZE = 64
WORDS = 400
PRIOR_WORDS, INDICATION_WORDS = 40, 8
CURRENT, LATERAL, PRIOR = (f"<img_{role}><image>" for role in ("cur_front", "cur_lat", "prior_front"))


@dataclass
class Timed:
    """Seconds of a way, run after run."""

    run: Callable[[], list[tuple[int, ...]]]
    wall_s: list[float] = field(default_factory=list)
    cpu_s: list[float] = field(default_factory=list)
    said: list[tuple[int, ...]] = field(default_factory=list)

    def once(self) -> None:
        wall, cpu = time.perf_counter(), time.process_time()
        self.said = self.run()
        self.wall_s.append(time.perf_counter() - wall)
        self.cpu_s.append(time.process_time() - cpu)


def reader_of(width: int, depth: int) -> tuple[Reader, ReaderProcessor]:
    """A small reader behind a ViT of four layers that sees a 64-pixel film as 16 patches."""
    words = [f"word{number}" for number in range(WORDS)]
    letters = word_tokenizer([" ".join(f"{chr(97 + n % 26)}{chr(97 + n // 26)}" for n in range(WORDS)), *words[:1]])
    torch.manual_seed(0)
    vision = ViTModel(ViTConfig(hidden_size=128, num_hidden_layers=4, num_attention_heads=4, intermediate_size=256,
                                image_size=SIZE, patch_size=16, num_channels=1))  # fmt: skip
    preset = SimpleNamespace(connector="tac", options={}, layers="all")
    reader = small_reader(preset, letters, vision, width=width, depth=depth)
    with torch.no_grad():
        for name, each in sorted(reader.named_parameters()):
            if each.ndim > 1 and "language_model" in name:
                each.normal_(0, 0.4 if "embed" in name else 1.5 * width**-0.5)
    return reader, processor_for(reader, letters)


def rows_of(processor: ReaderProcessor, count: int) -> list[Row]:
    draw = generator(0, "benchmark")
    made = []
    for number in range(count):
        words = draw.integers(0, WORDS, PRIOR_WORDS + INDICATION_WORDS)
        text = " ".join(f"{chr(97 + n % 26)}{chr(97 + n // 26)}" for n in words)
        shown = CURRENT + (LATERAL if number % 2 else "") + PRIOR
        films = torch.from_numpy(draw.random((shown.count("<image>"), 1, SIZE, SIZE), dtype="float32"))
        made.append(Row(processor.prompt_ids(f"{shown} {text}"), films))
    return made


@torch.inference_mode()
def generated(
    reader: Reader, processor: ReaderProcessor, rows: list[Row], how: Decoding, batch: int
) -> list[tuple[int, ...]]:
    """The words by transformers alone, prompts of like length together as ours are."""
    tokenizer = processor.tokenizer
    order = sorted(range(len(rows)), key=lambda at: len(rows[at].ids))
    said: dict[int, tuple[int, ...]] = {}
    for start in range(0, len(order), batch):
        part = order[start : start + batch]
        laid = batch_of([rows[at] for at in part], tokenizer.pad_token_id)
        given = {name: each.to(reader.device) for name, each in laid.items()}
        made = reader.generate(**given, **settings(how), pad_token_id=tokenizer.pad_token_id,
                               eos_token_id=tokenizer.eos_token_id, suppress_tokens=never(tokenizer))  # fmt: skip
        for at, ids in zip(part, made[:, given["input_ids"].shape[1] :].tolist(), strict=True):
            end = ids.index(tokenizer.eos_token_id) if tokenizer.eos_token_id in ids else len(ids)
            said[at] = tuple(ids[:end])
    return [said[at] for at in range(len(rows))]


def ways(reader: Reader, processor: ReaderProcessor, rows: list[Row], args: argparse.Namespace) -> dict[str, Timed]:
    with torch.no_grad():
        seen = [Row(row.ids, states=reader.model.states(row.films.to(reader.device))) for row in rows]
    greedy, beams = Decoding(longest=args.words), Decoding(longest=args.words, beams=args.beams)

    def ours(some: list[Row], how: Decoding, batch: int) -> Timed:
        return Timed(lambda: [each.tokens for each in write(reader, processor, some, how, batch=batch)])

    def theirs(some: list[Row], how: Decoding, batch: int) -> Timed:
        return Timed(lambda: generated(reader, processor, some, how, batch))

    made = {}
    for name, some, how, batch in (
        (f"greedy, {args.batch} at a time, features", seen, greedy, args.batch),
        (f"greedy, {args.batch} at a time, pixels", rows, greedy, args.batch),
        ("greedy, one by one, features", seen, greedy, 1),
        (f"{args.beams} beams, {args.batch} at a time, features", seen, beams, args.batch),
    ):
        made[name], made[name + ", generate"] = ours(some, how, batch), theirs(some, how, batch)
    return made


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, value in (("rows", 32), ("batch", 16), ("repeats", 3), ("beams", 3), ("width", 128), ("depth", 2)):
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--words", type=int, default=60, help="of each answer")
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    args = parser.parse_args()
    reader, processor = reader_of(args.width, args.depth)
    reader.to(args.device)
    rows = rows_of(processor, args.rows)
    weights = sum(each.numel() for each in reader.parameters()) / 1e6
    lengths = [len(row.ids) for row in rows]
    place = torch.cuda.get_device_name() if args.device.startswith("cuda") else f"{torch.get_num_threads()} threads"
    print(f"{weights:.2f} M weights, {place}, {args.rows} prompts of {min(lengths)} to "
          f"{max(lengths)} tokens, {args.words} words each, torch {torch.__version__}")  # fmt: skip
    timed = ways(reader, processor, rows, args)
    for way in timed.values():
        way.run()
    for _ in range(args.repeats):
        for way in timed.values():
            way.once()
    heads = (("reports/s", 12), ("generate", 10), ("CPU ms/report", 16), ("generate CPU", 14), ("ratio", 8))
    print(f"{'':44}{''.join(f'{name:>{wide}}' for name, wide in heads)}{'same words':>12}")
    for name, way in timed.items():
        if name.endswith("generate"):
            continue
        other = timed[name + ", generate"]
        mine, theirs = (1000 * statistics.median(each.cpu_s) / args.rows for each in (way, other))
        same = sum(one == two for one, two in zip(way.said, other.said, strict=True))
        speed, beside = (args.rows / statistics.median(each.wall_s) for each in (way, other))
        rates = f"{name:44}{speed:12.1f}{beside:10.1f}"
        print(f"{rates}{mine:16.1f}{theirs:14.1f}{theirs / mine:8.2f}{same:>8} of {len(way.said)}")


if __name__ == "__main__":
    main()

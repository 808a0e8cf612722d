"""The command line. Bad input gets one sentence and an exit code, never a traceback."""

from __future__ import annotations

import json
import sys
from math import isfinite
from pathlib import Path
from typing import Annotated, Any

import typer

from hilum import RESEARCH_USE, __version__
from hilum.app.draw_verb import draw_command
from hilum.app.flags import AsJson, Plugins, Quiet, Seed, is_address, load_plugins, pairs_of
from hilum.app.get_verb import get_command
from hilum.app.project_verb import project_command
from hilum.app.serve.verb import serve_command
from hilum.app.view.verb import view_command
from hilum.core.errors import HilumError, InputError

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help=f"Chest-radiograph AI toolkit. {RESEARCH_USE}",
    epilog="Exit codes: 0 done, 1 wrong input, 2 something missing (weights, extra, licence), 3 claim failed.",
)

_INTERRUPTED = 130


def _version(wanted: bool) -> None:
    if wanted:
        print(f"hilum {__version__}. {RESEARCH_USE}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an unexpected error.")] = False,
) -> None:
    """Options that go before the verb."""


@app.command("read")
def read_command(
    paths: Annotated[
        list[Path] | None, typer.Argument(help="Films (DICOM, PNG, JPEG, TIFF), folders, zip archives.")
    ] = None,
    out: Annotated[Path, typer.Option("--out", "-o", help="Results folder.")] = Path("out"),
    prior: Annotated[Path | None, typer.Option(help="An earlier study of the same patient.")] = None,
    example: Annotated[bool, typer.Option("--example", help="Read the bundled synthetic film.")] = False,
    keep_identifiers: Annotated[bool, typer.Option(help="Carry names, ids, dates and UIDs into the results.")] = False,
    formats: Annotated[str, typer.Option(help="Outputs beside study.json: sr,seg,gsps,sc,fhir,html or none.")] = "",
    resume: Annotated[bool, typer.Option(help="Keep studies that an earlier run finished.")] = False,
    threads: Annotated[int, typer.Option(min=0, help="Processor threads; 0 uses all, or a worker's share.")] = 0,
    workers: Annotated[int, typer.Option(min=1, help="Processes here; actors with --ray, 1 for each processor.")] = 1,
    ray: Annotated[str, typer.Option(help="Address of a Ray cluster that sees the same folders; local.")] = "",
    ask: Annotated[str, typer.Option(help="Ask an aligned model instead, e.g. 'right upper lobe nodule'.")] = "",
    model: Annotated[
        str, typer.Option(help="Folder of the aligned model that --ask asks; or chat:URL#MODEL, outside:NAME to read.")
    ] = "",
    write: Annotated[bool, typer.Option("--write", help="Also write a draft, held against the findings.")] = False,
    writer: Annotated[str, typer.Option(help="Who writes: research (the preset inside), or a reader's folder.")] = "",
    indication: Annotated[str, typer.Option(help="Why the films were taken, for the draft.")] = "",
    seed: Seed = 0,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Read films: findings, boxes, lung mask, draft report; HTML, JSON, DICOM SR, SEG, GSPS, SC, FHIR."""
    from hilum.app.batch import Options, read_batch
    from hilum.app.outputs import FORMATS
    from hilum.app.show import Progress, finish
    from hilum.app.write import Writing

    given = [*(paths or []), *([_example()] if example or not paths else [])]
    if not paths and not example and not quiet and not as_json:
        print("No film given: reading the bundled synthetic film (the same as --example).", file=sys.stderr)
    if model and not ask and is_address(model):
        from hilum.app.outside_command import read_outside

        read_outside(given, out, model, prior, keep_identifiers=keep_identifiers, as_json=as_json, quiet=quiet)
        return
    if ask or model:
        from hilum.app.ask_command import run

        unused = {"--prior": prior, "--formats": formats, "--resume": resume, "--ray": ray, "--workers": workers > 1,
                  "--write": bool(write or writer or indication)}  # fmt: skip
        run(given, out, ask, Path(model) if model else None, [name for name, value in unused.items() if value],
            keep_identifiers=keep_identifiers, as_json=as_json, quiet=quiet)  # fmt: skip
        return
    chosen = FORMATS if not formats else tuple(name for name in formats.split(",") if name not in ("", "none"))
    writing = Writing(writer or ("offered" if write else ""), indication)
    settings = Options(keep_identifiers, chosen, seed, resume, threads, records=as_json, writing=writing)
    with Progress(hidden=quiet or as_json) as bar:
        rows = read_batch(given, out, prior=prior, options=settings, on_row=bar.row, workers=workers, ray=ray)
    finish(rows, out, as_json=as_json, quiet=quiet)


def _example() -> Path:
    from importlib.resources import files

    return Path(str(files("hilum").joinpath("app/static/example-film.dcm")))


@app.command("label")
def label_command(
    paths: Annotated[
        list[str] | None,
        typer.Argument(help="CSV, TSV, JSONL, Parquet, Arrow, XML, text, archives, folders; a sentence; - for input."),
    ] = None,
    label_set: Annotated[str, typer.Option("--as", help="Label set: chexpert-14, nih-14, padchest, vindr ...")] = (
        "chexpert-14"
    ),
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help=".jsonl, .csv, .parquet, .arrow or .html [labels.jsonl].")
    ] = None,
    graph: Annotated[bool, typer.Option("--graph", help="Add the RadGraph document.")] = False,
    scene: Annotated[bool, typer.Option("--scene", help="Add the scene graph (Chest ImaGenome layout).")] = False,
    timeline: Annotated[bool, typer.Option("--timeline", help="Add structured rows and a file by patient.")] = False,
    explain: Annotated[bool, typer.Option("--explain", help="Show the words and the rules behind each label.")] = False,
    page: Annotated[Path | None, typer.Option(help="Also write an .html page with the words marked.")] = None,
    column: Annotated[list[str] | None, typer.Option(help='role=name, e.g. report="Report Text".')] = None,
    uncertain: Annotated[str, typer.Option(help="Possible findings: keep, absent, present, exclude.")] = "keep",
    likely: Annotated[str, typer.Option(help="Likely findings: present or uncertain.")] = "present",
    aggregate: Annotated[str, typer.Option(help="strongest, or chexpert (heart failure adds).")] = "strongest",
    language: Annotated[str, typer.Option(help="en, es, or auto.")] = "auto",
    example: Annotated[bool, typer.Option("--example", help="Label the bundled invented reports.")] = False,
    resume: Annotated[bool, typer.Option("--resume", help="Go on where an earlier run stopped.")] = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Label reports: findings with their words and rules, as the label sets of public data sets."""
    from hilum.app.label_command import Asked, run
    from hilum.app.label_rows import reading_of

    documents = {"explain": explain, "graph": graph, "scene": scene, "structure": timeline}
    reading = reading_of(label_set, uncertain, likely, aggregate, language, **documents)
    asked = Asked(paths or (), out, page, reading, column or (), timeline, resume, example, as_json, quiet)
    if not run(asked):
        raise typer.Exit(1)


@app.command("score")
def score_command(
    reference: Annotated[
        Path | None, typer.Argument(help="Reference reports: CSV, JSONL, Parquet, folder; or Studies as JSONL.")
    ] = None,
    candidate: Annotated[Path | None, typer.Argument(help="Candidate reports, joined by id.")] = None,
    chosen: Annotated[
        str, typer.Option("--metrics", help="Names with commas; all; default: all that need nothing extra.")
    ] = "",
    compare: Annotated[Path | None, typer.Option(help="Another candidate: paired differences, Holm-corrected.")] = None,
    audit: Annotated[
        bool, typer.Option("--audit", help="Also show what each metric is blind to, on these references.")
    ] = False,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for scores.json, rows.jsonl, report.html.")] = Path(
        "scores"
    ),
    section: Annotated[str, typer.Option(help="auto, findings, impression or all.")] = "auto",
    column: Annotated[list[str] | None, typer.Option(help='role=name, e.g. report="Report Text", id=Study.')] = None,
    candidate_column: Annotated[
        list[str] | None, typer.Option(help="The same for the candidate, where it differs.")
    ] = None,
    example: Annotated[bool, typer.Option("--example", help="Score the bundled invented reports.")] = False,
    replicates: Annotated[int, typer.Option(min=100, help="Bootstrap replicates.")] = 1000,
    seed: Seed = 0,
    as_json: AsJson = False,
    quiet: Quiet = False,
    plugin: Plugins = None,
) -> None:
    """Score candidate reports against references: every metric with its interval, rows, and a page of worst cases."""
    from hilum.app.score import Choices
    from hilum.app.score_command import examples, run

    load_plugins(plugin)
    names = tuple(name.strip() for name in chosen.split(",") if name.strip())
    theirs = pairs_of(candidate_column, "--candidate-column") if candidate_column else None
    choices = Choices(names, section, pairs_of(column or [], "--column"), theirs, audit, seed, replicates)  # type: ignore[arg-type]
    if example or reference is None:
        if not (example or quiet or as_json):
            print("No reports given: scoring the bundled examples (the same as --example).", file=sys.stderr)
        reference, candidate = examples()
    if candidate is None:
        raise InputError(f"'{reference}' needs a candidate to score: hilum score REFERENCE CANDIDATE")
    run(reference, candidate, compare, out, choices, as_json=as_json, quiet=quiet)


app.command("project")(project_command)
app.command("draw")(draw_command)
app.command("get")(get_command)
app.command("view")(view_command)
app.command("serve")(serve_command)


@app.command("train")
def train_command(
    system: Annotated[str, typer.Argument(help="System to train; see 'hilum list systems'.")],
    data: Annotated[
        Path | None, typer.Option(help="Root folder of its data set, or NAME:FOLDER; some draw their own patients.")
    ] = None,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for checkpoints, log, weights and card.")] = Path(
        "runs"
    ),
    settings: Annotated[list[str] | None, typer.Option("--set", help="key=value, e.g. --set epochs=3.")] = None,
    budget: Annotated[str, typer.Option(help="Time to train for, e.g. 10min; or steps, e.g. 400steps.")] = "",
    device: Annotated[str, typer.Option(help="cpu, cuda, cuda:1; where the recipe puts its network.")] = "",
    spread: Annotated[str, typer.Option(help="Under torchrun: ddp, or fsdp for a part of the network each.")] = "ddp",
    tensorboard: Annotated[bool, typer.Option("--tensorboard", help="Write event files beside log.csv.")] = False,
    seed: Seed = 0,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the last checkpoint in --out.")] = False,
    quiet: Quiet = False,
    plugin: Plugins = None,
) -> None:
    """Train a system; the same command and seed give the same weights on the same machine."""
    from hilum.app.train_command import Asked, run

    load_plugins(plugin)
    how = {"budget": budget, "device": device, "spread": spread, "tensorboard": tensorboard, "quiet": quiet}
    if said := run(Asked(system, data, out, pairs_of(settings or []), seed, resume, **how)):  # type: ignore[arg-type]
        print(said)


@app.command("bench")
def bench_command(
    targets: Annotated[
        list[str] | None, typer.Argument(help="A task, or FILE.py:name; with --compare alone, the folders of two runs.")
    ] = None,
    models: Annotated[str, typer.Option("--model", help="Models A,B to run; FILE.py:name takes one from a file.")] = "",
    compare: Annotated[bool, typer.Option("--compare", help="Differences from the first, paired, corrected.")] = False,
    data: Annotated[Path | None, typer.Option(help="Root folder of the data [HILUM_DATA or HILUM_PACK].")] = None,
    limit: Annotated[int, typer.Option(min=0, help="First studies only; 0 for all.")] = 0,
    resume: Annotated[bool, typer.Option("--resume", help="Go on where an earlier run stopped.")] = False,
    controls: Annotated[bool, typer.Option(help="Run the task's control models beside.")] = True,
    settings: Annotated[list[str] | None, typer.Option("--set", help="key=value of the task, e.g. half=test.")] = None,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for a folder of the task.")] = Path("runs"),
    seed: Seed = 0,
    as_json: AsJson = False,
    quiet: Quiet = False,
    plugin: Plugins = None,
) -> None:
    """Benchmark models on a task: hide, ask, compare, log; resumable, with intervals over patients."""
    from hilum.app.bench import Asked
    from hilum.app.bench_command import run

    load_plugins(plugin)
    names = tuple(name for name in map(str.strip, models.split(",")) if name)
    task = (targets or [""])[0]
    asked = Asked(task, names, out, data, limit, resume, pairs_of(settings or []), seed, controls, compare)
    if not run(targets or [], asked, as_json=as_json, quiet=quiet):
        raise typer.Exit(1)


@app.command("reproduce")
def reproduce_command(
    system: Annotated[str, typer.Argument(help="System whose claim to judge; left out, all of them are listed.")] = "",
    data: Annotated[Path | None, typer.Option(help="Root folder of its data [HILUM_DATA or HILUM_PACK].")] = None,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for verdict.json and report.html.")] = Path("runs"),
    settings: Annotated[list[str] | None, typer.Option("--set", help="key=value, e.g. --set half=dev.")] = None,
    device: Annotated[str, typer.Option(help="cpu, cuda; where the recipe puts its networks if left out.")] = "",
    seed: Seed = 0,
    as_json: AsJson = False,
    quiet: Quiet = False,
    plugin: Plugins = None,
) -> None:
    """Judge one published claim beside its control arms: holds, fails, or cannot be tested here."""
    from hilum.app.claims import EXIT_CODES, claims, reproduce, summary

    load_plugins(plugin)
    if not system:
        print(json.dumps(claims()) if as_json else "\n".join(each["line"] for each in claims()))
        return

    def say(line: str) -> None:
        if not quiet:
            print(line, file=sys.stderr)

    verdict, written = reproduce(system, data, out / system, seed=seed, settings=pairs_of(settings or []), say=say,
                                 device=device)  # fmt: skip
    if as_json:
        print(written.read_text(encoding="utf-8"))
    elif not quiet:
        print(summary(verdict, written))
    if EXIT_CODES[verdict.outcome]:
        raise typer.Exit(EXIT_CODES[verdict.outcome])


@app.command("list")
def list_command(
    kind: Annotated[
        str, typer.Argument(help="models, datasets (or data), metrics, tasks, systems; all when left out.")
    ] = "",
    as_json: AsJson = False,
    plugin: Plugins = None,
) -> None:
    """List what is registered: models, data sets, metrics, tasks and systems."""
    from hilum.core.registry import listing

    load_plugins(plugin)
    kinds = {"": "", "models": "model", "datasets": "dataset", "data": "dataset", "metrics": "metric"}
    kinds |= {"tasks": "task", "systems": "system"}
    if kind not in kinds:
        raise InputError(f"cannot list '{kind}': choose from {', '.join(name for name in kinds if name)}")
    entries = listing(kinds[kind])
    if as_json:
        print(json.dumps([_entry_json(entry) for entry in entries], default=str))
        return
    for entry in entries:
        print(f"{entry.kind:8} {entry.name:28} {entry.summary}")
        if entry.kind == "metric" and kind == "metrics":
            print(_metric_line(_entry_json(entry)))
    if not entries:
        print(f"no {kind or 'plug-ins'} registered")


def _entry_json(entry: Any) -> dict[str, Any]:
    facts = {"kind": entry.kind, "name": entry.name, "summary": entry.summary, **entry.facts}
    if entry.kind == "metric":
        from hilum.measure.blind import audited, blindness, drowned

        low, high = entry.facts.get("range") or (None, None)
        bounds = [each if each is not None and abs(each) != float("inf") else None for each in (low, high)]
        ideal = entry.facts.get("ideal")
        facts |= {"range": bounds, "ideal": ideal if ideal is not None and isfinite(ideal) else None}
        facts |= {"blind_to": list(blindness(entry.name)), "drowned": list(drowned(entry.name))}
        facts["audited"] = audited(entry.name)
    return facts


def _metric_line(facts: dict[str, Any]) -> str:
    low, high = ("∞" if each is None else f"{each:g}" for each in facts["range"])
    if facts["audited"]:
        seen = f"blind to: {', '.join(facts['blind_to']) or 'nothing that the audit tries'}"
        seen += f"; drowned by a paraphrase: {', '.join(facts['drowned'])}" if facts["drowned"] else ""
    else:
        seen = "not audited"
    good = f"{facts['better']} is better" if facts["ideal"] is None else f"nearest to {facts['ideal']:g} is better"
    needs = f"; needs {facts['needs']}" if facts.get("needs") else ""
    said = f"{good}, {'-' if low == '∞' else ''}{low} to {high}, takes {facts.get('takes', 'study')}"
    return f"         {'':28} {said}, version {facts.get('version', 1)}{needs}; {seen}"


@app.command("check")
def check_command(
    target: Annotated[
        str, typer.Argument(help="FILE.py:NAME, or the name of a registered model, data set, metric or task.")
    ],
    root: Annotated[Path | None, typer.Option(help="Root folder, for a data set.")] = None,
    as_json: AsJson = False,
) -> None:
    """Run the common checks that every plug-in of a kind must pass."""
    from hilum.core.registry import listing, load_plugin
    from hilum.measure import checks

    path, _, name = target.rpartition(":")
    if path:
        load_plugin(path)
    found = [entry for entry in listing() if entry.name == (name or target) and entry.kind in checks.KINDS]
    if not found:
        raise InputError(f"no model, data set, metric or task is called '{name or target}'")
    verdicts = checks.check(found[0], **({"root": root} if root else {}))
    if as_json:
        print(json.dumps([{"check": v.name, "passed": v.passed, "why": v.detail} for v in verdicts]))
    else:
        for verdict in verdicts:
            said = f": {verdict.detail}" if verdict.detail else ""
            print(f"{'ok  ' if verdict.passed else 'FAIL'} {verdict.name}{said}")
    if not all(verdict.passed for verdict in verdicts):
        raise typer.Exit(1)


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit with its code."""
    given = sys.argv[1:] if arguments is None else arguments
    try:
        app(args=given, prog_name="hilum", standalone_mode=True)
    except HilumError as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(error.exit_code) from None
    except (KeyboardInterrupt, SystemExit) as stop:
        if isinstance(stop, SystemExit) and stop.code != _INTERRUPTED:  # typer makes 130 of an interrupt, in silence
            raise
        print("stopped: what was finished is kept; the same command with --resume goes on", file=sys.stderr)
        raise SystemExit(_INTERRUPTED) from None
    except Exception as error:
        if "--debug" in given:
            raise
        sentence = f"{type(error).__name__}: {error}"
        print(
            f"error: something unexpected went wrong ({sentence}). Run 'hilum --debug ...' and report it.",
            file=sys.stderr,
        )
        raise SystemExit(1) from None

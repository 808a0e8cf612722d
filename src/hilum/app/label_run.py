"""One labelling run: rows read, told apart, labelled and appended; and how an earlier run is taken up."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from shutil import copyfile
from typing import IO, Any

from hilum import __version__
from hilum.app.label_ids import Met, Written
from hilum.app.label_outputs import failures_of, finish
from hilum.app.label_rows import Reading, label_row
from hilum.app.label_timeline import Visits
from hilum.app.report_files import Source, sources_of
from hilum.app.report_row import Row
from hilum.app.report_rows import Reader
from hilum.core.errors import InputError

OnRow = Callable[[dict[str, Any]], None]
OnBytes = Callable[[int, int], None]
_REASONS = 20  # failures whose reasons are kept for people
_BEGINS = b'{"id": '  # every row
_OFTEN = 64  # rows between two words on how far the run is


@dataclass
class Outcome:
    """What became of a run.

    Args:
        done, failed, skipped: reports labelled, failed, and taken over from the run that is resumed.
        repeated: reports whose id another file had already.
        notes: for people, such as the encoding that a file was read with.
        counts: (label, cell) -> reports, those taken over included.
        failures: all rows of the output that failed, those taken over included.
        reasons: id and reason of the first failed reports.
        written: the files that were written.
        patients: lines of the timeline file.
    """

    done: int = 0
    failed: int = 0
    skipped: int = 0
    repeated: int = 0
    notes: list[str] = field(default_factory=list)
    counts: Counter[tuple[str, int]] = field(default_factory=Counter)
    failures: int = 0
    reasons: list[tuple[str, str]] = field(default_factory=list)
    written: list[Path] = field(default_factory=list)
    patients: int = 0

    def tell(self, row: Mapping[str, Any]) -> None:
        """Count one row of the output, written now or before."""
        if "error" in row:
            self.failures += 1
            if len(self.reasons) < _REASONS:
                self.reasons.append((str(row["id"]), str(row["error"])))
        self.counts.update((row.get("labels") or {}).items())


@dataclass
class Run:
    """One run: what it reads, where its rows go, and what was asked, which `take_up` compares."""

    given: Sequence[str | Path | Source]
    target: Path
    reading: Reading
    reader: Reader
    outcome: Outcome
    on_row: OnRow | None = None
    on_bytes: OnBytes | None = None

    @property
    def part(self) -> Path:
        """The rows while the run goes on."""
        return self.target.with_name(self.target.name + ".part")

    @property
    def card(self) -> Path:
        """What was asked and what came of it."""
        return self.target.with_name(self.target.name + ".run.json")

    @property
    def next_card(self) -> Path:
        """The card while the run goes on."""
        return self.card.with_name(self.card.name + ".part")

    def kept(self) -> bool:
        """Whether rows are there that a resumed run can go on from."""
        try:
            return self.part.exists()
        except OSError:
            return False

    def sources(self) -> Iterator[Source]:
        """Return the files to read: all that was given, but none that a run writes."""
        return sources_of(self.given, {path.absolute() for path in self.own()})

    def own(self) -> tuple[Path, ...]:
        """Return the files that a run writes, its page left out."""
        failures = (failures_of(self.target),) if self.target.suffix.lower() == ".csv" else ()
        return (self.target, self.part, self.card, self.next_card, *failures, *Visits.files(self.target))

    def check_inputs(self, page: Path | None = None) -> None:
        """Refuse to write over a file that is to be read.

        A file in an input folder is this output's own, of an earlier run, where that run's card lies beside it.

        Raises:
            InputError: if a file to write is one of the inputs.
        """
        own = {path.resolve() for path in (*self.own(), *((page,) if page else ()))}
        for source in sources_of(self.given):
            if source.path and source.path.resolve() in own and not (source.inside and self.card.exists()):
                raise InputError(
                    f"{source.path} is one of the inputs, and this run would write over it: choose another file to "
                    "write to with -o or --page"
                )

    def check_failures(self) -> None:
        """Refuse to write over, or remove, a file of failed reports that no earlier run of this output wrote.

        Raises:
            InputError: if there is one that this output's card does not name.
        """
        failures = failures_of(self.target)
        if self.target.suffix.lower() != ".csv" or not failures.exists():
            return
        try:
            card = json.loads(self.card.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError):
            card = None
        named = card.get("files") if isinstance(card, dict) else None
        if not isinstance(named, list) or failures.name not in named:
            raise InputError(
                f"{failures} is where this run would write its failed reports, and {self.card.name} does not name it "
                "as a file of an earlier run: move it away, or choose another file to write to"
            )

    def label(self, written: Written, visits: Visits | None = None) -> None:
        """Read, label and append every report that is not written yet; keep them for a timeline where asked."""
        total = sum(source.size for source in self.sources()) if self.on_bytes else 0
        met, before = Met(), 0
        with self.part.open("a", encoding="utf-8", errors="backslashreplace", newline="\n") as file:
            for source in self.sources():
                repeated = 0
                for number, row in enumerate(self.reader.rows(source)):
                    if self.on_bytes and number % _OFTEN == 0:
                        self.on_bytes(before + self.reader.position(), total)
                    fate = met.fate(row.id, failed=bool(row.error), text=row.text)
                    if fate == "elsewhere":
                        repeated += 1
                        continue
                    if visits and fate == "new" and not row.error:
                        visits.add(row)
                    if written.take(row.id):
                        self.outcome.skipped += 1
                    else:
                        self._write(file, _other(row) if fate == "other" else row, again=fate == "again")
                met.next_file()
                before += source.size if self.on_bytes else 0
                if repeated:
                    self._say_repeated(source.name, repeated)

    def _write(self, file: IO[str], row: Row, *, again: bool) -> None:
        made = label_row(row, self.reading, repeated=again)
        file.write(json.dumps(made, ensure_ascii=False) + "\n")
        self.outcome.failed += "error" in made
        self.outcome.done += "error" not in made
        self.outcome.tell(made)
        if self.on_row:
            self.on_row(made)

    def _say_repeated(self, name: str, count: int) -> None:
        self.outcome.repeated += count
        self.outcome.notes.append(
            f"{name}: {count:,} reports have an id that another file had already; the first was kept"
        )

    def _asked(self) -> dict[str, Any]:
        return {**asdict(self.reading), "columns": dict(self.reader.columns)}

    def anew(self) -> Written:
        """Begin without what an earlier run may have left."""
        self.part.unlink(missing_ok=True)
        self._note_down({})
        return Written()

    def close(self) -> None:
        """Turn the rows into the file that was asked for.

        Raises:
            InputError: if no report could be labelled and there is an earlier file, which is better kept.
        """
        outcome = self.outcome
        if not outcome.done and not outcome.skipped and outcome.failures and self.target.exists():
            self.part.unlink()
            self.next_card.unlink(missing_ok=True)
            raise InputError(
                f"no report could be labelled, so {self.target} was left as it was. The first reason: "
                f"{outcome.reasons[0][1]}"
            )
        outcome.written += finish(self.part, self.target, self.reading.label_set)
        self.end()

    def end(self) -> None:
        """Write down what came of the run."""
        outcome = self.outcome
        counts = {"labelled": outcome.done, "failed": outcome.failed, "taken over": outcome.skipped}
        self._note_down({**counts, "repeated": outcome.repeated, "notes": outcome.notes,
                         "files": [path.name for path in outcome.written]})  # fmt: skip
        self.next_card.replace(self.card)

    def _note_down(self, more: Mapping[str, Any]) -> None:
        card = {"hilum": __version__, "asked": self._asked(), **more}
        self.next_card.write_text(json.dumps(card, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")

    def take_up(self) -> Written:
        """Return the rows that an earlier run wrote; a last line that was cut off is dropped.

        Everything is checked before anything is written, and a finished file stays until it is replaced.

        Raises:
            InputError: if that run was asked for something else, or the file is not what a run writes.
        """
        self._compare()
        begun = self.part.exists()
        if not begun and not (self.target.exists() and self.target.suffix.lower() == ".jsonl"):
            return self.anew()
        there, good = self._earlier(self.part if begun else self.target)
        if not begun:
            try:
                copyfile(self.target, self.part)
            except OSError:
                self.part.unlink(missing_ok=True)
                raise
        with self.part.open("r+b") as file:
            file.truncate(good)
        self._note_down({})
        return there

    def _earlier(self, path: Path) -> tuple[Written, int]:
        """Return the rows of a file, and how many of its bytes are whole rows."""
        there, good = Written(), 0
        with path.open("rb") as file:
            for number, line in enumerate(file, 1):
                if _cut_off(line):
                    break
                row = _whole(line)
                if row is None:
                    raise InputError(
                        f"line {number} of {path} is not a row that a labelling run writes, so nothing was changed: "
                        "mend or remove that line, choose another file to write to, or leave --resume out"
                    )
                self._same("label_set", row["label_set"], self.reading.label_set)
                there.add(row["id"])
                self.outcome.tell(row)
                good += len(line)
        return there, good

    def _compare(self) -> None:
        path = self.next_card if self.part.exists() and self.next_card.exists() else self.card
        try:
            card = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError):
            return  # made without a card: the rows themselves are compared
        before = card.get("asked") if isinstance(card, dict) else None
        if not isinstance(before, dict):
            raise InputError(
                f"{path} is not the card of a labelling run (it has no 'asked' with the choices by name): "
                "remove it, choose another file to write to, or leave --resume out"
            )
        for name, value in self._asked().items():
            self._same(name, before.get(name), value)

    def _same(self, name: str, before: object, now: object) -> None:
        if before != now:
            raise InputError(
                f"{self.target} was made with {name.replace('_', ' ')} {before!r}, this run asks for {now!r}: "
                "choose another file to write to, or leave --resume out"
            )


def _other(row: Row) -> Row:
    return replace(row, text="", error="another report had this id: give each report its own")


def _cut_off(line: bytes) -> bool:
    """Whether this is the beginning of a row whose writing was stopped."""
    if line.endswith(b"\n") or line[: len(_BEGINS)] != _BEGINS[: len(line)]:
        return False
    try:
        json.loads(line)
    except (ValueError, RecursionError):
        return True
    return _whole(line) is not None


def _whole(line: bytes) -> dict[str, Any] | None:
    """The row of a line, where it is one as `label_row` makes them."""
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(row, dict) or not all(isinstance(row.get(name), str) for name in ("id", "label_set")):
        return None
    if "error" in row:
        return row if isinstance(row["error"], str) and "labels" not in row else None
    cells, found = row.get("labels"), row.get("findings", [])
    good = isinstance(cells, dict) and all(type(cell) is int and cell in (-1, 0, 1) for cell in cells.values())
    return row if good and isinstance(found, list) and all(isinstance(each, dict) for each in found) else None

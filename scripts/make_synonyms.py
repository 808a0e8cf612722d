"""Make the synonym table of METEOR from WordNet 3.0.

Run: python scripts/make_synonyms.py [/usr/share/wordnet]

For each part of speech: the exceptions of WordNet's lemmatiser, and for each lemma the one-word names of its synsets.
Names with capitals or underscores are left out: METEOR compares lower-case single words.
"""

from __future__ import annotations

import gzip
import re
import sys
from collections.abc import Iterator
from pathlib import Path

TARGET = Path(__file__).resolve().parents[1] / "src" / "hilum" / "measure" / "tables" / "wordnet-3.0-synonyms.txt.gz"
MARKER = re.compile(r"\((?:a|p|ip)\)$")


def lines(path: Path) -> Iterator[list[str]]:
    """Fields of each line that is no licence text."""
    for line in path.read_text(encoding="utf-8").splitlines():
        if not line.startswith(" "):
            yield line.split()


def names(root: Path, part: str) -> dict[str, set[str]]:
    """Synset offset -> its one-word lower-case names."""
    found = {}
    for fields in lines(root / f"data.{part}"):
        count = int(fields[3], 16)
        each = {MARKER.sub("", name) for name in fields[4 : 4 + 2 * count : 2]}
        found[fields[0]] = {name for name in each if "_" not in name and name == name.lower()}
    return found


def section(root: Path, part: str) -> list[str]:
    """Lines of one part of speech."""
    synsets, table = names(root, part), {}
    odd = {fields[0]: fields for fields in lines(root / f"{part}.exc") if "_" not in fields[0]}  # the last one counts
    bases = {base for fields in odd.values() for base in fields[1:]}
    for fields in lines(root / f"index.{part}"):
        lemma, count = fields[0], int(fields[2])
        if "_" not in lemma or lemma in bases:
            table[lemma] = set().union(*(synsets[offset] for offset in fields[-count:]))
    rows = []
    for lemma, found in sorted(table.items()):
        own = lemma if lemma in found else f"-{lemma}"  # a minus: only its capital form is a name
        rows.append(" ".join([own, *sorted(found - {lemma})]))
    return [f"# {part}", *(" ".join(odd[form]) for form in sorted(odd)), "#", *rows]


def main() -> None:
    """Write the table beside the code that reads it."""
    root = Path(sys.argv[1] if len(sys.argv) > 1 else "/usr/share/wordnet")
    text = "\n".join(row for part in ("noun", "verb", "adj", "adv") for row in section(root, part)) + "\n"
    TARGET.parent.mkdir(exist_ok=True)
    TARGET.write_bytes(gzip.compress(text.encode(), compresslevel=9, mtime=0))
    print(f"{TARGET}: {len(text):,} characters, {TARGET.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()

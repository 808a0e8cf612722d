"""A cohort in the layout of CheXpert v1.0: train.csv, valid.csv, test.csv and numbered patients, studies and views.

The layout has a row per film and no place for reports, dates or boxes: a study without a film is left out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

from hilum.core.cohort import Cohort
from hilum.core.finding import State
from hilum.core.geometry import LATERAL
from hilum.core.vocabulary import label_set
from hilum.data.layout_ids import Numbers
from hilum.data.layout_mimic import label_states
from hilum.data.layout_output import Extras, Table, Written, note, save_film, split_of

ROOT = "CheXpert-v1.0"
HEADER = ("Path", "Sex", "Age", "Frontal/Lateral", "AP/PA", *label_set("chexpert-14").labels)
_CELLS: Mapping[State | None, str] = {"present": "1.0", "absent": "0.0", "uncertain": "-1.0", None: ""}
_SPLITS = ("train", "valid", "test")


def write(cohort: Cohort, out: Path, extras: Extras) -> Written:
    """Write the layout; see `hilum.data.layouts.write_layout`."""
    done, patients = Written(out), Numbers(1, 99_999, "patient")
    visits: Counter[str] = Counter()
    with ExitStack() as stack:
        tables: dict[str, Table] = {}
        numbered = stack.enter_context(Table(out / "ids.csv", ("kind", "name", "written")))
        for study in cohort:
            split = split_of(cohort, study)
            if not study.films or split not in _SPLITS:
                reason = f"CheXpert has no split '{split}'" if study.films else "CheXpert lists films, and it has none"
                done.left_out.append((study.id, reason))
                continue
            if split not in tables:
                tables[split] = stack.enter_context(Table(out / ROOT / f"{split}.csv", HEADER))
            patient = study.patient or study.id
            visits[patient] += 1
            place = f"{split}/patient{patients.of(patient):05d}/study{visits[patient]}"
            numbered.add("study", study.id, place)
            states = label_states(study)
            person = extras.person(study) if extras.person else {}
            cells = [_CELLS[states.get(label)] for label in label_set("chexpert-14").labels]
            for at, film in enumerate(study.films, start=1):
                lateral = film.view in LATERAL
                name = f"{place}/view{at}_{'lateral' if lateral else 'frontal'}.jpg"
                if extras.films:
                    save_film(film, out / ROOT / name)
                side = film.view if film.view in ("AP", "PA") else ""
                tables[split].add(
                    f"{ROOT}/{name}", person.get("sex", "Unknown"), person.get("age", ""),
                    "Lateral" if lateral else "Frontal", side, *cells,
                )  # fmt: skip
                done.films += 1
            done.studies += 1
    note(cohort, "CheXpert", done, "" if extras.person else "Sex and age are not known of this cohort.")
    return done

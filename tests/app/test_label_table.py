"""Data frames in and out by way of Arrow, and the public names."""

from __future__ import annotations

from typing import Any

import pytest

import hilum
from hilum.core.vocabulary import label_set
from hilum.text.labels import label

pyarrow = pytest.importorskip("pyarrow", reason="pyarrow is not installed")

REPORTS = ["Small right effusion.", "No pneumothorax.", None, "Possible pneumonia.", "Derrame pleural y cardiomegalia."]


class Frame:
    """Any data frame with the Arrow stream interface, as pandas and polars have it."""

    def __init__(self, table: Any) -> None:
        self._table = table

    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:
        return self._table.__arrow_c_stream__(requested_schema)


@pytest.mark.parametrize("wrap", [dict, pyarrow.table, lambda columns: Frame(pyarrow.table(columns))])
def test_every_kind_of_table_gives_the_labels_of_the_function(wrap: Any) -> None:
    made = hilum.label_table(wrap({"id": list("abcde"), "report": REPORTS}))
    assert isinstance(made, pyarrow.Table)
    assert made["id"].to_pylist() == list("abcde")
    for row, text in zip(made.to_pylist(), REPORTS, strict=True):
        if text is None:
            assert "holds no text" in row["error"]
            continue
        states = hilum.label(text, language=row["language"]).states
        told = {name: row[name] for name in label_set("chexpert-14").labels if row[name] is not None}
        assert told == {name: {"present": 1, "absent": 0, "uncertain": -1}[state] for name, state in states.items()}
        assert [text[each["start"] : each["end"]] for each in row["findings"]] == [f["text"] for f in row["findings"]]
    assert made["language"].to_pylist() == ["en", "en", None, "en", "es"]
    assert made.schema.field("Pneumonia").type == pyarrow.int8()


def test_columns_sections_and_choices() -> None:
    table = {"what": ["Possible effusion."], "why": ["x"], "impression": ["No pneumonia."]}
    made = hilum.label_table(table, "nih-14", columns={"report": "what"}, uncertain="present")
    assert made["Effusion"].to_pylist() == [1]
    assert made["Pneumonia"].to_pylist() == [None]
    assert hilum.label_table(table)["Pneumonia"].to_pylist() == [0]


def test_many_rows_keep_their_order() -> None:
    count = 9_000
    made = hilum.label_table({"id": [str(n) for n in range(count)], "report": ["No effusion.", "Effusion."] * 4_500})
    assert made["Pleural Effusion"].to_pylist() == [0, 1] * 4_500
    assert made["id"].to_pylist() == [str(n) for n in range(count)]
    assert hilum.label_table({"report": pyarrow.array([], pyarrow.string())}).num_rows == 0


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({"reprot": ["x"]}, "the nearest is 'reprot'"),
        (7, "cannot read a table from int"),
        ({"report": ["x"], "id": []}, "not a table"),
        ({"report": 7}, "not a table"),
    ],
)
def test_what_is_no_table_of_reports_is_refused(table: Any, said: str) -> None:
    with pytest.raises(hilum.InputError, match=said):
        hilum.label_table(table)
    with pytest.raises(hilum.InputError, match="uncertain must be one of"):
        hilum.label_table({"report": ["x"]}, uncertain="perhaps")


def test_numbers_in_the_text_column_fail_their_rows() -> None:
    assert "holds int, expected text" in hilum.label_table({"report": [1, 2]})["error"].to_pylist()[0]


def test_the_public_function_is_the_labelers_own() -> None:
    assert hilum.label is label
    assert dict(hilum.label("No effusion.").states) == {"Pleural Effusion": "absent", "No Finding": "present"}

# ruff: noqa: F811 - a fixture goes by the name of an argument
"""An endpoint as a model: addresses, what its server is sent, the gate, and a study that comes back signed."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from hilum.core.errors import InputError, RefusedError
from hilum.core.image import Image
from hilum.core.report import Question, Report
from hilum.core.seed import generator
from hilum.core.study import Study
from hilum.io.chat_budget import BudgetError
from hilum.learn.outside.asking import Asking
from hilum.learn.outside.endpoint import endpoint_at
from hilum.learn.outside.reader import sections_of
from hilum.measure.asking import added, load_model

from ...chat_server import Server, answer, looking, server  # noqa: F401


def film(side: str = "right", shape: tuple[int, int] = (48, 32), view: str = "PA") -> Image:
    pixels = generator(0, "film").random(shape) * 0.2
    half = slice(0, shape[1] // 2) if side == "right" else slice(shape[1] // 2, None)
    pixels[:, half] += 0.5
    return Image(pixels, view=view, id=f"film-{side}-{view}")  # type: ignore[arg-type]


def study(**more: object) -> Study:
    return Study("s1", "p1", images=more.pop("images", (film(),)), **more)  # type: ignore[arg-type]


def address(server: Server, more: str = "") -> str:
    return f"chat:{server.url}#tiny{more}"


def test_an_address_says_all_there_is_to_say(server: Server) -> None:
    place = f"{server.url}#qwen/vl:7b#requests=5#tokens=900#longest=64#answer=32#timeout=9"
    made = endpoint_at(place)
    assert (made.chat.model, made.chat.max_tokens, made.longest, made.chat.timeout_s) == ("qwen/vl:7b", 32, 64, 9.0)
    assert (made.chat.budget.requests, made.chat.budget.tokens) == (5, 900)
    assert server.asked == []  # opening it sends nothing


def test_another_machine_gets_a_budget_even_if_none_is_given(server: Server) -> None:
    far, near = endpoint_at("https://example.org/v1#m"), endpoint_at(f"{server.url}#m")
    assert (far.chat.budget.requests, far.chat.budget.tokens) == (500, 1_000_000)
    assert (near.chat.budget.requests, near.chat.budget.tokens) == (None, None)


@pytest.mark.parametrize("place, words", [
    ("", "names no endpoint"), ("http://127.0.0.1/v1", "names no endpoint"), ("#m", "names no endpoint"),
    ("http://127.0.0.1/v1#requests=3", "names no endpoint"), ("http://127.0.0.1/v1#m#color=red", "is no setting"),
    ("http://127.0.0.1/v1#m#requests", "is no setting"), ("http://127.0.0.1/v1#m#requests=0", "above 0"),
    ("http://127.0.0.1/v1#m#tokens=many", "above 0"), ("http://example.org/v1#m", "https only"),
])  # fmt: skip
def test_a_wrong_address_is_refused_with_what_to_write(place: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        endpoint_at(place)


def test_the_key_comes_from_the_environment_and_shows_nowhere(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HILUM_CHAT_KEY", "secret")
    made = endpoint_at(f"{server.url}?who=me#tiny")
    made(Asking("findings", (("cur_front", film()),)))
    assert server.keys == ["Bearer secret"]
    assert "secret" not in repr(made) + made.name + made.mark
    assert "who=me" not in made.name


def test_nobody_is_asked_unless_named() -> None:
    with pytest.raises(InputError, match="needs an address: --model 'chat:http"):
        load_model("chat").call(study())
    with pytest.raises(InputError, match="needs an address: --model 'outside:maira-2"):
        load_model("outside").call(study())
    with pytest.raises(InputError, match="takes no address"):
        load_model("silent:http://127.0.0.1/v1#m")
    with pytest.raises(InputError, match="no model is called 'chta'"):
        load_model("chta:http://127.0.0.1/v1#m")
    with pytest.raises(InputError, match="no published reader"):
        load_model("outside:nobody")
    with pytest.raises(InputError, match="seconds above 0"):
        load_model("outside:radvlm#load=never")


def test_a_study_comes_back_with_a_signed_draft_and_findings(looking: Server) -> None:
    model = load_model(address(looking))
    given = study(prior=Study("s0", "p1", report=Report(findings="Clear.")))
    read = model.call(given)
    assert read.report is not None
    assert read.report.findings.startswith("There is a small right pleural effusion.")
    assert (read.report.status, read.report.made_by) == ("draft", read.provenance[-1].made_by)
    assert [(f.concept, f.state, f.sites) for f in read.findings] == [
        ("pleural effusion", "present", ("right pleural space",))]  # fmt: skip
    assert read.provenance[-1].made_by.name == "tiny"
    assert len(read.provenance[-1].made_by.sha256) == 64  # the hash of the prompt
    assert "<<<Clear.>>>" in looking.asked[-1]["messages"][-1]["content"][-1]["text"]
    assert added(given, read, given).report == read.report  # it only added
    assert len(looking.asked) == 5  # the gate's four, once
    model.call(study(images=(film("left"),)))
    assert len(looking.asked) == 6


def test_nothing_of_a_study_but_its_pixels_and_named_sections_is_sent(looking: Server) -> None:
    now = datetime(2021, 3, 4, 5, 6, tzinfo=UTC)
    prior = Study("1.2.840.77", "DOE^JANE", now - timedelta(days=9), report=Report(impression="Old."))
    named = Image(film().pixels, view="PA", id="1.2.840.99", source="/home/jane/doe.dcm")
    load_model(address(looking)).call(Study("1.2.840.78", "DOE^JANE", now, (named,), prior=prior))
    sent = json.dumps(looking.asked)
    for secret in ("1.2.840", "DOE", "jane", "2021", "doe.dcm"):
        assert secret not in sent


def test_open_questions_are_answered_and_no_report_is_written(looking: Server) -> None:
    questions = (Question("Which side?", ("right", "left"), id="q1"), Question("Where is it?", id="q2"),
                 Question("Known?", (), "yes", id="q3"))  # fmt: skip
    read = load_model(address(looking)).call(study(questions=questions))
    answers = {each.id: each.answer for each in read.questions[3:]}
    assert answers["q1"] == "right"
    assert answers["q2"].startswith("There is a small right")
    assert set(answers) == {"q1", "q2"}
    assert read.report is None


def test_an_answer_that_chooses_nothing_is_an_error(server: Server) -> None:
    server.plan = [answer(text) for text in ("a", "b", "c", "a", "I am not sure.")]
    with pytest.raises(InputError, match="names none of the choices"):
        load_model(address(server)).call(study(questions=(Question("Which?", ("right", "left")),)))


def test_a_box_comes_in_pixels_of_the_film(looking: Server) -> None:
    wide = film("left", (480, 320))
    said = endpoint_at(f"{looking.url}#tiny#longest=48")(
        Asking("phrase_to_box", (("cur_front", wide),), {}, "effusion")
    )
    assert said.boxes[0].corners == (160, 0, 320, 480)
    assert said.boxes[0].image == wide.id
    assert "32 pixels wide and 48 pixels high" in looking.asked[0]["messages"][-1]["content"][-1]["text"]


def test_a_server_that_ignores_pictures_is_refused_and_not_asked_again(server: Server) -> None:
    server.plan = [answer("The lungs are clear.")]
    model = load_model(address(server))
    for _ in range(3):
        with pytest.raises(RefusedError, match="does not look"):
            model.call(study())
    assert len(server.asked) == 4


def test_the_gate_asks_the_model_and_not_the_cache(looking: Server, tmp_path) -> None:
    for _ in range(2):
        load_model(address(looking, f"#cache={tmp_path}")).call(study())
    assert len(looking.asked) == 4 + 1 + 4  # the second study's answer was kept


def test_a_spent_budget_is_told(looking: Server) -> None:
    model = load_model(address(looking, "#requests=5"))
    model.call(study())
    with pytest.raises(BudgetError, match="budget of 5 requests is spent"):
        model.call(study())


def test_another_wording_or_size_is_another_model(server: Server) -> None:
    marks = [load_model(address(server, more)).source for more in ("", "#longest=64", "#answer=9", "#requests=3")]
    assert len(set(marks)) == 3
    assert marks[0] == marks[3]  # what it may cost changes no answer


def test_a_study_without_a_frontal_film_is_refused(looking: Server) -> None:
    with pytest.raises(RefusedError, match=r"has no frontal film \(LL\)"):
        load_model(address(looking)).call(study(images=(film(view="LL"),)))
    assert looking.asked == []


def test_over_long_sections_are_cut_and_findings_never_told() -> None:
    report = Report(indication="x" * 5_000, findings="Effusion.", impression="Effusion.")
    told = sections_of(study(report=report))
    assert {name: len(text) for name, text in told.items()} == {"indication": 4_000}

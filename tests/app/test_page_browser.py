"""The page in a real browser without a window: its policy lets its script run, and keys and clicks work."""

import json
import shutil
import subprocess

import pytest

from hilum.app.page import IndexRow, index_page, study_page
from hilum.core.finding import Finding
from tests.app.page_cases import CARD, read_study, tree

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = pytest.mark.skipif(BROWSER is None, reason="needs a Chromium browser")

# What a test reads after each step: everything a reader would notice.
LOOK = """
const look = () => ({
  rows: [...document.querySelectorAll('.finding.on')].map((row) => row.dataset.f),
  marks: [...document.querySelectorAll('.mark.on')].map((mark) => mark.dataset.f),
  said: [...document.querySelectorAll('.stated.on')].map((item) => item.textContent),
  spoken: document.querySelector('.spoken').textContent,
  address: location.hash,
  mode: document.querySelector('.stage').dataset.mode,
  alone: document.querySelectorAll('.film.only').length,
  seen: [...document.querySelectorAll('.film')].filter((film) => film.offsetParent).length,
  zoom: document.querySelector('.zoom').textContent,
  filter: getComputedStyle(document.querySelector('.layer img')).filter,
  overlay: getComputedStyle(document.querySelector('.overlay')).display,
  opacity: getComputedStyle(document.querySelector('.overlay')).opacity,
  help: document.querySelector('.keys').open,
});
const key = (name) => document.body.dispatchEvent(
  new KeyboardEvent('keydown', { key: name, bubbles: true, cancelable: true }));
const click = (selector) => document.querySelector(selector).click();
"""


def browse(page, tmp_path, *, address="", steps=None):
    """Open a page; return its elements afterwards, or what was seen after each step."""
    if steps is not None:
        log = "".join(f"{step}; seen.push(look());" for step in steps)
        script = f"<script>{LOOK} addEventListener('load', () => {{ const seen = []; {log}"
        script += "const out = document.createElement('pre'); out.id = 'seen'; out.textContent = JSON.stringify(seen);"
        script += "document.body.append(out); });</script></body>"
        # The page's own policy forbids any other script, the test's too: only here it is loosened.
        policy = page.split("script-src ")[1].split(";")[0]
        page = page.replace(policy, "'unsafe-inline'").replace("</body>", script)
    path = tmp_path / "page.html"
    path.write_text(page, encoding="utf-8")
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=2000", "--window-size=1400,900"]
    command = [BROWSER, *flags, f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom", path.as_uri() + address]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    root = tree(done.stdout)
    return json.loads(root.one("pre", id="seen").text) if steps is not None else root


def test_its_own_script_runs_under_its_own_policy_and_the_address_selects(tmp_path):
    root = browse(study_page(read_study(), card=CARD), tmp_path, address="#finding=2")
    assert "js" in root.one("html").attributes["class"]
    (chosen,) = (row for row in root.all("li", class_="finding") if "on" in row.attributes["class"].split())
    assert chosen.attributes["data-f"] == "2"
    assert chosen.one("a").attributes["aria-current"] == "true"
    assert root.one("p", class_="spoken").text == "Finding 2 of 4: cardiomegaly, uncertain, 50 %"
    assert [a.text for a in root.all("a", class_="on")] == ["The heart may be large."]


def test_a_script_in_a_name_never_runs(tmp_path):
    nasty = "<img src=x onerror=\"document.title='broken'\"><script>document.title='broken'</script>"
    study = read_study(findings=[Finding(nasty, sites=(nasty,))], notes=[nasty])
    root = browse(study_page(study, names={study.films[0].id: nasty}), tmp_path)
    assert root.one("head").one("title").text.startswith("Chest radiograph")
    assert root.one("span", class_="concept").text == nasty


def test_findings_by_key_and_by_click(tmp_path):
    steps = ["key('n')", "key('n')", "key('N')", "key('N')", "key('Escape')", "click('.finding[data-f=\"3\"] a')"]
    steps += ["click('.finding[data-f=\"3\"] a')", "click('.stated[data-f=\"1\"]')"]
    first, second, back, around, none, third, off, sentence = browse(study_page(read_study()), tmp_path, steps=steps)
    assert [step["rows"] for step in (first, second, back, around)] == [["1"], ["2"], ["1"], ["4"]]
    assert first["marks"] == ["1"]
    assert first["said"] == ["Opacity in the right lower zone.", "Opacity."]
    assert first["address"] == "#finding=1"
    assert (none["rows"], none["marks"], none["address"], none["spoken"]) == ([], [], "", "No finding selected")
    assert (third["rows"], third["said"], off["rows"]) == (["3"], ["No effusion."], [])
    assert (sentence["rows"], sentence["marks"]) == (["1"], ["1"])


def test_display_by_key_and_reset(tmp_path):
    steps = [
        "null",
        "key('i')",
        "key('o')",
        "key('o'); key('[')",
        "key('+'); key('+')",
        "key('?')",
        "key('?')",
        "key(' ')",
    ]
    start, inverted, bare, faint, near, helped, closed, reset = browse(study_page(read_study()), tmp_path, steps=steps)
    assert start["filter"] == "brightness(1) contrast(1) invert(0)"
    assert inverted["filter"].endswith("invert(1)")
    assert (start["overlay"], bare["overlay"], faint["overlay"]) == ("block", "none", "block")
    assert float(start["opacity"]) - float(faint["opacity"]) == pytest.approx(0.1)
    assert (near["zoom"], helped["help"], closed["help"]) == ("156 %", True, False)
    assert {key: reset[key] for key in start if key != "address"} == {
        key: start[key] for key in start if key != "address"
    }


def test_prior_and_single_film(tmp_path):
    seen = browse(study_page(read_study()), tmp_path, steps=["null", *["key('p')"] * 3, "key('f')", "key('f')"])
    assert [step["mode"] for step in seen] == ["beside", "now", "then", "beside", "beside", "beside"]
    assert [step["seen"] for step in seen] == [3, 2, 1, 3, 1, 3]
    assert [step["alone"] for step in seen] == [0, 0, 0, 0, 1, 0]
    away = browse(study_page(read_study()), tmp_path, steps=["key('p'); key('p')", "key('n')"])
    assert [(step["mode"], step["seen"]) for step in away] == [("then", 1), ("beside", 3)]
    without = browse(study_page(read_study(prior=False)), tmp_path, steps=["key('p')"])
    assert (without[0]["mode"], without[0]["seen"]) == ("beside", 2)


def test_a_drag_changes_the_grey_scale_and_a_click_on_a_box_selects(tmp_path):
    drag = """
    const port = document.querySelector('.port');
    const at = (type, x, y, button, target = port) => target.dispatchEvent(new PointerEvent(type,
      { clientX: x, clientY: y, button, pointerId: 1, bubbles: true, cancelable: true }));
    port.setPointerCapture = () => {};
    at('pointerdown', 300, 300, 0); at('pointermove', 340, 280, 0); at('pointerup', 340, 280, 0)"""
    press = """
    const box = document.querySelector('.mark rect').getBoundingClientRect();
    const [x, y] = [box.left + box.width / 2, box.top + box.height / 2];
    at('pointerdown', x, y, 0); at('pointerup', x, y, 0)"""
    dragged, pressed = browse(study_page(read_study()), tmp_path, steps=[drag, press])
    assert dragged["filter"] == "brightness(1.1) contrast(1.2) invert(0)"
    assert dragged["rows"] == []
    assert pressed["rows"] == ["1"]


def test_the_index_filters_its_rows(tmp_path):
    page = index_page(
        [IndexRow("a.png", findings=(Finding("mass"),)), IndexRow("b.png", "failed", sentence="cut short")]
    )
    typed = "<script>const box = document.querySelector('.filter input'); box.value = 'FAILED cut';"
    typed += "box.dispatchEvent(new Event('input'));</script></body>"
    digest = page.split("script-src ")[1].split(";")[0]
    root = browse(page.replace(digest, "'unsafe-inline'").replace("</body>", typed), tmp_path)
    first, second = root.one("tbody").all("tr")
    assert "hidden" in first.attributes
    assert "hidden" not in second.attributes

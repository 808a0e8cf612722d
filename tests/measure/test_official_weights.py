"""Where weights of others are: what an absent one says, that no pickle is opened, and the conversion a person runs."""

from __future__ import annotations

import importlib.util
import pickle
from hashlib import sha256
from pathlib import Path

import pytest

from hilum.core.errors import InputError, MissingError
from hilum.measure.adapters import weights
from hilum.measure.adapters.language import load_language
from hilum.measure.adapters.weights import ROOT, Source
from hilum.measure.metric import metric, metrics, score_all
from hilum.measure.pairs import ReportPairs

OFFICIAL = {
    "f1-chexbert/micro-14": "StanfordAIMI/RRG_scorers",
    "f1-chexbert/macro-14": "StanfordAIMI/RRG_scorers",
    "f1-chexbert/micro-5": "StanfordAIMI/RRG_scorers",
    "f1-chexbert/macro-5": "StanfordAIMI/RRG_scorers",
    "f1-chexbert/example": "StanfordAIMI/RRG_scorers",
    "chexbert/cosine": "StanfordAIMI/RRG_scorers",
    "radgraph-xl/simple": "StanfordAIMI/RRG_scorers",
    "radgraph-xl/partial": "StanfordAIMI/RRG_scorers",
    "radgraph-xl/complete": "StanfordAIMI/RRG_scorers",
    "green": "StanfordAIMI/GREEN-radllama2-7b",
    "crimson": "rajpurkarlab/medgemma-4b-it-crimson",
    "ratescore": "Angelakeke/RaTE-NER-Deberta",
}
SOURCE = Source("made", "Made", "someone/made", "MIT", "1 kB", "config.json and model.safetensors")
PAIRS = ReportPairs(("No effusion.",), ("Effusion.",))
SCRIPT = Path(__file__).parents[2] / "scripts" / "convert_weights.py"


@pytest.fixture(autouse=True)
def no_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(ROOT, raising=False)
    monkeypatch.delenv("HILUM_RADGRAPH_PYTHON", raising=False)


def laid_out(root: Path, *names: str) -> Path:
    root.mkdir(parents=True, exist_ok=True)
    for name in names:
        (root / name).write_bytes(name.encode())
    return root


@pytest.mark.parametrize(("name", "repository"), OFFICIAL.items())
def test_absent_weights_say_what_to_get(
    name: str, repository: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(MissingError) as unset:
        metric(name)(PAIRS)
    monkeypatch.setenv(ROOT, str(tmp_path))
    with pytest.raises(MissingError) as empty:
        metric(name)(PAIRS)
    assert f"{ROOT} is not set" in str(unset.value)
    assert f"there is no folder {tmp_path}" in str(empty.value)
    for sentence in (str(unset.value), str(empty.value)):
        for part in (f"'{name}'", repository, "licence:", "GB", "lay it out as", "docs/metrics-official.md"):
            assert part in sentence
    assert unset.value.exit_code == 2


def test_runs_without_a_choice_leave_them_out() -> None:
    known = {each.name: each for each in metrics("report")}
    assert set(OFFICIAL) <= set(known)
    assert all("HILUM_WEIGHTS" in known[name].needs for name in OFFICIAL)


def test_one_that_is_missing_does_not_stop_the_others() -> None:
    done, failed = score_all(["green", "bleu-2"], PAIRS)
    assert (list(done), list(failed)) == (["bleu-2"], ["green"])


@pytest.mark.parametrize("pickled", ["chexbert.pth", "pytorch_model.bin", "radgraph.tar.gz", "weights.th", "a.ckpt"])
def test_a_pickle_is_never_opened(tmp_path: Path, pickled: str) -> None:
    root = laid_out(tmp_path / "made", "config.json")
    marker = tmp_path / "ran"
    (root / pickled).write_bytes(pickle.dumps(Bomb(str(marker))))
    with pytest.raises(MissingError) as caught:
        weights.load("made-f1", SOURCE, root)
    assert not marker.exists()
    for part in (pickled, "safetensors only", "scripts/convert_weights.py", "--i-trust-this-file"):
        assert part in str(caught.value)


class Bomb:
    """Leaves a file behind when it is unpickled."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str, str]]:
        return open, (self.path, "w")


def test_a_pickle_beside_safetensors_is_left_alone(tmp_path: Path) -> None:
    root = laid_out(tmp_path / "made", "config.json", "model.safetensors", "training_args.bin")
    found = weights.load("made-f1", SOURCE, root)
    assert [path.name for path in found.files] == ["model.safetensors"]
    assert found.digest == sha256(b"model.safetensors").hexdigest()[:12]


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match=r"lacks config\.json"):
        weights.load("made-f1", SOURCE, laid_out(tmp_path / "made", "model.safetensors"))
    with pytest.raises(MissingError, match=r"holds no \.safetensors"):
        weights.load("made-f1", SOURCE, laid_out(tmp_path / "empty", "config.json"))
    with pytest.raises(MissingError, match=r"there is no folder .*inner"):
        weights.load("made-f1", SOURCE, laid_out(tmp_path / "outer", "config.json"), "inner")


def test_the_variable_names_the_folder_of_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = laid_out(tmp_path / "made", "config.json", "model.safetensors")
    monkeypatch.setenv(ROOT, str(tmp_path))
    assert weights.load("made-f1", SOURCE).root == root
    other = laid_out(tmp_path / "other", "config.json", "model.safetensors")
    assert weights.load("made-f1", SOURCE, other).root == other


def test_the_digest_follows_the_bytes_of_every_file(tmp_path: Path) -> None:
    one = laid_out(tmp_path / "one", "config.json", "a.safetensors", "b.safetensors")
    two = laid_out(tmp_path / "two", "config.json", "a.safetensors", "b.safetensors")
    first, same = (weights.load("m", SOURCE, root).digest for root in (one, two))
    (two / "b.safetensors").write_bytes(b"another length")
    assert first == same != weights.load("m", SOURCE, two).digest
    said = weights.load("m", SOURCE, one).said("numpy", "no-such-package")
    assert said["backend"] == "official-weights"
    assert (said["model"], said["weights"], said["no-such-package"]) == ("Made", first, "none")
    assert str(said["numpy"])[0].isdigit()


def test_a_folder_of_another_kind_is_refused_in_a_sentence(tmp_path: Path) -> None:
    pytest.importorskip("transformers")
    root = laid_out(tmp_path / "made", "config.json", "model.safetensors")
    (root / "config.json").write_text("{}", encoding="utf-8")
    with pytest.raises(InputError, match=r"cannot load .*made as AutoModel"):
        load_language("made-f1", "AutoModel", weights.load("made-f1", SOURCE, root))


def test_a_device_that_is_not_there_is_refused(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    pytest.importorskip("transformers")
    if torch.cuda.is_available():
        pytest.skip("this machine has a graphics card")
    root = laid_out(tmp_path / "made", "config.json", "model.safetensors")
    with pytest.raises(InputError, match="no such device"):
        load_language("made-f1", "AutoModel", weights.load("made-f1", SOURCE, root), "cuda")


def run(*arguments: str) -> int:
    spec = importlib.util.spec_from_file_location("convert_weights", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return int(module.main(list(arguments)))


def test_conversion_asks_for_trust_and_keeps_every_tensor(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    torch = pytest.importorskip("torch")
    load_file = pytest.importorskip("safetensors.torch").load_file
    shared = torch.arange(6.0).reshape(2, 3)
    tensors = {"module.a": shared, "module.b": shared.T, "module.c": torch.tensor([1, 2])}
    source, target = tmp_path / "made.pth", tmp_path / "out" / "model.safetensors"
    torch.save({"epoch": 3, "model_state_dict": tensors, "optimizer_state_dict": {"state": {}}}, source)
    assert run(str(source), str(target)) == 2
    assert "--i-trust-this-file" in capsys.readouterr().err
    assert not target.exists()
    assert run(str(source), str(target), "--i-trust-this-file") == 0
    assert sha256(source.read_bytes()).hexdigest() in capsys.readouterr().out
    found = load_file(target)
    assert set(found) == set(tensors)
    assert all(torch.equal(found[name], tensors[name]) for name in tensors)
    assert run(str(source), str(target), "--i-trust-this-file") == 1


def test_conversion_does_not_run_what_a_pickle_holds(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("torch")
    source, marker = tmp_path / "bad.pth", tmp_path / "ran"
    source.write_bytes(pickle.dumps({"state_dict": Bomb(str(marker))}, protocol=2))
    assert run(str(source), str(tmp_path / "x.safetensors"), "--i-trust-this-file") == 1
    assert "cannot be read as tensors" in capsys.readouterr().err
    assert not marker.exists()

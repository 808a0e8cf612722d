"""Published tensors of MAIRA-2 and Libra find their places: tiny random checkpoints by the authors' names and sums."""

import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
from torch import nn  # noqa: E402

from hilum.core.errors import InputError, MissingError  # noqa: E402
from hilum.systems import libra, maira_2  # noqa: E402
from hilum.systems._reader_published import authors_name, empty, filled, load_published  # noqa: E402

D, TEXT, LAYERS = 24, 32, 12


def config(name, layers, heads):
    from hilum.nets.readers import READER_TOKENS, assembled

    vision = transformers.Dinov2Config(hidden_size=D, num_hidden_layers=LAYERS, num_attention_heads=2, image_size=28,
                                       patch_size=14)  # fmt: skip
    text = transformers.LlamaConfig(vocab_size=60, hidden_size=TEXT, intermediate_size=40, num_hidden_layers=1,
                                    num_attention_heads=2, num_key_value_heads=2)  # fmt: skip
    known = {token: 50 + at for at, token in enumerate(READER_TOKENS)}
    return assembled(vision, text, known, connector={"maira-2": "mlp4", "libra": "tac"}[name],
                     options={"heads": heads} if heads else {}, layers=layers)  # fmt: skip


class Authors(nn.Module):
    """Libra's connector as its paper and released sizes say: torch's own attention, squeeze and convolutions."""

    def __init__(self):
        super().__init__()
        steps = []
        for one, two in ((12, 6), (6, 3), (3, 1)):
            squeeze = nn.Module()
            squeeze.fc1, squeeze.fc2 = nn.Conv2d(one, one // 2, 1), nn.Conv2d(one // 2, one, 1)
            steps += [squeeze, nn.Conv2d(one, two, 1, bias=False)]
        self.LFE = nn.ModuleList(steps)
        self.LFE_prior_bias = nn.Parameter(torch.tensor(0.7))
        for name in ("cur_self_attention", "prior_self_attention", "cros_attention"):
            setattr(self, name, nn.MultiheadAttention(D, 4, batch_first=True, add_bias_kv=True))
        for number in range(1, 5):
            setattr(self, f"norm{number}", nn.LayerNorm(D))
        self.mlp_attn = nn.Sequential(nn.Linear(D, D), nn.GELU(), nn.Dropout(0.0), nn.Linear(D, D), nn.Dropout(0.0))
        rest = [each for _ in range(3) for each in (nn.GELU(), nn.Linear(TEXT, TEXT))]
        self.mlp_final = nn.Sequential(nn.Linear(D, TEXT), *rest)

    def mixed(self, x):
        for squeeze, mix in zip(self.LFE[::2], self.LFE[1::2], strict=True):
            scale = squeeze.fc2(nn.functional.gelu(squeeze.fc1(x.mean((2, 3), keepdim=True)))).sigmoid()
            x = mix(x * scale)
        return x[:, 0]

    def forward(self, current, prior):
        current, prior = self.mixed(current), self.mixed(prior)
        alike = nn.functional.cosine_similarity(current.flatten(1), prior.flatten(1))
        shifted = prior + (((alike + 1) / 2) ** 8)[:, None, None] * self.LFE_prior_bias
        mine = self.norm1(current + self.cur_self_attention(current, current, current)[0])
        theirs = self.norm2(shifted + self.prior_self_attention(shifted, shifted, shifted)[0])
        asked = self.norm3(mine + self.cros_attention(mine, theirs, theirs)[0])
        return self.mlp_final(self.norm4(current + self.mlp_attn(asked)))


def libra_checkpoint(reader):
    """A random checkpoint by the authors' names, and the module its connector's tensors are of."""
    authors = Authors()
    tensors = {f"model.mm_projector.{name}": value for name, value in authors.state_dict().items()}
    for ours, value in reader.state_dict().items():
        if "multi_modal_projector" not in ours:
            tensors[authors_name("libra", ours)] = torch.randn_like(value)
    return tensors, authors


def test_libras_connector_gives_what_the_authors_arithmetic_gives():
    from hilum.nets.fuse import FRONT, PRIOR, Films
    from hilum.nets.reader import Reader

    torch.manual_seed(0)
    reader = Reader(config("libra", "all", 4)).eval()
    tensors, authors = libra_checkpoint(reader)
    assert filled("libra", reader, tensors, where="a test") == ()
    current, prior = torch.randn(2, 12, 4, D), torch.randn(2, 12, 4, D)
    seen = torch.stack([current[0], prior[0], current[1], prior[1]]).transpose(1, 2).flatten(2)
    films = Films(torch.tensor([0, 0, 1, 1]), torch.tensor([FRONT, PRIOR, FRONT, PRIOR]))
    with torch.no_grad():
        ours = reader.model.multi_modal_projector(seen, films)[[0, 2]]
        theirs = authors(current, prior)
    assert torch.allclose(ours, theirs, atol=1e-4)


def test_a_missing_or_misshapen_tensor_is_named():
    from hilum.nets.reader import Reader

    reader = Reader(config("libra", "all", 4))
    tensors, _ = libra_checkpoint(reader)
    kept = tensors.pop("model.mm_projector.cros_attention.bias_k")
    with pytest.raises(InputError, match=r"cros_attention\.bias_k' is missing"):
        filled("libra", reader, tensors, where="a test")
    tensors["model.mm_projector.cros_attention.bias_k"] = kept
    tensors["model.norm.weight"] = torch.zeros(3)
    with pytest.raises(InputError, match=r"'model.norm.weight' is \(3,\), expected \(32,\)"):
        filled("libra", reader, tensors, where="a test")


def maira_checkpoint(reader):
    return {authors_name("maira-2", ours): torch.randn_like(value) for ours, value in reader.state_dict().items()}


def test_mairas_names_are_those_of_its_remote_code():
    from hilum.nets.reader import Reader

    names = maira_checkpoint(Reader(config("maira-2", "last", 0)))
    for name in (
        "vision_tower.embeddings.cls_token", "vision_tower.encoder.layer.0.attention.attention.query.weight",
        "vision_tower.encoder.layer.11.attention.output.dense.bias", "vision_tower.layernorm.weight",
        "multi_modal_projector.layers.0.weight", "multi_modal_projector.layers.6.bias",
        "language_model.model.embed_tokens.weight", "language_model.model.layers.0.self_attn.q_proj.weight",
        "language_model.lm_head.weight",
    ):  # fmt: skip
        assert name in names


def test_maira_is_loaded_strictly_from_a_folder(tmp_path):
    from safetensors.torch import save_file

    from hilum.nets.reader import Reader

    how = config("maira-2", "last", 0)
    tensors = maira_checkpoint(Reader(how))
    save_file({**tensors, "something.else": torch.zeros(2)}, tmp_path / "model.safetensors")
    found = load_published("maira-2", tmp_path, config=how)
    assert found.unused == ("something.else",)
    assert torch.equal(found.reader.lm_head.weight, tensors["language_model.lm_head.weight"])
    assert torch.equal(found.reader.model.multi_modal_projector.net[4].weight,
                       tensors["multi_modal_projector.layers.4.weight"])  # fmt: skip


@pytest.mark.parametrize("system", [libra, maira_2])
def test_without_weights_it_is_said_where_they_are(system, tmp_path):
    with pytest.raises(MissingError, match="Hugging Face"):
        system.published(tmp_path)


@pytest.mark.parametrize(("name", "least", "most"), [("maira-2", 6.8e9, 7.0e9), ("libra", 6.8e9, 7.0e9)])
def test_published_sizes_without_memory(name, least, most):
    """MAIRA-2's card says 6.9 B with its encoder; Meditron-7B has 6.74 B, RAD-DINO .09 B."""
    reader = empty(name)
    assert next(reader.parameters()).device.type == "meta"
    assert least < sum(weight.numel() for weight in reader.parameters()) < most

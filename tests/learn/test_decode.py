"""Writing: the words that transformers' `generate` would write, whatever shares the batch; and options weighed."""

from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from transformers import GPT2Config  # noqa: E402

from hilum.core.errors import InputError  # noqa: E402
from hilum.learn.decode import Decoding, Row, Written, batch_of, likelihood, never, settings, write  # noqa: E402
from hilum.nets.reader import Reader  # noqa: E402
from hilum.nets.readers import processor_for, reader_config  # noqa: E402
from tests.nets.reader_case import FRONT, KINDS, PROMPTS, case, encoder, films, logits, rows, tokens  # noqa: E402

WAYS = {
    "greedy": Decoding(longest=24),
    "greedy without runs": Decoding(longest=24, no_repeat=2),
    "beams": Decoding(longest=20, beams=3),
    "long beams": Decoding(longest=20, beams=4, length_penalty=2.0, samples=3),
    "short beams": Decoding(longest=12, beams=3, length_penalty=-1.0),
    "beams without runs": Decoding(longest=20, beams=2, no_repeat=2),
}
DRAWS = Decoding(longest=16, temperature=0.9, top_p=0.9, samples=3)


@pytest.fixture(scope="module")
def held() -> Any:
    """One reader for all; no test changes it."""
    return case("tac")


def ids(answers: list[Written]) -> list[tuple[int, ...]]:
    return [each.tokens for each in answers]


@pytest.mark.parametrize("way", WAYS)
def test_our_loop_writes_what_generate_writes(held: Any, way: str) -> None:
    reader, processor = held
    some = rows(processor)
    mine, theirs = (write(reader, processor, some, WAYS[way], plain=plain) for plain in (False, True))
    assert ids(mine) == ids(theirs)
    assert [each.text for each in mine] == [each.text for each in theirs]
    assert [each.logp for each in mine] == pytest.approx([each.logp for each in theirs], abs=1e-3)
    assert len({len(each.tokens) for each in mine}) > 1


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "tac"])
def test_so_it_does_for_every_connector(kind: str) -> None:
    reader, processor = case(kind)
    some, how = rows(processor), Decoding(longest=6, beams=2)
    assert ids(write(reader, processor, some, how)) == ids(write(reader, processor, some, how, plain=True))


@pytest.mark.parametrize("way", [*WAYS, "draws"])
def test_an_answer_does_not_depend_on_what_shares_its_batch(held: Any, way: str) -> None:
    reader, processor = held
    some, how = rows(processor), DRAWS if way == "draws" else WAYS[way]
    together = write(reader, processor, some, how, seed=4)
    for batch in (1, 3) if way == "draws" else (1,):
        apart = write(reader, processor, some, how, seed=4, batch=batch)
        assert ids(apart) == ids(together)
        assert [each.logp for each in apart] == pytest.approx([each.logp for each in together], abs=1e-3)


def test_draws_come_in_order_and_follow_the_seed(held: Any) -> None:
    reader, processor = held
    some = rows(processor)
    one, again, other = (write(reader, processor, some, DRAWS, seed=seed) for seed in (1, 1, 2))
    assert ids(one) == ids(again) != ids(other)
    assert len(one) == 3 * len(some)
    assert len({each.tokens for each in one[:3]}) > 1
    first = write(reader, processor, some[:1], DRAWS, seed=1)
    assert ids(first) == ids(one[:3])


def test_draws_are_as_likely_as_the_reader_says(held: Any) -> None:
    """Shares of first words among 400 draws, against probabilities after temperature; and a nucleus of one word."""
    reader, processor = held
    some = rows(processor)[:1]
    said = logits(reader, batch_of(some, 0))[0, -1].clone()
    said[never(processor.tokenizer)] = -torch.inf
    chance = (said / 1.5).softmax(-1)
    many = write(reader, processor, some, Decoding(longest=1, temperature=1.5, samples=400), seed=3)
    drawn = [each.tokens[0] if each.tokens else processor.tokenizer.eos_token_id for each in many]
    shares = torch.bincount(torch.tensor(drawn), minlength=len(chance)) / 400
    assert float((shares - chance).abs().max()) < 4 * (0.25 / 400) ** 0.5
    assert len(set(drawn)) > 3
    for plain in (False, True):
        narrow = write(
            reader, processor, some, Decoding(longest=1, temperature=1.5, top_p=1e-6, samples=3), plain=plain
        )
        assert {each.tokens for each in narrow} == {(int(chance.argmax()),)}


def test_log_probabilities_are_of_the_answer_and_its_end(held: Any) -> None:
    reader, processor = held
    some = rows(processor)
    for each, row in zip(write(reader, processor, some, WAYS["greedy"]), some, strict=True):
        answer = [*each.tokens, processor.tokenizer.eos_token_id][:24]
        whole = batch_of([Row((*row.ids, *answer), row.films)], 0)
        said = logits(reader, whole)[0, len(row.ids) - 1 : -1].log_softmax(-1)
        assert each.logp == pytest.approx(float(said[torch.arange(len(answer)), torch.tensor(answer)].sum()), abs=1e-3)


def test_no_answer_holds_images_or_their_roles(held: Any) -> None:
    reader, processor = held
    wild = write(reader, processor, rows(processor), Decoding(longest=30, temperature=50.0, samples=8), seed=1)
    used = {each for answer in wild for each in answer.tokens}
    assert len(used) > 30
    assert not used & set(never(processor.tokenizer))


def test_runs_do_not_come_twice_but_may_come_from_the_prompt(held: Any) -> None:
    reader, processor = held
    for answer in write(reader, processor, rows(processor), Decoding(longest=40, no_repeat=2)):
        pairs = list(zip(answer.tokens, answer.tokens[1:], strict=False))
        assert len(pairs) == len(set(pairs))


def test_features_write_what_pixels_write(held: Any) -> None:
    reader, processor = held
    some = rows(processor)
    with torch.no_grad():
        states = [reader.model.states(row.films) for row in some]
    wanted = ids(write(reader, processor, some, WAYS["beams"]))
    kept = [Row(row.ids, states=each) for row, each in zip(some, states, strict=True)]
    chosen = [Row(row.ids, reader.model.chosen(each)) for row, each in zip(some, states, strict=True)]
    assert ids(write(reader, processor, kept, WAYS["beams"])) == wanted
    assert ids(write(reader, processor, chosen, WAYS["beams"])) == wanted
    assert ids(write(reader, processor, kept, WAYS["beams"], plain=True)) == wanted


def test_a_prompt_without_films_is_answered(held: Any) -> None:
    reader, processor = held
    bare = Row(processor.prompt_ids("findings? <answer>"))
    mixed = [*rows(processor), bare]
    assert ids(write(reader, processor, mixed))[-1] == ids(write(reader, processor, [bare]))[0]
    assert write(reader, processor, []) == []


def test_a_language_model_built_otherwise_writes_by_generate() -> None:
    known = tokens()
    torch.manual_seed(0)
    text = GPT2Config(n_embd=32, n_layer=1, n_head=2, n_positions=256, initializer_range=0.5)
    reader = Reader(reader_config(encoder().config, text, known)).eval()
    processor = processor_for(reader, known)
    some, draws, short = rows(processor)[:2], Decoding(longest=4, temperature=1.0), Decoding(longest=4)
    one = write(reader, processor, some, draws, seed=1)
    assert ids(one) == ids(write(reader, processor, some, draws, seed=1))
    assert ids(write(reader, processor, some, short, batch=1)) == ids(write(reader, processor, some, short))


class TestLikelihood:
    """Options weighed against each other."""

    OPTIONS = (["there is a nodule.", "no", "the heart is large."], ["no"], ["small", "large"], ["no pneumothorax."])

    def test_it_is_the_mean_log_probability_of_words_and_end(self, held: Any) -> None:
        reader, processor = held
        some, known = rows(processor), held[1].tokenizer
        found = likelihood(reader, processor, some, self.OPTIONS, batch=3)
        summed = likelihood(reader, processor, some, self.OPTIONS, mean=False)
        assert found.shape == (4, 3)
        for at, options in enumerate(self.OPTIONS):
            for number, text in enumerate(options):
                answer = [*known(text)["input_ids"], known.eos_token_id]
                whole = batch_of([Row((*some[at].ids, *answer), some[at].films)], 0)
                said = logits(reader, whole)[0, len(some[at].ids) - 1 : -1].log_softmax(-1)
                wanted = said[torch.arange(len(answer)), torch.tensor(answer)]
                assert float(found[at, number]) == pytest.approx(float(wanted.mean()), abs=1e-4)
                assert float(summed[at, number]) == pytest.approx(float(wanted.sum()), abs=1e-3)
            assert found[at, len(options) :].tolist() == [-torch.inf] * (3 - len(options))

    def test_what_was_written_is_as_likely_as_was_said(self, held: Any) -> None:
        reader, processor = held
        some = rows(processor)
        answers = write(reader, processor, some, Decoding(longest=60))
        ended = [at for at, each in enumerate(answers) if len(each.tokens) < 60]
        assert ended
        plain = [at for at in ended if "<" not in answers[at].text]
        for at in plain:
            text = processor.tokenizer.decode(answers[at].tokens)
            if processor.tokenizer(text)["input_ids"] == list(answers[at].tokens):
                found = likelihood(reader, processor, [some[at]], [[text]], mean=False)
                assert float(found) == pytest.approx(answers[at].logp, abs=1e-3)

    def test_each_prompt_needs_its_options(self, held: Any) -> None:
        reader, processor = held
        with pytest.raises(InputError, match="each of 4 prompts needs its options, got 1 lists"):
            likelihood(reader, processor, rows(processor), [["no"]])


class TestBatches:
    """Prompts side by side."""

    def test_prompts_are_padded_on_the_left(self) -> None:
        batch = batch_of([Row((5, 6, 7), films(2)), Row((8,)), Row((9, 4), films(1, seed=2))], 1)
        assert batch["input_ids"].tolist() == [[5, 6, 7], [1, 1, 8], [1, 9, 4]]
        assert batch["attention_mask"].tolist() == [[1, 1, 1], [0, 0, 1], [0, 1, 1]]
        assert torch.equal(batch["pixel_values"], torch.cat([films(2), films(1, seed=2)]))
        assert set(batch_of([Row((1,))], 0)) == {"input_ids", "attention_mask"}
        assert set(batch_of([Row((1,), states=torch.zeros(1, 3, 4, 2))], 0)) > {"image_states"}

    @pytest.mark.parametrize(
        "some",
        [
            [Row((1,), films(1)), Row((1,), torch.zeros(1, 4, 6))],
            [Row((1,), films(1)), Row((1,), states=torch.zeros(1, 3, 4, 6))],
        ],
    )
    def test_kinds_of_films_do_not_mix(self, some: list[Row]) -> None:
        with pytest.raises(InputError, match="films of one batch differ in shape or kind"):
            batch_of(some, 0)

    def test_no_prompt_is_no_batch(self) -> None:
        with pytest.raises(InputError, match="no prompt to put in a batch"):
            batch_of([], 0)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"beams": 0}, "takes beams, words and samples"),
        ({"longest": 0}, "takes beams, words and samples"),
        ({"top_p": 0.0}, "0 < top_p <= 1"),
        ({"temperature": -1.0}, "a temperature >= 0"),
        ({"beams": 2, "temperature": 1.0}, "either beams or a temperature"),
        ({"samples": 3, "beams": 2}, "3 answers to a prompt need a temperature, or as many beams"),
    ],
)
def test_decoding_that_makes_no_sense_is_refused(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        Decoding(**wrong)


def test_settings_are_those_of_generate() -> None:
    assert settings(Decoding(beams=10, length_penalty=2.0, longest=1024)) == {
        "max_new_tokens": 1024, "num_beams": 10, "do_sample": False, "num_return_sequences": 1, "length_penalty": 2.0,
    }  # fmt: skip
    drawn = settings(Decoding(temperature=0.2, top_p=0.8, samples=4))
    assert (drawn["do_sample"], drawn["temperature"], drawn["top_p"], drawn["num_return_sequences"]) == (
        True,
        0.2,
        0.8,
        4,
    )


def test_roles_are_refused_while_writing_too(held: Any) -> None:
    reader, processor = held
    with pytest.raises(InputError, match="no role token"):
        write(reader, processor, [Row(processor.prompt_ids("<image> findings?"), films(1))])
    assert FRONT in PROMPTS[0]

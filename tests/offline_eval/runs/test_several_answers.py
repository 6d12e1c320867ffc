"""Views that are read from several answers to the same utterance: ensembles of prompts, and texts that are drawn."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from core.errors import UsageError
from core.ltu_as.ensemble import pooled, spread
from core.ltu_as.readout import InvalidReading, readout
from core.ltu_as.wordings import members, text_of
from offline_eval.runs.asking import Respondent
from offline_eval.runs.folder import RunFolder
from offline_eval.runs.outputs import read_views
from offline_eval.runs.summary import summary
from offline_eval.runs.views import Samples, View, all_views
from tests.offline_eval.rated_tones import carried_out, contents, rated_tones, views

SAMPLES = Samples(3, seed=5, temperature=2.0)
SEVERAL = views(
    prompts=["single"], inputs=["audio"], readouts=["seq_logprob"], ensembles=["off", "orders"], samples=SAMPLES
)
ORDERS = View(prompt="single", readout="seq_logprob", ensemble="orders")
DRAWN = View(prompt="single", readout=None, samples=SAMPLES)


@pytest.fixture(scope="module")
def rated(tmp_path_factory):
    return rated_tones(tmp_path_factory.mktemp("tones"), 5)


@pytest.fixture(scope="module")
def folder(rated, tmp_path_factory) -> RunFolder:
    return carried_out(rated, tmp_path_factory.mktemp("runs") / "several", views=SEVERAL)


def test_every_member_and_every_sample_is_a_question_of_its_own(folder: RunFolder):
    questions = {question.asked: question for question in folder.record.questions}
    assert set(questions) == {*ORDERS.asked, *DRAWN.asked}
    assert len(questions) == 4 + 3
    assert {asked.prompt: questions[asked].text for asked in ORDERS.asked} == {
        name: text_of(name) for name in members("single", "orders")
    }


def test_an_ensemble_is_read_from_the_answers_of_its_members(folder: RunFolder):
    (readings,) = read_views(folder, [ORDERS])
    questions = {question.asked: question for question in folder.record.questions}
    answers = zip(*(folder.answers(questions[asked]) for asked in ORDERS.asked), strict=True)
    each = [[readout(answer.steps, kind="seq_logprob") for answer in some] for some in answers]
    np.testing.assert_allclose(readings.output.probabilities, [list(pooled(some)) for some in each])
    assert readings.spread == pytest.approx(np.mean([spread(some) for some in each]))
    assert readings.spread > 0
    assert read_views(folder, [replace(ORDERS, ensemble="off")])[0].spread is None
    assert f"token single seq_logprob orders: mean spread {readings.spread:.3f}" in summary(folder.rated, [readings])


def test_samples_are_drawn_with_seeds_of_their_own_and_are_the_same_again(folder: RunFolder, rated, tmp_path: Path):
    drawn = [question for question in folder.record.questions if question.draw]
    texts = [[answer.steps.text for answer in folder.answers(question)] for question in drawn]
    assert len({tuple(some) for some in texts}) == 3
    assert next(iter(folder.answers(drawn[0]))).steps.decoding["temperature"] == 2.0
    more = View(prompt="single", readout=None, samples=replace(SAMPLES, number=4))
    again = carried_out(rated, tmp_path, views=(more,))
    assert more.asked[:3] == DRAWN.asked
    for question, some in zip(drawn, texts, strict=True):
        assert [answer.steps.text for answer in again.answers(question)] == some


def test_a_finished_run_of_several_answers_does_not_load_the_model(folder: RunFolder, rated, monkeypatch):
    monkeypatch.setattr(Respondent, "__init__", None)
    before = contents(folder.path)
    carried_out(rated, folder.path, views=SEVERAL)
    assert contents(folder.path) == before


def test_a_view_whose_samples_were_not_drawn_says_how_to_draw_them(folder: RunFolder):
    with pytest.raises(UsageError, match="no answers to the single prompt with audio") as caught:
        read_views(folder, [replace(DRAWN, samples=Samples(3, seed=6))])
    assert "--samples 3 --seed 6" in caught.value.hint


def test_the_reading_of_drawn_texts_is_the_mean_of_the_valid_ones(folder: RunFolder):
    steps = next(iter(folder.answers(folder.record.questions[0]))).steps
    said = ["Happy", "Anger: 50%, Sadness: 50%", "none of it"]
    seen = DRAWN.read(*(replace(steps, text=text) for text in said))
    assert list(seen.distribution) == pytest.approx([0.25, 0.5, 0.25, 0])
    assert seen.invalid == {"no emotion in the answer": 1}
    assert seen.spread == pytest.approx(0.5), "entropy 1.5 bits together, 0.5 each, of 2 at most"
    votes = DRAWN.read(*(replace(steps, text=text) for text in ["Sadness", "Sad", "Neutral"]))
    assert list(votes.distribution) == pytest.approx([0, 0, 2 / 3, 1 / 3])
    with pytest.raises(InvalidReading, match="no emotion in the answer"):
        DRAWN.read(*(replace(steps, text="hm") for _ in said))


def test_ensembles_are_of_tokens_and_samples_are_texts():
    with pytest.raises(UsageError, match="read from tokens"):
        View(prompt="single", readout=None, ensemble="orders")
    with pytest.raises(UsageError, match="samples are texts"):
        View(prompt="single", samples=SAMPLES)
    assert len({view.name for view in SEVERAL}) == len(SEVERAL) == 4
    assert all_views(
        prompts=["single"],
        inputs=["audio"],
        levels=["token"],
        readouts=["first_piece"],
        pools=["sum"],
        scopes=["all"],
        ensembles=["orders"],
    ) == (View(prompt="single", readout="first_piece", ensemble="orders"),)

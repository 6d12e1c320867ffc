"""What is left to do, whoever does it; and an actor of a Ray pool, without Ray."""

import pickle
import socket
import sys
from collections import Counter
from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path

import pyarrow as pa
import pytest
import torch

from core.errors import ModelError, UsageError, WorkerError
from core.ltu_as.tiny import tiny_tokenizer
from core.ltu_as.verbalizer import Verbalizer
from offline_eval.runs.answers_store import Answer
from offline_eval.runs.folder import RunFolder
from offline_eval.runs.items import items_of
from offline_eval.runs.ray_pool import ATTEMPTS, Place, _Actor, _unpacked, ray_pool
from offline_eval.runs.run import Shard
from offline_eval.runs.work import Model, Work, answers_to, model_of
from tests.offline_eval.command import emotion_eval
from tests.offline_eval.rated_tones import carried_out, contents, rated_tones

NUMBER = 150
"""Five blocks."""
VERBALIZER = Verbalizer.from_tokenizer(tiny_tokenizer()).as_dict()


class Silent:
    """A respondent that has a reason not to answer, and says which question it was asked."""

    facts = {"name": "silent", "sha256": "0", "device": "cpu", "transcribes": False}  # noqa: RUF012
    verbalizer = VERBALIZER

    def hear(self, utterances):
        return utterances

    def ask(self, asked, heard):
        return [Answer(utterance.utterance_id, None, f"{asked.prompt} {asked.input}") for utterance in heard]


class Engine:
    """Does the work from its end, and stops after so many answers to blocks."""

    def __init__(self, stop_after: int | None = None) -> None:
        self.work: list[Work] = []
        self._stop_after = stop_after

    def open(self, weights, respondent):  # noqa: ARG002
        return model_of(Silent())

    def answers(self, work):
        self.work = list(work)
        done = [answers for block in reversed(work) for answers in answers_to(block, Silent())]
        yield from done[: self._stop_after]
        if self._stop_after is not None:
            msg = "the cluster is gone"
            raise WorkerError(msg)


@pytest.fixture(scope="module")
def rated(tmp_path_factory):
    return rated_tones(tmp_path_factory.mktemp("tones"), NUMBER)


@pytest.fixture(scope="module")
def whole(rated, tmp_path_factory) -> RunFolder:
    return carried_out(rated, tmp_path_factory.mktemp("runs") / "whole", engine=Engine())


def test_what_is_left_is_each_block_once_with_the_questions_that_lack_it(rated, whole: RunFolder, tmp_path: Path):
    folder = carried_out(rated, tmp_path, engine=Engine())
    first, last = folder.record.questions[0], folder.record.questions[-1]
    for question, n in ((first, 1), (last, 1), (last, 4)):
        folder.block_path(question, n).unlink()
    engine = Engine()
    carried_out(rated, tmp_path, engine=engine)
    assert [(work.block, work.questions) for work in engine.work] == [(1, (first, last)), (4, (last,))]
    assert [work.items for work in engine.work] == [folder.items[32:64], folder.items[128:150]]
    assert [work.answers for work in engine.work] == [64, 22]
    assert contents(tmp_path) == contents(whole.path)


def test_an_engine_that_fails_loses_nothing_that_it_gave_and_the_order_is_no_matter(
    rated, whole: RunFolder, tmp_path: Path
):
    with pytest.raises(WorkerError):
        carried_out(rated, tmp_path, engine=Engine(stop_after=7))
    begun = RunFolder.open(tmp_path)
    assert sum(len(begun.missing(question)) for question in begun.record.questions) == 6 * 5 - 7
    engine = Engine()
    carried_out(rated, tmp_path, engine=engine)
    assert sum(len(work.questions) for work in engine.work) == 6 * 5 - 7
    assert contents(tmp_path) == contents(whole.path)


def test_an_engine_has_its_shard_only(rated, tmp_path: Path):
    engine = Engine()
    carried_out(rated, tmp_path, engine=engine, shard=Shard(2, 3))
    assert [work.block for work in engine.work] == [1, 4]


@pytest.fixture
def place(tmp_path: Path, monkeypatch) -> Place:
    monkeypatch.chdir(Path.cwd())  # and back, for an actor goes elsewhere
    return Place(partial(nullcontext, tmp_path), tmp_path, torch.get_num_threads(), 0, deterministic=False)


def once(_: int) -> int:
    return 1


def answered(actor: _Actor, work: Work):
    """What comes back of a block that is sent to an actor."""
    (content,) = actor(pa.table({"work": [pickle.dumps(work)]}))["answers"].to_pylist()
    return _unpacked(content)


def test_an_actor_answers_as_one_process_does(rated, whole: RunFolder, place: Place):
    work = Work(2, tuple(items_of(rated)[64:96]), whole.record.questions)
    actor = _Actor(place, lambda _: Silent(), model_of(Silent()), once)
    assert answered(actor, work) == list(answers_to(work, Silent()))
    assert Path.cwd() == place.folder


def test_an_actor_that_does_not_see_the_sound_refuses_instead_of_answering_so(
    rated, whole: RunFolder, place: Place, tmp_path: Path
):
    seen, nowhere = items_of(rated)[0], tmp_path / "nowhere.wav"
    utterance = replace(seen.rated.utterance, path=nowhere)
    item = replace(seen, rated=replace(seen.rated, utterance=utterance))
    actor = _Actor(place, lambda _: Silent(), model_of(Silent()), once)
    with pytest.raises(UsageError, match=rf"nowhere.wav: not on {socket.gethostname()}") as raised:
        answered(actor, Work(0, (item,), whole.record.questions))
    assert "under the same path on every node" in raised.value.hint
    unheard = replace(item, duration_s=None)  # nor could be read where the run was begun: that is an answer
    assert len(answered(actor, Work(0, (unheard,), whole.record.questions))) == 6


def test_an_actor_that_computes_otherwise_refuses(rated, whole: RunFolder, place: Place):
    there = Model({**Silent.facts, "whisper": "bfloat16"}, VERBALIZER)
    actor = _Actor(place, lambda _: Silent(), there, once)
    with pytest.raises(ModelError, match="computes otherwise than the node that was asked first"):
        answered(actor, Work(0, (items_of(rated[:1])[0],), whole.record.questions))


def test_what_is_wrong_with_the_model_on_one_node_is_said_whole(rated, whole: RunFolder, place: Place):
    def missing(_: Path):
        msg = "models/ltu-as: no such folder"
        raise UsageError(msg, hint="put it there")

    actor = _Actor(place, missing, model_of(Silent()), once)
    with pytest.raises(UsageError, match=r"^models/ltu-as: no such folder$") as raised:
        answered(actor, Work(0, tuple(items_of(rated[:1])), whole.record.questions))
    assert raised.value.hint == "put it there"


def test_a_block_that_was_begun_again_and_again_is_given_up(rated, whole: RunFolder, place: Place):
    begun = Counter()

    def times(block: int) -> int:
        begun[block] += 1
        return begun[block]

    actor = _Actor(place, lambda _: Silent(), model_of(Silent()), times)
    first, second = (Work(n, tuple(items_of(rated[:2])), whole.record.questions) for n in (0, 1))
    for _ in range(ATTEMPTS):
        answered(actor, first)
    answered(actor, second)
    with pytest.raises(WorkerError, match=r"block 0 \(from utt_000 on\) has ended 4 processes"):
        answered(actor, first)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--engine", "ray"), r"pip install 'emotion-monitor[ray,train]'"),
        (("--engine", "ray", "--address", "10.0.0.1:6379"), r"pip install 'emotion-monitor[ray,train]'"),
        (("--address", "auto"), "add --engine ray"),
        (("--actors", "2"), "add --engine ray"),
        (("--engine", "ray", "--actors", "0"), "is not a whole number from 1 up"),
    ],
)
def test_without_ray_and_with_options_that_do_not_fit_it_is_one_line(monkeypatch, tmp_path, capsys, options, said):
    monkeypatch.setitem(sys.modules, "ray", None)
    out = tmp_path / "run"
    assert emotion_eval("run", "--dataset", "synthetic", "--model", "tiny", "--out", out, *options) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert said in line
    assert not out.exists()


@pytest.mark.parametrize(
    ("address", "device", "said"),
    [("ray://head:10001", "auto", "belongs to the cluster"), ("auto", "cuda:1", "Ray chooses which GPU")],
)
def test_what_a_pool_cannot_be_is_refused_before_anything_starts(monkeypatch, address, device, said):
    monkeypatch.setattr("offline_eval.runs.ray_pool.find_spec", lambda _: object())
    with pytest.raises(UsageError, match=said), ray_pool(nullcontext, address=address, device=device):
        pass

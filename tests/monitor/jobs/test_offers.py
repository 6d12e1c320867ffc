"""Whose model is asked, and where."""

from dataclasses import replace

import pytest

from core.errors import UsageError
from core.settings import ModelSettings
from core.wire.events import ModelStamp
from core.wire.jobs import Offer, encode_offer, model_identity
from monitor.jobs.offers import VALID_S, Offers, chosen
from monitor.jobs.topics import JobTopics

MINI = ModelStamp(name="ltu-as-mini", sha256="77aa", prompt="single", readout="seq_logprob/odds 2", calibration="c")


def offer(worker: str, stamp: ModelStamp = MINI, **changes) -> Offer:
    values = {"worker": worker, "host": "h", "since": "2026-01-01T10:00:00.000Z", "model": stamp, "device": "cpu"}
    return Offer(**values, identity=model_identity(stamp), window_s=10.0, capacity=1, **changes)


def known(*offers: Offer) -> Offers:
    all_of_them = Offers()
    for one in offers:
        all_of_them.take(one.worker, encode_offer(one), 0.0)
    return all_of_them


@pytest.mark.parametrize(
    ("wanted", "sha256", "fits"),
    [
        ({}, "", True),
        ({"name": "models/ltu-as-mini"}, "", True),
        ({"name": "ltu-as"}, "", False),
        ({"prompt": "single", "readout": "seq_logprob"}, "77", True),
        ({"prompt": "ambiguous"}, "", False),
        ({"readout": "mean_softmax"}, "", False),
        ({}, "78", False),
    ],
)
def test_only_workers_with_the_model_that_is_wanted_are_asked(wanted, sha256, fits):
    assert bool(known(offer("w")).fitting(ModelSettings(**wanted), 1.0, sha256=sha256)) is fits


@pytest.mark.parametrize(
    ("name", "called"),
    [
        ("hf:Qwen/Qwen2-Audio@main", "Qwen/Qwen2-Audio"),
        ("openai:https://gpu.example/qwen", "openai:qwen"),
        ("a/b", "b"),
    ],
)
def test_a_model_of_the_hub_or_of_a_server_is_called_as_events_call_it(name, called):
    assert known(offer("w", replace(MINI, name=called))).fitting(ModelSettings(name=name), 1.0)


def test_any_part_of_what_makes_a_reading_makes_another_identity():
    parts = {"name": "x", "sha256": "x", "prompt": "x", "readout": "x", "calibration": None}
    assert len({model_identity(MINI), *(model_identity(replace(MINI, **{k: v})) for k, v in parts.items())}) == 6


def test_a_withdrawn_an_old_and_an_odd_offer_are_none():
    offers = known(offer("w1"), offer("w2"), offer("w3", jobs=("emotion-monitor/job/9",)))
    assert [one.worker for one in offers.known(1.0)] == ["w1", "w2"]
    offers.take("w1", b"", 1.0)
    offers.take("w4", b"{}", 1.0)
    assert [one.worker for one in offers.known(1.0)] == ["w2"]
    assert offers.known(VALID_S) == []


def test_of_an_offer_that_is_void_nothing_is_left_to_wake_for():
    offers = known(offer("w1"))
    offers.take("w2", encode_offer(offer("w2")), 1.0)
    offers.expire(VALID_S)
    assert offers.wake_s() == VALID_S + 1.0
    offers.expire(VALID_S + 1.0)
    assert offers.wake_s() is None


def test_the_model_that_is_asked_stays_as_long_as_anybody_reads_with_it():
    other = replace(MINI, sha256="77bb")
    offers = [offer("w1"), offer("w2", other), offer("w3", other)]
    assert chosen(offers).model == other
    assert chosen(offers, stay=model_identity(MINI)).worker == "w1"
    assert chosen(offers[1:], stay=model_identity(MINI)).model == other
    assert chosen([]) is None


def test_sound_is_not_below_the_base_of_the_readings_and_answers_go_where_the_node_may_read():
    topics = JobTopics("home/emotion", "main")
    assert topics.ask("m1", "kitchen") == "home/emotion-jobs/main/ask/m1/kitchen"
    assert topics.asked("m1") == "$share/workers/home/emotion-jobs/main/ask/m1/+"
    assert topics.answer_to(topics.ask("m1", "kitchen"), "r1") == topics.answer("kitchen", "r1")


@pytest.mark.parametrize("site", ["", "a/b", "+", "a#"])
def test_a_site_is_one_level_of_a_topic(site):
    with pytest.raises(UsageError, match=r"remote\.site"):
        JobTopics("emotion", site)

"""Arithmetic of a fleet, and the command that prints it."""

import json
from dataclasses import replace

import numpy as np
import pytest

from benchmarks.fleet.service import LTU_AS_GPU, BatchTimes, mini_on_cpu
from benchmarks.fleet.sizing import (
    BROKER_MESSAGES_PER_S,
    LINK_BYTES_PER_S,
    MINI_ANCHOR_BYTES,
    RESULT_BYTES,
    broker_used,
    corpus_cost,
    fewest_workers,
    live_cost,
    traffic,
)
from benchmarks.fleet.speech import Talk
from benchmarks.fleet.theory import erlang_c, wait_in_turn_s, wait_mg1_s, wait_mmc_s
from benchmarks.simulate_fleet import MEASURED, main
from core.anchor import Anchor
from monitor.jobs.envelope import new_segment, pack_job


def test_theory_has_the_values_of_the_textbook():
    assert erlang_c(1, 0.6) == pytest.approx(0.6)
    assert erlang_c(2, 1.0) == pytest.approx(1 / 3)
    one = wait_mmc_s(per_s=0.7, service_s=1.0, servers=1)
    assert one == pytest.approx(wait_mg1_s(per_s=0.7, service_s=1.0, variation=1.0))
    assert one == pytest.approx(wait_in_turn_s(per_s=0.7, service_s=1.0, servers=1))
    assert wait_mg1_s(per_s=0.7, service_s=1.0, variation=0.0) == pytest.approx(one / 2)
    with pytest.raises(ValueError, match="too much"):
        erlang_c(2, 2.0)


def test_offers_grow_with_workers_times_microphones_and_all_else_with_microphones():
    talk = Talk()
    one, ten = traffic(talk, microphones=100, workers=2), traffic(talk, microphones=1000, workers=20)
    assert ten.jobs == pytest.approx(10 * one.jobs)
    assert ten.bytes == pytest.approx(10 * one.bytes)
    assert ten.messages - ten.offers == pytest.approx(10 * (one.messages - one.offers))
    assert ten.offers == pytest.approx(100 * one.offers, rel=0.02)
    assert traffic(Talk(interim_every_s=0), microphones=100, workers=2).jobs == pytest.approx(100 * talk.per_s)


def test_a_job_is_as_large_as_the_arithmetic_says():
    talk = Talk(interim_every_s=0)
    load = traffic(talk, microphones=1, workers=0)
    sound = np.zeros(round(talk.mean_length_s * 16_000), np.int16)
    known = Anchor(encoder="c" * 64, mean=np.ones(4 * 512, np.float32), mass=1.0, utterances=3, at_s=9.0)
    plain, anchored = (
        len(pack_job(new_segment(sound, anchor=anchor), attempt=1, run="a" * 12, valid_s=10.0, identity="b" * 12))
        for anchor in (None, known)
    )
    assert plain + RESULT_BYTES == pytest.approx(load.bytes / load.jobs, rel=0.001)
    assert anchored - plain == pytest.approx(MINI_ANCHOR_BYTES, rel=0.02)


def test_workers_brokers_and_prices_follow_from_what_is_asked():
    times = BatchTimes(source="", seconds={1: 0.1, 10: 0.5})
    assert [times.best_per_s(most) for most in (1, 10)] == pytest.approx([10.0, 20.0])
    assert fewest_workers(times, jobs_per_s=70.0, max_batch=10) == 5
    assert fewest_workers(times, jobs_per_s=0.0, max_batch=10) == 1
    load = traffic(Talk(), microphones=1000, workers=4)
    assert broker_used(load) == pytest.approx(load.bytes / LINK_BYTES_PER_S)
    assert broker_used(replace(load, bytes=0.0)) == pytest.approx(load.messages / BROKER_MESSAGES_PER_S)
    price = corpus_cost(times, price_per_hour=2.0, max_batch=10, length_s=5.0, busy=1.0)
    assert price == pytest.approx(1000 * 3600 / 5 / 20 / 3600 * 2)
    talk = Talk()
    heard_per_hour = 100 * talk.per_s * talk.mean_length_s
    assert live_cost(talk, microphones=100, workers=3, price_per_hour=2.0) == pytest.approx(6000 / heard_per_hour)


def test_times_come_from_what_was_measured_or_say_that_they_are_computed():
    mini = mini_on_cpu(json.loads((MEASURED / "streams.json").read_text()))
    assert 0.03 < mini.seconds[1] < 0.3
    assert "measured" in mini.source
    assert "COMPUTED" in LTU_AS_GPU.source


def test_the_command_finds_enough_workers_and_says_what_they_cost(capsys, tmp_path):
    words = ["--microphones", "20", "150", "--site", "100", "--seconds", "40", "--model", "mini"]
    main([*words, "--json", str(tmp_path / "rows.json")])
    few, many = json.loads((tmp_path / "rows.json").read_text())
    assert (few["sites"], many["sites"]) == (1, 2)
    assert few["workers"] < many["workers"]
    assert (many["lost_share"], many["wait_ms"][1] <= 500) == (0.0, True)
    assert "measured" in capsys.readouterr().out
    main([*words, "--workers", "1", "--uptime-s", "10", "--json", str(tmp_path / "rows.json")])
    assert json.loads((tmp_path / "rows.json").read_text())[1]["lost_share"] > 0

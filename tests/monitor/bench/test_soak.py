"""A soak: the real program for a moment, and what is made of a run that went wrong."""

import json
from dataclasses import replace

import pytest

from core.wire.health import HealthEvent, StreamHealth, WorkerHealth
from monitor.bench.footprint import Footprint, Series
from monitor.bench.growth import FEWEST
from monitor.bench.soak import summary
from monitor.bench.trial import Heard, Plan, Trial
from tests.program import run

HOUR_S = 3600.0
DAY = Plan(sound_s=24 * HOUR_S, simulated=True, every_s=5)


def series(role: str = "broker", *, hours: int = 24, mb_an_hour: float = 0, descriptors_an_hour: int = 0) -> Series:
    samples = [
        Footprint(
            at_s=HOUR_S * hour,
            rss_mb=50 + mb_an_hour * hour,
            uss_mb=None,
            pss_mb=None,
            descriptors=10 + descriptors_an_hour * hour,
            threads=5,
        )
        for hour in range(hours)
    ]
    return Series(role, 7, samples)


def health(**counts: int) -> HealthEvent:
    worker = WorkerHealth(
        state="ready", model="fake", device="cpu", generation=1, restarts=0, queued=0, rss_mb=1, cpu_percent=None
    )
    return HealthEvent(
        node="desk",
        at="2026-01-01T00:00:00.000Z",
        uptime_s=1,
        streams=(StreamHealth(stream="s", source="stdin", state="ended", **counts),),
        worker=worker,
        sinks=(),
        latency_p50_ms=None,
        latency_p95_ms=None,
    )


WELL = Heard(utterances=2, fed=100, health=health(captured=100, silence=20, segmented=80, segments=2, published=2))


def faults(*of: Series, heard: Heard = WELL) -> tuple[str, ...]:
    return summary(DAY, Trial(heard, list(of), 1)).faults


def test_the_real_program_is_soaked_and_adds_up():
    done = run("bench", "soak", "--simulated-hours", "0.02", "--every", "0.05", "--model", "fake", "--json")
    found = json.loads(done.out)
    rows = {row["role"]: row for row in found["rows"]}
    for role in ("monitor", "inference", "broker"):
        row = rows[role]
        assert row["lasted"]
        assert min(row[name]["first"] for name in ("rss_mb", "descriptors", "threads")) > 0
    assert found["sound_s"] == 72
    assert found["utterances"] > 0
    assert found["messages"] > 0
    assert [fault for fault in found["faults"] if " grows " not in fault] == []
    assert done.code == int(bool(found["faults"]))


def test_a_program_that_cannot_do_what_it_is_asked_to_is_told_in_one_line():
    done = run("bench", "soak", "--simulated-hours", "0.02", "--model", "fake:color=red", "--mqtt", "off")
    assert done.code == 2
    assert len(done.err.splitlines()) == 1
    assert "the program ended with status 2: emotion-monitor: fake:color=red: the fake model cannot take" in done.err


@pytest.mark.parametrize("words", [("--minutes", "0"), ("--every", "nan"), ("--simulated-hours", "inf")])
def test_a_length_that_is_none_is_refused(words):
    assert run("bench", "soak", *words).code == 2


def test_a_day_without_growth_is_within_the_goal():
    found = summary(DAY, Trial(WELL, [series()], 1))
    assert (found.rows[0].verdict, found.faults) == ("within", ())


def test_growth_counts_after_the_warm_up_only():
    warming = series()
    warming.samples[0] = replace(warming.samples[0], rss_mb=1.0)
    assert faults(warming) == ()
    assert faults(series(mb_an_hour=1)) == ("broker (7) grows by more than 1 MB a day",)


def test_descriptors_that_rise_are_a_fault():
    assert faults(series(descriptors_an_hour=1)) == ("broker (7): descriptors rise",)


def test_a_process_that_was_replaced_is_a_fault():
    assert faults(series("monitor"), series(hours=12)) == ("broker (7) was not there from beginning to end",)


def test_so_few_samples_decide_nothing():
    assert summary(DAY, Trial(WELL, [series(hours=FEWEST)], 1)).rows[0].verdict == "undecided"


@pytest.mark.parametrize(
    ("heard", "fault"),
    [
        (replace(WELL, unequal=3), "the sums did not hold in 3 health events"),
        (replace(WELL, fed=101), "101 samples were given and 100 captured"),
        (replace(WELL, utterances=1), "2 utterances were read and 1 told"),
        (replace(WELL, errors=["the model is gone"]), "the model is gone"),
        (replace(WELL, health=health(captured=100, published=2, in_flight=1)), "are still on their way"),
        (replace(WELL, health=None), "100 samples were given and 0 captured"),
    ],
)
def test_what_does_not_add_up_is_a_fault(heard, fault):
    assert any(fault in said for said in faults(series(), heard=heard))


def test_memory_that_the_system_does_not_tell_is_left_out():
    row = summary(DAY, Trial(WELL, [series()], 1)).rows[0]
    assert (row.uss_mb, row.pss_mb, row.uss_mb_a_day) == (None, None, None)

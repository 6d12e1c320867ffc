"""A program that reads nothing of what waits is told from one that has nothing to read, or whose model is starting."""

from dataclasses import replace

import pytest

from core.settings import WorkerSettings
from core.wire.health import HealthEvent
from monitor.progress import Progress, longest_reading_s
from tests.sample_events import health


def waiting(
    in_flight: int, *, read: int = 0, worker: str = "busy", generation: int = 1, dropped: int = 0
) -> HealthEvent:
    event = health(worker=worker)
    stream = replace(
        event.streams[0], in_flight=in_flight, published=read, segments_dropped={"overload": dropped} if dropped else {}
    )
    return replace(event, streams=(stream,), worker=replace(event.worker, generation=generation))


def test_utterances_that_wait_too_long_without_a_reading_are_a_standstill():
    progress = Progress(limit_s=10)
    assert [progress.stands_still(waiting(1), now_s) for now_s in (0, 5, 10, 11)] == [False, False, False, True]


def test_one_reading_is_progress():
    progress = Progress(limit_s=10)
    assert [progress.stands_still(waiting(1, read=now_s // 8), now_s) for now_s in (0, 9, 17, 25)] == [False] * 4


def test_to_drop_what_waits_is_none():
    progress = Progress(limit_s=10)
    assert [progress.stands_still(waiting(4, dropped=now_s), now_s) for now_s in (0, 9, 18)][-1]


def test_silence_is_no_standstill():
    progress = Progress(limit_s=10)
    assert not any(progress.stands_still(waiting(0), now_s) for now_s in (0, 100, 1000))
    assert not progress.stands_still(waiting(1), 2000), "the time begins with what waits"


@pytest.mark.parametrize("state", ["starting", "restarting", "failed", "stopped"])
def test_a_model_that_is_not_ready_is_waited_for(state):
    progress = Progress(limit_s=10)
    assert not any(progress.stands_still(waiting(1, worker=state), now_s) for now_s in (0, 100, 1000))


def test_a_process_of_its_own_gets_time_of_its_own():
    progress = Progress(limit_s=10)
    assert [progress.stands_still(waiting(1, generation=now_s // 8), now_s) for now_s in (0, 9, 17)] == [False] * 3


def test_the_limit_is_beyond_what_the_supervisor_itself_waits_for():
    settings = WorkerSettings(max_batch=8, read_timeout_s=60)
    assert longest_reading_s(settings) > 60 + 8 * 60

"""What health events say of the last utterances."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from core.distribution import EmotionDistribution
from core.model import Reading
from core.settings import Settings
from core.sound.utterance import Utterance
from core.worker import WorkerStatus
from monitor.tuning import initial_tuning
from monitor.vitals import FAILURES, Vitals

WORKER = WorkerStatus(state="ready", model="fake", device="cpu", generation=1, rss_mb=0.0)


@given(st.lists(st.floats(0.001, 10), min_size=1, max_size=250))
def test_no_percentile_lies_beyond_what_was_measured(computed_s: list[float]):
    vitals = Vitals("desk")
    utterance = Utterance(number=1, start=0, samples=np.zeros(16000, np.int16), final=True, hangover=9600)
    for compute_s in computed_s:
        vitals.note_reading(utterance, Reading(distribution=None), compute_s)
    said = vitals.event(
        streams=(), worker=WORKER, queued=0, sinks=(), tuning=initial_tuning(Settings()), recording=None
    )
    last_ms = [1000 * compute_s for compute_s in computed_s[-200:]]
    told = [said.latency_p50_ms or 0.0, said.latency_p95_ms or 0.0, said.latency_p99_ms or 0.0]
    assert told == sorted(told)
    assert min(last_ms) - 0.06 <= told[0]
    assert told[-1] <= max(last_ms) + 0.06
    assert said.hangover_p50_ms == 600.0


@given(st.lists(st.sampled_from(["read", "failed", "nothing in it", "interim"]), max_size=40))
def test_the_model_fails_when_it_failed_on_the_last_five_of_which_something_is_known(fates: list[str]):
    vitals, in_a_row = Vitals("desk"), 0
    for fate in fates:
        heard = EmotionDistribution.uniform() if fate == "read" else None
        utterance = Utterance(number=1, start=0, samples=np.zeros(1, np.int16), final=fate != "interim", hangover=0)
        vitals.note_reading(utterance, Reading(distribution=heard, failed=fate in {"failed", "interim"}), 0.1)
        in_a_row = {"read": 0, "failed": in_a_row + 1}.get(fate, in_a_row)
        assert vitals.is_failing == (in_a_row >= FAILURES)

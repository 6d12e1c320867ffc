"""The numbers of a session."""

import numpy as np
import pytest

from monitor.dashboard.paint import wording
from monitor.export.session import Session
from monitor.export.summary import Lost, summarised
from tests.monitor.export.sessions import hour, session


def test_utterances_no_readings_and_losses_are_counted_by_reason():
    found = summarised(session())
    assert len(found.readings) == 10
    assert found.no_readings == {"speech shorter than 1 s": 1}
    assert found.lost == {"overload": Lost(times=2, seconds=5.75)}


def test_the_mean_counts_each_reading_alike():
    found = summarised(hour())
    values = np.array([tuple(one.distribution) for one in hour().utterances if one.distribution])
    assert list(found.mean) == pytest.approx(list(values.mean(axis=0)))


def test_every_reading_is_in_the_histogram_of_entropy_once():
    assert sum(summarised(hour()).entropies) == len(summarised(hour()).readings)


def test_mixed_is_what_the_dashboard_calls_mixed_or_unclear():
    words = [wording.verdict(one.distribution) for one in hour().utterances if one.distribution]
    assert summarised(hour()).mixed == sum(word.startswith(("mixed", "no clear")) for word in words)


def test_latency_has_its_parts_and_their_sum():
    parts = summarised(session()).latencies
    assert parts["silence waited for"].p50_ms == 600.0
    assert parts["all"].p50_ms == pytest.approx(
        parts["silence waited for"].p50_ms + parts["all after the silence"].p50_ms
    )


def test_a_session_of_nothing_has_no_mean_and_no_latency():
    found = summarised(Session())
    assert found.mean is None
    assert found.latencies == {}

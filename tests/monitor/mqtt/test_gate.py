"""Which messages on the command topic are commands."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.wire.commands import CommandError, Pause
from monitor.mqtt.gate import Gate

PAUSE = b'{"command": "pause"}'
FUZZED = 100_000


def test_a_command_passes_and_a_retained_one_is_nothing():
    gate = Gate()
    assert gate.push(PAUSE, retained=False, now_s=0.0) == Pause()
    assert gate.push(PAUSE, retained=True, now_s=0.0) is None
    assert (gate.counts.passed, gate.counts.retained) == (1, 1)


@pytest.mark.fault(12, "a flood, retained ones")
def test_of_a_flood_one_message_is_answered_until_there_is_room_again():
    gate = Gate(rate_per_s=4, burst=10)
    judged = [gate.push(PAUSE, retained=False, now_s=1.0) for _ in range(50)]
    assert judged[:10] == [Pause()] * 10
    assert isinstance(judged[10], CommandError)
    assert judged[11:] == [None] * 39
    assert gate.push(PAUSE, retained=False, now_s=1.25) == Pause()
    assert isinstance(gate.push(PAUSE, retained=False, now_s=1.25), CommandError)
    assert gate.counts.too_many == 41


def test_who_is_refused_knows_which_command_it_was_also_in_a_flood():
    asked = b'{"command": "%s", "id": "7", "reply_to": "emotion/desk/answer/me"}'
    gate = Gate(burst=2)
    judged = [gate.push(asked % name, retained=False, now_s=0.0) for name in (b"pause", b"dance", b"pause")]
    assert [(one.id, one.reply_to) for one in judged if one] == [("7", "emotion/desk/answer/me")] * 3
    assert [type(one) for one in judged] == [Pause, CommandError, CommandError]


def test_a_clock_that_steps_back_opens_no_gate():
    gate = Gate(rate_per_s=5, burst=1)
    assert gate.push(PAUSE, retained=False, now_s=100.0) == Pause()
    assert isinstance(gate.push(PAUSE, retained=False, now_s=0.0), CommandError)


@given(st.lists(st.tuples(st.floats(0, 0.5), st.booleans(), st.sampled_from([PAUSE, b"junk", b"{}"])), max_size=60))
def test_every_message_is_counted_once_and_the_rate_holds(messages):
    gate, now_s = Gate(rate_per_s=5, burst=10), 0.0
    for wait_s, retained, payload in messages:
        now_s += wait_s
        gate.push(payload, retained=retained, now_s=now_s)
    counts = gate.counts
    assert counts.passed + counts.refused + counts.retained + counts.too_many == len(messages)
    assert counts.passed + counts.refused <= 10 + 5 * now_s + 1e-6


@pytest.mark.fault(12, "100,000 bent messages")
def test_a_hundred_thousand_messages_of_junk_lead_to_at_most_one_refusal_each():
    gate = Gate(rate_per_s=1e9)  # every one of them is read
    refusals = 0
    seeds = [PAUSE, b'{"command":"set_smoothing","tau_s":5}', b'{"command":"switch_source","source":"mic"}']
    noise = os.urandom(1 << 20)
    for number in range(FUZZED):
        at = number * 7 % (len(noise) - 64)
        seed, cut = seeds[number % 3], noise[at] % 40
        payload = seed[:cut] + noise[at : at + noise[at + 1] % 32] + seed[cut + noise[at + 2] % 8 :]
        judged = gate.push(payload, retained=False, now_s=float(number))
        refusals += isinstance(judged, CommandError)
    assert refusals == gate.counts.refused
    assert gate.counts.passed + gate.counts.refused == FUZZED
    assert gate.counts.refused > FUZZED / 2

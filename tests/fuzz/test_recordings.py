"""Files of events, bent: what is damaged is passed over, and a tape can be read from any place on."""

import json
import math

import pytest
from hypothesis import event as note
from hypothesis import given
from hypothesis import strategies as st

from core.errors import UsageError
from monitor.recordings.tape import Tape
from monitor.sinks.recording import RECORDING_SCHEMA
from tests.fuzz.bending import bent, bent_json
from tests.fuzz.test_wire import EVENTS

pytestmark = pytest.mark.fuzz

HEADER = json.dumps(
    {"schema": RECORDING_SCHEMA, "created_at": "2026-01-01T10:00:00.000Z", "version": "0.1.0", "node": "desk"}
).encode()
RECORDED = [event[:-1] + b',"received_at":"2026-01-01T10:00:0%d.000Z"}' % number for number, event in enumerate(EVENTS)]
LINES = bent_json(st.sampled_from([HEADER, *EVENTS, *RECORDED, *RECORDED]))
FILES = st.lists(LINES | st.sampled_from(RECORDED), max_size=5).map(lambda lines: b"\n".join([*lines, RECORDED[0]]))


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("bent") / "bent.jsonl"


@given(content=FILES | bent(FILES), start=st.integers(0, 5))
def test_a_bent_recording_is_no_recording_or_can_be_read_from_any_place(path, content, start):
    path.write_bytes(content)
    try:
        tape = Tape(path)
        steps = list(tape.steps())
    except UsageError:
        note("refused")
        return
    note("taken")
    assert tape.recorded_at is None or math.isfinite(tape.recorded_at)
    places = [step.place for step in steps]
    assert [place.offset for place in places] == sorted({place.offset for place in places})
    assert all(place.offset <= tape.size for place in places)
    positions_s = [place.timing.position_s for place in places]
    assert positions_s == sorted(positions_s)
    assert all(map(math.isfinite, positions_s))
    if start < len(places):
        assert list(tape.steps(places[start])) == steps[start + 1 :]

"""A client of the WebSocket that says anything at any time, as a state machine beside the one under test."""

import json

import numpy as np
import pytest
from hypothesis import event as note
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from core.model import SAMPLE_RATE_HZ
from monitor.websocket.messages import encode
from monitor.websocket.protocol import MAX_FRAME_BYTES, Close, CloseCode, Session, Sound
from monitor.websocket.rate import RateLimit
from tests.fuzz.bending import bent, bent_json

TOKEN = "correct horse battery"  # noqa: S105 - of a test
HELLO = {"type": "hello", "sample_rate_hz": 16000, "name": "kitchen", "language": "en", "token": TOKEN}
texts = bent_json(st.sampled_from([json.dumps(HELLO).encode(), b'{"type":"end"}'])).map(
    lambda data: data.decode("utf-8", "replace")
)
files = bent(
    st.sampled_from(
        [b"RIFF\x24\0\0\0WAVEfmt ", b"OggS\0\x02", b"fLaC\0\0\0\x22", b"ID3\x04", b"\xff\xfb\x90\0" + bytes(413)]
    )
)
seldom = st.integers(0, 6).map(lambda number: number == 3)  # Hypothesis prefers what lies at the ends
sound = st.integers(1, 2000).map(lambda count: bytes(2 * count))
frames = st.one_of(
    *(sound, sound, sound, sound),  # what is no sound soon ends the conversation
    st.integers(0, 4000).map(bytes),
    st.sampled_from([MAX_FRAME_BYTES, MAX_FRAME_BYTES + 1, MAX_FRAME_BYTES + 2]).map(bytes),
    st.binary(max_size=64) | files,
)


class AnyClient(RuleBasedStateMachine):
    """Every sample is played or counted as lost; nothing follows a close; all that is answered can be sent."""

    def __init__(self) -> None:
        super().__init__()
        self.now_s = 0.0
        self.session = Session(RateLimit(1.0, 2.0), idle_s=30.0, token=TOKEN, now_s=0.0)
        self.played = self.lost = 0
        self.closed = False

    def take(self, outputs) -> None:
        for output in outputs:
            assert not self.closed
            match output:
                case Sound():
                    assert output.samples.dtype == np.int16
                    self.played += len(output.samples)
                    self.lost += output.lost
                case Close():
                    self.closed = True
                    assert len(output.reason.encode()) <= 123
                    assert TOKEN not in output.reason
                case _:
                    json.loads(encode(output), parse_constant=pytest.fail)

    @initialize(rude=seldom)
    def greet(self, rude) -> None:
        if not rude:
            self.take(self.session.push(json.dumps(HELLO), self.now_s))

    @rule(text=texts, seldom=seldom)
    def say(self, text, seldom) -> None:
        if seldom:  # hardly anything that is said leaves the connection open
            self.take(self.session.push(text, self.now_s))

    @rule(seldom=seldom)
    def end(self, seldom) -> None:
        if seldom:
            self.take(self.session.push('{"type":"end"}', self.now_s))

    @rule(frame=frames, times=st.integers(1, 5))
    def sound(self, frame, times) -> None:
        for _ in range(times):
            self.take(self.session.push(frame, self.now_s))

    @rule(passed_s=st.floats(0, 1), long=seldom)
    def wait(self, passed_s, long) -> None:
        self.now_s += passed_s * (40 if long else 1)
        if not self.closed:
            self.take(self.session.tick(self.now_s))

    @rule()
    def listen(self) -> None:
        self.session.listen(self.now_s)

    @invariant()
    def no_more_is_played_than_may_come(self) -> None:
        assert self.played <= (2.0 + 1.01 * self.now_s) * SAMPLE_RATE_HZ
        assert (self.session.state == "closed") == self.closed

    def teardown(self) -> None:
        note(f"{self.session.state} at the end, some sound played: {self.played > 0}")
        if not self.closed:
            self.take(self.session.close(CloseCode.DONE, "over"))
        assert self.session.audio == self.played + self.lost


AnyClient.TestCase.settings = settings(stateful_step_count=20)
TestAnyClient = pytest.mark.fuzz(AnyClient.TestCase)

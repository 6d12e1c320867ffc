"""What a client may say and when: pure, with a clock made of numbers."""

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.websocket.messages import Ready, Refusal
from monitor.websocket.protocol import DRAIN_S, HELLO_S, MAX_FRAME_BYTES, MAX_INVALID, Close, CloseCode, Session, Sound
from monitor.websocket.rate import RateLimit

HELLO = '{"type":"hello","sample_rate_hz":16000}'
END = '{"type":"end"}'
FRAME = np.arange(1600, dtype="<i2").tobytes()


def session(*, speed: float = 1.0, burst_s: float = 5.0, idle_s: float = 30.0, token: str | None = None) -> Session:
    return Session(RateLimit(speed, burst_s), idle_s=idle_s, token=token, now_s=0.0)


def speaking(**limits) -> Session:
    one = session(**limits)
    assert one.push(HELLO, 0.0) == []
    return one


def the_close(outputs) -> Close:
    *_, close = outputs
    assert isinstance(close, Close)
    return close


def test_after_a_hello_every_frame_is_sound():
    one = speaking()
    (sound,) = one.push(FRAME, 0.0)
    assert sound.samples.tolist() == list(range(1600))
    assert sound.samples.dtype == np.int16
    assert sound.lost == 0
    assert one.audio == 1600


def test_the_answer_to_a_hello_names_the_limits():
    ready = speaking(speed=2.0, burst_s=3.0).ready
    assert isinstance(ready, Ready)
    assert (ready.max_rate, ready.burst_s, ready.max_frame_bytes) == (2.0, 3.0, MAX_FRAME_BYTES)
    assert speaking(speed=math.inf).ready.max_rate is None


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ([FRAME], "hello_expected"),
        ([END], "out_of_turn"),
        ([HELLO, HELLO], "out_of_turn"),
        ([HELLO, END, FRAME], "ended"),
        ([HELLO, END, END], "out_of_turn"),
        (["hello"], "not_understood"),
        (["[" * 4000], "not_understood"),
        (["{" + " " * 5000 + "}"], "not_understood: a message of 5002 characters"),
        (['{"type":"hello","sample_rate_hz":44100}'], "not_understood: sample_rate_hz: input should be 16000"),
        (['{"type":"hello","sample_rate_hz":16000,"channels":2}'], "not_understood: channels"),
        (['{"type":"hello","sample_rate_hz":16000,"emotions":"all"}'], "not_understood: emotions: unexpected"),
        (['{"type":"hello","sample_rate_hz":1e999}'], "not_understood"),
        (['{"type":"shutdown"}'], "not_understood"),
    ],
)
def test_what_is_said_out_of_turn_or_makes_no_sense_closes_with_the_reason(said, reason):
    one = session()
    outputs = [output for message in said for output in one.push(message, 0.0)]
    close = the_close(outputs)
    assert close.reason.startswith(reason)
    assert close.code in {CloseCode.PROTOCOL_ERROR, CloseCode.REFUSED}
    assert one.push(FRAME, 0.0) == []


def test_a_token_is_asked_for_where_one_is_set():
    token = "correct horse battery"  # noqa: S105 - of a test
    for given_token in (None, "wrong horse battery", "ÿ"):
        hello = {"type": "hello", "sample_rate_hz": 16000} | ({"token": given_token} if given_token else {})
        assert the_close(session(token=token).push(json.dumps(hello), 0.0)).reason.startswith("unauthorized")
    right = {"type": "hello", "sample_rate_hz": 16000, "token": token}
    one = session(token=token)
    assert one.push(json.dumps(right), 0.0) == []
    assert token not in repr(one.hello)


@pytest.mark.parametrize("frame", [b"", b"\x01", FRAME + b"\x01", bytes(MAX_FRAME_BYTES + 2)])
def test_a_frame_that_is_no_sound_is_refused_and_what_it_held_counts_as_lost(frame):
    one = speaking(burst_s=60)
    (refusal,) = one.push(frame, 0.0)
    assert isinstance(refusal, Refusal)
    assert refusal.code == "invalid_audio_frame"
    (sound,) = one.push(FRAME, 0.0)
    assert sound.lost == len(frame) // 2
    assert one.audio == len(frame) // 2 + 1600


@pytest.mark.parametrize(
    ("kind", "start"),
    {
        "WebM or Matroska": b"\x1a\x45\xdf\xa3 of odd length",  # as MediaRecorder's may be
        "MP4": b"\0\0\0\x20ftypiso5",
        "Ogg": b"OggS" + bytes(100),
        "WAV": b"RIFF\0\0\0\0WAVE" + bytes(100),
        "MP3": (b"\xff\xfb\x90\x00" + bytes(413)) * 12,
    }.items(),
    ids=lambda value: value if isinstance(value, str) else "",
)
@pytest.mark.parametrize("size", [4, 5_000])
def test_a_file_in_place_of_raw_samples_is_refused_by_name_with_what_makes_it_raw(start, kind, size):
    one = speaking(burst_s=60)
    outputs = [output for at in range(0, len(start), size) for output in one.push(start[at : at + size], 0.0)]
    close = the_close(outputs)
    assert close.code == CloseCode.REFUSED
    assert close.reason == f"not_raw: looks like {kind}; raw samples: ffmpeg -i FILE -f s16le -ar 16000 -ac 1 -"


def test_a_short_file_in_place_of_raw_samples_is_refused_when_it_ends():
    one = speaking(burst_s=60)
    assert isinstance(one.push((b"\xff\xfb\x90\x00" + bytes(413)) * 4, 0.0)[0], Sound)
    assert the_close(one.push(END, 0.0)).reason.startswith("not_raw: looks like MP3")


def test_what_looks_like_a_file_later_on_is_sound():
    one = speaking(burst_s=60)
    one.push(bytes(6_000), 0.0)
    assert isinstance(one.push(b"OggS", 0.0)[0], Sound)


def test_a_client_that_sends_nothing_but_junk_is_let_go():
    one = speaking()
    outputs = [output for _ in range(MAX_INVALID + 1) for output in one.push(b"\x01", 0.0)]
    assert the_close(outputs).reason.startswith("invalid_audio_frame")
    assert len(outputs) == 2  # one complaint, not a hundred


def test_sound_that_comes_too_fast_is_refused_counted_and_told_once_a_second():
    one = speaking(burst_s=1.0)
    outputs = [output for _ in range(30) for output in one.push(FRAME, 0.0)]
    sounds = [output for output in outputs if isinstance(output, Sound)]
    (refusal,) = [output for output in outputs if isinstance(output, Refusal)]
    assert len(sounds) == 10
    assert refusal.code == "rate_limited"
    (sound,) = one.push(FRAME, 2.0)
    assert sound.lost == 20 * 1600


def test_the_pace_of_real_time_is_always_allowed_and_with_a_speed_as_much_faster():
    for speed in (1.0, 4.0):
        one = speaking(speed=speed, burst_s=0.5)
        outputs = [one.push(FRAME, tick * 0.1 / speed) for tick in range(3000)]
        assert all(isinstance(output, Sound) and output.lost == 0 for (output,) in outputs)


def test_a_client_that_stays_too_fast_or_sends_floods_of_tiny_frames_is_let_go():
    for frame, most in ((FRAME, 400), (b"\x00\x00", 9000)):
        one = speaking()
        outputs = [output for _ in range(most) for output in one.push(frame, 0.0)]
        close = next(output for output in outputs if isinstance(output, Close))
        assert close.code == CloseCode.REFUSED
        assert close.reason.startswith("rate_limited")


def test_connecting_anew_gives_no_new_burst():
    rate = RateLimit(1.0, 1.0)
    for connection in range(3):
        one = Session(rate, idle_s=30, token=None, now_s=0.0)
        one.push(HELLO, 0.0)
        outputs = [output for _ in range(10) for output in one.push(FRAME, 0.0)]
        assert sum(isinstance(output, Sound) for output in outputs) == (10 if connection == 0 else 0)


def test_nobody_is_waited_for_without_end():
    assert session().tick(HELLO_S - 1) == []
    assert the_close(session().tick(HELLO_S + 1)).reason.startswith("hello_timeout")
    one = speaking(idle_s=5)
    one.push(FRAME, 4.0)
    assert one.tick(8.0) == []
    assert the_close(one.tick(9.5)).reason.startswith("idle")
    ended = speaking()
    ended.push(END, 0.0)
    assert ended.tick(DRAIN_S - 1) == []
    assert the_close(ended.tick(DRAIN_S + 1)).code == CloseCode.DONE


messages = st.one_of(
    st.just(HELLO),
    st.just(END),
    st.text(max_size=50),
    st.binary(max_size=50),
    st.integers(1, 4000).map(lambda count: bytes(2 * count)),
    st.just(bytes(MAX_FRAME_BYTES)),
    st.just(bytes(MAX_FRAME_BYTES + 1)),
    st.dictionaries(
        st.sampled_from(["type", "sample_rate_hz", "name", "token"]), st.one_of(st.text(), st.integers(), st.none())
    ).map(json.dumps),
)


@given(st.lists(st.tuples(messages, st.floats(0, 20)), max_size=40), st.booleans())
def test_whatever_is_said_every_sample_is_played_or_counted_as_lost_and_nothing_follows_a_close(said, greeted):
    one = speaking(burst_s=2.0) if greeted else session(burst_s=2.0)
    now_s, played, lost, closed = 0.0, 0, 0, False
    for message, passed_s in said:
        now_s += passed_s
        for output in [*one.push(message, now_s), *one.tick(now_s)]:
            assert not closed or isinstance(output, Close)
            match output:
                case Sound():
                    played += len(output.samples)
                    lost += output.lost
                case Close():
                    closed = True
                    assert len(output.reason.encode()) <= 123
    for output in one.close(CloseCode.DONE, "over"):
        lost += output.lost if isinstance(output, Sound) else 0
    assert one.audio == played + lost
    assert played <= (2.0 + 1.01 * now_s) * 16_000

import asyncio
import io
import json
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.distribution import EmotionDistribution
from core.errors import ModelError, UsageError
from core.model import Reading
from core.worker.messages import (
    error_from_json,
    error_to_json,
    reading_from_json,
    reading_to_json,
    waveforms_from_payload,
    waveforms_to_payload,
)
from core.worker.pipe import MAX_PAYLOAD_BYTES, FrameError, pack, read_frame, receive_header


def frame(header: bytes, payload: bytes = b"") -> bytes:
    return struct.pack("<II", len(header), len(payload)) + header + payload


async def received(data: bytes) -> dict:
    reader = asyncio.StreamReader()
    reader.feed_data(data)
    reader.feed_eof()
    return await receive_header(reader)


@given(st.lists(st.lists(st.integers(-32768, 32767), max_size=20), max_size=5))
def test_waveforms_cross_the_pipe_unchanged(sounds: list[list[int]]):
    waveforms = [np.array(sound, dtype=np.int16) for sound in sounds]
    lengths, payload = waveforms_to_payload(waveforms)
    stream = io.BytesIO(pack({"lengths": lengths}, payload) * 2)
    for _ in range(2):
        header, arrived = read_frame(stream)
        again = waveforms_from_payload(header["lengths"], arrived)
        assert [w.tolist() for w in again] == sounds
        assert all(w.dtype == np.int16 and w.flags.writeable for w in again)
    assert read_frame(stream) is None


def test_every_other_sample_of_an_array_is_sent_as_seen():
    lengths, payload = waveforms_to_payload([np.arange(10, dtype=np.int16)[::2]])
    assert waveforms_from_payload(lengths, bytearray(payload))[0].tolist() == [0, 2, 4, 6, 8]


@pytest.mark.parametrize(
    "data",
    [
        b"\0",
        struct.pack("<II", 2, 0) + b"{",
        struct.pack("<II", 2, 5) + b"{}123",
        struct.pack("<II", 0xFFFFFFFF, 0),
        struct.pack("<II", 2, MAX_PAYLOAD_BYTES + 1) + b"{}",
        frame(b"[]"),
        frame(b"{"),
        frame(b"\xff{}"),
    ],
)
async def test_bytes_that_are_no_frame_are_refused_on_both_sides(data: bytes):
    with pytest.raises(FrameError):
        read_frame(io.BytesIO(data))
    with pytest.raises((FrameError, asyncio.IncompleteReadError)):
        await received(data)


async def test_an_answer_carries_no_payload():
    assert await received(pack({"id": 1})) == {"id": 1}
    with pytest.raises(FrameError, match="payload"):
        await received(pack({"id": 1}, b"1234"))


def test_what_the_other_side_would_refuse_is_not_sent():
    with pytest.raises(FrameError, match="beyond the limits"):
        pack({}, bytes(MAX_PAYLOAD_BYTES + 1))


@pytest.mark.parametrize("lengths", [[3], [1, 1, 1], [3, -1]])
def test_lengths_that_do_not_fit_the_sound_are_refused(lengths: list[int]):
    with pytest.raises(FrameError, match="4 bytes of sound"):
        waveforms_from_payload(lengths, bytearray(4))


@pytest.mark.parametrize(
    "reading",
    [
        Reading(distribution=EmotionDistribution(0.1, 0.2, 0.3, 0.4), transcript="häh", truncated_s=1.5, llm_ms=2.0),
        Reading(distribution=None, reason="too short", features_ms=0.25),
    ],
)
def test_readings_cross_the_pipe_unchanged(reading: Reading):
    assert reading_from_json(json.loads(json.dumps(reading_to_json(reading)))) == reading


@pytest.mark.parametrize("bad", [["NaN", 0, 0, 1], [0.5, 0.5, 0.5, 0.5], [1.0], [-1, 1, 1, 0], ["a", 0, 0, 1]])
def test_what_is_no_distribution_never_becomes_one(bad: list):
    values = reading_to_json(Reading(distribution=None)) | {
        "distribution": [float(p) if p == "NaN" else p for p in bad]
    }
    reading = reading_from_json(values)
    assert reading.distribution is None
    assert reading.reason.startswith("no valid distribution")


def test_errors_keep_message_and_hint():
    class TensorError(ModelError):
        pass

    for error, kind in ((UsageError("no", hint="do"), UsageError), (TensorError("bad"), ModelError)):
        again = error_from_json(error_to_json(error))
        assert (type(again), again.one_line()) == (kind, error.one_line())

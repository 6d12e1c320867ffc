"""Jobs and results as bytes: what goes in comes out, bit for bit, and nothing else is taken."""

import dataclasses
import json
import struct
import uuid

import jsonschema
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from core.anchor import Anchor, Heard
from core.distribution import EmotionDistribution
from core.model import Explanation, Reading
from core.wire.events import Adaptation, ModelStamp, TokenStep
from core.wire.jobs import (
    MAX_SAMPLES,
    AnchorState,
    ExplainedAnswer,
    HeardFeatures,
    JobError,
    ReadUtterance,
    decode_job,
)
from core.wire.json_schema import json_schemas
from monitor.jobs.envelope import Result, new_segment, pack_job, pack_result, unpack_job, unpack_result, uuid7

SCHEMAS = json_schemas()
STAMP = ModelStamp(name="ltu-as-mini", sha256="77", prompt="single", readout="seq_logprob", calibration="d1")
SOUND = np.arange(-800, 800, dtype=np.int16)
ANCHOR = Anchor(encoder="e", mean=np.array([0.1, -2.5e-8], np.float32), mass=1.7, utterances=3, at_s=12.3)
WORD = " anger"
EXPLAINED = Explanation(
    prompt="single",
    answer="anger",
    steps=(TokenStep(token=WORD, emotion_word=True, log_probabilities={"anger": -0.1, "neutral": -2.0}),),
    readouts={"seq_logprob": EmotionDistribution(0.1, 0.2, 0.3, 0.4), "mean_softmax": None},
)


def packed(segment=None, **changes) -> bytes:
    segment = segment or new_segment(SOUND, anchor=ANCHOR)
    return pack_job(segment, **{"attempt": 1, "run": "a1", "valid_s": 10.0, "identity": "m", **changes})


def header_of(data: bytes) -> dict:
    (length,) = struct.unpack_from("<I", data)
    return json.loads(data[4 : 4 + length])


def with_header(data: bytes, **changes) -> bytes:
    (length,) = struct.unpack_from("<I", data)
    text = json.dumps({**header_of(data), **changes}).encode()
    return struct.pack("<I", len(text)) + text + data[4 + length :]


@given(arrays(np.int16, st.integers(1, 3000)), st.sampled_from(["pcm", "flac"]))
def test_sound_comes_out_as_it_went_in_whatever_the_codec(waveform, codec):
    job = unpack_job(packed(new_segment(waveform, codec=codec, anchor=None)))
    assert job.waveform.dtype == np.int16
    assert np.array_equal(job.waveform, waveform)
    assert job.anchor is None


@pytest.mark.parametrize("codec", ["pcm", "flac"])
def test_no_sound_at_all_is_sound_too(codec):
    assert len(unpack_job(packed(new_segment(SOUND[:0], codec=codec, anchor=None))).waveform) == 0


def test_flac_takes_less_room_for_speech_like_sound():
    tone = (3000 * np.sin(np.arange(16_000) / 20)).astype(np.int16)
    assert len(new_segment(tone, codec="flac", anchor=None).sound) < len(tone)


def test_the_anchor_travels_to_the_last_bit():
    anchor = unpack_job(packed()).anchor
    assert anchor.mean.tobytes() == ANCHOR.mean.tobytes()
    assert dataclasses.replace(anchor, mean=ANCHOR.mean).__repr__() == repr(ANCHOR)


def test_a_job_fits_its_schema_and_says_what_is_asked():
    header = header_of(packed(new_segment(SOUND, explain=True, transcript=True, anchor=ANCHOR), attempt=2))
    jsonschema.Draft202012Validator(SCHEMAS["emotion-monitor/job/1"]).validate(header)
    assert (header["attempt"], header["explain"], header["transcript"], header["valid_s"]) == (2, True, True, 10.0)


def test_sound_that_is_too_long_is_cut_and_what_is_no_sound_refused():
    assert new_segment(np.zeros(MAX_SAMPLES + 5, np.int16), anchor=None).samples == MAX_SAMPLES
    with pytest.raises(ValueError, match="one-dimensional int16"):
        new_segment(np.zeros(5, np.float32), anchor=None)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"tempo": "fast"}, "tempo"),  # half of what is asked would be another reading
        ({"schema": "emotion-monitor/job/2"}, "schema"),
        ({"samples": 1601}, "3200 bytes of sound for 1601 samples"),
        ({"samples": MAX_SAMPLES + 1}, "samples"),
        ({"samples": -1}, "samples"),
        ({"codec": "opus"}, "codec"),
        ({"codec": "flac"}, "cannot be decoded"),
        ({"sha256": "0" * 64}, "changed on the way"),
        ({"id": "../../x"}, "id or run"),
        ({"run": "a/#"}, "id or run"),
        ({"valid_s": "10"}, "valid_s"),
        ({"valid_s": -1}, "valid_s"),
        ({"attempt": True}, "attempt"),
        ({"anchor": {"encoder": "e", "mean": "AAA=", "mass": 1.0, "utterances": 1, "at_s": 0.0}}, "anchor"),
    ],
)
def test_what_is_no_job_is_refused_with_the_reason(changes, why):
    with pytest.raises(JobError, match=why):
        unpack_job(with_header(packed(), **changes))


def test_a_flac_file_that_says_it_is_longer_is_refused_before_it_is_decoded():
    long = packed(new_segment(np.zeros(MAX_SAMPLES, np.int16), codec="flac", anchor=None))
    assert len(long) < 20_000
    with pytest.raises(JobError, match="960000"):
        unpack_job(with_header(long, samples=10))


@given(st.binary(max_size=200))
def test_no_bytes_do_more_than_be_refused(data):
    for read in (unpack_job, unpack_result, decode_job):
        with pytest.raises(JobError):
            read(data)


@given(st.data())
def test_a_job_that_was_cut_short_or_changed_is_refused(data):
    whole = packed()
    if data.draw(st.booleans()):
        bent = whole[: data.draw(st.integers(0, len(whole) - 1))]
    else:
        at = data.draw(st.integers(len(whole) - 2 * len(SOUND), len(whole) - 1))  # in the sound
        bent = whole[:at] + bytes([whole[at] ^ data.draw(st.integers(1, 255))]) + whole[at + 1 :]
    with pytest.raises(JobError):
        unpack_job(bent)


readings = st.builds(
    Reading,
    distribution=st.none() | st.lists(st.floats(0.01, 1), min_size=4, max_size=4).map(EmotionDistribution.from_weights),
    reason=st.none() | st.text(max_size=20),
    failed=st.booleans(),
    transcript=st.none() | st.text(max_size=20),
    truncated_s=st.floats(0, 60),
    llm_ms=st.floats(0, 1e6),
    explanation=st.sampled_from([None, EXPLAINED]),
    batch=st.none() | st.integers(1, 64),
    prompt_spread=st.none() | st.floats(0, 1),
    adaptation=st.none() | st.builds(Adaptation, utterances=st.integers(0, 9), weight=st.floats(0, 1)),
)


@given(readings)
def test_a_reading_comes_out_as_it_went_in_and_knows_its_model(reading):
    given_id = str(uuid7())
    data = pack_result(Result(id=given_id, attempt=1, sha256="a", worker="w", model=STAMP, reading=reading))
    jsonschema.Draft202012Validator(SCHEMAS["emotion-monitor/result/1"]).validate(json.loads(data))
    result = unpack_result(data)
    assert result.id == given_id
    assert result.reading == dataclasses.replace(reading, model=STAMP)


@pytest.mark.parametrize(
    ("sent", "kept"),
    [(ReadUtterance, Reading), (HeardFeatures, Heard), (ExplainedAnswer, Explanation), (AnchorState, Anchor)],
)
def test_no_part_of_what_one_process_would_know_is_left_behind(sent, kept):
    fields = {field.name for field in dataclasses.fields(kept)} - {"model"}  # which the result itself has
    assert {field.name for field in dataclasses.fields(sent)} == fields


def test_what_an_anchor_is_made_of_comes_back_to_the_last_bit():
    heard = Heard("e", np.array([1.5, -3e-9], np.float32))
    reading = Reading(distribution=None, heard=heard)
    back = unpack_result(pack_result(Result(id="i", attempt=1, sha256="a", worker="w", model=STAMP, reading=reading)))
    assert (back.reading.heard.encoder, back.reading.heard.features.tobytes()) == ("e", heard.features.tobytes())


@pytest.mark.parametrize("odd", [np.nan, np.inf])
def test_no_number_that_is_none_gets_into_an_anchor(odd):
    features = np.array([1.5, odd], np.float32)
    reading = Reading(distribution=EmotionDistribution(0.1, 0.2, 0.3, 0.4), heard=Heard("e", features))
    back = unpack_result(pack_result(Result(id="i", attempt=1, sha256="a", worker="w", model=STAMP, reading=reading)))
    assert back.reading == dataclasses.replace(reading, model=STAMP, heard=None)
    with pytest.raises(JobError, match="anchor: not finite"):
        unpack_job(packed(new_segment(SOUND, anchor=dataclasses.replace(ANCHOR, mean=features))))


def test_a_declined_job_has_no_reading():
    result = unpack_result(pack_result(Result(id="i", attempt=1, sha256="a", worker="w", declined="busy")))
    assert (result.reading, result.declined) == (None, "busy")


def test_probabilities_that_are_no_distribution_become_a_reading_that_failed():
    whole = EmotionDistribution(0.1, 0.2, 0.3, 0.4)
    data = pack_result(
        Result(id="i", attempt=1, sha256="a", worker="w", model=STAMP, reading=Reading(distribution=whole))
    )
    bent = json.loads(data)
    bent["reading"]["distribution"] = [0.9, 0.9, 0.9, 0.9]
    reading = unpack_result(json.dumps(bent).encode()).reading
    assert (reading.distribution, reading.failed) == (None, True)


def test_ids_are_of_version_7_and_in_order():
    ids = [uuid7() for _ in range(50)]
    assert {(one.version, one.variant) for one in ids} == {(7, uuid.RFC_4122)}
    assert len(set(ids)) == 50
    assert [one.int >> 80 for one in ids] == sorted(one.int >> 80 for one in ids)

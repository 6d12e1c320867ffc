"""Utterances that are foreseen within the hangover, so that reading them may begin early."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from core.model import SAMPLE_RATE_HZ
from core.settings import SegmenterSettings
from core.sound.segmenter import Output
from core.sound.speech_segmenter import SpeechSegmenter
from core.sound.utterance import Utterance
from tests.core.sound.stretches import (
    NO_INTERIM,
    LoudIsVoiced,
    Stretch,
    any_settings,
    at,
    finals,
    frame_lengths,
    listen,
    plain,
    seconds_of,
    sound,
    streams,
)


def foreseen_and_final(
    stretches: Sequence[Stretch], options: SegmenterSettings, *, frame_ms: int, block: int
) -> tuple[list[Utterance], list[Output]]:
    """Every utterance foreseen, each once, and all that came out; whoever foresees looks after every push."""
    segmenter = SpeechSegmenter(options, LoudIsVoiced(frame_ms))
    whole, foreseen, outputs = sound(stretches), [], []
    position = lost = 0
    for stretch in stretches:
        end = position + stretch.samples
        if stretch.kind == "lost":
            lost, position = lost + stretch.samples, end
            continue
        outputs += segmenter.pause() if stretch.kind == "paused" else segmenter.resume()
        while position < end:
            new = segmenter.push(whole[position : min(position + block, end)], lost=lost)
            outputs += new
            position, lost = min(position + block, end), 0
            if (now := segmenter.foreseen) is not None and not any(now is one for one in foreseen):
                foreseen.append(now)
    return foreseen, [*outputs, *segmenter.push(whole[:0], lost=lost), *segmenter.flush()]


@given(streams, any_settings, frame_lengths, st.floats(0.01, 0.5), st.integers(37, 2000))
def test_whether_anyone_foresees_utterances_or_not_the_same_come(stretches, options, frame_ms, after_s, block):
    eager = replace(options, eager_after_s=after_s)
    foreseen, outputs = foreseen_and_final(stretches, eager, frame_ms=frame_ms, block=block)
    without, _ = listen(stretches, replace(options, eager_after_s=0), frame_ms=frame_ms, block=block)
    assert plain(outputs) == plain(without)

    final = {utterance.number: utterance for utterance in finals(outputs)}
    for one in foreseen:
        whole = final[one.number]  # what is foreseen is never dropped as too short
        assert one.final
        if one.end <= whole.end:  # else the pause fell behind a forced cut
            np.testing.assert_array_equal(one.samples, whole.samples[: len(one.samples)])
            assert one.start == whole.start


@given(streams, any_settings, frame_lengths)
def test_an_utterance_that_ends_by_silence_was_foreseen_bit_for_bit(stretches, options, frame_ms):
    frame = frame_ms * SAMPLE_RATE_HZ // 1000
    eager = replace(options, eager_after_s=0.01)
    foreseen, outputs = foreseen_and_final(stretches, eager, frame_ms=frame_ms, block=frame)
    known = {(one.number, one.start, one.samples.tobytes()) for one in foreseen}
    hangover = max(round(options.hangover_s * SAMPLE_RATE_HZ / frame), 1) * frame
    pad = max(round(options.post_pad_s * SAMPLE_RATE_HZ / frame), 1) * frame
    gaps = any(stretch.kind in ("lost", "paused") for stretch in stretches)
    for utterance in finals(outputs):
        if utterance.hangover == hangover and pad < hangover and not gaps:
            assert (utterance.number, utterance.start, utterance.samples.tobytes()) in known


def test_an_utterance_is_foreseen_once_its_padding_is_complete_until_speech_goes_on():
    segmenter = SpeechSegmenter(NO_INTERIM, LoudIsVoiced())
    segmenter.push(sound(seconds_of(("loud", 1.2), ("quiet", 0.18))))
    assert segmenter.foreseen is None
    segmenter.push(sound(seconds_of(("quiet", 0.03))))
    early = segmenter.foreseen
    assert early is not None
    assert (early.start, early.end) == (0, at(1.2 + 0.21))
    segmenter.push(sound(seconds_of(("quiet", 0.3))))
    assert segmenter.foreseen is early
    segmenter.push(sound(seconds_of(("loud", 0.03))))
    assert segmenter.foreseen is None
    segmenter.push(sound(seconds_of(("quiet", 0.3))))
    assert segmenter.foreseen.end == at(1.2 + 0.51 + 0.03 + 0.21)
    segmenter.push(sound(seconds_of(("quiet", 0.3))))
    assert segmenter.foreseen is None


def test_a_cry_too_short_to_be_read_is_not_foreseen():
    segmenter = SpeechSegmenter(NO_INTERIM, LoudIsVoiced())
    segmenter.push(sound(seconds_of(("loud", 0.36), ("quiet", 0.54))))
    assert segmenter.speaking
    assert segmenter.foreseen is None

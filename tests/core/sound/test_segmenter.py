"""The segmenter, which never loses a sample and never cuts an utterance too long."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import UsageError
from core.model import SAMPLE_RATE_HZ
from core.settings import SegmenterSettings, VadSettings
from core.sound.audio import read_audio
from core.sound.segmenter import OVERFLOW, PAUSED, TOO_SHORT, Dropped, Segmenter, SpeechStarted
from core.sound.speech_segmenter import SpeechSegmenter
from core.sound.utterance import Utterance
from tests.core.sound.stretches import (
    FRAME,
    NO_INTERIM,
    LoudIsVoiced,
    any_settings,
    at,
    check_counts,
    drops,
    finals,
    frame_lengths,
    listen,
    plain,
    seconds_of,
    sound,
    streams,
)
from tests.program import SAMPLE

TALK = read_audio(SAMPLE, max_s=None)[: 16_000 * 12]


@given(streams, any_settings, frame_lengths)
def test_every_sample_has_one_fate_after_every_push(stretches, options, frame_ms):
    outputs, segmenter = listen(stretches, options, frame_ms=frame_ms)

    fate = np.full(segmenter.position, "silence", dtype="<U12")
    for output in [*finals(outputs), *drops(outputs)]:
        span = fate[output.start : output.end]
        span[span != OVERFLOW] = output.reason if isinstance(output, Dropped) else "segmented"
    counted = {reason: int((fate == reason).sum()) for reason in set(fate)}
    # Sound lost during a pause was not wanted: it counts as paused.
    counts = segmenter.counts
    assert counts.pending == 0
    assert counts.silence == counted.pop("silence", 0)
    assert counts.segmented == counted.pop("segmented", 0)
    assert dict(counts.dropped) == counted


@given(streams, any_settings, frame_lengths)
def test_utterances_are_in_order_apart_and_never_too_long(stretches, options, frame_ms):
    outputs, _ = listen(stretches, options, frame_ms=frame_ms)
    final = finals(outputs)
    assert [u.number for u in final] == list(range(len(final)))
    for one, following in itertools.pairwise(final):
        assert one.end <= following.start
    for utterance in outputs:
        if isinstance(utterance, Utterance):
            assert 0 < len(utterance.samples) / SAMPLE_RATE_HZ <= options.max_utterance_s


@given(streams, any_settings, frame_lengths)
def test_an_utterance_is_the_sound_at_its_position(stretches, options, frame_ms):
    outputs, _ = listen(stretches, options, frame_ms=frame_ms)
    whole = sound(stretches)
    for utterance in outputs:
        if isinstance(utterance, Utterance):
            assert utterance.samples.dtype == np.int16
            np.testing.assert_array_equal(utterance.samples, whole[utterance.start : utterance.end])


@given(streams, any_settings, frame_lengths, st.integers(37, 5000))
def test_what_comes_out_does_not_depend_on_how_the_sound_is_cut_into_blocks(stretches, options, frame_ms, block):
    outputs, segmenter = listen(stretches, options, frame_ms=frame_ms, block=block)
    others, other = listen(stretches, options, frame_ms=frame_ms, block=30_000)
    assert plain(outputs) == plain(others)
    assert segmenter.counts == other.counts


@given(streams, any_settings, frame_lengths)
def test_each_interim_grows_and_is_the_beginning_of_its_final(stretches, options, frame_ms):
    outputs, _ = listen(stretches, options, frame_ms=frame_ms)
    latest: Utterance | None = None
    for output in outputs:
        if not isinstance(output, Utterance):
            # An utterance that was shown is never dropped as too short.
            assert latest is None or (isinstance(output, Dropped) and output.reason == OVERFLOW)
            continue
        if latest is not None:
            assert (output.number, output.start) == (latest.number, latest.start)
            assert len(output.samples) >= len(latest.samples) + (not output.final)
            np.testing.assert_array_equal(output.samples[: len(latest.samples)], latest.samples)
        latest = None if output.final else output
    assert latest is None


@given(streams, any_settings)
def test_without_interims_the_final_utterances_are_the_same(stretches, options):
    with_interims, _ = listen(stretches, options)
    without, _ = listen(stretches, replace(options, interim_every_s=0))
    assert plain(finals(with_interims)) == plain(finals(without))


def test_pre_roll_and_padding_surround_the_speech():
    stretches = seconds_of(("quiet", 3.0), ("loud", 1.2), ("quiet", 3.0))
    outputs, segmenter = listen(stretches, NO_INTERIM)
    started, utterance = outputs
    # 0.9 of the start window of 8 frames makes all 8 of them: it begins where the loud sound does.
    assert started == SpeechStarted(at(3.0 - 0.3))
    assert isinstance(utterance, Utterance)
    assert utterance.start == started.at
    assert utterance.end == at(3.0 + 1.2 + 0.21)
    assert utterance.hangover == at(0.6)
    assert segmenter.counts.silence == at(7.2) - len(utterance.samples)


def test_a_pause_shorter_than_the_hangover_stays_inside_the_utterance():
    outputs, _ = listen(seconds_of(("loud", 1.2), ("quiet", 0.57), ("loud", 1.2), ("quiet", 2)), NO_INTERIM)
    assert len(finals(outputs)) == 1
    outputs, _ = listen(seconds_of(("loud", 1.2), ("quiet", 0.60), ("loud", 1.2), ("quiet", 2)), NO_INTERIM)
    first, second = finals(outputs)
    # The pre-roll reaches back into the hangover, up to the padding and no further.
    assert first.end == at(1.2 + 0.21)
    assert second.start == at(1.8 - 0.3)


def test_neighbouring_utterances_share_no_sample_when_pre_roll_and_padding_meet():
    options = replace(NO_INTERIM, pre_roll_s=1.0, post_pad_s=0.3)
    outputs, _ = listen(seconds_of(("loud", 1.2), ("quiet", 0.6), ("loud", 1.2), ("quiet", 2)), options)
    first, second = finals(outputs)
    assert first.end == second.start == at(1.5)


def test_a_click_begins_nothing():
    click = [("loud", 0.12), ("quiet", 0.3)]
    outputs, segmenter = listen(seconds_of(*click * 10), NO_INTERIM)
    assert outputs == []
    assert segmenter.counts.silence == segmenter.position


def test_a_short_cry_is_dropped_by_name():
    outputs, segmenter = listen(seconds_of(("quiet", 1.2), ("loud", 0.36), ("quiet", 2)), NO_INTERIM)
    assert outputs == [SpeechStarted(at(0.9)), Dropped(at(0.9), at(1.2 + 0.36 + 0.21), TOO_SHORT)]
    assert segmenter.counts.dropped == {TOO_SHORT: at(0.3 + 0.36 + 0.21)}


def test_a_forced_cut_loses_no_sample_and_needs_no_new_start():
    stretches = seconds_of(("loud", 25.2), ("quiet", 1.2))
    outputs, _ = listen(stretches, NO_INTERIM)
    assert [type(output) for output in outputs] == [SpeechStarted, Utterance, Utterance, Utterance]
    joined = np.concatenate([u.samples for u in finals(outputs)])
    np.testing.assert_array_equal(joined, sound(stretches)[: at(25.2 + 0.21)])
    for utterance in finals(outputs)[:2]:
        assert 8.0 < utterance.end_s - utterance.start_s <= 10.0
        assert utterance.hangover == 0


@pytest.mark.parametrize("dip_s", [8.1, 9.0, 9.9])
def test_a_forced_cut_falls_on_the_quietest_frame(dip_s):
    loud = np.random.default_rng(0).integers(2000, 9000, at(20)).astype(np.int16)
    loud[at(4) : at(4) + FRAME] = 1000  # quieter still, but too early
    loud[at(dip_s) : at(dip_s) + FRAME] = 1100
    segmenter = SpeechSegmenter(NO_INTERIM, LoudIsVoiced())
    first, *_ = finals(segmenter.push(loud))
    assert first.end == at(dip_s) + FRAME


def test_of_equally_quiet_frames_the_last_is_cut_at():
    segmenter = SpeechSegmenter(NO_INTERIM, LoudIsVoiced())
    first, *_ = finals(segmenter.push(np.full(at(12), 5000, np.int16)))
    assert len(first.samples) == at(9.99)


def test_a_forced_cut_leaves_at_least_half_of_the_longest_utterance():
    loud = np.random.default_rng(0).integers(2000, 9000, at(12)).astype(np.int16)
    loud[at(3) : at(3) + FRAME] = 1000
    segmenter = SpeechSegmenter(replace(NO_INTERIM, cut_search_s=9), LoudIsVoiced())
    first, *_ = finals(segmenter.push(loud))
    assert 4.9 < first.end_s <= 10


@pytest.mark.parametrize("again_s", [0.03, 0.6])
def test_a_piece_of_pure_silence_between_two_cuts_is_silence(again_s):
    options = replace(NO_INTERIM, max_utterance_s=0.9, hangover_s=3.0, min_utterance_s=0.03)
    outputs, segmenter = listen(seconds_of(("loud", 0.84), ("quiet", 2.76), ("loud", again_s)), options)
    assert drops(outputs) == []
    assert len(finals(outputs)) >= 2
    assert finals(outputs)[-1].end == at(3.6 + again_s)
    for utterance in finals(outputs):
        assert len(utterance.samples) <= at(0.9)
        assert np.abs(utterance.samples).max() >= 1000
    assert segmenter.counts.silence == at(3.6 + again_s) - sum(len(u.samples) for u in finals(outputs)) > at(1.5)


def test_when_speech_resumes_after_the_longest_utterance_the_cut_falls_into_the_pause():
    outputs, _ = listen(seconds_of(("loud", 9.9), ("quiet", 0.48), ("loud", 1.8), ("quiet", 1.2)), NO_INTERIM)
    first, second = finals(outputs)
    assert 9.9 < first.end_s <= 10.0
    assert second.start == first.end
    assert second.hangover == at(0.6)


def test_speech_of_just_the_longest_length_is_not_cut():
    outputs, _ = listen(seconds_of(("loud", 9.99), ("quiet", 1.2)), NO_INTERIM)
    (utterance,) = finals(outputs)
    assert len(utterance.samples) == at(9.99)


def test_interim_utterances_come_every_three_seconds_of_speech():
    outputs, _ = listen(seconds_of(("loud", 7.5), ("quiet", 1.2)), SegmenterSettings())
    utterances = [output for output in outputs if isinstance(output, Utterance)]
    assert [u.final for u in utterances] == [False, False, True]
    assert [len(u.samples) for u in utterances[:2]] == [at(3), at(6)]


def test_no_interim_comes_just_before_a_forced_cut():
    outputs, _ = listen(seconds_of(("loud", 20)), SegmenterSettings(interim_every_s=4.5))
    utterances = [output for output in outputs if isinstance(output, Utterance)]
    assert [u.final for u in utterances] == [False, True, False, True, True]


def test_a_short_gap_is_bridged_and_positions_stay_true():
    outputs, segmenter = listen(seconds_of(("loud", 1.2), ("lost", 0.1), ("loud", 1.2), ("quiet", 1.2)), NO_INTERIM)
    (utterance,) = finals(outputs)
    assert drops(outputs) == [Dropped(at(1.2), at(1.3), OVERFLOW)]
    assert utterance.end == at(2.5) + 7 * FRAME
    assert not utterance.samples[at(1.2) : at(1.3)].any()
    assert segmenter.counts.dropped == {OVERFLOW: at(0.1)}
    assert segmenter.counts.segmented == len(utterance.samples) - at(0.1)


@pytest.mark.parametrize("gap_s", [0.6, 5])
def test_a_gap_as_long_as_the_hangover_ends_the_utterance_where_it_begins(gap_s):
    outputs, segmenter = listen(seconds_of(("loud", 1.2), ("lost", gap_s), ("loud", 1.2), ("quiet", 1.2)), NO_INTERIM)
    first, second = finals(outputs)
    assert first.end == at(1.2)
    assert second.start == at(1.2 + gap_s)
    assert drops(outputs) == [Dropped(at(1.2), at(1.2 + gap_s), OVERFLOW)]
    assert segmenter.counts.dropped == {OVERFLOW: at(gap_s)}


def test_a_gap_of_hours_costs_nothing_and_shifts_nothing():
    segmenter = SpeechSegmenter(NO_INTERIM, LoudIsVoiced())
    hours = 5 * 3600 * SAMPLE_RATE_HZ
    outputs = [*segmenter.push(sound(seconds_of(("loud", 1.2), ("quiet", 1.2))), lost=hours), *segmenter.flush()]
    assert finals(outputs)[0].start == hours
    check_counts(segmenter, hours + at(2.4))


def test_a_pause_finishes_what_was_said_and_comes_out_as_one_drop():
    stretches = seconds_of(("loud", 1.2), ("paused", 2), ("loud", 0.9), ("quiet", 1.2))
    outputs, segmenter = listen(stretches, NO_INTERIM)
    assert [type(output) for output in outputs] == [SpeechStarted, Utterance, Dropped, SpeechStarted, Utterance]
    first, second = finals(outputs)
    assert first.end == at(1.2)
    assert drops(outputs) == [Dropped(at(1.2), at(3.2), PAUSED)]
    assert second.start == at(3.2)
    assert segmenter.counts.dropped == {PAUSED: at(2)}


def test_while_paused_samples_are_counted_at_once_and_nothing_is_heard():
    segmenter = SpeechSegmenter(NO_INTERIM, LoudIsVoiced())
    segmenter.push(sound(seconds_of(("loud", 1.0))))
    assert segmenter.speaking
    segmenter.pause()
    assert segmenter.push(sound(seconds_of(("loud", 1.0))), lost=7) == []
    assert not segmenter.speaking
    assert not segmenter.voiced
    assert segmenter.counts.dropped == {PAUSED: at(1.0) + 7}
    assert segmenter.pause() == []
    assert segmenter.flush() == [Dropped(at(1.0), at(2.0) + 7, PAUSED)]
    check_counts(segmenter, at(2.0) + 7)


def test_to_resume_without_a_pause_changes_nothing():
    segmenter = SpeechSegmenter(NO_INTERIM, LoudIsVoiced())
    segmenter.push(sound(seconds_of(("loud", 1.0))))
    assert segmenter.resume() == []
    assert segmenter.speaking


@given(st.lists(st.tuples(st.integers(1, 30_000), st.integers(0, 3)), min_size=1, max_size=12))
def test_whenever_the_detectors_mode_changes_no_sample_is_lost_and_an_utterance_goes_on(changes):
    sound = TALK
    segmenter = SpeechSegmenter(SegmenterSettings(), VadSettings())
    outputs, at = [], 0
    for length, mode in changes:
        outputs += segmenter.push(sound[at : at + length])
        at = min(at + length, len(sound))
        before = (segmenter.speaking, segmenter.counts)
        segmenter.set_vad_mode(mode)
        assert (segmenter.speaking, segmenter.counts) == before
        assert segmenter.counts.adds_up
    outputs += [*segmenter.push(sound[at:]), *segmenter.flush()]
    assert segmenter.counts.adds_up
    assert segmenter.counts.captured == len(sound)
    for output in outputs:
        if isinstance(output, Utterance):
            np.testing.assert_array_equal(output.samples, sound[output.start : output.end])


def test_the_end_of_the_stream_ends_the_utterance_with_its_last_sample():
    segmenter = SpeechSegmenter(NO_INTERIM, LoudIsVoiced())
    segmenter.push(sound(seconds_of(("loud", 1.0))))
    assert segmenter.counts.pending == at(1.0)
    (utterance,) = segmenter.flush()
    assert isinstance(utterance, Utterance)
    assert len(utterance.samples) == at(1.0)
    assert at(1.0) % FRAME != 0


def test_the_caller_may_use_its_block_again():
    whole = sound(seconds_of(("loud", 1.2)))
    segmenter = SpeechSegmenter(NO_INTERIM, LoudIsVoiced())
    buffer = np.empty(480, np.int16)
    for start in range(0, len(whole), 480):
        buffer[:] = whole[start : start + 480]
        segmenter.push(buffer)
    (utterance,) = segmenter.flush()
    assert isinstance(utterance, Utterance)
    np.testing.assert_array_equal(utterance.samples, whole)


@pytest.mark.parametrize(
    ("block", "lost"),
    [(np.zeros(480, np.float32), 0), (np.zeros((480, 1), np.int16), 0), (np.zeros(480, np.int16), -1)],
)
def test_a_block_of_another_kind_is_refused_and_changes_nothing(block, lost):
    segmenter = SpeechSegmenter(NO_INTERIM, LoudIsVoiced())
    with pytest.raises(ValueError, match="expected int16"):
        segmenter.push(block, lost=lost)
    assert segmenter.position == 0


@pytest.mark.parametrize("options", [{"max_utterance_s": 0.5}, {"max_utterance_s": 5, "min_utterance_s": 6}])
def test_settings_that_contradict_each_other_are_named(options):
    with pytest.raises(UsageError, match=r"segmenter\.max_utterance_s") as raised:
        Segmenter(SegmenterSettings(**options), 30)
    assert "pre_roll_s" in raised.value.one_line()

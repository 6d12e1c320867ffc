import csv
import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pytest
import soundfile
import soxr
from hypothesis import given
from hypothesis import strategies as st

from core.errors import UsageError
from core.model import SAMPLE_RATE_HZ
from core.settings import SegmenterSettings, VadSettings
from core.sound.audio import read_audio
from core.sound.segmenter import OVERFLOW, PAUSED, TOO_SHORT, Dropped, Output, Segmenter, SpeechSegmenter, SpeechStarted
from core.sound.utterance import Utterance
from tests.program import SAMPLE

FRAME = 480
NO_INTERIM = SegmenterSettings(interim_every_s=0)
TALK = read_audio(SAMPLE, max_s=None)[: 16_000 * 12]


class LoudIsVoiced:
    """A detector whose verdict can be read off the sound: voiced means a peak of at least 1000."""

    def __init__(self, frame_ms: int = 30) -> None:
        self.frame_ms = frame_ms

    def verdicts(self, sound: bytes) -> list[bool]:
        frames = np.frombuffer(sound, np.int16).reshape(-1, self.frame_ms * SAMPLE_RATE_HZ // 1000)
        return [bool(loudest >= 1000) for loudest in np.abs(frames).max(axis=1)]

    def reset(self) -> None:
        """It remembers nothing."""


@dataclass(frozen=True)
class Stretch:
    """`loud`, `quiet`: sound; `lost`: missed by the capture; `paused`: sound while the user asked not to listen."""

    kind: str
    samples: int


def at(seconds: float) -> int:
    return round(seconds * SAMPLE_RATE_HZ)


def sound(stretches: Sequence[Stretch]) -> np.ndarray:
    """All sound of the stream, zeros where it was lost; no two frames are equally loud."""
    parts = [np.zeros(0)]
    for seed, stretch in enumerate(stretches):
        low, high = {"loud": (1000, 9000), "quiet": (1, 900), "paused": (1000, 9000), "lost": (0, 1)}[stretch.kind]
        parts.append(np.random.default_rng(seed).integers(low, high, stretch.samples))
    return np.concatenate(parts).astype(np.int16)


def listen(
    stretches: Sequence[Stretch], options: SegmenterSettings, *, frame_ms: int = 30, block: int = 320
) -> tuple[list[Output], SpeechSegmenter]:
    """Plays the stretches in blocks; after every step the sample counts must add up."""
    segmenter = SpeechSegmenter(options, LoudIsVoiced(frame_ms))
    whole = sound(stretches)
    outputs: list[Output] = []
    position = lost = 0
    for stretch in stretches:
        end = position + stretch.samples
        if stretch.kind == "lost":
            lost += stretch.samples
            position = end
            continue
        outputs += segmenter.pause() if stretch.kind == "paused" else segmenter.resume()
        while position < end:
            outputs += segmenter.push(whole[position : min(position + block, end)], lost=lost)
            position, lost = min(position + block, end), 0
            check_counts(segmenter, position)
    outputs += segmenter.push(whole[:0], lost=lost)
    check_counts(segmenter, position)
    outputs += segmenter.flush()
    check_counts(segmenter, position)
    return outputs, segmenter


def check_counts(segmenter: SpeechSegmenter, captured: int) -> None:
    counts = segmenter.counts
    assert counts.captured == captured == segmenter.position
    assert counts.captured == counts.silence + counts.segmented + counts.pending + sum(counts.dropped.values())
    assert counts.adds_up
    assert min(counts.silence, counts.segmented, counts.pending, *counts.dropped.values(), 0) == 0


def seconds_of(*plan: tuple[str, float]) -> list[Stretch]:
    return [Stretch(kind, at(length_s)) for kind, length_s in plan]


def finals(outputs: Sequence[Output]) -> list[Utterance]:
    return [output for output in outputs if isinstance(output, Utterance) and output.final]


def drops(outputs: Sequence[Output]) -> list[Dropped]:
    return [output for output in outputs if isinstance(output, Dropped)]


def plain(outputs: Sequence[Output]) -> list[object]:
    """Outputs that can be compared."""
    return [
        (o.number, o.start, o.samples.tobytes(), o.final, o.hangover) if isinstance(o, Utterance) else o
        for o in outputs
    ]


streams = st.lists(
    st.builds(
        Stretch,
        st.sampled_from(["loud", "quiet", "loud", "quiet", "loud", "quiet", "lost", "paused"]),
        st.one_of(st.integers(1, 1500), st.integers(1, 20_000)),
    ),
    max_size=14,
)
frame_lengths = st.sampled_from([10, 20, 30])
any_settings = st.builds(
    SegmenterSettings,
    start_window_s=st.floats(0.01, 0.3),
    start_ratio=st.floats(0.1, 1.0),
    hangover_s=st.floats(0.01, 0.7),
    pre_roll_s=st.floats(0, 0.3),
    post_pad_s=st.floats(0, 0.4),
    min_utterance_s=st.floats(0, 0.5),
    max_utterance_s=st.floats(0.7, 2.0),
    cut_search_s=st.floats(0, 1.5),
    interim_every_s=st.one_of(st.just(0.0), st.floats(0.05, 1.0)),
)


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


def read(path) -> np.ndarray:
    samples, rate = soundfile.read(path, dtype="float32")
    if rate != SAMPLE_RATE_HZ:
        samples = soxr.resample(samples, rate, SAMPLE_RATE_HZ)
    return np.clip(np.round(samples * 32768), -32768, 32767).astype(np.int16)


def hear(samples: np.ndarray) -> list[Utterance]:
    segmenter = SpeechSegmenter(SegmenterSettings(), VadSettings())
    outputs = [*segmenter.push(samples), *segmenter.flush()]
    check_counts(segmenter, len(samples))
    return finals(outputs)


@pytest.mark.shared
def test_utterances_cover_the_speech_that_people_marked_and_hold_some(shared):
    folder = shared / "data" / "vad"
    marks: dict[str, list[tuple[int, int]]] = {}
    with (folder / "segments.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            if row["label"] == "speech" and row["clip_id"].startswith("tenvad"):
                marks.setdefault(row["clip_id"], []).append((at(float(row["start_s"])), at(float(row["end_s"]))))
    assert len(marks) == 30
    speech = found = 0
    for clip, spans in marks.items():
        marked = np.zeros(at(60), bool)
        for start, end in spans:
            marked[start:end] = True
        covered = np.zeros(at(60), bool)
        for utterance in hear(read(folder / f"{clip}.flac")):
            assert marked[utterance.start : utterance.end].any()
            covered[utterance.start : utterance.end] = True
        speech += int(marked.sum())
        found += int((marked & covered).sum())
    assert found / speech > 0.98


@pytest.mark.shared
@pytest.mark.parametrize("corpus", ["ravdess", "nemo"])
def test_acted_sentences_are_found_even_at_minus_forty_decibel(shared, corpus):
    with (shared / "data" / "manifest.csv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["dataset"] == corpus][::30]
    with_one = [len(hear(read(shared / "data" / row["path"]))) >= 1 for row in rows]
    assert len(rows) >= 40
    assert np.mean(with_one) > 0.97


@pytest.mark.shared
def test_a_reading_becomes_sentences_that_fit_the_model(shared):
    utterances = hear(read(shared / "sample" / "two_cities.flac"))
    assert 5 <= len(utterances) <= 12
    assert sum(u.end_s - u.start_s for u in utterances) > 38
    assert max(u.end_s - u.start_s for u in utterances) <= 10


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

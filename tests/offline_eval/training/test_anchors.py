"""What examples are heard with: nothing, their corpus, a few other recordings, all of the voice, a moved one."""

import numpy as np
import pytest

from core.distribution import EMOTIONS
from offline_eval.training.anchors import UNKNOWN, Anchors, Shifts, Voices

NEUTRAL = EMOTIONS.index("neutral")
NEVER = dict.fromkeys(("missing", "corpus", "few", "own", "moved"), 0.0)


def world(clips: int = 8) -> tuple[np.ndarray, Voices]:
    """Two corpora of two voices, each voice with an offset of its own and each emotion with another; and readings."""
    vectors, corpora, speakers, emotions = [], [], [], []
    for corpus, at in (("a", 0.0), ("b", 8.0)):
        for speaker in (1, 2):
            for clip in range(clips):
                corpora.append(corpus)
                speakers.append(f"{corpus}_{speaker}")
                emotions.append(clip % 4)
                vectors.append([at + speaker, clip % 4, clip])
    for speaker in range(2):
        corpora.append("books")
        speakers.append(f"books_{speaker}")
        emotions.append(UNKNOWN)
        vectors.append([100.0, 100.0, 100.0])
    voices = Voices(corpora=corpora, speakers=speakers, emotions=np.array(emotions), channels=[speakers])
    return np.array(vectors, np.float16), voices


def shifts(**shares: float) -> Shifts:
    vectors, voices = world()
    return Shifts(Anchors(**{**NEVER, **shares}), [vectors], voices)


def drawn(what: Shifts, row: int, times: int = 200) -> np.ndarray:
    rng = np.random.default_rng(0)
    return np.array([what.draw(row, 0, rng) for _ in range(times)])


def test_the_mean_is_of_neutral_speech_with_corpora_and_speakers_alike_and_without_readings():
    assert shifts(missing=1).mean == pytest.approx([5.5, NEUTRAL, 5.0])


def test_nothing_is_taken_off_when_nothing_was_heard():
    assert not drawn(shifts(missing=1), 0).any()


def test_a_corpus_is_taken_off_by_its_neutral_speech():
    what = shifts(corpus=1)
    assert drawn(what, 0, 1)[0] == pytest.approx([-4.0, 0.0, 0.0])
    assert drawn(what, 31, 1)[0] == pytest.approx([4.0, 0.0, 0.0])
    assert drawn(what, 32, 1)[0] == pytest.approx([94.5, 97.0, 95.0])


def test_a_voice_is_taken_off_by_its_neutral_speech():
    assert drawn(shifts(own=1), 0, 1)[0] == pytest.approx([-4.5, 0.0, 0.0])
    assert drawn(shifts(own=1), 14, 1)[0] == pytest.approx([-3.5, 0.0, 0.0])


def test_a_neutral_example_is_no_part_of_its_own_voice():
    assert drawn(shifts(own=1), 15, 1)[0] == pytest.approx([-3.5, 0.0, -2.0])
    assert drawn(shifts(own=1), 32, 1)[0] == pytest.approx([94.5, 97.0, 95.0])  # nothing else is known of it


def test_a_moved_voice_has_part_of_anothers_offset():
    moved = drawn(shifts(moved=1), 0)[:, 0]
    assert moved.min() >= -4.5 - 4.5
    assert moved.max() <= -4.5 + 4.5
    assert moved.std() > 1


def test_a_few_others_move_it_towards_the_voice_and_never_beyond():
    few = drawn(shifts(few=1), 0)
    assert few[:, 0].max() < 0
    assert few[:, 0].min() > -4.5
    assert few[:, 0].std() > 0.1


def test_an_example_is_never_its_own_anchor():
    vectors, voices = world()
    vectors[3] = 60_000.0
    few = drawn(Shifts(Anchors(**{**NEVER, "few": 1}), [vectors], voices, np.zeros(3, np.float32)), 3)
    assert few.max() < 20
    assert not drawn(shifts(few=1), 32).any()  # its speaker has no other recording


def test_recordings_of_another_channel_are_no_anchor():
    vectors, voices = world()
    channels = [f"{speaker}/{row % 2}" for row, speaker in enumerate(voices.speakers)]
    split = Voices(
        corpora=voices.corpora, speakers=voices.speakers, emotions=voices.emotions, channels=[voices.speakers, channels]
    )
    few = Shifts(Anchors(**{**NEVER, "few": 1}), [vectors, vectors], split, np.zeros(3, np.float32))
    rng = np.random.default_rng(0)
    sums = [few.draw(0, 1, rng) for _ in range(50)]
    # Rows 0, 2, 4, 6 are of one channel; of the others these have emotions 2, 0, 2, so their second value is even.
    assert max(value[1] / value[0] for value in sums) <= 2.0


def test_a_given_mean_is_what_anchors_are_told_apart_from():
    vectors, voices = world()
    what = Shifts(Anchors(**{**NEVER, "own": 1}), [vectors], voices, np.full(3, 1.0, np.float32))
    assert drawn(what, 0, 1)[0] == pytest.approx([0.0, NEUTRAL - 1, 4.0])


@pytest.mark.parametrize("wrong", [{"missing": -1.0}, dict(NEVER), {"pseudo_utterances": 0.0}])
def test_shares_that_are_none_are_refused(wrong):
    with pytest.raises(ValueError, match="shares of anchors"):
        Anchors(**wrong)

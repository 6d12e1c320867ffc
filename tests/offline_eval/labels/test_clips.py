from pathlib import Path

import pytest

from core.errors import UsageError
from offline_eval.labels.clips import Clip, OtherClip, one_hot, require_trainable


def clip(speaker: str, split: str, emotion: str = "anger", clip_id: str = "") -> Clip:
    return Clip(
        path=Path("a.wav"),
        clip_id=clip_id or f"{speaker}-{emotion}",
        corpus="c",
        speaker=speaker,
        split=split,
        target=one_hot(emotion),
    )


def of_fear(speaker: str, split: str, clip_id: str = "fear") -> OtherClip:
    return OtherClip(path=Path("b.wav"), clip_id=clip_id, corpus="c", speaker=speaker, split=split, label="fear")


def one_of_each(speaker: str, split: str) -> list[Clip]:
    return [clip(speaker, split, emotion) for emotion in ("anger", "happiness", "sadness", "neutral")]


def test_clips_of_different_speakers_in_train_and_dev_are_trainable():
    require_trainable([*one_of_each("ann", "train"), clip("bob", "dev")], [of_fear("ann", "train")])


def test_a_speaker_on_both_sides_is_refused():
    with pytest.raises(UsageError, match=r"1 speaker\(s\) are both in train and in dev, first ann"):
        require_trainable([*one_of_each("ann", "train"), clip("ann", "dev", clip_id="other")])


def test_a_held_out_speaker_may_not_be_heard_in_training_with_another_emotion_either():
    with pytest.raises(UsageError, match="first bob"):
        require_trainable([*one_of_each("ann", "train"), clip("bob", "dev")], [of_fear("bob", "train")])


@pytest.mark.parametrize(
    ("clips", "others", "why"),
    [
        (one_of_each("ann", "train"), [], "split dev"),
        (one_of_each("ann", "train"), [of_fear("bob", "dev")], "split dev"),
        (one_of_each("ann", "dev"), [], "split train"),
        ([*one_of_each("ann", "train"), *one_of_each("ann", "train"), clip("bob", "dev")], [], "two clips of c"),
        ([*one_of_each("ann", "train"), clip("bob", "dev")], [of_fear("ann", "train", "ann-anger")], "two clips of c"),
        ([*one_of_each("ann", "train")[:3], clip("bob", "dev")], [], "no training clip shows neutral"),
    ],
)
def test_clips_without_an_honest_score_are_refused(clips, others, why):
    with pytest.raises(UsageError, match=why):
        require_trainable(clips, others)

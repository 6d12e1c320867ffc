"""Sound made of stretches that are loud, quiet, lost or paused, and a segmenter that hears it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from hypothesis import strategies as st

from core.model import SAMPLE_RATE_HZ
from core.settings import SegmenterSettings
from core.sound.segmenter import Dropped, Output
from core.sound.speech_segmenter import SpeechSegmenter
from core.sound.utterance import Utterance

FRAME = 480
NO_INTERIM = SegmenterSettings(interim_every_s=0)


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

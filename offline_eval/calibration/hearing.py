"""Sounds heard by a finished model folder through the live program's own reader, once per prompt."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.errors import UsageError
from core.ltu_as.abstention import active_sound
from core.ltu_as.reader import LTUASReader
from core.ltu_as.readout import Kind
from core.ltu_as.steps import StepLogits
from core.model import SAMPLE_RATE_HZ
from core.sound.audio import pcm16, read_audio
from offline_eval.calibration.thresholds import Heard
from offline_eval.datasets.files import Row, existing, read_table
from offline_eval.labels.clips import Recording
from offline_eval.sounds.augment import augment, generator_for
from offline_eval.sounds.content_free import content_free_by_kind

LEAST_MARKED_S = 0.5
"""Marked stretches shorter than this are left out: the segmenter would not pass them on."""

ROUNDS = 3
"""How often each kind of content-free sound is made anew."""

Sound = Callable[[], NDArray[np.int16]]
"""Loads 16 kHz int16 [n] when it is needed."""

_AT_ONCE = 8
_VARIANT = 1_000_000
"""Training's variants of a clip have lower numbers."""
_WRITES_ANSWER: Kind = "softmax_mean"
_ANSWER_POSITION: Kind = "first_piece"


def hear(
    model: Path,
    prompts: Sequence[str],
    sounds: Mapping[str, Sequence[Sound]],
    *,
    device: str,
    progress: Callable[[str], None],
) -> dict[str, list[Heard]]:
    """What the model makes of groups of sounds: raw logits, from which every read-out can be computed.

    Raises:
        ModelError: The folder cannot be used.
        AudioError: A sound cannot be decoded, or is shorter than 201 samples.
    """
    flat = [sound for group in sounds.values() for sound in group]
    active = [active_sound(sound()) for sound in flat]
    steps: dict[str, list[StepLogits]] = {}
    for prompt in prompts:
        progress(f"hearing {len(flat)} sounds, {prompt} prompt")
        steps[prompt] = [*_steps(model, flat, prompt=prompt, readout=_WRITES_ANSWER, device=device)]
    heard = iter([Heard(a, {p: steps[p][n] for p in prompts}) for n, a in enumerate(active)])
    return {name: [next(heard) for _ in group] for name, group in sounds.items()}


def feature_means(model: Path, sounds: Sequence[Sound], *, device: str) -> NDArray[np.float64]:
    """[N, d_model]: the mean features of each sound; they do not depend on the prompt.

    Raises:
        ModelError: The folder cannot be used.
        AudioError: A sound cannot be decoded, or is shorter than 201 samples.
    """
    heard = _steps(model, sounds, prompt="single", readout=_ANSWER_POSITION, device=device)
    return np.array([steps.feature_mean for steps in heard], np.float64)


def recorded(clips: Sequence[Recording]) -> list[Sound]:
    """The sounds of clips."""
    return [_reading(clip.path) for clip in clips]


def disturbed(clips: Sequence[Recording], seed: int) -> list[Sound]:
    """The sounds of clips as a live microphone might have heard them: one variant of each, by `augment`."""
    return [_augmented(clip, seed) for clip in clips]


def content_free(*seed: int) -> dict[str, list[Sound]]:
    """Several rounds of the sounds of `content_free_by_kind`, none that training heard: its seeds have one number."""
    rounds = [content_free_by_kind((*seed, n)) for n in range(1, ROUNDS + 1)]
    return {kind: [_given(waveform) for made in rounds for waveform in made[kind]] for kind in rounds[0]}


def marked(folder: Path) -> dict[str, list[Sound]]:
    """Stretches marked by hand as speech and as nonspeech, of at least half a second.

    Args:
        folder: Holds segments.csv (clip_id, start_s, end_s, label) and CLIP_ID.flac.

    Raises:
        UsageError: The table or a sound is missing, or a row is not understood.
    """
    stretches: dict[str, list[Sound]] = {}
    for row in read_table(folder / "segments.csv").filled("clip_id", "start_s", "end_s", "label"):
        start_s, end_s = _seconds(row, "start_s"), _seconds(row, "end_s")
        path = existing(folder / f"{row['clip_id']}.flac", row.where)
        if end_s - start_s >= LEAST_MARKED_S:
            stretches.setdefault(row["label"], []).append(_cut(path, start_s, end_s))
    return stretches


def _steps(model: Path, sounds: Sequence[Sound], *, prompt: str, readout: Kind, device: str) -> Iterator[StepLogits]:
    reader = LTUASReader(model, device=device, prompt=prompt, readout=readout, calibrate=False, abstain=False)
    for start in range(0, len(sounds), _AT_ONCE):
        yield from reader.steps([sound() for sound in sounds[start : start + _AT_ONCE]])


def _reading(path: Path) -> Sound:
    return lambda: read_audio(path)


def _augmented(clip: Recording, seed: int) -> Sound:
    def load() -> NDArray[np.int16]:
        clean = read_audio(clip.path).astype(np.float32) / np.float32(32_768)
        return pcm16(augment(clean, generator_for(clip.clip_id, _VARIANT, seed)))

    return load


def _given(waveform: NDArray[np.int16]) -> Sound:
    return lambda: waveform


def _cut(path: Path, start_s: float, end_s: float) -> Sound:
    return lambda: read_audio(path)[round(start_s * SAMPLE_RATE_HZ) : round(end_s * SAMPLE_RATE_HZ)]


def _seconds(row: Row, column: str) -> float:
    try:
        return float(row[column])
    except ValueError as error:
        msg = f"{row.where}: {column} {row[column]!r} is not a number of seconds"
        raise UsageError(msg) from error

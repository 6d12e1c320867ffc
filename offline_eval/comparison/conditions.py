"""What is done to clips before they are scored: narrow lines, noise, and other lengths than they were recorded in.

The same for every system that is compared: each hears changed files. No sound changes from run to run.
"""

import hashlib
import itertools
import json
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from core.ltu_as.features import INT16_SCALE
from core.model import SAMPLE_RATE_HZ
from core.sound.audio import read_audio
from core.sound.mono import pcm16
from offline_eval.labels.clips import Clip
from offline_eval.sounds.augment import Augmentation, coloured_noise, join, rms

CONDITIONS_VERSION = 1
"""Part of the name of written files: raise it when this module's sound changes."""

TELEPHONE_HZ = (300.0, 3_400.0)
NOISE_SNR_DB = 10.0
CUT_S = 1.5
JOINED_S = 8.0

Sounds = Iterator[NDArray[np.float32]]


@dataclass(frozen=True, slots=True)
class Condition:
    """One way of hearing clips.

    Attributes:
        words: Says it of clips.
        change: Makes one sound of a clip and, behind it and without end, all clips of its speaker and emotion.
    """

    words: str
    change: Callable[[Sounds, np.random.Generator], NDArray[np.floating]]


def _telephone(sounds: Sounds, rng: np.random.Generator) -> NDArray[np.floating]:  # noqa: ARG001
    """Nothing is left outside the band."""
    sound = next(sounds)
    spectrum = np.fft.rfft(sound)
    hz = np.fft.rfftfreq(len(sound), 1 / SAMPLE_RATE_HZ)
    spectrum[(hz < TELEPHONE_HZ[0]) | (hz > TELEPHONE_HZ[1])] = 0
    return np.fft.irfft(spectrum, len(sound))


def _noise(sounds: Sounds, rng: np.random.Generator) -> NDArray[np.floating]:
    sound = next(sounds)
    noise = coloured_noise(len(sound), 1.0, rng)
    return sound + noise * rms(sound) * 10 ** (-NOISE_SNR_DB / 20)


def _cut(sounds: Sounds, rng: np.random.Generator) -> NDArray[np.floating]:  # noqa: ARG001
    sound, kept = next(sounds), round(CUT_S * SAMPLE_RATE_HZ)
    start = max(len(sound) - kept, 0) // 2
    return sound[start : start + kept]


def _joined(sounds: Sounds, rng: np.random.Generator) -> NDArray[np.floating]:
    return join(sounds, rng, Augmentation(joined_share=1.0, joined_s=(JOINED_S, JOINED_S)))


CONDITIONS: Mapping[str, Condition] = {
    "telephone": Condition(f"through a line of {TELEPHONE_HZ[0]:.0f} to {TELEPHONE_HZ[1]:.0f} Hz", _telephone),
    "noise": Condition(f"in pink noise at {NOISE_SNR_DB:.0f} dB", _noise),
    "cut": Condition(f"cut to the middle {CUT_S:g} s", _cut),
    "joined": Condition(f"joined to others of the same speaker and emotion, {JOINED_S:g} s together", _joined),
}


def heard_in(condition: str, clips: Sequence[Clip], folder: Path) -> list[Clip]:
    """The clips as they are heard in a condition; what was written into `folder` before is used again.

    Args:
        condition: A name in CONDITIONS.
        clips: Among them are the others that a clip is joined to.
        folder: Where the changed sounds lie. They fall under the licence of what they were made of.

    Raises:
        AudioError: A clip cannot be decoded.
    """
    alike: dict[tuple[str, str, str], list[Clip]] = {}
    for clip in clips:
        alike.setdefault((clip.corpus, clip.speaker, clip.emotion), []).append(clip)
    return [
        replace(clip, path=_written(condition, clip, alike[clip.corpus, clip.speaker, clip.emotion], folder))
        for clip in clips
    ]


def _written(condition: str, clip: Clip, alike: Sequence[Clip], folder: Path) -> Path:
    stats = [(other.path, other.path.stat()) for other in (clip, *alike)]
    files = [(str(path), stat.st_size, stat.st_mtime_ns) for path, stat in stats]
    key = hashlib.sha256(json.dumps([CONDITIONS_VERSION, clip.clip_id, files]).encode()).hexdigest()[:16]
    path = folder / condition / f"{key}.wav"
    if not path.is_file():
        at = alike.index(clip)
        behind = itertools.cycle([*alike[at + 1 :], *alike[: at + 1]])
        sounds = ((read_audio(one.path) / INT16_SCALE).astype(np.float32) for one in itertools.chain([clip], behind))
        sound = CONDITIONS[condition].change(sounds, np.random.default_rng(zlib.crc32(clip.clip_id.encode())))
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(".partial")
        soundfile.write(partial, pcm16(sound), SAMPLE_RATE_HZ, format="WAV", subtype="PCM_16")
        partial.replace(path)
    return path

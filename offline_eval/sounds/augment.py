"""What rooms, microphones, lines and the segmenter do to speech, applied to clean recordings."""

import io
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from core.model import SAMPLE_RATE_HZ

AUGMENTATION_VERSION = 2
"""Part of the key of cached features: raise it when this module's sound changes."""

MIN_SAMPLES = SAMPLE_RATE_HZ // 2
"""A cut never leaves less than half a second."""

_FLOOR = 1e-6
"""RMS below this is silence, which stays silence."""
_TRIM_DB = 40.0
_FRAME = 320
_CHANNEL_STEPS = 5
_CODECS = (("OGG", "VORBIS"), ("MP3", "MPEG_LAYER_III"), ("WAV", "ULAW"))
"""Opus is left out: the corpora at hand are stored in it already, and libsndfile encodes it slowly."""

Sound = NDArray[np.float64]


class _Draws(NamedTuple):
    """Random numbers: of the recording itself, and of the room, microphone and line it is heard through."""

    own: np.random.Generator
    channel: np.random.Generator


_Change = Callable[[Sound, _Draws, "Augmentation"], Sound]


@dataclass(frozen=True, slots=True, kw_only=True)
class Augmentation:
    """Ranges from which each variant of a clip draws, uniformly; shares are probabilities.

    Attributes:
        speed: Factor of tempo and pitch together, as from a taller or a smaller speaker; small, to keep the emotion.
        speed_share: Of variants with another speed.
        trim_share: Of variants whose silence at both ends is cut off, as the segmenter does.
        cut_s: Length that a cut leaves; at least half a second.
        cut_share: Of variants that are cut, at a random place.
        reverberation_s: Time in which the room's answer falls by 60 dB.
        reverberation_share: Of variants in a room.
        direct_db: Direct over reverberant energy in a room; far microphones hear less than 0.
        snr_db: Speech over noise; the noise's power falls with the frequency to the power of 0 to 2 (white to brown).
        noise_share: Of variants with noise.
        lowpass_hz: Upper band limit, from telephone to nearly full band.
        highpass_hz: Lower band limit.
        band_share: Of variants with band limits.
        codec_share: Of variants through Vorbis, MP3 or 8-bit mu-law.
        clip_share: Of variants that are overdriven, by up to 12 dB.
        level_dbfs: RMS level of the whole clip at the end.
        joined_s: Length up to which clips are joined to others of the same speaker and emotion; see `join`.
        joined_share: Of variants that are joined; None: none, and `augment` is given what is to be changed.
        session_clips: About so many clips of a speaker are one session: in a variant, its room, noise, band, overdrive
            and codec are the same for all of them. None: each clip's are its own.
    """

    speed: tuple[float, float] = (0.88, 1.12)
    speed_share: float = 0.7
    trim_share: float = 0.5
    cut_s: tuple[float, float] = (0.8, 10.0)
    cut_share: float = 0.3
    reverberation_s: tuple[float, float] = (0.1, 0.8)
    reverberation_share: float = 0.4
    direct_db: tuple[float, float] = (-3.0, 12.0)
    snr_db: tuple[float, float] = (5.0, 40.0)
    noise_share: float = 0.6
    lowpass_hz: tuple[float, float] = (3_400.0, 7_900.0)
    highpass_hz: tuple[float, float] = (40.0, 300.0)
    band_share: float = 0.3
    codec_share: float = 0.25
    clip_share: float = 0.1
    level_dbfs: tuple[float, float] = (-60.0, -12.0)
    joined_s: tuple[float, float] = (4.0, 10.0)
    joined_share: float | None = None
    session_clips: int | None = None


def augment(
    waveform: NDArray[np.float32],
    rng: np.random.Generator,
    ranges: Augmentation | None = None,
    session: np.random.Generator | None = None,
) -> NDArray[np.float32]:
    """One random variant of a 16 kHz waveform (float32 [n]), clipped and rounded to 16 bits like a sound card's.

    What room, microphone and line do is drawn from `session`, which is the same for all recordings of one; None: like
    all else, from `rng`.
    """
    ranges = ranges or Augmentation()
    channels = [rng] * _CHANNEL_STEPS if session is None else session.spawn(_CHANNEL_STEPS)
    sound: Sound = waveform.astype(np.float64)
    steps: tuple[tuple[float, _Change, np.random.Generator], ...] = (
        (ranges.speed_share, _change_speed, rng),
        (ranges.trim_share, _trim, rng),
        (ranges.cut_share, _cut, rng),
        (ranges.reverberation_share, _reverberate, channels[0]),
        (ranges.noise_share, _add_noise, channels[1]),
        (ranges.band_share, _limit_band, channels[2]),
        (ranges.clip_share, _overdrive, channels[3]),
        (ranges.codec_share, _encode, channels[4]),
    )
    for share, change, channel in steps:
        if channel.random() < share:
            sound = change(sound, _Draws(rng, channel), ranges)
    sound = sound / max(rms(sound), _FLOOR) * 10 ** (rng.uniform(*ranges.level_dbfs) / 20)
    return (np.clip(np.round(sound * 32_768), -32_768, 32_767) / 32_768).astype(np.float32)


def join(
    waveforms: Iterable[NDArray[np.float32]], rng: np.random.Generator, ranges: Augmentation
) -> NDArray[np.float32]:
    """The first of some 16 kHz waveforms, in `joined_share` of the draws with the next ones behind it.

    As many as make a length drawn from `joined_s`, at which the last is cut; a longer first one stays as it is. The
    others are not loaded unless they are needed.
    """
    sounds = iter(waveforms)
    joined = [next(sounds)]
    missing = 0
    if rng.random() < (ranges.joined_share or 0.0):
        missing = round(rng.uniform(*ranges.joined_s) * SAMPLE_RATE_HZ) - len(joined[0])
    while missing > 0 and (more := next(sounds, None)) is not None:
        joined.append(more[:missing])
        missing -= len(more)
    return np.concatenate(joined)


def generator_for(clip_id: str, variant: int, seed: int) -> np.random.Generator:
    """The random numbers of one variant of one clip: the same on every machine and in every order."""
    return np.random.default_rng([zlib.crc32(clip_id.encode()), variant, seed])


def coloured_noise(n: int, exponent: float, rng: np.random.Generator) -> Sound:
    """N samples of noise of RMS 1 whose power falls with the frequency to the power of `exponent`."""
    spectrum = np.fft.rfft(rng.standard_normal(_fast_size(n)))
    noise: Sound = np.fft.irfft(spectrum * np.maximum(np.arange(len(spectrum)), 1.0) ** (-exponent / 2))[:n]
    return noise / max(rms(noise), 1e-12)


def rms(sound: NDArray[np.floating]) -> float:
    """Root of the mean square; 0 for no sound."""
    return float(np.sqrt(np.mean(np.square(sound)))) if len(sound) else 0.0


def _fast_size(n: int) -> int:
    """The next power of two: other lengths can take the transform a hundred times longer."""
    return 1 << max(n - 1, 1).bit_length()


def _change_speed(sound: Sound, draws: _Draws, ranges: Augmentation) -> Sound:
    factor = draws.own.uniform(*ranges.speed)
    changed: Sound = soxr.resample(sound, SAMPLE_RATE_HZ * factor, SAMPLE_RATE_HZ, quality="MQ")
    return changed


def _trim(sound: Sound, draws: _Draws, ranges: Augmentation) -> Sound:  # noqa: ARG001
    """Leaves up to 0.3 s beside what is within 40 dB of the loudest frame, as pre-roll and hangover would."""
    frames = sound[: len(sound) // _FRAME * _FRAME].reshape(-1, _FRAME)
    if not len(frames):
        return sound
    power = np.mean(frames**2, axis=1)
    (loud,) = np.nonzero(power > power.max() * 10 ** (-_TRIM_DB / 10))
    if not len(loud):
        return sound
    before, after = draws.own.uniform(0, 0.3, size=2) * SAMPLE_RATE_HZ
    start = max(0, int(loud[0] * _FRAME - before))
    return sound[start : max(int((loud[-1] + 1) * _FRAME + after), start + MIN_SAMPLES)]


def _cut(sound: Sound, draws: _Draws, ranges: Augmentation) -> Sound:
    shortest, longest = (int(seconds * SAMPLE_RATE_HZ) for seconds in ranges.cut_s)
    kept = int(draws.own.uniform(shortest, max(min(longest, len(sound)), shortest)))
    start = int(draws.own.integers(0, max(len(sound) - kept, 0) + 1))
    return sound[start : start + kept]


def _reverberate(sound: Sound, draws: _Draws, ranges: Augmentation) -> Sound:
    """A direct sound and exponentially falling noise."""
    decay_s = draws.channel.uniform(*ranges.reverberation_s)
    n = int(decay_s * SAMPLE_RATE_HZ)
    tail = draws.channel.standard_normal(n) * 10 ** (-3 * np.arange(n) / n)
    tail *= 10 ** (-draws.channel.uniform(*ranges.direct_db) / 20) / max(float(np.sqrt(np.sum(tail**2))), _FLOOR)
    room = np.concatenate([[1.0], np.zeros(int(draws.channel.uniform(0.001, 0.02) * SAMPLE_RATE_HZ)), tail])
    size = _fast_size(len(sound) + len(room))
    reverberant: Sound = np.fft.irfft(np.fft.rfft(sound, size) * np.fft.rfft(room, size), size)[: len(sound)]
    return reverberant


def _add_noise(sound: Sound, draws: _Draws, ranges: Augmentation) -> Sound:
    noise = coloured_noise(len(sound), draws.channel.uniform(0, 2), draws.own)
    return sound + noise * rms(sound) * 10 ** (-draws.channel.uniform(*ranges.snr_db) / 20)


def _limit_band(sound: Sound, draws: _Draws, ranges: Augmentation) -> Sound:
    """A second-order Butterworth band-pass (its magnitude, without phase)."""
    high_pass_hz, low_pass_hz = draws.channel.uniform(*ranges.highpass_hz), draws.channel.uniform(*ranges.lowpass_hz)
    size = _fast_size(len(sound))
    hz = np.fft.rfftfreq(size, 1 / SAMPLE_RATE_HZ)
    gain = 1 / np.sqrt((1 + (hz / low_pass_hz) ** 4) * (1 + (high_pass_hz / np.maximum(hz, 1e-3)) ** 4))
    limited: Sound = np.fft.irfft(np.fft.rfft(sound, size) * gain, size)[: len(sound)]
    return limited


def _overdrive(sound: Sound, draws: _Draws, ranges: Augmentation) -> Sound:  # noqa: ARG001
    ceiling = float(np.max(np.abs(sound), initial=_FLOOR)) * 10 ** (-draws.channel.uniform(0, 12) / 20)
    return np.clip(sound, -ceiling, ceiling)


def _encode(sound: Sound, draws: _Draws, ranges: Augmentation) -> Sound:  # noqa: ARG001
    """There and back through a lossy format, at full scale."""
    container, subtype = _CODECS[int(draws.channel.integers(len(_CODECS)))]
    peak = max(float(np.max(np.abs(sound), initial=0.0)), _FLOOR)
    file = io.BytesIO()
    quality = {} if subtype == "ULAW" else {"compression_level": float(draws.channel.uniform(0.5, 1.0))}
    soundfile.write(file, sound / peak * 0.9, SAMPLE_RATE_HZ, format=container, subtype=subtype, **quality)
    file.seek(0)
    decoded, rate_hz = soundfile.read(file)
    back: Sound = decoded if rate_hz == SAMPLE_RATE_HZ else soxr.resample(decoded, rate_hz, SAMPLE_RATE_HZ)
    return back[: len(sound)] * (peak / 0.9) if len(back) >= MIN_SAMPLES else sound

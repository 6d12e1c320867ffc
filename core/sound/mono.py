"""Sound of any rate and channel count as int16 at 16 kHz mono, a piece at a time."""

import numpy as np
import soxr
from numpy.typing import ArrayLike, NDArray

from core.model import SAMPLE_RATE_HZ

_HOP_S = 0.02
_MEMORY_S = 3.0
"""How far back it is remembered how loud a channel was: longer than pauses, shorter than a conversation's turns."""

_ALIVE = 1e-3
_DEAD = 1e-4
"""Power relative to the loudest channel from which a channel is heard, and below which it is heard no longer."""

_CANCELS = 0.5
_CANCELS_NO_MORE = 0.75
"""Power of a mean relative to that of as many unrelated channels: less is left where channels cancel each other."""

_LOUDER = 2.0


def pcm16(samples: ArrayLike) -> NDArray[np.int16]:
    """Rounds samples in -1..1 to int16; what lies beyond is clipped, what is not a number becomes silence."""
    scaled = np.nan_to_num(np.rint(np.multiply(samples, 32768.0)), nan=0.0)
    rounded: NDArray[np.int16] = np.clip(scaled, -32768, 32767).astype(np.int16)
    return rounded


class ToMono16k:
    """Streaming conversion to int16 at 16 kHz mono: one channel out of all, soxr, rounding.

    Args:
        rate_hz: Rate of what is pushed.
        channels: Channels of what is pushed.

    Attributes:
        bad_samples: Samples that were not numbers so far; they became silence.
        loud_samples: Samples beyond full scale so far; they were clipped.
    """

    def __init__(self, rate_hz: int, channels: int) -> None:
        self.bad_samples = 0
        self.loud_samples = 0
        self._mix = ChannelMix(rate_hz, channels)
        same = rate_hz == SAMPLE_RATE_HZ
        self._soxr = None if same else soxr.ResampleStream(rate_hz, SAMPLE_RATE_HZ, 1, dtype="float32")

    def push(self, frames: NDArray[np.float32]) -> NDArray[np.int16]:
        """Takes float32 [frames, channels] in -1..1 and gives what is ready; some milliseconds are held back."""
        finite = np.isfinite(frames)
        if not finite.all():
            self.bad_samples += int(np.count_nonzero(~finite))
            frames = np.where(finite, frames, np.float32(0))
        # Clipped before the filter too: one absurd value would ring over its neighbours.
        clipped = np.clip(frames, -1, 1)
        self.loud_samples += int(np.count_nonzero(clipped != frames))
        return self._resample(self._mix.push(clipped), last=False)

    def flush(self) -> NDArray[np.int16]:
        """Gives what is still held back; nothing may be pushed afterwards."""
        return self._resample(self._mix.flush(), last=True)

    def _resample(self, mono: NDArray[np.float32], *, last: bool) -> NDArray[np.int16]:
        return pcm16(mono if self._soxr is None else self._soxr.resample_chunk(mono, last=last))


class ChannelMix:
    """One channel out of many: the mean of those that are alive, or the loudest where their mean would cancel.

    A channel is alive while it is not far quieter than the loudest, over the last seconds; of a stereo recording both
    are, so that it is heard as the plain mean. What is decided holds for 20 ms, counted from the first sample, and goes
    over into what is decided next without a step, so that nothing depends on how the sound comes in. All decisions
    are slow to turn back.
    """

    def __init__(self, rate_hz: int, channels: int) -> None:
        self._hop = max(1, round(_HOP_S * rate_hz))
        self._keep = np.exp(-_HOP_S / _MEMORY_S)
        self._waiting = np.empty((0, channels), np.float32)
        self._power = np.zeros((channels, channels))  # of each channel, and what each two have in common
        self._alive = np.zeros(channels, dtype=np.bool_)
        self._cancels = False
        self._loudest = 0
        self._weights: NDArray[np.float64] | None = None

    def push(self, frames: NDArray[np.float32]) -> NDArray[np.float32]:
        """Takes [frames, channels] and gives whole hops of one channel."""
        if frames.shape[1] == 1:
            return frames[:, 0]
        frames = np.concatenate((self._waiting, frames))
        whole = len(frames) - len(frames) % self._hop
        self._waiting = frames[whole:]
        hops = frames[:whole].reshape(-1, self._hop, frames.shape[1])
        return np.concatenate([np.empty(0, np.float32), *map(self._mix, hops)])

    def flush(self) -> NDArray[np.float32]:
        """Gives the last, shorter hop."""
        rest, self._waiting = self._waiting, self._waiting[:0]
        return self._mix(rest) if len(rest) else np.empty(0, np.float32)

    def _mix(self, hop: NDArray[np.float32]) -> NDArray[np.float32]:
        sound = hop.astype(np.float64)
        swing = sound - sound.mean(axis=0)
        self._power = self._power * self._keep + swing.T @ swing
        new = self._decide()
        old = new if self._weights is None else self._weights
        self._weights = new
        if np.array_equal(old, new):
            return (sound @ new).astype(np.float32)
        share = (np.arange(1, len(hop) + 1) / len(hop))[:, np.newaxis]
        mixed: NDArray[np.float32] = np.sum(sound * (old + share * (new - old)), axis=1).astype(np.float32)
        return mixed

    def _decide(self) -> NDArray[np.float64]:
        power = np.diag(self._power)
        self._alive = power >= np.where(self._alive, _DEAD, _ALIVE) * power.max()
        mean = self._alive / np.count_nonzero(self._alive)
        left, unrelated = mean @ self._power @ mean, np.sum(mean**2 * power)
        self._cancels = bool(left < (_CANCELS_NO_MORE if self._cancels else _CANCELS) * unrelated)
        if power.max() > _LOUDER * power[self._loudest]:
            self._loudest = int(np.argmax(power))
        return np.eye(len(power))[self._loudest] if self._cancels else mean

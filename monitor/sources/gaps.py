"""Finds sound that a capture device lost without saying so."""

import math

WINDOW_S = 1.0
SMALLEST_GAP_S = 0.1
_RUSH = 0.8
"""A second of sound that arrives within less of a second is catching up: how late it is says nothing yet."""


class GapMeter:
    """Compares the sound that a device delivered with the time that passed.

    Two clocks are asked, because each is wrong in its own way. The time of arrival jumps when the machine stalls,
    though nothing is lost: the sound comes later. The time of recording that PortAudio computes creeps up by half a
    second while PulseAudio starts, though nothing is lost either. Only a loss moves both, and for good; so a gap is
    what even the least late block of a whole second is late on both clocks, compared with the second before. Seconds of
    sound that rush in after a stall are left out.

    Args:
        rate_hz: Frames per second of the device.
    """

    def __init__(self, rate_hz: float) -> None:
        self._rate_hz = rate_hz
        self._frames = 0
        self._window_frames = 0
        self._flagged = False
        self._first_arrival_s = 0.0
        self._lateness: list[tuple[float, float]] = []
        self._usual: tuple[float, float] | None = None

    def push(self, *, arrived_s: float, recorded_s: float, frames: int, overflow: bool = False) -> int:
        """Takes the times of a block's arrival and of its first frame's recording; gives the frames found lost.

        A loss shows up to two seconds after it happened, not counting stalls. It must exceed 0.1 s to be told from
        jitter, unless the device itself flagged an overflow.
        """
        delivered_s = self._frames / self._rate_hz
        if not self._lateness:
            self._first_arrival_s = arrived_s
        self._lateness.append((arrived_s - delivered_s, recorded_s - delivered_s))
        self._flagged |= overflow
        self._frames += frames
        self._window_frames += frames
        if self._window_frames < WINDOW_S * self._rate_hz:
            return 0
        rushed = arrived_s - self._first_arrival_s < _RUSH * WINDOW_S
        gap = 0 if rushed else self._judge_window()
        self._lateness.clear()
        self._window_frames = 0
        return gap

    def _judge_window(self) -> int:
        usual = self._usual or (math.inf, math.inf)
        gap_s = min(min(late - base for late, base in zip(pair, usual, strict=True)) for pair in self._lateness)
        self._usual = (min(pair[0] for pair in self._lateness), min(pair[1] for pair in self._lateness))
        threshold_s = 0.0 if self._flagged else SMALLEST_GAP_S
        self._flagged = False
        return round(gap_s * self._rate_hz) if gap_s > threshold_s else 0

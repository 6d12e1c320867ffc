"""Voice activity detection: is this frame of sound voiced?"""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from core.model import SAMPLE_RATE_HZ
from core.settings import VadSettings


class VoiceActivityDetector(Protocol):
    """Judges the frames of one stream, in order."""

    @property
    def frame_ms(self) -> int:
        """Length of the frames it takes."""

    def is_voiced(self, frame: NDArray[np.int16]) -> bool:
        """Whether the next frame (int16, 16 kHz mono, exactly `frame_ms` long) holds voice."""

    def reset(self) -> None:
        """Forgets the stream; the next frame is the first of another."""

    def set_mode(self, mode: int) -> None:
        """Another sensitivity, 0 to 3, from the next frame on; what was learnt of the stream stays."""


class Vad:
    """The detector of WebRTC: Gaussian mixtures for speech and noise over six sub-bands, adapted to the stream.

    It depends on nothing but the frames since the last reset. Its own hangover of a few frames bridges short stops.
    """

    def __init__(self, settings: VadSettings) -> None:
        self.frame_ms = settings.frame_ms
        self._mode = settings.mode
        self._frame_samples = settings.frame_ms * SAMPLE_RATE_HZ // 1000
        self.reset()

    def is_voiced(self, frame: NDArray[np.int16]) -> bool:
        """Whether the next frame holds voice.

        Raises:
            ValueError: The frame is not int16, or not of the length that the settings name.
        """
        if frame.dtype != np.int16 or frame.shape != (self._frame_samples,):
            msg = f"expected {self._frame_samples} int16 samples, got {frame.dtype} of shape {frame.shape}"
            raise ValueError(msg)
        return bool(self._detector.is_speech(frame.tobytes(), SAMPLE_RATE_HZ))

    def reset(self) -> None:
        """Forgets what was adapted to the stream so far."""
        import webrtcvad

        self._detector = webrtcvad.Vad(self._mode)

    def set_mode(self, mode: int) -> None:
        """Another sensitivity, 0 (lets most through) to 3, from the next frame on; what was adapted stays.

        Raises:
            ValueError: There is no such mode.
        """
        self._detector.set_mode(mode)
        self._mode = mode

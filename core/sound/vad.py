"""Voice activity detection: is this frame of sound voiced?"""

from typing import Protocol

from core.model import SAMPLE_RATE_HZ
from core.settings import VadSettings


class VoiceActivityDetector(Protocol):
    """Judges the frames of one stream, in order."""

    @property
    def frame_ms(self) -> int:
        """Length of the frames it takes."""

    def verdicts(self, sound: bytes) -> list[bool]:
        """Whether each of the next frames (int16, 16 kHz mono, exactly `frame_ms` each) holds voice."""

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
        self._frame_bytes = 2 * settings.frame_ms * SAMPLE_RATE_HZ // 1000
        self.reset()

    def verdicts(self, sound: bytes) -> list[bool]:
        """Whether each of the next frames (int16) holds voice.

        Raises:
            ValueError: That is no whole number of frames of the length that the settings name.
        """
        size = self._frame_bytes
        if len(sound) % size:
            msg = f"expected frames of {size // 2} int16 samples, got {len(sound)} bytes"
            raise ValueError(msg)
        is_speech = self._detector.is_speech
        return [is_speech(sound[at : at + size], SAMPLE_RATE_HZ) for at in range(0, len(sound), size)]

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

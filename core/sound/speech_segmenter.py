"""Voice activity detection and segmentation of one stream."""

from collections import Counter
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from core.settings import SegmenterSettings, VadSettings
from core.sound.frames import SAMPLE_BYTES, Run, runs_of, samples_in
from core.sound.segmenter import PAUSED, Output, SampleCounts, Segmenter
from core.sound.utterance import Utterance
from core.sound.vad import Vad, VoiceActivityDetector

_INT16 = np.dtype(np.int16)


class SpeechSegmenter:
    """Detector and segmenter of one stream: blocks of any length in, utterances out.

    What comes out depends on the samples alone, not on how they were cut into blocks.

    Args:
        settings: How voiced frames become utterances.
        vad: Settings of the WebRTC detector, or another detector.
    """

    def __init__(self, settings: SegmenterSettings, vad: VadSettings | VoiceActivityDetector) -> None:
        self._vad = Vad(vad) if isinstance(vad, VadSettings) else vad
        self._segmenter = Segmenter(settings, self._vad.frame_ms)
        self._frame = samples_in(self._vad.frame_ms)
        self._rest = b""
        self._voiced = False
        self._paused = False
        self._skipped = 0

    @property
    def position(self) -> int:
        """Samples of the stream so far: heard, lost and skipped."""
        return self._segmenter.position + len(self._rest) // SAMPLE_BYTES + self._skipped

    @property
    def voiced(self) -> bool:
        """The detector's verdict on the last whole frame."""
        return self._voiced

    @property
    def speaking(self) -> bool:
        """Whether an utterance is running."""
        return self._segmenter.speaking

    @property
    def foreseen(self) -> Utterance | None:
        """The running utterance as it will be if nobody speaks before its hangover is over; see `Segmenter`."""
        return self._segmenter.foreseen

    @property
    def paused(self) -> bool:
        """Whether sound is being dropped."""
        return self._paused

    @property
    def counts(self) -> SampleCounts:
        """Where the samples went so far."""
        counts = self._segmenter.counts
        dropped = Counter(counts.dropped)
        if self._skipped:
            dropped[PAUSED] += self._skipped
        pending = counts.pending + len(self._rest) // SAMPLE_BYTES
        return replace(counts, captured=self.position, pending=pending, dropped=dict(dropped))

    def push(self, block: NDArray[np.int16], *, lost: int = 0) -> list[Output]:
        """Takes the next samples of the stream.

        Args:
            block: int16, 16 kHz mono, any length. It is copied: the caller may use the array again.
            lost: Samples that the capture lost just before this block.

        Raises:
            ValueError: The block is not a one-dimensional int16 array, or `lost` is negative.
        """
        if block.dtype != _INT16 or block.ndim != 1 or lost < 0:
            msg = f"expected int16 in one dimension and lost >= 0: got {block.dtype}, {block.shape}, lost {lost}"
            raise ValueError(msg)
        if self._paused:
            self._skipped += lost + len(block)
            return []
        outputs = [*self._push_rest(), *self._segmenter.lose(lost)] if lost else []
        sound = self._rest + block.tobytes()
        whole = len(sound) - len(sound) % (self._frame * SAMPLE_BYTES)
        sound, self._rest = sound[:whole], sound[whole:]
        if sound:
            verdicts = self._vad.verdicts(sound)
            self._voiced = verdicts[-1]
            for run in runs_of(sound, verdicts, self._frame):
                outputs += self._segmenter.push(run)
        return outputs

    def flush(self) -> list[Output]:
        """Ends what is running, the rest of a partial frame included; nothing is pending afterwards."""
        if self._skipped:
            skipped, self._skipped = self._skipped, 0
            return self._segmenter.skip(skipped, PAUSED)
        outputs = [*self._push_rest(), *self._segmenter.flush()]
        self._voiced = False
        return outputs

    def skip(self, samples: int, reason: str) -> list[Output]:
        """Ends what is running, then moves the clock over samples that are dropped for `reason`."""
        return [*self.flush(), *self._segmenter.skip(samples, reason)]

    def pause(self) -> list[Output]:
        """Stops listening: what was said up to now still becomes an utterance, what follows is dropped."""
        if self._paused:
            return []
        self._paused = True
        return self.flush()

    def resume(self) -> list[Output]:
        """Listens again; the whole pause comes out as one drop."""
        if not self._paused:
            return []
        self._paused = False
        return self.flush()

    def set_vad_mode(self, mode: int) -> None:
        """Another sensitivity of the detector, from the next frame on; nothing else changes."""
        self._vad.set_mode(mode)

    def _push_rest(self) -> list[Output]:
        """Hands on a partial frame, too short for the detector, with the verdict of the frame before it."""
        rest, self._rest = self._rest, b""
        size = len(rest) // SAMPLE_BYTES
        return self._segmenter.push(Run(rest, size, size, self._voiced)) if rest else []

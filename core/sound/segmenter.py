"""From sound to utterances: a pure state machine whose only clock is the count of samples.

It judges frames that a detector has called voiced or not; `core.sound.speech_segmenter` puts a detector and the cutting
into frames before it.

Every sample has one fate, and at every moment captured = silence + segmented + pending + sum(dropped).
"""

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from core.errors import UsageError
from core.model import SAMPLE_RATE_HZ
from core.settings import SegmenterSettings
from core.sound.frames import SAMPLE_BYTES, HeldFrames, Run, joined, samples_in
from core.sound.utterance import Utterance

TOO_SHORT = "too_short"
"""Reason of a drop: speech began, but less than min_utterance_s of it was voiced."""
OVERFLOW = "overflow"
"""Reason of a drop: the capture lost these samples."""
PAUSED = "paused"
"""Reason of a drop: the user asked not to listen."""
ABSENT = "absent"
"""Reason of a drop: the microphone was away."""


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    """Someone began to speak; the utterance, if it becomes one, starts at sample `at` of the stream."""

    at: int


@dataclass(frozen=True, slots=True)
class Dropped:
    """Samples from `start` up to `end` of the stream will get no reading."""

    start: int
    end: int
    reason: str


Output: TypeAlias = SpeechStarted | Utterance | Dropped


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleCounts:
    """Where the samples of a stream went. `pending` are held and not yet one or the other."""

    captured: int
    silence: int
    segmented: int
    pending: int
    dropped: Mapping[str, int]

    @property
    def adds_up(self) -> bool:
        """Whether every captured sample has exactly one fate."""
        return self.captured == self.silence + self.segmented + self.pending + sum(self.dropped.values())


class Segmenter:
    """Cuts the frames of one stream into utterances.

    Speech begins when enough of the start window is voiced; the utterance takes the pre-roll before that window
    along. It ends after a hangover without a voiced frame, of which it keeps the post-pad. Speech that exceeds the
    longest utterance is cut after the quietest frame of its last stretch and goes on at once as the next utterance.
    While it lasts, interim utterances repeat it from its start; each is a prefix of the final one.

    Args:
        settings: Times become whole frames. A forced cut leaves at least half of the longest utterance.
        frame_ms: Length of a frame.

    Raises:
        UsageError: The longest utterance cannot hold what begins one, or the shortest one.
    """

    def __init__(self, settings: SegmenterSettings, frame_ms: int) -> None:
        frame = samples_in(frame_ms)

        def whole_frames(seconds: float) -> int:
            return round(seconds * SAMPLE_RATE_HZ / frame) * frame

        self._frame = frame
        self._window = max(whole_frames(settings.start_window_s), frame)
        self._needed = max(round(settings.start_ratio * self._window), 1)
        self._pre_roll = whole_frames(settings.pre_roll_s)
        self._hangover = max(whole_frames(settings.hangover_s), frame)
        self._post_pad = whole_frames(settings.post_pad_s)
        self._min_voiced = max(round(settings.min_utterance_s * SAMPLE_RATE_HZ), 1)
        self._max = round(settings.max_utterance_s * SAMPLE_RATE_HZ) // frame * frame
        self._cut_search = max(min(whole_frames(settings.cut_search_s), self._max // 2), frame)
        self._interim_every = round(settings.interim_every_s * SAMPLE_RATE_HZ)
        eager_after = max(whole_frames(settings.eager_after_s), self._post_pad, frame)
        self._eager_after = eager_after if settings.eager_after_s else math.inf
        if self._max < max(self._pre_roll + self._window, self._min_voiced):
            msg = f"segmenter.max_utterance_s = {settings.max_utterance_s} is too small for the other settings"
            raise UsageError(msg, hint="it must hold pre_roll_s + start_window_s, and min_utterance_s")

        self._held = HeldFrames()
        self._speaking = False
        self._number = 0
        self._next_interim = self._interim_every
        self._foreseen: tuple[int, Utterance] | None = None
        self._silence = 0
        self._segmented = 0
        self._dropped: Counter[str] = Counter()

    @property
    def position(self) -> int:
        """Samples of the stream so far, lost and skipped ones included."""
        return self._held.end

    @property
    def speaking(self) -> bool:
        """Whether an utterance is running."""
        return self._speaking

    @property
    def foreseen(self) -> Utterance | None:
        """The running utterance as it will be if nobody speaks before its hangover is over.

        None while someone speaks and for the first `eager_after_s` of silence, and if it would be too short. The same
        object as long as the silence lasts. To look changes nothing: the same utterances come for whoever never does.
        """
        if not self._speaking or self._held.trailing < self._eager_after or self._held.voiced < self._min_voiced:
            return None
        silent_from = self._held.start + self._held.voiced_end
        if self._foreseen is None or self._foreseen[0] != silent_from:
            self._foreseen = silent_from, _utterance(self._number, self._held.start, self._kept(), final=True)
        return self._foreseen[1]

    @property
    def counts(self) -> SampleCounts:
        """Where the samples went so far."""
        return SampleCounts(
            captured=self.position,
            silence=self._silence,
            segmented=self._segmented,
            pending=sum(run.counted for run in self._held.runs),
            dropped=dict(self._dropped),
        )

    def push(self, run: Run) -> list[Output]:
        """Takes the next frames. Only the last one before a gap or the end, alone, may be shorter than the others."""
        outputs: list[Output] = []
        rest: Run | None = run
        while rest:
            run, rest = rest, None
            if run.samples > (several := self._undecided(run) * run.frame):
                run, rest = run.split(several)
            self._held.append(run)
            outputs += self._while_speaking() if self._speaking else self._while_silent(voiced=run.voiced)
        return outputs

    def lose(self, samples: int) -> list[Output]:
        """Moves the clock over samples that the capture lost.

        A gap as long as the hangover ends a running utterance. A shorter one is bridged with zeros that count as
        unvoiced, so that positions inside an utterance stay true.
        """
        if samples >= self._hangover:
            return self.skip(samples, OVERFLOW)
        outputs: list[Output] = [Dropped(self.position, self.position + samples, OVERFLOW)]
        self._dropped[OVERFLOW] += samples
        for offset in range(0, samples, self._frame):
            size = min(self._frame, samples - offset)
            outputs += self.push(Run(bytes(SAMPLE_BYTES * size), size, size, voiced=False, lost=True))
        return outputs

    def skip(self, samples: int, reason: str) -> list[Output]:
        """Ends a running utterance, then moves the clock over samples that are dropped for `reason`."""
        outputs = self.flush()
        start = self.position
        self._held.skip(samples)
        self._dropped[reason] += samples
        return [*outputs, Dropped(start, self.position, reason)]

    def flush(self) -> list[Output]:
        """Ends a running utterance now. Nothing is pending afterwards, and the stream may go on."""
        outputs = self._end() if self._speaking else []
        self._hold_at_most(0)
        return outputs

    def _undecided(self, run: Run) -> int:
        """How many frames of a run may be taken at once: only upon the last of them can there be something to decide.

        At least 1. May be fewer than could be taken, never more.
        """
        held = self._held
        if not self._speaking:
            return max(-(-(self._needed - held.voiced) // run.frame), 1) if run.voiced else run.samples
        if run.voiced:
            frames = (self._max - held.length) // run.frame + 1
            interim_may_come = held.voiced_end <= self._max - self._cut_search
        else:
            frames = -(-(self._hangover - held.trailing) // run.frame)
            interim_may_come = held.voiced_end + self._post_pad >= self._next_interim
        if self._interim_every and interim_may_come:
            frames = min(frames, -(-(self._next_interim - held.length) // run.frame))
        return max(frames, 1)

    def _while_silent(self, *, voiced: bool) -> list[Output]:
        self._hold_at_most(self._pre_roll + self._window)
        if not voiced or self._held.voiced_in_last(self._window) < self._needed:
            return []
        self._speaking = True
        return [SpeechStarted(self._held.start), *self._while_speaking()]

    def _while_speaking(self) -> list[Output]:
        outputs = []
        while self._held.voiced_end > self._max:
            outputs += self._release(self._forced_cut())
        if self._held.trailing >= self._hangover:
            outputs += self._end()
        elif self._interim_every:
            outputs += self._interim()
        return outputs

    def _forced_cut(self) -> int:
        """Where the quietest frame of the last stretch ends; of equals the last, so that the piece is long."""
        end = cut = 0
        lowest = math.inf
        for run in self._held.first(self._max):
            if end + run.samples <= self._max - self._cut_search:
                end += run.samples
                continue
            for power in run.powers():
                end += run.frame
                if end > self._max - self._cut_search and power <= lowest:
                    lowest, cut = power, end
        return cut

    def _end(self) -> list[Output]:
        outputs = self._release(_length(self._kept()), hangover=self._held.trailing)
        self._speaking = False
        return outputs

    def _kept(self) -> list[Run]:
        """The running utterance if it ended now: without the part of the hangover that is not padding."""
        post_pad = min(self._held.trailing, self._post_pad)
        return self._held.first(min(self._held.voiced_end + post_pad, self._max))

    def _release(self, samples: int, *, hangover: int = 0) -> list[Output]:
        """Decides the fate of the first held frames: an utterance, too short, or silence left over by a forced cut."""
        start = self._held.start
        runs = self._held.pop(samples)
        counted = sum(run.counted for run in runs)
        voiced = sum(run.samples for run in runs if run.voiced)
        self._next_interim = self._interim_every
        if not voiced:
            self._silence += counted
            return []
        if voiced < self._min_voiced:
            self._dropped[TOO_SHORT] += counted
            return [Dropped(start, self._held.start, TOO_SHORT)]
        self._segmented += counted
        self._number += 1
        return [_utterance(self._number - 1, start, runs, final=True, hangover=hangover)]

    def _interim(self) -> list[Output]:
        """The utterance so far, if it is time for it, it would not be too short, and no forced cut is near."""
        if self._held.length < self._next_interim or self._held.voiced < self._min_voiced:
            return []
        runs = self._kept()
        length = _length(runs)
        if not self._next_interim <= length <= self._max - self._cut_search:
            return []
        self._next_interim = (length // self._interim_every + 1) * self._interim_every
        return [_utterance(self._number, self._held.start, runs, final=False)]

    def _hold_at_most(self, samples: int) -> None:
        if self._held.length > samples:
            self._silence += sum([run.counted for run in self._held.pop(self._held.length - samples)])


def _length(runs: list[Run]) -> int:
    return sum(run.samples for run in runs)


def _utterance(number: int, start: int, runs: list[Run], *, final: bool, hangover: int = 0) -> Utterance:
    return Utterance(number=number, start=start, samples=joined(runs), final=final, hangover=hangover)

"""The input level of one stream, as a pure fold over its levels."""

from dataclasses import dataclass

from core.wire.events import LevelEvent

FLOOR_DBFS = -60.0
"""Left end of the level meter."""
PEAK_FALL_DB_PER_S = 18.0
"""How fast the peak mark of the level meter falls back."""
CLIP_DBFS = -0.1
"""A peak from here on is called clipping."""
CLIP_HOLD_S = 2.0
"""How long clipping is said after it was: a sample at full scale is too short to see."""
SILENT_DBFS = -100.0
"""No room is as quiet: a microphone that gives less is switched off, or a noise gate passes on speech only."""
MUTED_S = 3.0
"""One that has given nothing but digital silence, for so long, is switched off."""
MUTED_LATER_S = 30.0
"""The same of one that gave sound before: a gate is shut while nobody speaks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """The latest input level, with a peak that falls back slowly. Seconds `_at_s` are of the stream's own sound."""

    at_s: float
    rms_dbfs: float
    peak_dbfs: float
    voiced: bool
    speaking: bool
    received_s: float
    """When it came, by the clock of whoever folds."""
    noise_floor_dbfs: float | None = None
    clipped_at_s: float | None = None
    """The last time that sound reached full scale."""
    silent_since_s: float | None = None
    """Since when there is nothing at all; None while there is sound."""
    sounded: bool = False
    """Whether there ever was sound."""
    gated: bool = False
    """Whether sound came again by itself after long digital silence: so another such silence means nothing."""

    @property
    def clipping(self) -> bool:
        """Whether sound is, or was a moment ago, at full scale."""
        held = self.clipped_at_s is not None and 0 <= self.at_s - self.clipped_at_s < CLIP_HOLD_S
        return held or self.peak_dbfs >= CLIP_DBFS

    @property
    def silent_s(self) -> float:
        """For how long there has been digital silence; 0 while there is sound."""
        return 0.0 if self.silent_since_s is None else max(self.at_s - self.silent_since_s, 0.0)

    @property
    def seems_muted(self) -> bool:
        """Whether digital silence lasts for longer than somebody's saying nothing explains."""
        return not self.gated and self.silent_s >= (MUTED_LATER_S if self.sounded else MUTED_S)


def hear(before: Level | None, event: LevelEvent, now_s: float) -> Level:
    """The level after one more event."""
    fallen, clipped_at_s, silent_since_s = FLOOR_DBFS, None, None
    sounded = gated = False
    if before and before.at_s <= event.at_s:  # else the stream's clock went back
        fallen = max(before.peak_dbfs - PEAK_FALL_DB_PER_S * (event.at_s - before.at_s), FLOOR_DBFS)
        clipped_at_s, silent_since_s = before.clipped_at_s, before.silent_since_s
        sounded, gated = before.sounded, before.gated
    if event.clipped or event.peak_dbfs >= CLIP_DBFS:
        clipped_at_s = event.at_s
    if event.rms_dbfs > SILENT_DBFS:
        gated = gated or (silent_since_s is not None and event.at_s - silent_since_s >= MUTED_S)
        sounded, silent_since_s = True, None
    elif silent_since_s is None:
        silent_since_s = event.at_s
    return Level(
        at_s=event.at_s,
        rms_dbfs=event.rms_dbfs,
        peak_dbfs=max(event.peak_dbfs, fallen),
        voiced=event.voiced,
        speaking=event.speaking,
        received_s=now_s,
        noise_floor_dbfs=event.noise_floor_dbfs,
        clipped_at_s=clipped_at_s,
        silent_since_s=silent_since_s,
        sounded=sounded,
        gated=gated,
    )

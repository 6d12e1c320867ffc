"""A replay: where it is, which its bar shows, and what of the events' own time is not shown as if it were now."""

from dataclasses import dataclass, replace

from monitor.dashboard.state.view_model import DashboardState

RECORDING = "recording"
"""The sink that recordings are written by."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaybackFacts:
    """Where a replay is."""

    name: str
    """Of the file."""
    recorded: str
    """When, in words; empty where it is not known."""
    position_s: float
    length_s: float
    speed: float
    state: str
    """One word: playing, paused, ended, reading."""
    spoken: bytes = b""
    """Which parts of the whole hold speech: a byte each, 1 or 0."""


def replayed(state: DashboardState) -> DashboardState:
    """The state without the recording that it comes from: nothing is being recorded in a replay."""
    health = state.health
    if health is None:
        return state
    sinks = tuple(sink for sink in health.sinks if sink.name != RECORDING)
    return replace(state, health=replace(health, recording=None, sinks=sinks))

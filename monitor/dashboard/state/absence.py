"""What becomes of a state when a monitor elsewhere is away: pure changes that no event of the wire stands for."""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import replace

from monitor.dashboard.state.view_model import DashboardState

OFFLINE = "offline"


def told(state: DashboardState, words: Mapping[str, str]) -> DashboardState:
    """The state with other words for how streams are; the next health event says what really is."""
    streams = tuple(
        replace(stream, state=words[stream.stream]) if stream.stream in words else stream for stream in state.streams
    )
    return replace(state, streams=streams)


def without(state: DashboardState, names: AbstractSet[str]) -> DashboardState:
    """The state without streams that are no more; what they heard stays in the table."""
    return replace(state, streams=tuple(stream for stream in state.streams if stream.stream not in names))


def expired(state: DashboardState, name: str, reason: str) -> DashboardState:
    """The state with no current reading for a stream, and why."""
    streams = tuple(
        replace(stream, heard=replace(stream.heard, raw=None, smoothed=None, reason=reason))
        if stream.stream == name and stream.heard and stream.heard.raw
        else stream
        for stream in state.streams
    )
    return replace(state, streams=streams)

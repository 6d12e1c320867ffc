"""Files of events for tests: what the recorder writes, and what `--sink jsonl:PATH` writes."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from core.wire.events import Event, encode
from core.wire.values import timestamp
from monitor.sinks.recording import RECORDING_SCHEMA
from tests.monitor.dashboard.script import EPOCH, TALK, Script


def recording(path: Path, timed: Iterable[tuple[float, Event]], *, header: bool = True) -> Path:
    """A recording of events and the seconds after EPOCH at which they came."""
    lines = [b'{"schema":"%s","created_at":"%s","version":"0.1.0","node":"desk"}' % (
        RECORDING_SCHEMA.encode(), timestamp(EPOCH).encode()
    )] if header else []  # fmt: skip
    for at_s, event in timed:
        lines.append(encode(event)[:-1] + b',"received_at":"%s"}' % timestamp(EPOCH + at_s).encode())
    path.write_bytes(b"".join(line + b"\n" for line in lines))
    return path


def plain(path: Path, events: Iterable[Event]) -> Path:
    """What the jsonl sink writes."""
    path.write_bytes(b"".join(encode(event) + b"\n" for event in events))
    return path


def conversation(minutes: int = 1, levels_per_s: int = 2) -> list[tuple[float, Event]]:
    """A conversation with its levels, each event when it would come."""
    script = Script()
    timed: list[tuple[float, Event]] = []

    def stamp(at_s: float) -> None:
        timed.extend((at_s, event) for event in script.events)
        script.events.clear()

    for minute in range(minutes):
        zero_s = 60.0 * minute
        script.health()
        stamp(zero_s)
        moments: list[tuple[float, Sequence[float] | None]] = [
            (zero_s + tick / levels_per_s, None) for tick in range(60 * levels_per_s)
        ]
        moments += [(zero_s + end_s + 0.7, (start_s, end_s)) for start_s, end_s, _ in TALK]
        shares = {end_s: share for _, end_s, share in TALK}
        for at_s, spoken in sorted(moments, key=lambda moment: moment[0]):
            if spoken is None:
                inside = any(start_s <= at_s - zero_s <= end_s for start_s, end_s, _ in TALK)
                script.level(at_s, rms=-20.0 if inside else -50.0, speaking=inside)
            else:
                start_s, end_s = spoken
                script.utterance(zero_s + start_s, zero_s + end_s, shares[end_s])
            stamp(at_s)
    return timed

"""Sessions to export: a talk with everything that can happen in one."""

from collections.abc import Iterable

from core.wire.events import Event
from monitor.export.session import Session, Spool
from tests.monitor.dashboard import scenes
from tests.monitor.dashboard.script import Script


def gathered(events: Iterable[Event]) -> Session:
    """The session that some events are of, all of them kept."""
    spool = Spool(limit=None)
    for event in events:
        spool.push(event)
    return spool.session()


def everything() -> list[Event]:
    """Two streams, notes, no readings, losses, an error and health."""
    script = Script(sources={"s1": "mic:Desk microphone", "s2": "=mic:Headset"})
    script.talk(count=9)
    script.utterance(45.0, 45.6, None, reason="speech shorter than 1 s")
    script.utterance(17.4, 21.8, (0.06, 0.58, 0.05, 0.31), stream="s2")
    script.utterance(46.0, 49.0, (0.1, 0.2, 0.3, 0.4), final=False)
    script.drop(26.0, 27.5, "overload")
    script.drop(46.0, 50.25, "overload")
    script.note(12.0, "=1+1 says the <b>guest</b>")
    script.note(27.0, "")
    script.error("mqtt", "broker.example went away", stream=None)
    script.level(50.0)
    script.health()
    return script.events


def session() -> Session:
    """All of that as a session."""
    return gathered(everything())


def hour() -> Session:
    """An hour of lively talk."""
    return gathered(scenes.events("busy_hour"))

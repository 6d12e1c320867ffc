"""One line of a file of events: an event and when it came, the header of a recording, or nothing of ours."""

import json
import re
from dataclasses import dataclass

from core.errors import UsageError
from core.wire.events import Event, EventError, decode
from monitor.recordings.timing import is_possible
from monitor.sinks.recording import RECORDING_SCHEMA
from monitor.wire_time import epoch_s

_RECEIVED_LAST = re.compile(rb',"received_at":"([^"\\]{1,40})"\}\s*$')
_ANY_RECORDING = re.compile(r"^emotion-monitor/recording/(\d+)$")


@dataclass(frozen=True, slots=True)
class Line:
    """An event, and when it came: seconds since the epoch, None where the line does not say."""

    event: Event
    received_at: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """The first line of a recording; what it does not say is empty."""

    created_at: str = ""
    version: str = ""
    node: str = ""


def read_line(data: bytes) -> Line | Header | None:
    """What a line says; None where it is damaged, not of ours, or of a time that cannot be.

    Raises:
        UsageError: The header of a recording of a kind that this program does not know.
    """
    try:
        event = decode(data)
    except EventError:
        return _header(data)
    if not is_possible(event):
        return None
    return Line(event, _received_at(data))


def _received_at(data: bytes) -> float | None:
    found = _RECEIVED_LAST.search(data, max(len(data) - 80, 0))
    if found:
        return epoch_s(found[1].decode(errors="replace"))
    if b'"received_at"' not in data:
        return None
    text = json.loads(data).get("received_at")  # another program has written the line anew
    return epoch_s(text) if isinstance(text, str) else None


def _header(data: bytes) -> Header | None:
    try:
        values = json.loads(data)
    except (ValueError, RecursionError):
        return None
    if not isinstance(values, dict):
        return None
    schema = str(values.get("schema"))
    if schema == RECORDING_SCHEMA:
        fields = {name: values.get(name) for name in ("created_at", "version", "node")}
        return Header(**{name: value for name, value in fields.items() if isinstance(value, str)})
    if _ANY_RECORDING.match(schema):
        msg = f"a recording of another kind: {schema}; this version plays {RECORDING_SCHEMA}"
        raise UsageError(msg, hint="use the version of emotion-monitor that made it, or a newer one")
    return None

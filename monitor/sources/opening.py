"""How a source is named on the command line, and found."""

import difflib
import math
from collections.abc import Sequence
from pathlib import Path

from core.errors import AudioError, UsageError
from core.settings import WebSocketSettings
from core.user_path import user_path
from monitor.sources.naming import check_names, split_name, told_apart
from monitor.sources.source import Source, Speed

SAMPLE = Path(__file__).parents[1] / "samples" / "two_cities.flac"
"""Shipped speech; samples/ATTRIBUTION.md says what it is."""

_FORMS = {
    "auto": "auto",
    "mic": "mic",
    "stdin": "stdin",
    "mic:": "mic:NAME",
    "file:": "file:PATH",
    "ws:": "ws://HOST:PORT",
}


def open_source(spec: str, *, speed: Speed = 1.0, websocket: WebSocketSettings | None = None) -> Source:
    """Finds the source that a user asked for; it delivers sound once it is entered.

    Args:
        spec: `auto`, `mic`, `mic:NAME`, `file:PATH`, `stdin` or `ws://HOST:PORT`, and `=` and a name where the user
            gives it one. `auto` is the default microphone, or else the shipped sample, with a notice that says so.
        speed: For files, standard input and WebSockets.
        websocket: Who may connect to a WebSocket, and its limits.

    Raises:
        UsageError: Not a source, no such file, or no such microphone, or an address that may not be listened on.
        AudioError: The file is not sound, or there is no microphone at all.
    """
    if speed != "max" and not 0 < speed < math.inf:
        msg = f"a speed of {speed} is not possible"
        raise UsageError(msg, hint="1 is real time; max is as fast as possible")
    bare, label = split_name(spec, is_whole=_is_whole)
    source = _unnamed(bare, speed, websocket)
    source.label = label
    return source


def tell_apart(sources: Sequence[Source]) -> None:
    """Lets no two files of a run have one name.

    Raises:
        UsageError: The user has given two sources one.
    """
    from monitor.sources.file import FileSource

    check_names([source.label for source in sources])
    files = [source for source in sources if isinstance(source, FileSource)]
    for file, name in zip(files, told_apart([file.path.absolute() for file in files]), strict=True):
        file.name = f"file:{name}"


def _is_whole(spec: str) -> bool:
    """Whether a file or a microphone is called so."""
    kind, _, rest = spec.partition(":")
    if kind == "file":
        return user_path("source.sources", rest).exists()
    if kind == "mic":
        from monitor.sources.portaudio import list_microphones, matching

        return bool(matching(list_microphones(), rest))
    return False


def _unnamed(spec: str, speed: Speed, websocket: WebSocketSettings | None) -> Source:
    kind, colon, rest = spec.partition(":")
    if spec == "auto":
        return _default_microphone_or_sample(speed)
    if spec == "stdin":
        from monitor.sources.stdin import StdinSource

        return StdinSource(speed=speed)
    if spec == "mic" or (kind == "mic" and rest):
        from monitor.sources.microphone import MicrophoneSource
        from monitor.sources.portaudio import find_microphone

        return MicrophoneSource(find_microphone(rest or None))
    if kind == "file" and rest:
        from monitor.sources.file import FileSource

        return FileSource(user_path("source.sources", rest), speed=speed)
    if colon and kind in {"ws", "wss"}:
        from monitor.sources.websocket import WebSocketSource
        from monitor.websocket.address import listen_address

        settings = websocket or WebSocketSettings()
        return WebSocketSource(listen_address(spec, settings), settings, speed=speed)
    msg = f"{spec!r} is not a source"
    raise UsageError(msg, hint=_suggestion(spec, kind, rest if colon else None))


def _default_microphone_or_sample(speed: Speed) -> Source:
    from monitor.sources.file import FileSource
    from monitor.sources.microphone import MicrophoneSource
    from monitor.sources.portaudio import find_microphone

    try:
        return MicrophoneSource(find_microphone(None))
    except AudioError as error:
        source = FileSource(SAMPLE, speed=speed)
        source.notices.append(f"{error.one_line()}: playing the shipped sample")
        return source


def _suggestion(spec: str, kind: str, rest: str | None) -> str:
    if rest is None and (Path(spec).suffix or Path(spec).is_file()):
        return f"did you mean file:{spec}?"
    word = kind.lower() if rest is None else f"{kind.lower()}:"
    near = difflib.get_close_matches(word, _FORMS, n=1, cutoff=0.6)
    if not near:
        return f"sources are {', '.join(_FORMS.values())}"
    return f"did you mean {near[0] + rest if rest and near[0].endswith(':') else _FORMS[near[0]]}?"

"""What the dashboard says, in words for people: always what is heard in a voice, never what anyone feels."""

from collections.abc import Mapping
from pathlib import PurePath

from core.verdict import agreement, verdict
from core.wire.health import SinkHealth, WorkerHealth
from monitor.dashboard.state.rows import Heard, LostRow
from monitor.dashboard.state.view_model import DashboardState, Stream
from monitor.losses import ABSENT, EXPECTED, Lost, reason_words

TIMES = "\N{MULTIPLICATION SIGN}"
MINUS = "\N{MINUS SIGN}"
NONE = "\N{EN DASH}"
"""Stands where a number is not known."""

SHORT = {"anger": "ang", "happiness": "hap", "sadness": "sad", "neutral": "neu"}
"""Abbreviations, as papers on speech emotion use them."""
STILL_SPEAKING = "still speaking: not final"
SPEAKS_AGAIN = "someone speaks again: not read yet"
OLD_S = 30.0
"""A reading of so long ago says nothing about the present."""

TOO_SHORT = "too short"
"""The model's reason for sound that is too short, without the silence around it and in it."""
NO_READING = {
    TOO_SHORT: ("too short", "Without pauses it is too little sound. Whole sentences are read."),
    "too quiet": ("too quiet", "Speak up or come closer, or raise the input level of the microphone."),
    "not speech": ("it did not sound like speech", "Noise, music and coughs are not read; speech is."),
    "unlike training": (
        "unlike the voices the model learned from",
        "Noise or music in the background is the usual cause.",
    ),
    "worker failed": ("the model failed on it", "A fresh one is started by itself and reads what comes next."),
    "model unavailable": ("the model was not running", "It is started again by itself."),
    "worker stopped": ("the program was ending", ""),
    "out of memory": ("memory ran out", "Close other programs, or choose a smaller model (d)."),
}
"""The model's reason for no reading, in words, and what to do."""
NO_READING_HINT = "No guess is shown. The next utterance is read anew."

CONTINUOUS = frozenset({"overflow", "paused", ABSENT})
"""Reasons that are told in seconds, not in times."""

ABOUT = (
    "A reading is how likely each emotion is to be heard in a voice. It is not what anyone feels, and it can be wrong.",
    "How likely each emotion is to be heard in the voice; not what anyone feels.",
    "What is heard in a voice, not what anyone feels.",
    "Heard, not felt.",
)
"""What a reading is and is not, from long to short."""


def position(seconds: float) -> str:
    """A place in a stream: 0:41, 12:05, 1:02:03."""
    whole = max(int(seconds), 0)
    minutes, second = divmod(whole, 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02}:{second:02}" if hours else f"{minute}:{second:02}"


def duration(seconds: float) -> str:
    """How long: 12 s, 3 min."""
    return f"{max(seconds, 0):.0f} s" if seconds < 100 else f"{seconds / 60:.0f} min"  # noqa: PLR2004 - reads easily


def age(seconds: float) -> str:
    """How long ago something was: just now, 4 s ago, 3 min ago."""
    if seconds < 1:
        return "just now"
    return f"{int(seconds)} s ago" if seconds < 60 else f"{int(seconds // 60)} min ago"  # noqa: PLR2004 - a minute


def milliseconds(value: float) -> str:
    """A latency: 182 ms, 1.2 s."""
    return f"{value:.0f} ms" if value < 999.5 else f"{value / 1000:.1f} s"  # noqa: PLR2004 - rounds to a second


def percent(share: float) -> str:
    """A probability as a whole percentage, without the sign."""
    return f"{share * 100:.0f}"


def decibels(dbfs: float) -> str:
    """A level, with a real minus sign."""
    return f"{dbfs:.0f} dBFS".replace("-", MINUS)


def ended(source: str) -> str:
    """What to say when a source has no more sound."""
    kind = {"file": "The file has ended", "stdin": "The input has ended"}.get(source.partition(":")[0], "It has ended")
    return f"{kind}; q quits."


def expectation(state: DashboardState, stream: Stream | None) -> tuple[str, str]:
    """What stands in place of a reading while there is none: a headline and a line below it."""
    worker = state.worker.state if state.worker else "starting"
    if state.worker and awaits_worker(state.worker):
        worker = "starting"
    match stream.state if stream else "opening", worker:
        case "ended" | "failed" | "offline", _:
            return "Nothing was heard", "There was no utterance to read."
        case _, "starting":
            return _preparation(state)
        case _, "failed" | "stopped":
            again = (
                "It is tried again by itself; d: another one." if worker == "failed" else "q quits; then start again."
            )
            return "No model is running", f"There are no readings without it. {again}"
        case "opening", _:
            return "Opening the source", "Listening begins in a moment."
    paused = state.is_paused(stream) if stream else state.paused
    if stream and stream.level and stream.level.speaking and not paused:
        return "Someone is speaking", "A reading follows in a moment."
    hint = "Paused; p goes on." if paused else "Say something: a reading follows each utterance."
    return "Nothing heard yet", hint


def _preparation(state: DashboardState) -> tuple[str, str]:
    if state.worker and awaits_worker(state.worker):
        return "Waiting for a worker", "Readings come as soon as one is there: emotion-monitor worker."
    return f"Loading the model {model_name(state)}".rstrip(), "Readings begin as soon as it is ready."


def model_name(state: DashboardState) -> str:
    """The model as people call it: its name, or that of its folder."""
    worker = state.worker.model if state.worker else ""
    return PurePath((state.stamp.name if state.stamp else "") or worker or state.session.model).name


def headline(state: DashboardState, stream: Stream) -> str:
    """The current reading of a stream in words, or what stands in its place."""
    heard = stream.heard
    if heard is None:
        return expectation(state, stream)[0]
    words = no_reading(heard.reason or "")[0] if heard.raw is None else verdict(heard.raw, heard.worth)
    if not heard.final:
        return f"so far: {words}"
    if stream.speaks_again:
        return f"before: {words}"
    return f"last heard: {words}" if is_old(stream) else words


def no_reading(reason: str) -> tuple[str, str]:
    """That there is no reading and why, and what to do about it."""
    words, hint = NO_READING.get(reason, (reason.replace("_", " ") or "the model gave none", NO_READING_HINT))
    return f"no reading: {words}", hint


def is_old(stream: Stream) -> bool:
    """Whether the reading on screen is of long ago, or nothing more is heard."""
    over = stream.state in {"paused", "ended", "failed"}
    return over or (stream.age_s is not None and stream.age_s >= OLD_S)


def is_past(stream: Stream) -> bool:
    """Whether the reading on screen is not, or no longer, the final word on what was heard last."""
    heard = stream.heard
    return heard is not None and (not heard.final or stream.speaks_again or is_old(stream))


def when(stream: Stream) -> list[str]:
    """Which stretch of speech the current reading is about, in parts, the more important ones last."""
    heard = stream.heard
    if heard is None:
        return []
    parts = []
    if heard.length_s is not None and heard.start_s is not None:
        parts.append(f"{length(heard)} at {position(heard.start_s)}")
    if not heard.final:
        parts.append(STILL_SPEAKING)
    elif stream.speaks_again:
        parts.append(SPEAKS_AGAIN)
    elif stream.age_s is not None and stream.state == "listening":
        parts.append(age(stream.age_s))
    return parts


def certainty(state: DashboardState, stream: Stream) -> list[str]:
    """How sure the current reading is, in parts, or what to do where there is none."""
    heard = stream.heard
    if heard is None:
        return [expectation(state, stream)[1]]
    if heard.raw is None:
        return [no_reading(heard.reason or "")[1]]
    numbers = f"margin {heard.raw.margin:.2f}", f"entropy {heard.raw.entropy:.2f}"
    return [agreement(heard.raw, heard.worth), *numbers]


def length(heard: Heard) -> str:
    """How long an utterance is, with the pauses around and in it; without them it may have been too short."""
    return f"{heard.length_s or 0.0:.1f} s {'with pauses' if heard.reason == TOO_SHORT else 'of speech'}"


def standing(state: DashboardState, stream: Stream, now_s: float) -> str | None:
    """Why there is no level to show, in one line; None when there is one."""
    instead = {
        "opening": "Opening the source",
        "ended": ended(stream.source),
        "failed": f"No sound any more: {(stream.trouble or 'the source failed').partition(' (')[0]}",
        "offline": "The monitor is offline.",
    }
    if stream.state in instead:
        return instead[stream.state]
    if state.is_paused(stream):
        return "Paused: not listening. p goes on."
    if stream.sound_stopped(now_s):
        return f"No sound has come for {duration(stream.sound_age_s(now_s))}."
    if stream.level is None:
        return "No levels are sent (mqtt.details is off there)." if state.session.watched else "Waiting for sound"
    return None


def awaits_worker(worker: WorkerHealth) -> bool:
    """Whether others are to read, and none of them is there."""
    return worker.remote is not None and not worker.remote.workers and worker.state in {"starting", "restarting"}


def worker_state(worker: WorkerHealth) -> str:
    """The inference process in a few words."""
    if awaits_worker(worker):
        return "waiting for a worker"
    words = {"starting": "loading", "ready": "ready", "busy": "reading", "restarting": "restarting"}
    return words.get(worker.state, worker.state)


def mqtt_state(sink: SinkHealth | None) -> str:
    """The MQTT connection in a word."""
    if sink is None:
        return "off"
    return {"starting": "connecting", "ok": "connected", "degraded": "lost"}.get(sink.state, sink.state)


def losses(lost: Mapping[str, Lost]) -> str:
    """What got no reading, by reason: too short x2, sound lost 0.4 s; or nothing."""
    parts = [
        f"{reason_words(reason)} {count.seconds:.1f} s"
        if reason in CONTINUOUS or not count.times
        else f"{reason_words(reason)} {TIMES}{count.times}"
        for reason, count in lost.items()
    ]
    return ", ".join(parts) or "nothing"


def loss(row: LostRow) -> str:
    """One row of sound without a reading."""
    words = reason_words(row.reason)
    if row.reason in CONTINUOUS:
        return f"{words}, {row.length_s:.1f} s"
    return f"not read: {words}" + (f" {TIMES}{row.times}" if row.times > 1 else "")


def worrying(lost: Mapping[str, Lost]) -> bool:
    """Whether speech was lost that should have been read."""
    return not lost.keys() <= EXPECTED

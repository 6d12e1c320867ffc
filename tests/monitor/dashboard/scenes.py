"""Named scenes: the wire events that lead to each state of the dashboard, for tests and for the README's pictures.

Times are fixed, and so is every number, so that a scene always paints the same picture.
"""

from collections.abc import Callable
from dataclasses import replace

from core.wire.events import Adaptation, Event, LevelEvent
from core.wire.health import HealthEvent, RemoteHealth, SinkHealth, StreamHealth, Tuning
from tests.monitor.dashboard.script import STAMP, TALK, Script

REFUSAL = "the broker refuses us: wrong user or password (mqtt://localhost:1883)"


def starting() -> Script:
    """The model is loading."""
    script = Script()
    script.health(worker="starting", state="opening", mqtt="starting", measured=False)
    return script


def listening() -> Script:
    """Ready, and nothing was said yet."""
    script = Script()
    script.health(measured=False)
    script.level(3.1)
    return script


def speaking() -> Script:
    """Someone speaks for the first time; no reading yet."""
    script = Script()
    script.health(measured=False)
    script.level(4.2, rms=-21.5, speaking=True)
    return script


def interim() -> Script:
    """A long utterance with a reading of what was said so far."""
    script = Script()
    script.health(worker="busy")
    script.talk(count=6)
    script.utterance(27.9, 30.9, (0.14, 0.04, 0.52, 0.30), final=False)
    script.level(31.2, rms=-19.0, speaking=True)
    return script


def clear() -> Script:
    """A reading with one emotion far ahead."""
    script = Script()
    script.health()
    script.talk(count=6)
    return script


def stranger(weight: float = 0.25) -> Script:
    """A model that adapts to voices reads one of which it has heard little."""
    script = Script()
    script.health()
    script.utterance(1.2, 3.9, (0.04, 0.09, 0.06, 0.81), adaptation=Adaptation(utterances=0, weight=0.0))
    script.utterance(5.1, 7.4, (0.02, 0.03, 0.02, 0.93), adaptation=Adaptation(utterances=1, weight=weight))
    return script


def uncalibrated() -> Script:
    """A model without a calibration reads."""
    script = Script()
    script.health()
    script.utterance(1.2, 3.9, (0.94, 0.02, 0.02, 0.02), stamp=replace(STAMP, calibration=None))
    script.level(6.1)
    return script


def mixed() -> Script:
    """A reading in which two emotions are close, after a whole conversation."""
    script = Script()
    script.health()
    script.talk()
    script.drop(45.0, 45.3, "too_short")
    return script


def unclear() -> Script:
    """A reading that says almost nothing."""
    script = Script()
    script.health()
    script.talk(count=3)
    script.utterance(14.0, 15.3, (0.24, 0.27, 0.23, 0.26))
    script.level(16.0)
    return script


def no_reading() -> Script:
    """The model gave no valid reading."""
    script = Script()
    script.health()
    script.talk(count=4)
    script.utterance(17.0, 18.5, None, reason="too short")
    script.level(19.0)
    return script


def paused() -> Script:
    """The user paused."""
    script = Script()
    script.talk(count=5)
    script.health(state="paused")
    script.drop(22.0, 31.5, "paused")
    return script


def file_ended() -> Script:
    """A file was played to its end."""
    script = Script(sources={"s1": "file:two_cities.flac"})
    script.talk(count=7)
    script.health(state="ended")
    return script


def source_failed() -> Script:
    """The only microphone vanished, and is not looked for."""
    script = microphone_awaited()
    script.health(state="failed", worker="stopped")
    return script


def microphone_awaited() -> Script:
    """The only microphone vanished."""
    script = Script()
    script.talk(count=3)
    script.error("source", "microphone Desk microphone stopped delivering sound", "it may be unplugged", stream="s1")
    script.health(state="failed")
    return script


def broker_lost() -> Script:
    """The MQTT broker is away; events wait."""
    script = Script()
    script.talk(count=7)
    script.health(mqtt="degraded", waiting=12)
    return script


def worker_restarting() -> Script:
    """The inference process died and is being started again."""
    script = Script()
    script.talk(count=5)
    script.health(worker="restarting", queued=2, generation=2)
    script.level(26.0, rms=-23.0, speaking=True)
    return script


def no_worker() -> Script:
    """Utterances are read elsewhere, and those who did are gone."""
    script = Script()
    script.talk(count=5)
    script.health(worker="restarting", queued=2)
    health = script.events.pop()
    assert isinstance(health, HealthEvent)
    counts = {"owned": 9, "answered": 6, "expired": 1, "in_flight": 2, "resent": 3, "duplicates": 1}
    remote = RemoteHealth(broker="mqtts://broker.lan:8883", site="main", workers=(), **counts)
    script.events.append(replace(health, worker=replace(health.worker, remote=remote)))
    script.level(26.0, rms=-23.0, speaking=True)
    return script


def overload() -> Script:
    """More speech than the model can read."""
    script = Script()
    script.talk(count=5)
    script.health(worker="busy", queued=4)
    for start_s in (22.0, 26.5, 31.0):
        script.drop(start_s, start_s + 4.2, "overload")
    script.level(35.4, rms=-17.0, speaking=True)
    return script


def error() -> Script:
    """Something failed once, and the program goes on."""
    script = Script()
    script.talk(count=5)
    script.health()
    script.error("sink", "events.jsonl: no space left on device", "free some space; writing goes on by itself")
    return script


def two_microphones() -> Script:
    """Two people, a microphone each."""
    script = Script(sources={"s1": "mic:Desk microphone", "s2": "mic:Headset"})
    script.health()
    script.talk(count=4)
    script.utterance(17.4, 21.8, (0.06, 0.58, 0.05, 0.31), stream="s2")
    script.utterance(19.2, 21.9, (0.08, 0.41, 0.10, 0.41))
    script.utterance(23.0, 25.2, (0.12, 0.66, 0.04, 0.18), stream="s2")
    script.level(26.0, rms=-24.0, speaking=True)
    script.level(26.0, rms=-49.0, stream="s2")
    return script


def one_source_failed() -> Script:
    """One of two microphones vanished."""
    script = two_microphones()
    script.error("source", "microphone Headset stopped delivering sound", "it may have been unplugged", stream="s2")
    script.sinks()
    return script.streams(s2="failed")


def switched() -> Script:
    """Another microphone has taken the place of the first."""
    script = two_microphones()
    script.sinks()
    return script.streams(s1="ended")


def worker_failed() -> Script:
    """The inference process kept dying and is left alone for a while."""
    script = Script()
    script.talk(count=5)
    script.error("worker", "the inference process ended: killed by signal 9")
    script.health(worker="failed", generation=5)
    return script


def broker_refuses() -> Script:
    """The broker wants another password."""
    script = Script()
    script.talk(count=5)
    return script.sinks(SinkHealth(name="mqtt", state="degraded", detail=REFUSAL, queued=3, dropped=0))


def outbox_full() -> Script:
    """Connected, but the outbox cannot be written."""
    script = Script()
    script.talk(count=5)
    detail = "connected mqtt://localhost:1883 (MQTT 5); outbox: disk full, 40 in memory only"
    return script.sinks(SinkHealth(name="mqtt", state="degraded", detail=detail, queued=40, dropped=0))


def disk_full() -> Script:
    """A file of events cannot be written."""
    script = Script()
    script.talk(count=5)
    sink = SinkHealth(
        name="jsonl:events.jsonl", state="degraded", detail="no space left on device", queued=1000, dropped=57
    )
    return script.sinks(sink)


def overflow() -> Script:
    """Sound was lost before it could be heard."""
    script = Script()
    script.health()
    script.talk(count=5)
    script.drop(22.0, 22.4, "overflow")
    return script


def muted() -> Script:
    """The microphone is switched off."""
    script = Script()
    script.health()
    for number in range(50):
        script.level(number / 10, rms=-120.0)
    return script


def replugged(times: int = 1) -> Script:
    """A microphone was pulled out and plugged in again, some seconds each time."""
    script = Script()
    script.health()
    script.talk(count=3)
    for number in range(times):
        gone_s = 16.0 + 8 * number
        script.level(gone_s)
        script.error("source", "microphone Desk microphone stopped delivering sound", "unplugged?", stream="s1")
        script.health(state="failed")
        script.drop(gone_s, gone_s + 5.0, "absent")
        script.health()
        script.level(gone_s + 5.1)
    return script


def clipping() -> Script:
    """Someone shouts into the microphone."""
    script = Script()
    script.health()
    script.talk(count=5)
    script.level(24.1, rms=-2.0, speaking=True)
    script.events.append(replace(script.events.pop(), peak_dbfs=0.0, clipped=True, noise_floor_dbfs=-57.0))  # type: ignore[call-arg]
    return script


def sums_differ() -> Script:
    """A stream whose sums do not add up, which must never be."""
    script = Script()
    script.talk(count=5)
    return script.sinks().streams(s1="listening", captured=16_000)


def explained() -> Script:
    """A conversation whose last reading came with the answer, token by token, and every read-out."""
    script = Script()
    script.health()
    script.talk()
    script.note(27.0, "the other one comes in")
    script.drop(45.0, 45.3, "too_short")
    script.tokens(
        len(TALK),
        "The speaker sounds sad, and a little neutral.",
        [
            ("The", False, (0.0004, 0.0003, 0.0009, 0.0006)),
            (" speaker", False, (0.0001, 0.0001, 0.0002, 0.0002)),
            (" sounds", False, (0.002, 0.001, 0.006, 0.004)),
            (" sad", True, (0.04, 0.02, 0.48, 0.41)),
            (",", False, (0.0006, 0.0002, 0.002, 0.002)),
            (" and", False, (0.0002, 0.0002, 0.0003, 0.0003)),
            (" a", False, (0.003, 0.002, 0.005, 0.004)),
            (" little", False, (0.008, 0.004, 0.02, 0.03)),
            (" neutral", True, (0.11, 0.05, 0.09, 0.66)),
            (".", False, (0.00005, 0.00005, 0.0001, 0.0001)),
        ],
    )
    return script


def answer_position() -> Script:
    """A reading whose answer was not written: one step, and the read-outs that need no more."""
    script = Script()
    script.health()
    script.talk(count=6)
    script.tokens(6, None, [("", False, (0.31, 0.01, 0.04, 0.06))])
    return script


def tuned(recording: str | None = None) -> Script:
    """A monitor that says what can be changed while it runs, and how it is now."""
    script = Script()
    script.talk(count=6)
    script.health()
    health = script.events.pop()
    assert isinstance(health, HealthEvent)
    tuning = Tuning(vad_mode=2, tau_s=7.0, model="ltu-as-mini", prompt="single", readout="seq_logprob", explain=False)
    script.events.append(replace(health, tuning=tuning, recording=recording))
    return script


def recording() -> Script:
    """Events are being recorded."""
    return tuned(recording="20260101-100000.jsonl")


def half_voiced() -> Script:
    """Five seconds of levels, every other one voiced."""
    script = tuned()
    for number in range(50):
        script.level(50.0 + number / 10, rms=-30.0, speaking=number % 2 == 0)
    return script


def measured() -> Script:
    """A monitor at work that reports all it can."""
    script = Script()
    script.talk()
    script.level(46.0, rms=-31.0, speaking=True)
    level = script.events.pop()
    assert isinstance(level, LevelEvent)
    script.events.append(replace(level, noise_floor_dbfs=-57.0))
    script.health(worker="busy")
    health = script.events.pop()
    assert isinstance(health, HealthEvent)
    streams = StreamHealth(
        stream="s1",
        source=script.sources["s1"],
        state="listening",
        captured=736_000,
        silence=265_600,
        segmented=467_200,
        dropped={"too_short": 3_200},
        segments=9,
        published=9,
    )
    worker = replace(health.worker, restarts=0, cpu_percent=61.5, gpu_mb=512.0)
    sinks = (
        SinkHealth(name="mqtt", state="ok", detail="connected mqtt://localhost:1883 (MQTT 5)", queued=0, dropped=0),
        SinkHealth(name="jsonl:events.jsonl", state="ok", detail="writing to events.jsonl", queued=0, dropped=0),
        health.sinks[-1],
    )
    script.events.append(
        replace(
            health,
            streams=(streams,),
            worker=worker,
            sinks=sinks,
            latency_p99_ms=140.0,
            hangover_p50_ms=600.0,
            rss_mb=118.0,
            cpu_percent=4.2,
            recording="20260101-100000.jsonl",
        )
    )
    return script


def busy_hour() -> Script:
    """An hour of talk with every kind of trouble, for what scrolls."""
    script = Script()
    script.health()
    for minute in range(60):
        for number, (start_s, end_s, shares) in enumerate(TALK):
            if (minute + number) % 17 == 0:
                script.drop(60.0 * minute + start_s, 60.0 * minute + end_s, "overload")
            else:
                script.utterance(60.0 * minute + start_s, 60.0 * minute + end_s, shares)
        script.drop(60.0 * minute + 46, 60.0 * minute + 46.3, "too_short")
    script.note(3550.0, "here")
    script.level(3600.0)
    return script


SCENES: dict[str, Callable[[], Script]] = {
    scene.__name__: scene
    for scene in (
        starting, listening, speaking, interim, clear, stranger, uncalibrated,
        mixed, unclear, no_reading, paused, file_ended, source_failed,
        microphone_awaited, switched, replugged,
        broker_lost, worker_restarting, no_worker, overload, error, two_microphones, explained,
        answer_position, busy_hour, tuned, recording, half_voiced,
        one_source_failed, worker_failed, broker_refuses, outbox_full, disk_full, overflow, muted, clipping,
        sums_differ, measured,
    )
}  # fmt: skip


def events(name: str) -> list[Event]:
    """The events of a scene, in order."""
    return SCENES[name]().events

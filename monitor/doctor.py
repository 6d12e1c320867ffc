"""`emotion-monitor doctor`: what works on this machine, what does not, and what to do about it."""

import asyncio
import os
import platform
import shutil
import sys
from dataclasses import dataclass, field, replace
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from typing import Self

import numpy as np
from numpy.typing import NDArray

from core.errors import EmotionMonitorError
from core.model import SAMPLE_RATE_HZ
from core.settings import MqttSettings, OutputSettings, RecordSettings, Settings
from core.settings_file import default_user_file
from core.wire.events import Event, UtteranceEvent
from core.wire.health import HealthEvent, SinkHealth, WorkerHealth
from monitor.consent import disclosure
from monitor.finding import Finding, Verdict
from monitor.model_check import ModelCheck, check_model
from monitor.pipeline import Pipeline
from monitor.sound_check import SoundCheck
from monitor.sources.clip import ClipSource
from monitor.sources.opening import SAMPLE, open_source
from monitor.sources.portaudio import in_thread
from monitor.sources.source import Source
from monitor.vitals import account

REMOTE_S = 60.0
"""Time given to workers elsewhere."""


def examine(settings: Settings, *, listen_s: float | None = None) -> int:
    """Prints one line per part; exit status 1 if a part fails that the settings need.

    Args:
        settings: All of them.
        listen_s: So long the microphone is listened to, for a line about its sound and what the model hears in it.
    """
    findings = [_program(), _settings_file(), _microphones(settings)]
    checked = ModelCheck() if settings.remote.broker else check_model(settings)
    findings += checked.findings
    if checked.loadable:
        if listen_s is not None:
            findings += asyncio.run(_listening(settings, listen_s))
        findings += asyncio.run(_reading(settings))
    findings += [asyncio.run(_broker(settings)), _metrics(settings)]
    for finding in findings:
        print(f"{finding.verdict:<5} {finding.part:<11} {finding.text}")
    return int(any(finding.verdict == "FAIL" for finding in findings))


def _program() -> Finding:
    parts = ", ".join(map(_library, ("torch", "transformers", "textual", "aiomqtt")))
    text = f"emotion-monitor {version('emotion-monitor')}, Python {platform.python_version()}, {parts}"
    return Finding("program", "ok", text)


def _library(name: str) -> str:
    """A library and its version; a machine that has its utterances read elsewhere needs no torch."""
    try:
        return f"{name} {version(name)}"
    except PackageNotFoundError:
        return f"no {name}"


def _settings_file() -> Finding:
    path = default_user_file()
    return Finding("settings", "ok", f"{path}" if path.exists() else f"defaults; yours would be read from {path}")


def _microphones(settings: Settings) -> Finding:
    from monitor.sources.portaudio import list_microphones

    needed = any(spec.startswith("mic") for spec in settings.source.sources)
    worst: Verdict = "FAIL" if needed else "note"
    try:
        microphones = list_microphones()
    except EmotionMonitorError as error:
        return Finding("microphone", worst, error.one_line())
    if not microphones:
        return Finding("microphone", worst, "none found: connect one, or play files with --source file:PATH")
    default = next((microphone.name for microphone in microphones if microphone.is_default), "none is the default")
    return Finding("microphone", "ok", f"{len(microphones)} found; default: {default}")


async def _listening(settings: Settings, listen_s: float) -> list[Finding]:
    """Hears the first microphone of the settings, by default the default one; the sound is in memory only."""
    spec = next((spec for spec in settings.source.sources if spec.startswith("mic")), "mic")
    try:
        source = await in_thread(partial(open_source, spec))
        _tell(_disclosed(settings, source))
        async with source:
            _tell(f"listening for {listen_s:g} s: say something")
            samples, lost = await _heard(source, listen_s)
        check = SoundCheck.of(samples, settings)
        advice = check.advice() + ([f"{lost / SAMPLE_RATE_HZ:.1f} s were lost: close other programs"] if lost else [])
        text = "; ".join([f"{source.name}: {check}", *advice])
        found = Finding("sound", "FAIL" if check.is_silent else "note" if advice else "ok", text)
        return [found, *(await _read_aloud(settings, source.name, samples) if check.speech_share else [])]
    except EmotionMonitorError as error:
        return [Finding("sound", "FAIL", error.one_line())]


def _disclosed(settings: Settings, source: Source) -> str:
    """What becomes of what is heard now, whatever a run with these settings would do with it."""
    alone = replace(
        settings,
        model=replace(settings.model, transcript=False),
        mqtt=MqttSettings(url="off"),
        output=OutputSettings(),
        record=RecordSettings(),
    )
    return disclosure(alone, [source.name]).one_line()


async def _heard(source: Source, listen_s: float) -> tuple[NDArray[np.int16], int]:
    """Samples of a source that is open, and how many more went missing."""
    wanted, taken, lost, parts = round(listen_s * SAMPLE_RATE_HZ), 0, 0, [np.empty(0, np.int16)]
    async for block in source.blocks():
        parts.append(block.samples)
        taken += len(block.samples)
        lost += block.lost
        if taken >= wanted:
            break
    return np.concatenate(parts)[:wanted], lost


async def _read_aloud(settings: Settings, name: str, samples: NDArray[np.int16]) -> list[Finding]:
    """What the model reads in it, an utterance a line."""
    collector = await _run(settings, ClipSource(name, samples))
    return [Finding("heard", "ok", _said(event)) for event in collector.events if isinstance(event, UtteranceEvent)]


def _said(event: UtteranceEvent) -> str:
    when = f"{event.start_s:.1f} to {event.end_s:.1f} s: "
    if event.distribution is None:
        return f"{when}no reading: {event.reason}"
    shares = ", ".join(f"{emotion} {share:.0%}" for emotion, share in event.distribution.ranked)
    return f"{when}{shares}{'' if event.model.calibration else ' (uncalibrated)'}"


def _tell(text: str) -> None:
    print(f"emotion-monitor: {text}", file=sys.stderr, flush=True)


@dataclass(slots=True)
class _Collector:
    """A sink that keeps what it is sent."""

    name: str = "doctor"
    events: list[Event] = field(default_factory=list)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        pass

    async def send(self, event: Event) -> None:
        self.events.append(event)

    def hurry(self) -> None:
        pass

    def health(self) -> SinkHealth:
        return SinkHealth(name=self.name, state="ok", detail="", queued=0, dropped=0)


async def _run(settings: Settings, source: Source) -> _Collector:
    collector = _Collector()
    await Pipeline(settings, [source], [collector]).run()
    return collector


async def _reading(settings: Settings) -> list[Finding]:
    """Plays the shipped sample through the whole pipeline as fast as the model reads it."""
    settings = replace(settings, model=replace(settings.model, abstain=False))  # whether it reads, not what it refuses
    remote = settings.remote
    try:
        async with asyncio.timeout(REMOTE_S if remote.broker else None):
            collector = await _run(settings, open_source(f"file:{SAMPLE}", speed="max"))
    except TimeoutError:
        text = f"no worker at site {remote.site} has read the sample within {REMOTE_S:g} s ({remote.broker})"
        return [Finding("model", "FAIL", text)]
    except EmotionMonitorError as error:
        return [Finding("model", "FAIL", error.one_line())]
    healths = [event for event in collector.events if isinstance(event, HealthEvent)]
    readings = [event for event in collector.events if isinstance(event, UtteranceEvent)]
    stream = healths[-1].streams[0]
    worker = max((health.worker for health in healths), key=lambda worker: (worker.rss_mb, worker.state == "ready"))
    sums = "both sums add up" if stream.adds_up else "THE SUMS DO NOT ADD UP"
    text = f"shipped sample, {account(stream)}; {sums}"
    works = stream.adds_up and stream.published == stream.segments > 0
    model = readings[0].model if readings else None
    calibration = model.calibration or "uncalibrated" if model else "no reading"
    return [
        Finding("model", "ok", f"{worker.model} ({calibration}), {_place(worker)}"),
        _device(worker.device),
        Finding("pipeline", "ok" if works else "FAIL", text),
        Finding("latency", "ok", f"utterance to reading: median {healths[-1].latency_p50_ms} ms of compute, unpaced"),
    ]


def _place(worker: WorkerHealth) -> str:
    if worker.remote is None:
        return f"{worker.rss_mb:.0f} MB in its own process"
    return f"read over {worker.remote.broker} at site {worker.remote.site}"


def _device(device: str) -> Finding:
    if device == "cpu" and shutil.which("nvidia-smi"):
        return Finding("device", "note", "cpu, though this machine has an NVIDIA GPU: is torch a CPU-only build?")
    return Finding("device", "ok", device)


async def _broker(settings: Settings) -> Finding:
    from monitor.broker import EmbeddedBroker
    from monitor.mqtt.address import broker_address
    from monitor.mqtt.connection import Connector

    if settings.mqtt.url == "off":
        return Finding("mqtt", "ok", "off")
    try:
        if settings.mqtt.url == "embedded":
            async with EmbeddedBroker() as broker:
                return Finding("mqtt", "ok", f"embedded broker starts ({broker.urls['MQTT 5']}); for this machine only")
        address = broker_address(settings.mqtt)
        client_id = f"emotion-doctor-{os.getpid()}"
        async with Connector(address, client_id=client_id, keepalive_s=settings.mqtt.keepalive_s).connect():
            return Finding("mqtt", "ok", f"{address.url} takes us in")
    except EmotionMonitorError as error:
        return Finding("mqtt", "FAIL", error.one_line())


def _metrics(settings: Settings) -> Finding:
    from monitor.metrics import MetricsServer

    if not settings.metrics.port:
        return Finding("metrics", "ok", "off; metrics.port serves them to this machine")
    try:
        with MetricsServer(settings.metrics.port) as metrics:
            return Finding("metrics", "ok", f"{metrics.url}, for this machine only")
    except EmotionMonitorError as error:
        return Finding("metrics", "FAIL", error.one_line())

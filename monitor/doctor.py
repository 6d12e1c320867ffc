"""`emotion-monitor doctor`: what works on this machine, what does not, and what to do about it."""

import asyncio
import os
import platform
import shutil
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from typing import Literal, Self

from core.errors import EmotionMonitorError
from core.settings import Settings, default_user_file
from core.wire.events import Event, HealthEvent, SinkHealth, UtteranceEvent
from monitor.pipeline import Pipeline
from monitor.sources.opening import SAMPLE, open_source
from monitor.vitals import account

Verdict = Literal["ok", "note", "FAIL"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report."""

    part: str
    verdict: Verdict
    text: str


def examine(settings: Settings) -> int:
    """Prints one line per part; exit status 1 if a part fails that the settings need."""
    findings = [_program(), _settings_file(), _microphones(settings)]
    findings += asyncio.run(_reading(settings))
    findings += [asyncio.run(_broker(settings)), _metrics(settings)]
    for finding in findings:
        print(f"{finding.verdict:<5} {finding.part:<11} {finding.text}")
    return int(any(finding.verdict == "FAIL" for finding in findings))


def _program() -> Finding:
    parts = ", ".join(f"{name} {version(name)}" for name in ("torch", "transformers", "textual", "aiomqtt"))
    text = f"emotion-monitor {version('emotion-monitor')}, Python {platform.python_version()}, {parts}"
    return Finding("program", "ok", text)


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


async def _reading(settings: Settings) -> list[Finding]:
    """Plays the shipped sample through the whole pipeline as fast as the model reads it."""
    collector = _Collector()
    settings = replace(settings, model=replace(settings.model, abstain=False))  # whether it reads, not what it refuses
    pipeline = Pipeline(settings, [open_source(f"file:{SAMPLE}", speed="max")], [collector])
    try:
        await pipeline.run()
    except EmotionMonitorError as error:
        return [Finding("model", "FAIL", error.one_line())]
    healths = [event for event in collector.events if isinstance(event, HealthEvent)]
    readings = [event for event in collector.events if isinstance(event, UtteranceEvent)]
    stream = healths[-1].streams[0]
    worker = max((health.worker for health in healths), key=lambda worker: worker.rss_mb)
    sums = "both sums add up" if stream.adds_up else "THE SUMS DO NOT ADD UP"
    text = f"shipped sample, {account(stream)}; {sums}"
    works = stream.adds_up and stream.published == stream.segments > 0
    model = readings[0].model if readings else None
    calibration = model.calibration or "uncalibrated" if model else "no reading"
    return [
        Finding("model", "ok", f"{worker.model} ({calibration}), {worker.rss_mb:.0f} MB in its own process"),
        _device(worker.device),
        Finding("pipeline", "ok" if works else "FAIL", text),
        Finding("latency", "ok", f"utterance to reading: median {healths[-1].latency_p50_ms} ms of compute, unpaced"),
    ]


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

"""Puts a live run together from settings: sources, sinks, model, and the dashboard or a plain terminal."""

import asyncio
import logging
import os
import signal
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from platformdirs import user_log_path

from core.command_line import INTERRUPTED
from core.errors import UsageError
from core.settings import Settings
from core.speech_llm.fetching import prepare
from core.wire.commands import Command
from monitor.consent import Consent
from monitor.pipeline import Pipeline
from monitor.screen import has_screen
from monitor.signals import on_end
from monitor.sinks.jsonl import JsonlSink, jsonl_target
from monitor.sinks.opening import open_sinks
from monitor.sinks.recording import Recorder
from monitor.sinks.sink import Sink
from monitor.sources.opening import open_source, tell_apart
from monitor.sources.portaudio import in_thread
from monitor.sources.source import Source
from monitor.systemd import ServiceNotices
from monitor.upkeep import Upkeep, give_back_large_blocks

if TYPE_CHECKING:
    from monitor.dashboard import DashboardApp

log = logging.getLogger(__name__)


def run(settings: Settings) -> int:
    """Listens until the sources end or someone stops it; returns the exit status.

    The dashboard needs a terminal; without one, or when asked to do without, events go to standard output unless
    other sinks are named.

    Raises:
        EmotionMonitorError: It could not start, or behind the dashboard its only sources failed.
    """
    headless = settings.output.headless or not has_screen()
    if headless and not settings.output.sinks:
        settings = replace(settings, output=replace(settings.output, sinks=("jsonl",)))
    _check(settings, headless=headless)
    if not settings.remote.broker:
        prepare(settings.model, memory_mb=settings.worker.memory_mb)
    return asyncio.run(_run(settings, headless=headless))


def _check(settings: Settings, *, headless: bool) -> None:
    """Refuses what would fight over one standard stream."""
    for key, values in (("source.sources", settings.source.sources), ("output.sinks", settings.output.sinks)):
        kinds = Counter(value.partition("=")[0] for value in values)
        twice = [kind for kind, count in kinds.items() if count > 1 and kind in {"stdin", "jsonl"}]
        if twice:
            msg = f"{key}: {twice[0]} is given twice"
            raise UsageError(msg)
    if not headless and any(jsonl_target(spec) is None for spec in settings.output.sinks):
        msg = "the dashboard and --sink jsonl cannot share one terminal"
        raise UsageError(msg, hint="add --headless, or write to a file with --sink jsonl:PATH")
    if not headless and any(spec.partition("=")[0] == "stdin" for spec in settings.source.sources):
        msg = "the dashboard reads its keys from standard input"
        raise UsageError(msg, hint="add --headless to read sound from there")


async def _run(settings: Settings, *, headless: bool) -> int:
    """Listens; a signal stops it, whatever it is doing."""
    signals: list[signal.Signals] = []
    gently: list[Callable[[], None]] = []  # how to stop once there is something that wants to end well
    listening = asyncio.create_task(_listen(settings, headless=headless, gently=gently))

    def stop(number: signal.Signals) -> None:
        signals.append(number)
        if not gently:
            listening.cancel()
        for end in gently:
            end()

    on_end(stop)
    try:
        code = await listening
    except asyncio.CancelledError:
        if not signals:
            raise
        code = 0
    return INTERRUPTED if signal.SIGINT in signals else code


async def _listen(settings: Settings, *, headless: bool, gently: list[Callable[[], None]]) -> int:
    give_back_large_blocks()
    sources = [
        await in_thread(partial(open_source, spec, speed=settings.source.speed, websocket=settings.websocket))
        for spec in settings.source.sources
    ]
    tell_apart(sources)
    async with AsyncExitStack() as stack:
        sinks: list[Sink] = []  # those that take commands need the pipeline, which needs them only once it runs

        def obey(command: Command) -> None:
            pipeline.command(command)

        app = None if headless else _dashboard(settings, obey)
        recorder = Recorder(settings.record, settings.mqtt.node, sinks, say=partial(_say, app))

        async def open_microphone(spec: str) -> Source:
            return await _open_microphone(spec, consent)

        notices = stack.enter_context(ServiceNotices(settings.worker))
        on_health = [notices.tell, Upkeep().tell]
        if settings.metrics.port:
            from monitor.metrics import MetricsServer

            metrics = stack.enter_context(MetricsServer(settings.metrics.port))
            log.info("metrics: %s", metrics.url)
            on_health.append(metrics.tell)
        pipeline = Pipeline(
            settings, sources, sinks, open_source=open_microphone, recorder=recorder, on_health=on_health
        )
        consent = _consent(settings, app)
        if app is not None:
            stack.callback(_sum_up, app, recorder, settings.output.sinks)
            sinks.append(await stack.enter_async_context(_dashboard_sink(app)))
        sinks += await open_sinks(settings, sources, pipeline.execute, stack)
        await stack.enter_async_context(recorder)
        gently += [notices.stopping, pipeline.stop]
        names = [source.name for source in sources]
        if app is None:
            await consent.to(names)
            await pipeline.run()
        else:
            gently.append(app.exit)
            await _show(app, pipeline, partial(consent.to, names))
    if pipeline.errors and app is not None and len(pipeline.errors) == len(sources):
        raise pipeline.errors[0]
    if pipeline.errors:
        return pipeline.errors[0].exit_code  # it was said when it happened
    return int(pipeline.is_failing or any(isinstance(sink, JsonlSink) and sink.failed for sink in sinks))


async def _open_microphone(spec: str, consent: Consent) -> Source:
    """What a running program may be switched to.

    Raises:
        UsageError: It is no microphone: a file would be somebody's who may not have been asked. Or someone was asked
            whether it may be listened to, and did not agree.
        AudioError: There is no such microphone.
    """
    if spec != "mic" and not spec.startswith("mic:"):
        msg = f"{spec!r} is no microphone"
        raise UsageError(msg, hint="mic or mic:NAME; `emotion-monitor devices` lists them")
    source = await in_thread(partial(open_source, spec))
    if not await consent.to([source.name]):
        msg = f"{source.name} is not listened to: nobody at the dashboard agreed"
        raise UsageError(msg)
    return source


def _say(app: "DashboardApp | None", text: str) -> None:
    """Tells whoever is there; the one line of a dashboard has more room for a path without the home in it."""
    if app is None:
        log.info("%s", text)
    else:
        app.say(f"{text[:1].upper()}{text[1:]}".replace(f"{os.path.expanduser('~')}/", "~/"))  # noqa: PTH111 - it never fails


def _sum_up(app: "DashboardApp", recorder: Recorder, sinks: Sequence[str]) -> None:
    """The session in a few lines, for a terminal whose dashboard is gone, and where what it left is."""
    from monitor.export.brief import brief

    for line in brief(app.exporter.session):
        log.info("%s", line)
    for path in (*recorder.made, *filter(None, map(jsonl_target, sinks)), *app.exporter.written):
        log.info("saved: %s", path)


def _consent(settings: Settings, app: "DashboardApp | None") -> Consent:
    """Asks on the dashboard; without one there is nobody to ask."""
    if app is None:
        return Consent(settings, ask=None, say=log.info)
    from monitor.dashboard.consent import ask

    return Consent(settings, ask=partial(ask, app), say=log.info)


def _dashboard(settings: Settings, on_command: Callable[[Command], None]) -> "DashboardApp":
    from monitor.dashboard import DashboardApp, Session
    from monitor.dashboard.look import chosen_look

    model = settings.model
    prompt, readout = ("" if word == "auto" else word for word in (model.prompt, model.readout))
    session = Session(model=model.name, prompt=prompt, readout=readout)
    return DashboardApp(on_command=on_command, session=session, look=chosen_look(settings.dashboard))


def _dashboard_sink(app: "DashboardApp") -> Sink:
    from monitor.dashboard import DashboardSink

    return DashboardSink(app)


async def _show(app: "DashboardApp", pipeline: Pipeline, agreed: Callable[[], Awaitable[bool]]) -> None:
    """Runs the pipeline behind the dashboard once it may; what has ended stays on screen until the user quits."""
    from monitor.dashboard.terminal import own_terminal

    may_listen = asyncio.Event()

    async def listen() -> None:
        try:
            if not await agreed():
                app.exit()
                return
            may_listen.set()
            await pipeline.run()
        except BaseException:
            app.exit()
            raise
        if pipeline.heard_nothing:
            app.exit()

    with own_terminal(user_log_path("emotion-monitor") / "monitor.log"):
        listening = asyncio.create_task(listen(), name="pipeline")
        try:
            await app.show()
        finally:
            pipeline.stop()
            if not may_listen.is_set():
                listening.cancel()
            await asyncio.wait({listening})
        if not listening.cancelled():
            await listening

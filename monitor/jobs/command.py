"""`emotion-monitor worker`: reads what is heard elsewhere, until it is stopped."""

import asyncio
import logging
import signal
from dataclasses import replace

from core.command_line import INTERRUPTED
from core.errors import UsageError
from core.settings import Settings
from core.speech_llm.fetching import prepare
from core.worker import InferenceWorker, WorkerStatus
from monitor.jobs.serving import Serving
from monitor.jobs.topics import JobTopics
from monitor.mqtt.address import BrokerAddress, broker_address
from monitor.signals import on_end

log = logging.getLogger(__name__)


def serve(settings: Settings) -> int:
    """Loads the model and takes jobs; returns the exit status.

    Raises:
        UsageError: There is no broker that other machines could use, or it cannot be used as configured.
        EmotionMonitorError: The model cannot be used.
    """
    if settings.mqtt.url in {"embedded", "off"}:
        msg = f"mqtt.url = {settings.mqtt.url!r}: a worker takes jobs from a broker that others reach too"
        raise UsageError(msg, hint="--mqtt mqtts://USER@HOST")
    JobTopics(settings.mqtt.base, settings.remote.site)
    address = broker_address(settings.mqtt)
    prepare(settings.model, memory_mb=settings.worker.memory_mb)
    # Whether what was said may be told, each job says; here it is only made possible.
    settings = replace(settings, model=replace(settings.model, transcript=True))
    return asyncio.run(_serve(settings, address))


async def _serve(settings: Settings, address: BrokerAddress) -> int:
    signals: list[signal.Signals] = []
    stopped = asyncio.Event()
    task = asyncio.current_task()

    def stop(number: signal.Signals) -> None:
        signals.append(number)
        stopped.set()
        if serving is None and task is not None:
            task.cancel()  # the model is being loaded

    serving: Serving | None = None
    on_end(stop)

    def follow(_: WorkerStatus) -> None:
        if serving is not None:
            serving.follow_worker()

    try:
        async with InferenceWorker(settings.model, settings.worker, on_change=follow) as worker:
            serving = Serving(settings, address, worker)
            ready = worker.ready
            log.info("ready: %s on %s in %.1f s", ready.stamp.name, ready.device, ready.load_s)
            log.info("%s takes jobs of site %s at %s", serving.name, settings.remote.site, address.url)
            serving.open()
            try:
                await stopped.wait()
            finally:
                await serving.close()
                log.info("%s: %s", serving.name, serving.counts)
    except asyncio.CancelledError:
        if not signals:
            raise
    return INTERRUPTED if signal.SIGINT in signals else 0

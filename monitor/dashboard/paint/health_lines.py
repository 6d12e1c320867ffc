"""Paints the lines at the bottom: health in two lines, and the message line. Pure."""

from collections.abc import Iterable, Sequence

from textual.content import Content

from monitor.dashboard.paint import wording
from monitor.dashboard.paint.text import fitting, lines
from monitor.dashboard.paint.troubles import Trouble
from monitor.dashboard.state.view_model import DashboardState, Notice

WELL, TROUBLED, WAITING = "✓", "▲", "○"

Fact = tuple[str, str, str]
"""Label, value and the value's style."""


def verdict(state: DashboardState, found: Sequence[Trouble]) -> tuple[str, str]:
    """Whether all is well, in a few words, and their style."""
    worker = state.worker
    if found:
        count = "1 trouble" if len(found) == 1 else f"{len(found)} troubles"
        return f"{TROUBLED} {count}", "bold $error" if found[0].grave else "bold $warning"
    if worker is None or (worker.state == "starting" and worker.model):
        return f"{WAITING} starting", "$quiet"
    if not worker.model:
        return f"{WAITING} no monitor", "$quiet"
    if state.ended:
        return f"{WAITING} ended", "$quiet"
    if state.paused:
        return f"{WAITING} paused", "$warning"
    return (f"{WELL} well now", "$warning") if state.errors else (f"{WELL} all is well", "$success")


def health(state: DashboardState, found: tuple[Trouble, ...], width: int) -> Content:
    """Two lines: whether all is well, the inference process; what was not read, the other sinks."""
    event = state.health
    if event is None:
        return Content.styled("Health: not known yet", "$quiet")
    worker = event.worker
    p50, p95 = event.latency_p50_ms, event.latency_p95_ms
    restarts = restarted(worker.restarts, worker.generation)
    words, style = verdict(state, found)
    first: list[Fact] = [("", words, style)]
    if worker.model:
        ink = "$error" if worker.state in {"restarting", "failed"} else ""
        first.append(("model", wording.worker_state(worker), ink))
    if restarts:
        first.append(("restarts", f"{restarts}", "$warning"))
    first.append(("queue", f"{worker.queued}", ""))
    if p50 is not None and p95 is not None:
        first += [("read in", wording.milliseconds(p50), ""), ("p95", wording.milliseconds(p95), "")]
    if worker.cpu_percent is not None:
        first.append(("CPU", f"{worker.cpu_percent + (event.cpu_percent or 0.0):.0f}%", ""))
    if worker.rss_mb or event.rss_mb:
        first.append(("memory", memory(worker.rss_mb + (event.rss_mb or 0.0)), ""))
    lost = wording.losses(state.lost)
    second: list[Fact] = [("not read:", lost, "$warning" if wording.worrying(state.lost) else "")]
    if not state.lost:
        second = [("", "nothing lost", "$quiet")]
    for sink in state.sinks:
        word = wording.mqtt_state(sink) if sink is state.mqtt else sink.state
        text = word + (f", {sink.queued} waiting" if sink.queued else "")
        text += f", {sink.dropped} lost" if sink.dropped else ""
        name = "MQTT" if sink is state.mqtt else sink.name.partition(":")[0]
        second.append((name, text, "$warning" if sink.state == "degraded" else ""))
    if state.errors:
        second.append(("errors", f"{state.errors}", "$warning"))
    return lines(facts(first, width), facts(second, width))


def message(notice: Notice | None, found: tuple[Trouble, ...], width: int) -> Content:
    """The message line: what is said, else the gravest trouble and what to do about it, else what a reading is.

    Of a grave trouble there is an error as well, in the words of the part that failed; the trouble's are plainer.
    """
    if notice and not (notice.grave and found and found[0].grave):
        times = f" ({wording.TIMES}{notice.times})" if notice.times > 1 else ""
        return Content.styled(f"{notice.text}{times}", "$error" if notice.grave else "$accent")
    if found:
        first, *others = found
        more = f" (+{len(others)}: h)" if others else ""
        short = first.todo.partition(". ")[0].rstrip(".") + "."
        choices = (
            f"{first.what}. {first.todo}{more}",
            f"{first.what}. {short}{more}",
            f"{first.what}. {short}",
            f"{first.what}.{more}",
            f"{first.what}.",
            f"{TROUBLED} trouble: h",
        )
        return Content.styled(fitting(width, choices), "$error" if first.grave else "$warning")
    return Content.styled(fitting(width, wording.ABOUT), "$quiet")


def restarted(restarts: int | None, generation: int) -> int:
    """How often the inference process had to be started again; older programs say only how many there were."""
    return max(generation - 1, 0) if restarts is None else restarts


def memory(megabytes: float) -> str:
    """An amount of memory: 642 MB, 1.4 GB."""
    return f"{megabytes:.0f} MB" if megabytes < 1000 else f"{megabytes / 1000:.1f} GB"  # noqa: PLR2004 - reads easily


def facts(pairs: Iterable[Fact], width: int) -> Content:
    """Label and value pairs, as many as fit."""
    parts = [
        Content.assemble((f"{label} ", "$quiet") if label else "", (value, style)) for label, value, style in pairs
    ]
    while parts:
        for gap in ("   ", "  "):
            text = Content(gap).join(parts)
            if text.cell_length <= width or len(parts) == 1:
                return text
        parts.pop()
    return Content.empty()

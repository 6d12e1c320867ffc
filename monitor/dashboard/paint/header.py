"""Paints the first line. Pure."""

from textual.content import Content

from monitor.dashboard.paint import wording
from monitor.dashboard.paint.text import spread
from monitor.dashboard.state.view_model import DashboardState

ROOMY = 110
"""From so many cells on, it names the recording."""


def header(state: DashboardState, title: str, width: int) -> Content:
    """The first line: program, model, how it is read, and the broker."""
    stamp, session = state.stamp, state.session
    model = wording.model_name(state)
    prompt = stamp.prompt if stamp else session.prompt
    readout = stamp.readout if stamp else session.readout
    calibrated = [] if stamp is None else ["calibrated" if stamp.calibration else "uncalibrated"]
    waits = state.worker is not None and wording.awaits_worker(state.worker)
    device = state.worker.device if state.worker and state.worker.device != "auto" else ""
    placed = " on ".join(part for part in (model, device) if part)
    long = [placed, prompt and f"prompt {prompt}", readout and f"read-out {readout}", *calibrated]
    short = [placed, prompt, readout, *calibrated]
    recording = state.health.recording if state.health else None
    mark = f" ● RECORDING {recording} " if width >= ROOMY else " ● REC "
    right = Content.assemble(
        (mark, "bold $background on $error") if recording else "",
        "  " if recording else "",
        (" PAUSED ", "bold $background on $warning") if state.paused else "",
        "  " if state.paused else "",
        (" NO WORKER ", "bold $background on $error") if waits else "",
        "  " if waits else "",
        ("MQTT ", "$quiet"),
        (wording.mqtt_state(state.mqtt), "$warning" if state.mqtt and state.mqtt.state == "degraded" else ""),
    )
    room = width - right.cell_length - 1
    for name, facts in ((title, long), (title, short), ("", short), ("", [placed, *calibrated]), ("", [model])):
        text = " · ".join(fact for fact in facts if fact)
        left = Content.assemble((name, "bold $accent"), "   " if name else "", text)
        if left.cell_length <= room:
            return spread(left, right, width)
    return spread(Content.empty(), right, width) if right.cell_length < width else right

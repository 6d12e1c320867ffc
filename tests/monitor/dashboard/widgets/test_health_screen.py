"""The health screen, as someone meets it who wants to know whether all is well."""

from dataclasses import replace

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from core.wire.commands import Quit
from core.wire.health import HealthEvent
from monitor.dashboard.paint import health
from monitor.dashboard.paint.health import Checkup
from monitor.dashboard.paint.troubles import troubles
from monitor.dashboard.state.view_model import DashboardState
from monitor.dashboard.widgets.health_screen import HealthScreen
from tests.monitor.dashboard import scenes
from tests.monitor.dashboard.driving import DESIGN, SMALL, running

PAINTERS = (
    health.summary, health.sound, health.model, health.not_read, health.latency,
    health.outputs, health.program,
)  # fmt: skip


def checkup(name: str, now_s: float = 0.0) -> Checkup:
    state = DashboardState()
    for event in scenes.events(name):
        state = state.push(event, now_s=0.0)
    return Checkup(state=state, found=troubles(state, now_s), now_s=now_s)


async def test_a_key_opens_it_and_the_same_key_or_escape_closes_it():
    async with running(scenes.events("measured"), SMALL) as driven:
        for close in ("h", "escape", "enter"):
            await driven.press("h")
            assert isinstance(driven.app.screen, HealthScreen)
            await driven.press(close)
            assert not isinstance(driven.app.screen, HealthScreen)


@pytest.mark.parametrize("key", ["q", "ctrl+c", "ctrl+q"])
async def test_nobody_is_trapped_in_it(key):
    async with running(scenes.events("measured"), SMALL) as driven:
        await driven.press("h", key)
        assert driven.commands == [Quit()]


async def test_all_is_on_a_large_terminal_without_scrolling():
    async with running(scenes.events("measured"), DESIGN) as driven:
        await driven.press("h")
        for part in (
            "✓ all is well",
            "Listening to mic:Desk microphone; the model is ready.",
            "● speaking", "31 dBFS", "57 dBFS, marked ┊", "0.0 s old",
            "46.0 s = 16.6 s quiet + 29.2 s speech", "9 = 9 read, adds up",
            "clicks and coughs",
            "reading", "ltu-as-mini on cpu", "number 1, never failed", "0 utterances wait",
            "CPU 62% of a core, 642 MB, GPU memory 512 MB",
            "pause          600 ms   600 ms   600 ms", "p50      p95      p99", "compute", "last 9",
            "connected mqtt://localhost:1883", "outbox empty", "writing to events.jsonl", "20260101-100000.jsonl",
            "1:00, its clock says 10:00:00 UTC", "CPU 4% of a core, 118 MB",
        ):  # fmt: skip
            assert part in driven.text, f"{part!r} is not on screen:\n{driven.text}"


async def test_a_small_one_says_first_whether_all_is_well_and_keys_scroll_to_the_rest():
    async with running(scenes.events("measured"), SMALL) as driven:
        await driven.press("h")
        assert "all is well" in driven.text.splitlines()[1]
        assert "its clock says" not in driven.text
        await driven.press("end")
        assert "its clock says" in driven.text
        assert "all is well" not in driven.text
        await driven.press("home")
        assert "all is well" in driven.text
        await driven.press("pagedown", "down")
        assert "all is well" not in driven.text
        await driven.press("pageup", "up")
        assert "all is well" in driven.text


async def test_it_is_live():
    async with running(scenes.events("clear"), SMALL) as driven:
        await driven.press("h")
        await driven.show(scenes.events("worker_restarting"))
        assert "▲ 1 trouble" in driven.text
        assert "Just wait a moment." in driven.text
        await driven.show(scenes.events("clear"))
        assert "all is well" in driven.text


@pytest.mark.parametrize("scene", ["worker_failed", "broker_refuses", "disk_full", "muted", "source_failed"])
async def test_what_is_wrong_comes_first_with_what_to_do(scene):
    async with running(scenes.events(scene), SMALL) as driven:
        await driven.press("h")
        (trouble,) = checkup(scene).found
        above = " ".join(driven.text[: driven.text.index("sound:")].replace("│", " ").split())
        assert trouble.what in above
        assert trouble.todo in above
        assert trouble.detail in above


def test_what_is_not_reported_is_left_out_and_not_called_zero():
    known = checkup("broker_lost")
    text = "\n".join(painter(known, 76).plain for painter in PAINTERS)
    for part in ("CPU", "GPU", "noise floor", "None"):
        assert part not in text


def test_latencies_of_a_monitor_joined_late_are_those_it_reports():
    (measured,) = (event for event in scenes.events("measured") if isinstance(event, HealthEvent))
    state = DashboardState().push(measured, now_s=0.0)
    text = health.latency(Checkup(state=state, found=(), now_s=0.0), 76).plain
    assert [part for part in ("600 ms", "88 ms", "131 ms", "140 ms") if part in text] == [
        "600 ms", "88 ms", "131 ms", "140 ms",
    ]  # fmt: skip


def test_a_sum_that_does_not_add_up_says_so():
    assert "DOES NOT ADD UP" in health.sound(checkup("sums_differ"), 76).plain


@pytest.mark.parametrize(
    ("values", "line"), [([], ""), ([0.0, 0.0], "▁▁"), ([1.0, 2.0, 4.0, 8.0], "▂▃▅█"), ([5.0], "█")]
)
def test_a_sparkline_goes_from_nothing_to_the_greatest(values, line):
    assert health.sparkline(values) == line


@settings(deadline=None, max_examples=60)
@given(st.integers(1, 200), st.sampled_from(list(scenes.SCENES)))
def test_every_block_of_every_scene_fits_every_width(width: int, name: str):
    known = checkup(name)
    for painter in PAINTERS:
        for line in painter(known, width).split("\n", allow_blank=True):
            assert line.cell_length <= max(width, 36)


@pytest.mark.parametrize("size", [(1, 1), (20, 5), (20, 12), (300, 80)])
async def test_no_size_ends_it(size):
    async with running(scenes.events("two_microphones"), size) as driven:
        await driven.press("h")
        await driven.pilot.resize_terminal(*SMALL)
        await driven.show(scenes.events("measured"))
        assert "health" in driven.text


async def test_nothing_calls_all_well_beside_errors():
    async with running(scenes.events("error"), DESIGN) as driven:
        assert "all is well" not in driven.text
        await driven.press("escape", "h")
        assert "all is well" not in driven.text
        assert "errors" in driven.text


def test_who_reads_elsewhere_is_named_and_what_became_of_what_they_were_asked():
    text = health.model(checkup("no_worker"), 76).plain
    assert "waiting for a worker" in text
    assert "mqtts://broker.lan:8883, site main" in text
    assert "9 asked, 6 read, 1 not read in time" in text
    assert "3 asked again, 0 passed on, 1 came twice or too late" in text
    assert "strange" not in text
    assert "process" not in text


def test_results_that_nobody_asked_for_are_told():
    told = checkup("no_worker")
    event = told.state.health
    remote = replace(event.worker.remote, strangers=2)
    forged = replace(told.state, health=replace(event, worker=replace(event.worker, remote=remote)))
    assert "2 strange results" in health.model(replace(told, state=forged), 120).plain

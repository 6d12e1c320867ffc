"""What is wrong, in words, and what to do."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from monitor.dashboard.paint import health_lines
from monitor.dashboard.paint.troubles import RECENT_S, Trouble, recorded, troubles
from monitor.dashboard.state.view_model import SILENT_SOURCE_S, DashboardState
from tests.monitor.dashboard import scenes
from tests.monitor.dashboard.driving import SMALL, running, seen

WELL = (
    "starting",
    "listening",
    "speaking",
    "interim",
    "clear",
    "mixed",
    "no_reading",
    "paused",
    "file_ended",
    "replugged",
)


def found(name: str, now_s: float = 0.0) -> tuple[Trouble, ...]:
    return troubles(seen(name), now_s)


@pytest.mark.parametrize("scene", WELL)
def test_where_all_is_well_there_is_no_trouble(scene: str):
    assert found(scene) == ()


def test_a_source_with_a_name_is_spoken_of_by_it():
    events = [replace(event, name="alice") if hasattr(event, "name") else event for event in scenes.events("overload")]
    state = DashboardState()
    for event in events:
        state = state.push(event, now_s=0.0)
    assert {trouble.about for trouble in troubles(state, 0.0)} == {"alice"}


CASES = [
    ("worker_restarting", "The model's process died and is started again; 2 waiting", "Just wait a moment."),
    ("no_worker", "Waiting for a worker, none reads for site main; 2 waiting", "Start one: emotion-monitor worker."),
    ("worker_failed", "The model keeps failing: no readings", "It is tried again; d: another model."),
    ("broker_lost", "No MQTT broker; 12 events wait", "Start it, or check its address."),
    ("broker_refuses", "The MQTT broker refuses us; 3 events wait", "Check its user and password."),
    ("outbox_full", "The disk takes no events; 40 events wait", "Free some space: what waits is in memory only."),
    ("source_failed", "The microphone is gone", "Plug it in. q quits; then start again."),
    ("microphone_awaited", "The microphone is gone", "Plug it in. It is looked for. m: another one."),
    ("one_source_failed", "The microphone is gone", "Plug it in. It is looked for. m: another one."),
    (
        "overload",
        "Too much speech: 12.6 s lost just now",
        "Fewer sources, or a smaller model (d).",
    ),
    ("overflow", "The computer was too busy to listen: 0.4 s lost just now", "Close other programs."),
    (
        "disk_full",
        "jsonl: no space left on device; 1000 events wait, 57 are lost",
        "Free some space. Writing then goes on by itself.",
    ),
    ("muted", "The microphone gives no sound at all", "Is it muted? m: another one."),
    ("clipping", "Too loud: the sound is clipped", "Lower the input level, or speak from further away."),
    ("sums_differ", "The sums of the sound do not add up", "That is a mistake in this program: please report it."),
]


@pytest.mark.parametrize(("scene", "what", "todo"), CASES, ids=[scene for scene, *_ in CASES])
def test_every_trouble_says_what_happens_and_what_to_do(scene: str, what: str, todo: str):
    (trouble,) = found(scene)
    assert trouble.what == what
    assert trouble.todo.startswith(todo)


@pytest.mark.parametrize(("scene", "what"), [(scene, what) for scene, what, _ in CASES])
async def test_the_main_screen_of_a_small_terminal_says_it_whole(scene: str, what: str):
    async with running(scenes.events(scene), SMALL) as driven:
        await driven.press("escape")
        assert what in driven.text
        assert "▲ 1 trouble" in driven.text
        last = health_lines.message(None, found(scene), SMALL[0] - 2).plain
        assert last.endswith(".")
        assert len(last) <= SMALL[0] - 2


@pytest.mark.parametrize(("scene", "other"), [("worker_restarting", "clear"), ("broker_lost", "clear")])
async def test_what_is_well_again_is_said_to_be_well(scene: str, other: str):
    async with running(scenes.events(scene), SMALL) as driven:
        assert "all is well" not in driven.text
        await driven.show(scenes.events(other))
        assert "all is well" in driven.text


def test_in_a_replay_nobody_is_told_what_to_do():
    (trouble,) = recorded(found("broker_lost"))
    assert trouble.todo == "So it was when this was recorded."
    assert trouble.what == "No MQTT broker; 12 events wait"


def test_sound_that_stops_is_said_with_how_long_ago():
    (trouble,) = found("clear", now_s=SILENT_SOURCE_S + 4)
    assert trouble.what == "No sound has come for 7 s"
    assert trouble.todo == "Is it plugged in? m: another one."


def test_a_loss_of_long_ago_is_no_trouble_any_more():
    state = seen("overload")
    script = scenes.Script()
    script.level(40.0 + RECENT_S)
    assert troubles(state, 0.0)
    assert troubles(state.push(script.events[0], now_s=0.0), 0.0) == ()


def after(scene: str, change: Callable[[scenes.Script], None]) -> DashboardState:
    """What is known after a scene and what is added to it."""
    script = scenes.SCENES[scene]()
    change(script)
    state = DashboardState()
    for event in script.events:
        state = state.push(event, now_s=0.0)
    return state


def test_a_microphone_that_fell_silent_after_speech_may_be_gated_and_hinders_no_reading():
    def fall_silent(script: scenes.Script) -> None:
        for second in range(32):
            script.level(60.0 + second, rms=-120.0)

    (trouble,) = troubles(after("clear", fall_silent), 0.0)
    assert trouble.what == "The microphone gives no sound at all"
    assert trouble.todo.startswith("It is muted, or lets only speech through.")
    assert not trouble.grave


@pytest.mark.parametrize("scene", ["clipping", "overload"])
def test_what_has_ended_takes_its_troubles_along(scene: str):
    def end_while_another_goes_on(script: scenes.Script) -> None:
        script.sources = {**script.sources, "s2": "mic:Headset"}
        script.level(1.0, stream="s2")
        script.health()
        script.streams(s1="ended")

    assert troubles(after(scene, lambda _: None), 0.0)
    assert troubles(after(scene, end_while_another_goes_on), 0.0) == ()


def test_what_stops_readings_comes_before_what_does_not():
    state = seen("broker_lost")
    for event in scenes.events("overload")[-4:]:
        state = state.push(event, now_s=0.0)
    assert [trouble.grave for trouble in troubles(state, 0.0)] == [True, False]
    assert "(+1: h)" in health_lines.message(None, troubles(state, 0.0), 120).plain

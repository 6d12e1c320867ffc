"""The dashboard as a user meets it: keys, states, sizes."""

import asyncio
import subprocess
import sys

import pytest

from core.wire.commands import Pause, Quit, Resume
from core.wire.events import DropEvent
from monitor.dashboard import DashboardApp, DashboardSink
from monitor.dashboard.app import REPAINT_S
from monitor.dashboard.help import HelpScreen
from monitor.dashboard.paint import wording
from monitor.dashboard.state.view_model import NOTICE_S
from monitor.dashboard.widgets.panel import StreamPanel
from tests.monitor.dashboard import scenes
from tests.monitor.dashboard.driving import DESIGN, SMALL, dashboard, running, settle
from tests.monitor.dashboard.script import Script
from tests.patience import PATIENCE_S

SIZES = pytest.mark.parametrize("size", [DESIGN, SMALL], ids=["120x40", "80x24"])


@pytest.mark.parametrize(
    ("scene", "words"),
    [
        ("starting", ["Loading the model ltu-as-mini", "Readings begin as soon as it is ready."]),
        ("listening", ["Nothing heard yet", "Say something", "quiet", "52 dBFS"]),
        ("speaking", ["Someone is speaking", "● speaking"]),
        ("interim", ["so far: mostly sadness, some neutral", "still speaking: not final", "~52%"]),
        ("clear", ["clear: anger", "78%", "most would agree · margin 0.67 · entropy 0.54"]),
        (
            "mixed",
            ["mixed: sadness or neutral", "48%", "44%", "a tie: many would disagree", "2.7 s of speech at 0:40"],
        ),
        ("unclear", ["no clear emotion heard"]),
        ("no_reading", ["no reading: too short", "1.5 s with pauses", f"{wording.NONE}        6%"]),
        ("paused", ["PAUSED", "Paused: not listening. p goes on.", "last heard: ", "paused, 9.5 s"]),
        ("file_ended", ["The file has ended; q quits."]),
        (
            "source_failed",
            ["No sound any more: microphone Desk", "last heard:", "The microphone is gone. Plug it in."],
        ),
        ("broker_lost", ["MQTT lost", "12 waiting", "No MQTT broker; 12 events wait. Start it, or check its address."]),
        ("worker_restarting", ["died and is started again; 2 waiting. Just wait", "restarts 1", "queue 2"]),
        ("overload", ["Too much speech: 12.6 s lost just now. Fewer sources", "queue 4"]),
        ("error", ["no space left on device", "✓ well now", "errors 1"]),
        ("two_microphones", ["1 mic:Desk microphone", "2 mic:Headset", "mostly happiness"]),
    ],
)
async def test_every_state_says_what_is_going_on(scene, words):
    async with running(scenes.events(scene), SMALL) as driven:
        for part in words:
            assert part in driven.text, f"{part!r} is not on screen:\n{driven.text}"


@SIZES
async def test_model_readout_calibration_and_broker_are_always_in_sight(size):
    async with running(scenes.events("clear"), size) as driven:
        for part in ("ltu-as-mini on cpu", "single", "seq_logprob", "· calibrated", "MQTT connected"):
            assert part in driven.text.splitlines()[0]


@SIZES
async def test_health_is_always_in_sight(size):
    async with running(scenes.events("overload"), size) as driven:
        for part in ("1 trouble", "model reading", "queue 4", "read in 88 ms", "p95 131 ms", "memory 642 MB"):
            assert part in driven.text
        assert f"too much speech at once {wording.TIMES}3" in driven.text


async def test_what_a_reading_is_not_is_always_said():
    async with running(scenes.events("clear")) as driven:
        assert "not what anyone feels" in driven.text


async def test_before_any_event_the_screen_says_that_it_starts():
    async with running() as driven:
        assert "Loading the model ltu-as-mini" in driven.text


@pytest.mark.parametrize("key", ["q", "ctrl+c", "ctrl+q"])
async def test_quitting_tells_the_pipeline_and_leaves(key):
    async with running(scenes.events("mixed")) as driven:
        await driven.press(key)
        assert driven.commands == [Quit()]
        assert driven.app._exit


@pytest.mark.parametrize("key", ["p", "space"])
async def test_a_key_pauses_and_the_same_key_goes_on(key):
    async with running(scenes.events("clear")) as driven:
        await driven.press(key)
        assert driven.commands == [Pause()]
        assert "PAUSED" in driven.text
        await driven.press(key)
        assert driven.commands == [Pause(), Resume()]
        assert "PAUSED" not in driven.text


async def test_what_has_ended_cannot_be_paused_and_that_is_said():
    async with running(scenes.events("file_ended")) as driven:
        await driven.press("p")
        assert driven.commands == []
        assert "There is nothing to pause. The file has ended; q quits." in driven.text


@pytest.mark.parametrize("key", ["question_mark", "f1"])
async def test_help_explains_the_words_and_the_keys_and_closes(key):
    async with running(scenes.events("clear")) as driven:
        await driven.press(key)
        assert isinstance(driven.app.screen, HelpScreen)
        assert "does not say what anyone feels" in " ".join(driven.text.replace("│", " ").split())
        await driven.press("escape")
        assert not isinstance(driven.app.screen, HelpScreen)
        assert "clear: anger" in driven.text


@pytest.mark.parametrize("key", ["q", "ctrl+c"])
async def test_nobody_is_trapped_in_the_help(key):
    async with running(scenes.events("clear")) as driven:
        await driven.press("question_mark", key)
        assert driven.commands == [Quit()]


async def test_what_happens_behind_the_help_is_there_when_it_closes():
    async with running(scenes.events("listening")) as driven:
        await driven.press("question_mark")
        await driven.show(scenes.events("clear"))
        await driven.press("escape")
        assert "clear: anger" in driven.text


@pytest.mark.parametrize("theme", ["textual-light", "nord"])
async def test_the_themes_of_textual_work_too(theme):
    driven = dashboard(scenes.events("clear"))
    driven.app.theme = theme
    async with driven.app.run_test(size=DESIGN) as driven.pilot:
        await settle(driven.pilot)
        assert "clear: anger" in driven.text


async def test_an_error_is_one_line_and_escape_dismisses_it():
    async with running(scenes.events("error")) as driven:
        assert driven.text.count("no space left on device") == 1
        assert "mostly anger" in driven.text
        await driven.press("escape")
        assert "no space left on device" not in driven.text
        assert "errors 1" in driven.text


async def test_an_error_fades_by_itself():
    now_s = 0.0
    app = DashboardApp(on_command=print, clock=lambda: now_s, repaint_s=0.0)
    driven = dashboard()
    driven.app = app
    async with app.run_test(size=DESIGN) as driven.pilot:
        await driven.show(scenes.events("error"))
        assert "no space left on device" in driven.text
        now_s = NOTICE_S
        await driven.show([Script().events or scenes.events("listening")[1]])
        assert "no space left on device" not in driven.text


async def test_a_new_stream_gets_a_panel_of_its_own():
    async with running(scenes.events("clear")) as driven:
        script = Script(sources={"s2": "mic:Headset"})
        script.level(1.0, stream="s2")
        await driven.show(script.events)
        assert len(driven.app.query(StreamPanel)) == 2
        assert "2 mic:Headset" in driven.text
        assert "1 mic:Desk microphone" in driven.text


async def test_many_streams_share_the_screen_by_scrolling():
    script = Script(sources={f"s{number}": f"mic:{number}" for number in range(8)})
    for stream in script.sources:
        script.level(1.0, stream=stream)
        script.utterance(1.0, 2.0, (0.1, 0.2, 0.3, 0.4), stream=stream)
    async with running(script.events, SMALL) as driven:
        assert len(driven.app.query(StreamPanel)) == 8
        assert "q quit" in driven.text


@pytest.mark.parametrize("scene", ["starting", "interim", "no_reading", "source_failed", "two_microphones"])
async def test_a_terminal_of_twenty_columns_shows_what_it_can(scene):
    async with running(scenes.events(scene), (20, 12)) as driven:
        assert "mic:" in driven.text or "file:" in driven.text
        assert "q quit" in driven.text


@pytest.mark.parametrize("size", [(20, 5), (20, 6), (20, 7), (20, 12), (20, 24), (40, 10)])
async def test_the_smallest_terminals_still_show_the_four_shares(size):
    async with running(scenes.events("clear"), size) as driven:
        for share in ("78", "3", "8", "11"):
            assert share in driven.text, driven.text
        assert "q quit" in driven.text


async def test_trouble_that_a_narrow_terminal_cannot_tell_is_pointed_at():
    async with running(scenes.events("overload"), (20, 12)) as driven:
        assert "▲ trouble: h" in driven.text


@pytest.mark.parametrize("size", [(1, 1), (20, 5), (300, 80)])
async def test_no_terminal_size_ends_the_program(size):
    async with running(scenes.events("two_microphones"), size) as driven:
        await driven.pilot.resize_terminal(*SMALL)
        await settle(driven.pilot)
        assert "mixed: happiness or neutral" in driven.text
        await driven.pilot.resize_terminal(*size)
        await driven.show(scenes.events("mixed"))


async def test_text_from_outside_cannot_style_or_move_the_screen():
    script = Script(sources={"s1": "mic:[red]evil[/]\x1b[2J\n\nname"})
    script.level(1.0)
    script.error("source", "[link=http://x]bad[/link]\x1b[31m")
    async with running(script.events) as driven:
        assert "mic:[red]evil[/]" in driven.text
        assert "\x1b" not in driven.text


async def test_a_burst_of_events_is_painted_a_few_times_only():
    driven = dashboard()
    driven.app = app = DashboardApp(on_command=print)
    async with app.run_test(size=SMALL) as driven.pilot:
        await driven.show(scenes.events("clear"))
        painted = 0
        original = app._repaint

        def count() -> None:
            nonlocal painted
            painted += 1
            original()

        app._repaint = count
        started_s = asyncio.get_running_loop().time()
        for number in range(300):
            script = Script()
            script.level(50.0 + number / 10, speaking=True)
            app.post_event(script.events[0])
            await asyncio.sleep(0)
        await asyncio.sleep(2 * REPAINT_S)
        lasted_s = asyncio.get_running_loop().time() - started_s
        assert 1 <= painted <= lasted_s / REPAINT_S + 2 + lasted_s


async def test_nothing_is_painted_again_when_nothing_changed():
    async with running(scenes.events("mixed")) as driven:
        refreshed = []
        for widget in driven.app.query("Painted"):
            widget.refresh = lambda *_, **__: refreshed.append(1)
        driven.app._repaint()
        await driven.pilot.pause()
        assert refreshed == []


async def test_app_and_pipeline_share_a_loop():
    """The arrangement that DashboardApp's docstring promises."""
    app = DashboardApp(on_command=lambda _command: stop.set(), repaint_s=0.0)
    stop = asyncio.Event()
    said: list[str] = []

    async def pipeline(sink: DashboardSink) -> None:
        async with sink:
            said.append(sink.health().state)
            while not app.is_running or not app.query(StreamPanel):
                for event in scenes.events("clear"):
                    await sink.send(event)
                await asyncio.sleep(0.01)
            said.append(sink.health().state)
            await app._press_keys(["q"])
            await stop.wait()
        said.append(sink.health().state)

    async with asyncio.timeout(PATIENCE_S), asyncio.TaskGroup() as tasks:
        tasks.create_task(pipeline(DashboardSink(app)))
        await app.run_async(headless=True, size=SMALL)
    assert said[1:] == ["ok", "closed"]


async def test_events_after_the_end_are_taken_without_harm():
    async with running(scenes.events("clear")) as driven:
        await driven.press("q")
    drop = next(event for event in scenes.events("mixed") if isinstance(event, DropEvent))
    driven.app.post_event(drop)
    assert "too_short" in driven.app.state.lost


def test_every_key_has_a_name_and_every_shown_one_a_tooltip():
    ids = [binding.id for binding in DashboardApp.BINDINGS]
    assert all(ids)
    assert len(set(ids)) == len(ids)
    assert all(binding.tooltip for binding in DashboardApp.BINDINGS if binding.show)


def test_importing_the_dashboard_brings_neither_the_model_nor_the_network():
    code = (
        "import sys, monitor.dashboard; "
        "print([m for m in ('torch', 'transformers', 'aiomqtt', 'sounddevice') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


async def test_a_stream_whose_place_another_has_taken_leaves_the_screen_but_not_the_table():
    async with running(scenes.events("switched")) as driven:
        (panel,) = driven.app.query(StreamPanel)
        assert panel.stream == "s2"
        assert "timeline 2" in driven.text
        assert "Desk microphone" not in driven.text
        assert any(line.strip(" │▸").startswith("1 ") for line in driven.text.splitlines())


async def test_a_voice_of_which_little_was_heard_is_told_so_and_no_agreement_is_claimed():
    async with running(scenes.stranger().events) as driven:
        assert "getting to know this voice" in driven.text
        assert "would" not in driven.text.partition("getting to know")[2].splitlines()[0]
    async with running(scenes.stranger(weight=0.8).events) as driven:
        assert "getting to know this voice" not in driven.text
        assert "few would disagree" in driven.text

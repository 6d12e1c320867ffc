"""Going through what was heard: the cursor of the table, the timeline, and how they follow each other."""

from datetime import UTC, datetime

import pytest

from core.wire.events import Event
from monitor.dashboard.paint import wording
from monitor.dashboard.paint.timeline import RICH
from monitor.dashboard.widgets.history import HistoryRows
from monitor.dashboard.widgets.panel import StreamPanel
from monitor.dashboard.widgets.timeline import Timeline
from tests.monitor.dashboard import scenes
from tests.monitor.dashboard.driving import DESIGN, SMALL, running, settle
from tests.monitor.dashboard.script import EPOCH, Script


def long_talk(count: int) -> list[Event]:
    script = Script()
    script.health()
    for number in range(count):
        script.utterance(10.0 * number, 10.0 * number + 2, (0.1, 0.2, 0.3, 0.4))
    return script.events


def one_more(seq: int, start_s: float) -> list[Event]:
    script = Script(seq=seq)
    script.utterance(start_s, start_s + 2, (0.1, 0.2, 0.3, 0.4))
    return script.events


def pointed_at(driven) -> str:
    """The row with the pointer, as far as its time."""
    (row,) = [line for line in driven.text.splitlines() if "▸" in line]
    return row.partition("▸")[2].split()[0]


def timeline(driven) -> list[str]:
    widget = driven.app.query_one(Timeline)
    return [widget.render_line(y).text for y in range(widget.size.height)]


@pytest.mark.parametrize(
    ("keys", "time"),
    [
        ([], "9:50"),
        (["down"], "9:40"),
        (["j", "j"], "9:30"),
        (["down", "down", "up"], "9:40"),
        (["up"], "9:50"),
        (["pagedown"], "9:30"),
        (["pagedown", "pageup"], "9:50"),
        (["end"], "0:00"),
        (["end", "pageup", "home"], "9:50"),
    ],
)
async def test_keys_choose_an_utterance(keys, time):
    async with running(long_talk(60), SMALL) as driven:
        await driven.press(*keys)
        assert pointed_at(driven) == time


async def test_the_newest_utterance_stays_chosen_until_another_one_is():
    async with running(long_talk(60), SMALL) as driven:
        await driven.show(one_more(100, 700.0))
        assert pointed_at(driven) == "11:40"
        await driven.press("down", "down")
        assert pointed_at(driven) == "9:40"
        line = driven.text.splitlines().index(next(row for row in driven.text.splitlines() if "▸" in row))
        await driven.show(one_more(101, 720.0))
        assert pointed_at(driven) == "9:40"
        assert "▸" in driven.text.splitlines()[line]
        await driven.press("home")
        assert pointed_at(driven) == "12:00"
        await driven.show(one_more(102, 740.0))
        assert pointed_at(driven) == "12:20"


async def test_a_chosen_row_stays_chosen_when_the_table_is_full():
    async with running(long_talk(500), SMALL) as driven:
        await driven.press("down", "down")
        before = pointed_at(driven)
        for number in range(5):
            await driven.show(one_more(1000 + number, 6000.0 + 10 * number))
        assert pointed_at(driven) == before


async def test_a_reader_who_scrolled_with_the_wheel_is_not_moved():
    async with running(long_talk(60), SMALL) as driven:
        rows = driven.app.query_one(HistoryRows)
        rows.scroll_to(y=20, animate=False, immediate=True)
        await settle(driven.pilot)
        before = rows.render_line(0).text
        await driven.show(one_more(100, 700.0))
        assert rows.render_line(0).text == before


async def test_a_click_chooses_a_row():
    async with running(long_talk(60), DESIGN) as driven:
        await driven.pilot.click(HistoryRows, offset=(10, 2))
        await settle(driven.pilot)
        assert pointed_at(driven) == "9:30"


async def test_a_click_on_the_timeline_chooses_what_was_said_there():
    async with running(scenes.events("mixed"), DESIGN) as driven:
        await driven.pilot.click(Timeline, offset=(20 + 2, 3))
        await settle(driven.pilot)
        assert pointed_at(driven) == "0:17"


async def test_the_timeline_shows_the_chosen_moment_and_says_that_it_is_not_live():
    async with running(long_talk(60), DESIGN) as driven:
        assert "live" in driven.text
        await driven.press("end")
        assert any("▴0:00" in line for line in timeline(driven))
        assert "behind" in driven.text
        await driven.press("home")
        assert any("▴9:50" in line for line in timeline(driven))
        assert "behind" not in driven.text


async def test_arrow_keys_scroll_the_timeline_back_and_to_the_present():
    async with running(long_talk(60), SMALL) as driven:
        live = timeline(driven)
        await driven.press("left", "left")
        assert "18 s behind" in driven.text
        assert timeline(driven) != live
        await driven.press("right", "right", "right")
        assert timeline(driven) == live


async def test_the_wheel_scrolls_the_timeline():
    async with running(long_talk(60), SMALL) as driven:
        driven.app.query_one(Timeline).post_message(Timeline.Rolled(-8))
        await settle(driven.pilot)
        assert "8 s behind" in driven.text


async def test_zoom_makes_a_column_shorter_or_longer_within_bounds():
    async with running(long_talk(60), SMALL) as driven:
        assert "1 s a column" in driven.text
        await driven.press("plus")
        assert "0.5 s a column" in driven.text
        await driven.press(*["plus"] * 5)
        assert "0.25 s a column" in driven.text
        await driven.press(*["minus"] * 9)
        assert "15 s a column" in driven.text


async def test_keys_switch_between_raw_and_smoothed_and_the_clocks():
    async with running(scenes.events("mixed"), DESIGN) as driven:
        raw = timeline(driven)
        assert "each utterance" in driven.text
        await driven.press("w")
        assert "smoothed" in driven.app.query_one(Timeline).border_title
        assert timeline(driven)[:-2] != raw[:-2]
        await driven.press("c")
        hour_and_minute = f"{datetime.fromtimestamp(EPOCH, UTC).astimezone():%H:%M}"
        assert f"{hour_and_minute}:4" in timeline(driven)[-1]


async def test_a_key_shows_the_next_stream_in_the_timeline():
    async with running(scenes.events("two_microphones"), DESIGN) as driven:
        first = timeline(driven)
        await driven.press("s")
        assert "timeline 2" in driven.app.query_one(Timeline).border_title
        assert timeline(driven) != first
        await driven.press("s")
        assert "timeline 1" in driven.app.query_one(Timeline).border_title


@pytest.mark.parametrize("size", [(20, 5), (20, 12), (44, 16), SMALL, DESIGN, (200, 60)])
async def test_every_size_takes_every_key(size):
    async with running(scenes.events("explained"), size) as driven:
        await driven.press(
            "down", "left", "plus", "minus", "minus", "w", "c", "s", "end", "home", "enter", "left", "escape"
        )
        for other in (SMALL, (1, 1), size):
            await driven.pilot.resize_terminal(*other)
            await settle(driven.pilot)


async def test_losses_in_sight_are_named_with_their_reason_and_count():
    async with running(scenes.events("overload"), DESIGN) as driven:
        assert f"too much speech at once {wording.TIMES}3" in driven.app.query_one(Timeline).border_subtitle
    async with running(scenes.events("paused"), SMALL) as driven:
        assert f"{RICH.lost} paused   " in timeline(driven)[0]


async def test_ten_replugs_of_a_microphone_leave_one_panel_and_no_trouble():
    async with running([], DESIGN) as driven:
        for event in scenes.replugged(times=10).events:
            driven.app.post_event(event)
            assert len(driven.app.state.present) == 1
        await settle(driven.pilot)
        assert len(driven.app.query(StreamPanel)) == 1
        assert "mic:Desk microphone · listening" in driven.text
        assert f"{RICH.lost} microphone away {wording.TIMES}10" in driven.app.query_one(Timeline).border_subtitle
        assert len(timeline(driven)[-2].split(RICH.lost * 5)) == 10 + 1
        assert "not read: microphone away 50.0 s" in driven.text
        assert "well now" in driven.text, "ten times it was not"
        assert "was away" in driven.text.splitlines()[-2]


async def test_a_narrow_timeline_still_says_whether_it_is_live():
    async with running(scenes.events("explained"), (30, 24)) as driven:
        assert timeline(driven)[0].endswith("live")
        await driven.press("left")
        assert timeline(driven)[0].endswith("behind")


async def test_no_key_hurts_before_anything_was_heard():
    async with running([], SMALL) as driven:
        await driven.press("down", "up", "end", "home", "pagedown", "left", "right", "plus", "w", "c", "s", "enter")
        assert "Loading the model" in driven.text


async def test_only_the_columns_that_changed_are_painted_again():
    async with running(scenes.events("mixed"), DESIGN) as driven:
        widget = driven.app.query_one(Timeline)
        painted = []
        widget.refresh = lambda *regions, **_: painted.append(regions)
        script = Script()
        script.level(45.6)
        await driven.show(script.events)
        assert painted == []
        script = Script()
        script.level(46.5, speaking=True)
        await driven.show(script.events)
        ((region,),) = painted
        assert region.width == 1


async def test_without_colour_timeline_and_details_are_letters(monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    async with running(scenes.events("explained"), SMALL) as driven:
        assert "a ang  h hap  s sad  n neu" in driven.text
        assert any("ssssss" in line for line in timeline(driven))
        await driven.press("down", "enter")
        assert "hhhhhhhh" in driven.text

"""All about one utterance."""

import math
from dataclasses import replace

import pytest

from core.distribution import EMOTIONS
from core.wire.commands import Quit, SetReading
from core.wire.events import LatencyMs, TokensEvent
from monitor.dashboard.paint import details, wording
from monitor.dashboard.state.tokens import TOKENS_LIMIT, Tokens
from monitor.dashboard.widgets import heat_map
from monitor.dashboard.widgets.details import DetailsScreen
from monitor.dashboard.widgets.heat_map import HeatMap
from tests.monitor.dashboard import scenes
from tests.monitor.dashboard.driving import DESIGN, SMALL, running, settle
from tests.monitor.dashboard.script import Script


def tokens_event() -> TokensEvent:
    return next(event for event in scenes.events("explained") if isinstance(event, TokensEvent))


async def whole_page(driven) -> str:
    """Everything on the page, scrolled through with the keyboard."""
    seen = driven.text
    for key in (*["down"] * 3, *["pagedown"] * 5):
        await driven.pilot.press(key)
        await settle(driven.pilot)
        seen += driven.text
    return seen


@pytest.mark.parametrize("size", [SMALL, DESIGN, (200, 60), (44, 20)])
async def test_everything_known_of_an_utterance_can_be_reached_with_the_keyboard(size):
    async with running(scenes.events("explained"), size) as driven:
        await driven.press("down", "enter")
        assert isinstance(driven.app.screen, DetailsScreen)
        page = await whole_page(driven)
        for part in ("0:40 to 0:43", "2.7 s of speech", "mic:Desk microphone", "mixed: sadness or neutral",
                     "a tie: many would disagree", "margin 0.05", "entropy 0.71", "48%", "44", "hangover 600 ms",
                     "queue 2 ms", "features 21 ms", "llm 64 ms", "rest 151 ms", "▸ seq_logprob", "vocab_prob",
                     "paper_linear_strict", "gives none", "speaker sounds", "sad", f"{wording.MINUS}0.7",
                     "sadness 48%"):  # fmt: skip
            assert part in page, f"{part!r} cannot be reached:\n{driven.text}"


async def test_arrow_keys_step_through_the_utterances_and_the_table_follows():
    async with running(scenes.events("explained"), SMALL) as driven:
        await driven.press("down", "enter", "left")
        assert "mostly sadness, some neutral" in driven.text
        assert "8 of 10" in driven.text
        await driven.press("right")
        assert "mixed: sadness or neutral" in driven.text
        await driven.press("left", "left", "escape")
        assert not isinstance(driven.app.screen, DetailsScreen)
        assert "▸   0:27" in driven.text


async def test_a_reader_of_details_is_not_moved_by_what_comes_and_follows_again_afterwards():
    more = Script(seq=100)
    more.utterance(50.0, 52.0, (0.9, 0.03, 0.03, 0.04))
    async with running(scenes.events("clear"), SMALL) as driven:
        await driven.press("enter")
        await driven.show(more.events)
        assert "6 of 7" in driven.text
        await driven.press("right")
        assert "7 of 7" in driven.text
        await driven.press("escape")
        assert driven.app.view.chosen is None


async def test_sound_without_a_reading_says_why():
    async with running(scenes.events("explained"), SMALL) as driven:
        await driven.press("enter")
        assert "sound without a reading · 10 of 10" in driven.text
        assert "not read: too short" in driven.text


async def test_an_invalid_reading_says_why():
    async with running(scenes.events("no_reading"), SMALL) as driven:
        await driven.press("enter")
        assert "no reading: too short" in driven.text
        assert "1.5 s with pauses" in driven.text


async def test_without_tokens_a_key_asks_for_them():
    async with running(scenes.events("mixed"), SMALL) as driven:
        await driven.press("down", "enter")
        assert "press x to let the model write its answer" in " ".join(driven.text.replace("│", " ").split())
        await driven.press("x")
        assert driven.commands == [SetReading(explain=True)]


async def test_tokens_that_come_while_the_details_are_open_appear():
    async with running(scenes.events("mixed"), DESIGN) as driven:
        await driven.press("down", "enter")
        assert "speaker" not in driven.text
        await driven.show([tokens_event()])
        assert "speaker" in driven.text


async def test_an_answer_that_was_not_written_shows_its_one_position():
    async with running(scenes.events("answer_position"), DESIGN) as driven:
        await driven.press("enter")
        assert "the answer was not written" in driven.text
        assert "1/1 answer: anger 31%" in driven.text


async def test_the_token_view_has_a_cursor_and_traps_nobody():
    async with running(scenes.events("explained"), DESIGN) as driven:
        await driven.press("down", "enter", "tab")
        tokens = driven.app.screen.query_one(HeatMap)
        assert tokens.has_focus
        assert f"4/10 sad: sadness 48%, log {wording.MINUS}0.7" in driven.text
        await driven.press("right", "up")
        assert "5/10 ,: happiness" in driven.text
        await driven.press("end")
        assert "10/10 .: happiness" in driven.text
        await driven.press("home", "left", "down", "down", "down", "down")
        assert "1/10 The: neutral" in driven.text
        await driven.press("tab")
        assert not tokens.has_focus
        await driven.press("tab", "escape")
        assert not isinstance(driven.app.screen, DetailsScreen)


async def test_the_program_can_be_left_from_the_details():
    async with running(scenes.events("explained"), SMALL) as driven:
        await driven.press("enter", "q")
        assert driven.commands == [Quit()]


async def test_a_double_click_opens_the_details():
    async with running(scenes.events("explained"), DESIGN) as driven:
        await driven.pilot.click("HistoryRows", offset=(10, 1), times=2)
        await settle(driven.pilot)
        assert isinstance(driven.app.screen, DetailsScreen)
        assert "9 of 10" in driven.text


@pytest.mark.parametrize("width", [10, 30, 60, 120])
def test_the_chosen_token_is_always_in_sight_and_lines_fit(width):
    event = tokens_event()
    for step in range(len(event.steps)):
        painted = heat_map.heat_map(event, step, 2, focused=True, width=width)
        head, *rows, _ = painted.plain.split("\n")
        assert event.steps[step].token.strip()[:4] in head
        assert len(rows) == len(EMOTIONS)
        assert "▸" in rows[2]
        if width >= 30:
            assert max(map(len, (head, *rows))) <= width


def test_a_likelier_word_has_a_stronger_colour():
    strengths = [heat_map.strength(value) for value in (-math.inf, -20.0, -9.0, -3.0, -0.1, 0.0)]
    assert strengths == sorted(strengths)
    assert (strengths[0], strengths[-1]) == (0.0, 1.0)


def test_the_latency_bar_is_shared_out_and_names_what_it_shows():
    spent = LatencyMs(hangover=600.0, queue=0.0, features=200.0, llm=100.0, total=1000.0)
    _, bar, *names = details.latency(spent, 50).plain.split("\n")
    assert [bar.count(shade) for shade in details.SHADES] == [30, 0, 10, 5, 5]
    assert "rest 100 ms" in " ".join(names)
    early = replace(spent, total=spent.hangover)  # the reading was there when the hangover was over
    _, bar, *names = details.latency(early, 50).plain.split("\n")
    assert len(bar) == 50
    assert "hangover 600 ms" in " ".join(names)
    assert bar.count("░") < 50 * (early.hangover - early.features - early.llm) / early.hangover + 2
    plain = details.latency(spent, 50, plain=True).plain
    assert plain.split("\n")[1] == "h" * 30 + "f" * 10 + "l" * 5 + "r" * 5


@pytest.mark.parametrize("total", [0.0, -5.0, 1e9])
def test_impossible_latencies_are_painted_all_the_same(total):
    assert details.latency(LatencyMs(hangover=0.0, queue=0.0, features=0.0, llm=0.0, total=total), 40)


def test_the_newest_tokens_events_are_kept_and_repeats_are_not():
    kept = Tokens()
    event = tokens_event()
    for number in range(TOKENS_LIMIT + 50):
        kept = kept.push(replace(event, utterance=number))
        kept = kept.push(replace(event, utterance=number))
    assert len(kept.kept) == TOKENS_LIMIT
    assert kept.of("s1", 49) is None
    assert kept.of("s1", 60) == replace(event, utterance=60)
    assert kept.of("s2", 60) is None


def test_an_account_of_a_forgotten_utterance_still_has_what_the_table_has():
    script = Script()
    script.talk()
    state = scenes_state(script)
    forgotten = replace(state, streams=())
    known = details.account(forgotten, forgotten.history[-1])
    assert known.reading is None
    assert "2.7 s of speech" in details.facts(known, 80).plain
    assert "mixed" in details.heard(known, 80).plain


def test_how_far_apart_ways_of_asking_were_is_said_where_there_were_several():
    script = Script()
    script.talk()
    state = scenes_state(script)
    known = details.account(state, state.history[-1])
    assert "prompt spread" not in details.facts(known, 80).plain
    several = replace(known, reading=replace(known.reading, prompt_spread=0.13))
    assert "prompt spread 0.13" in details.facts(several, 80).plain


def scenes_state(script: Script):
    from monitor.dashboard import DashboardState

    state = DashboardState()
    for event in script.events:
        state = state.push(event, now_s=0.0)
    return state


def test_the_cursor_of_the_tokens_hides_no_part_of_a_number():
    event = tokens_event()
    sure = replace(event.steps[0], log_probabilities=dict.fromkeys(EMOTIONS, -12.34))
    lost = replace(event.steps[0], log_probabilities=dict.fromkeys(EMOTIONS, -123.4))
    event = replace(event, steps=(sure, lost))
    for step, number in enumerate((f"{wording.MINUS}12.3", f"{wording.MINUS}123")):
        _, *rows, _ = heat_map.heat_map(event, step, 1, focused=True, width=80).plain.split("\n")
        assert f"▸{number}" in rows[1].replace("▸ ", "▸")
        assert rows[1].replace("▸", " ")[11:] == rows[0][11:]


@pytest.mark.parametrize("size", [SMALL, DESIGN, (200, 60)])
async def test_the_first_escape_closes_the_page_from_among_the_tokens_too(size):
    async with running(scenes.events("explained"), size) as driven:
        await driven.press("down", "enter", "tab", "right", "escape")
        assert not isinstance(driven.app.screen, DetailsScreen)


@pytest.mark.parametrize("back", ["tab", "shift+tab"])
async def test_tab_goes_to_the_tokens_and_back_and_the_frame_says_so(back):
    async with running(scenes.events("explained"), DESIGN) as driven:
        await driven.press("down", "enter")
        assert "Tab tokens" in driven.text
        await driven.press("tab")
        assert "Tab back" in driven.text
        await driven.press(back)
        assert "Tab tokens" in driven.text
        await driven.press("left")
        assert "8 of 10" in driven.text

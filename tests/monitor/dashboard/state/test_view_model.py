"""What the dashboard knows after which events."""

from dataclasses import replace

import pytest

from core.distribution import EmotionDistribution
from core.wire.events import DropEvent, StateEvent, UtteranceEvent, decode, encode
from core.wire.health import HealthEvent
from monitor.dashboard.state import level as level_module
from monitor.dashboard.state import view_model
from monitor.dashboard.state.rows import HISTORY_LIMIT, LostRow, ReadingRow
from monitor.dashboard.state.view_model import DashboardState, Stream
from tests.monitor.dashboard import scenes
from tests.monitor.dashboard.script import Script, Shares

SAD: Shares = (0.1, 0.1, 0.7, 0.1)
ANGRY: Shares = (0.7, 0.1, 0.1, 0.1)


def seen(script: Script, now_s: float = 0.0) -> DashboardState:
    state = DashboardState()
    for event in script.events:
        state = state.push(event, now_s=now_s)
    return state


def only(state: DashboardState) -> Stream:
    (stream,) = state.streams
    return stream


def test_a_level_says_whether_someone_speaks():
    script = Script()
    script.level(1.0, rms=-20.0, speaking=True)
    level = only(seen(script)).level
    assert level is not None
    assert (level.rms_dbfs, level.speaking, level.voiced) == (-20.0, True, True)


def test_the_peak_mark_falls_back_slowly():
    script = Script()
    script.level(1.0, rms=-20.0)
    script.level(1.5, rms=-60.0)
    level = only(seen(script)).level
    assert level is not None
    assert level.peak_dbfs == pytest.approx(-9.0 - 0.5 * level_module.PEAK_FALL_DB_PER_S)


def test_a_final_reading_takes_the_place_of_the_interim_one():
    script = Script()
    script.utterance(1.0, 4.0, SAD, final=False, number=0)
    script.seq = 0
    script.utterance(1.0, 5.0, ANGRY, number=0)
    state = seen(script)
    (row,) = state.history
    assert isinstance(row, ReadingRow)
    assert row.heard.final
    assert row.heard.raw == EmotionDistribution(*ANGRY)
    assert only(state).heard == row.heard


def test_an_interim_reading_that_comes_late_changes_nothing():
    script = Script()
    script.utterance(1.0, 5.0, ANGRY, number=0)
    script.seq = 0
    script.utterance(1.0, 4.0, SAD, final=False, number=0)
    state = seen(script)
    (row,) = state.history
    assert isinstance(row, ReadingRow)
    assert row.heard.raw == EmotionDistribution(*ANGRY)
    assert only(state).heard == row.heard


def test_an_event_that_comes_twice_is_one_row():
    script = Script()
    script.utterance(1.0, 5.0, ANGRY)
    script.events *= 2
    assert len(seen(script).history) == 1


def test_a_state_event_alone_gives_a_reading_without_a_place_in_the_history():
    script = Script()
    script.utterance(1.0, 5.0, ANGRY)
    script.events = [event for event in script.events if isinstance(event, StateEvent)]
    state = seen(script)
    heard = only(state).heard
    assert heard is not None
    assert heard.raw == EmotionDistribution(*ANGRY)
    assert heard.length_s is None
    assert state.history == ()


def test_the_state_event_of_a_known_utterance_adds_nothing():
    script = Script()
    script.utterance(1.0, 5.0, ANGRY)
    heard = only(seen(script)).heard
    assert heard is not None
    assert heard.length_s == 4.0


def test_an_invalid_reading_has_a_reason_and_no_distribution():
    heard = only(seen(scenes.no_reading())).heard
    assert heard is not None
    assert heard.raw is None
    assert heard.reason == "too short"
    assert heard.smoothed is not None, "the moving average is what it was"


def test_the_age_of_a_reading_is_told_by_the_clock_of_its_stream():
    script = Script()
    script.utterance(1.0, 5.0, ANGRY)
    script.level(9.5)
    assert only(seen(script)).age_s == pytest.approx(4.5)


def test_losses_are_counted_by_reason_and_neighbours_are_one_row():
    script = Script()
    for start_s in (1.0, 3.0):
        script.drop(start_s, start_s + 0.5, "too_short")
    script.drop(5.0, 9.0, "overload")
    state = seen(script)
    assert {reason: lost.times for reason, lost in state.lost.items()} == {"too_short": 2, "overload": 1}
    first, second = state.history
    assert isinstance(first, LostRow)
    assert (first.start_s, first.times, first.length_s) == (1.0, 2, 1.0)
    assert isinstance(second, LostRow)


def test_health_raises_the_losses_to_what_the_stream_counted_itself():
    script = Script()
    script.drop(1.0, 2.0, "overload")
    script.health()
    health = script.events[-1]
    assert isinstance(health, HealthEvent)
    counted = replace(health.streams[0], segments_dropped={"overload": 5}, dropped={"overflow": 8000})
    script.events[-1] = replace(health, streams=(counted,))
    lost = seen(script).lost
    assert lost["overload"].times == 5
    assert lost["overflow"].seconds == pytest.approx(0.5)


def test_a_pause_that_health_told_of_while_it_lasted_is_counted_once():
    script = Script()
    for state, samples in (("paused", 16_000), ("paused", 5 * 16_000)):
        script.health(state=state)
        health = script.events[-1]
        assert isinstance(health, HealthEvent)
        script.events[-1] = replace(health, streams=(replace(health.streams[0], dropped={"paused": samples}),))
    assert seen(script).lost["paused"].seconds == 5.0
    script.drop(0.0, 5.4, "paused")
    assert seen(script).lost["paused"].seconds == pytest.approx(5.4)
    script.drop(7.0, 8.0, "paused")
    assert seen(script).lost["paused"].seconds == pytest.approx(6.4)


def test_a_microphone_that_comes_and_goes_is_one_stream_that_listens():
    state = seen(scenes.replugged(times=10), now_s=1.0)
    stream = only(state)
    assert (stream.state, state.present, state.ended) == ("listening", (stream,), False)
    assert stream.lost["absent"].seconds == pytest.approx(10 * 5.0)
    assert [loss.reason for loss in stream.past.losses] == ["absent"] * 10
    assert [row.length_s for row in state.history if isinstance(row, LostRow)] == [5.0] * 10
    notice = state.current_notice(1.0)
    assert notice is not None
    assert (notice.grave, "was away" in notice.text) == (False, True)


@pytest.mark.parametrize("before", ["paused", "failed"])
def test_one_that_listens_again_is_not_to_blame_for_the_silence_until_then(before: str):
    state = seen(scenes.listening(), now_s=10.0)
    for health in (before, "listening"):
        script = Script()
        script.health(state=health)
        state = state.push(script.events[-1], now_s=99.0)
    assert not only(state).sound_stopped(99.0)
    assert only(state).sound_stopped(99.1 + view_model.SILENT_SOURCE_S)


def test_a_pause_shows_at_once_and_then_as_the_health_event_says():
    script = Script()
    script.health()
    state = seen(script).ask_pause(paused=True)
    assert state.paused
    assert not state.push(script.events[-1], now_s=0.0).paused
    script.health(state="paused")
    assert state.push(script.events[-1], now_s=0.0).paused


def test_an_error_is_counted_and_fades():
    script = Script()
    script.error("sink", "disk full", "free some space")
    script.error("sink", "disk full", "free some space")
    state = seen(script, now_s=10.0)
    notice = state.current_notice(11.0)
    assert notice is not None
    assert (notice.text, notice.times, state.errors) == ("disk full (free some space)", 2, 2)
    assert state.current_notice(10.0 + view_model.NOTICE_S) is None
    assert state.dismiss_notice().current_notice(11.0) is None


def test_a_failed_source_keeps_its_reason_after_the_notice_is_gone():
    stream = only(seen(scenes.source_failed()))
    assert stream.state == "failed"
    assert stream.trouble == "microphone Desk microphone stopped delivering sound (it may be unplugged)"


def test_a_listening_stream_whose_levels_stop_delivers_no_sound():
    stream = only(seen(scenes.listening(), now_s=10.0))
    assert not stream.sound_stopped(10.0 + view_model.SILENT_SOURCE_S)
    assert stream.sound_stopped(10.1 + view_model.SILENT_SOURCE_S)


def test_where_one_monitor_is_paused_and_another_listens_each_stream_says_its_own():
    script = scenes.two_microphones()
    script.health()
    health = script.events[-1]
    assert isinstance(health, HealthEvent)
    first, second = health.streams
    state = seen(script).push(replace(health, streams=(first, replace(second, state="paused"))), now_s=0.0)
    assert [state.is_paused(stream) for stream in state.streams] == [False, True]
    assert not state.paused


def test_a_paused_stream_without_levels_is_no_cause_for_worry():
    assert not only(seen(scenes.paused())).sound_stopped(100.0)


def test_all_has_ended_when_no_stream_goes_on():
    assert seen(scenes.file_ended()).ended
    assert not seen(scenes.two_microphones()).ended
    assert not DashboardState().ended


def test_the_stream_that_was_silent_longest_makes_room():
    script = Script(sources={f"s{i}": f"mic:{i}" for i in range(view_model.STREAM_LIMIT + 1)})
    for stream in script.sources:
        script.level(1.0, stream=stream)
    state = DashboardState()
    for now_s, event in enumerate(script.events):
        state = state.push(event, now_s=float(now_s))
    assert [stream.stream for stream in state.streams] == list(script.sources)[1:]


def test_streams_that_all_go_on_do_not_push_each_other_out():
    script = Script(sources={f"s{i}": f"mic:{i}" for i in range(view_model.STREAM_LIMIT + 1)})
    state = DashboardState()
    for second in range(3):
        for stream in script.sources:
            script.level(float(second), stream=stream)
        script.health()
        for event in script.events:
            state = state.push(event, now_s=float(second))
        script.events.clear()
    assert [stream.stream for stream in state.streams] == list(script.sources)[:-1]
    assert all(stream.level for stream in state.streams)


def test_the_history_forgets_the_oldest():
    script = Script()
    for number in range(HISTORY_LIMIT + 3):
        script.utterance(float(number), number + 0.5, SAD)
    history = seen(script).history
    assert len(history) == HISTORY_LIMIT
    assert isinstance(history[0], ReadingRow)
    assert history[0].heard.start_s == 3.0


@pytest.mark.parametrize("second_s", [1e308, -1e308, float("nan")])
def test_what_no_stream_can_hold_has_no_row(second_s: float):
    script = Script()
    script.utterance(1.0, 2.0, SAD)
    script.drop(3.0, 4.0, "overflow")
    script.events = [
        replace(event, end_s=second_s) for event in script.events if isinstance(event, UtteranceEvent | DropEvent)
    ]
    assert seen(script).history == ()


def test_text_from_outside_becomes_one_short_line():
    script = Script(sources={"s1": "mic:two\nlines"})
    script.level(1.0)
    script.drop(1.0, 2.0, "many\n" * 200)
    state = seen(script)
    assert only(state).source == "mic:two lines"
    assert all("\n" not in reason and len(reason) <= 200 for reason in state.lost)


@pytest.mark.parametrize("name", scenes.SCENES)
def test_what_came_over_the_wire_shows_the_same(name: str):
    script = scenes.SCENES[name]()
    travelled = Script(events=[decode(encode(event)) for event in script.events])
    assert seen(travelled) == seen(script)

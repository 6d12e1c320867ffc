"""What the level meter knows."""

import hypothesis.strategies as st
from hypothesis import given

from core.wire.events import LevelEvent
from monitor.dashboard.state.level import CLIP_HOLD_S, MUTED_LATER_S, MUTED_S, Level, hear


def event(at_s: float, rms: float = -40.0, **more: object) -> LevelEvent:
    usual: dict[str, object] = {"peak_dbfs": rms + 11, "voiced": False, "speaking": False}
    return LevelEvent(stream="s1", source="mic", at_s=at_s, rms_dbfs=rms, **(usual | more))  # type: ignore[arg-type]


def test_clipping_is_said_for_a_while_and_no_longer():
    level = hear(None, event(1.0, clipped=True), 0.0)
    assert level.clipping
    level = hear(level, event(1.0 + CLIP_HOLD_S / 2), 0.0)
    assert level.clipping
    assert not hear(level, event(1.0 + CLIP_HOLD_S), 0.0).clipping


def test_digital_silence_is_timed_and_any_sound_ends_it():
    level = None
    for second in range(6):
        level = hear(level, event(float(second), rms=-120.0), 0.0)
    assert level is not None
    assert level.silent_s == 5.0
    assert hear(level, event(6.0, rms=-80.0), 0.0).silent_s == 0.0


def seems_muted(*stretches: tuple[float, float]) -> bool:
    """After so many seconds at each of these levels."""
    level, at_s = None, 0.0
    for duration_s, rms in stretches:
        for _ in range(round(duration_s / 0.1)):
            level, at_s = hear(level, event(at_s, rms), 0.0), at_s + 0.1
    assert level is not None
    return level.seems_muted


def test_a_microphone_that_never_gave_sound_seems_muted_soon():
    assert not seems_muted((MUTED_S - 0.5, -120.0))
    assert seems_muted((MUTED_S + 0.5, -120.0))


def test_a_noise_gate_that_shuts_after_speech_does_not_seem_muted():
    assert not seems_muted((2.0, -30.0), (MUTED_LATER_S - 0.5, -120.0))
    assert seems_muted((2.0, -30.0), (MUTED_LATER_S + 0.5, -120.0))


def test_once_sound_came_back_by_itself_no_silence_seems_muted():
    assert not seems_muted((2.0, -30.0), (MUTED_S + 0.5, -120.0), (1.0, -30.0), (5 * MUTED_LATER_S, -120.0))


def test_zeros_of_a_device_that_is_being_opened_are_no_gate():
    assert seems_muted((0.5, -120.0), (2.0, -60.0), (MUTED_LATER_S + 0.5, -120.0))


def test_a_clock_that_goes_back_begins_anew():
    level = hear(hear(None, event(100.0, rms=-120.0, clipped=True), 0.0), event(1.0), 0.0)
    assert (level.clipping, level.silent_s, level.peak_dbfs) == (False, 0.0, -29.0)


@given(st.lists(st.builds(event, st.floats(), st.floats(), clipped=st.booleans()), max_size=20))
def test_no_level_upsets_the_meter(events: list[LevelEvent]):
    level: Level | None = None
    for each in events:
        level = hear(level, each, 0.0)
        assert level.clipping in {True, False}
        assert not level.silent_s < 0

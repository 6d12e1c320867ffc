"""Pictures of the screen, accepted by eye. After a wanted change: pytest tests/monitor/dashboard --snapshot-update."""

import pytest

from tests.monitor.dashboard import scenes
from tests.monitor.dashboard.driving import DESIGN, SMALL, dashboard, settle

DETERMINISTIC = {"TEXTUAL_ANIMATIONS": "none", "TERM": "xterm-256color", "COLORTERM": "truecolor"}


@pytest.fixture(autouse=True)
def _same_everywhere(monkeypatch):
    for name, value in DETERMINISTIC.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("NO_COLOR", raising=False)


@pytest.mark.parametrize("scene", ["starting", "interim", "mixed", "no_reading"])
def test_the_design_size(snap_compare, scene):
    assert snap_compare(dashboard(scenes.events(scene)).app, terminal_size=DESIGN, run_before=settle)


@pytest.mark.parametrize("scene", ["mixed", "paused", "worker_restarting", "two_microphones"])
def test_the_small_size(snap_compare, scene):
    assert snap_compare(dashboard(scenes.events(scene)).app, terminal_size=SMALL, run_before=settle)


def test_the_light_theme(snap_compare):
    driven = dashboard(scenes.events("mixed"))
    driven.app.theme = "emotion-light"
    assert snap_compare(driven.app, terminal_size=SMALL, run_before=settle)


def test_the_help(snap_compare):
    assert snap_compare(
        dashboard(scenes.events("mixed")).app, press=["question_mark"], terminal_size=DESIGN, run_before=settle
    )

"""Exporting from the dashboard: the key, the dialog, the files."""

import csv

import pytest
from textual.widgets import Input

from monitor.dashboard import exporting
from monitor.dashboard.backend import Backend
from monitor.dashboard.dialogs.export import ExportDialog
from monitor.export.session import Spool
from tests.monitor.dashboard import scenes
from tests.monitor.dashboard.driving import SMALL, running, settle
from tests.monitor.export.sessions import hour


async def opened(driven, folder):
    await driven.press("e")
    assert isinstance(driven.app.screen, ExportDialog)
    driven.app.screen.query_one(Input).value = str(folder)
    await settle(driven.pilot)


async def written(driven):
    await driven.app.workers.wait_for_complete()
    await settle(driven.pilot)


async def test_the_key_and_enter_write_all_formats_and_say_where(tmp_path):
    async with running(scenes.events("explained"), SMALL) as driven:
        await opened(driven, tmp_path)
        assert "So far: 9 utterances, 1 note, 1 loss." in driven.text
        await driven.press("enter")
        await written(driven)
        assert f"Written into {tmp_path}:".replace(" ", "") in "".join(driven.text.replace("│", " ").split())
        assert all(path.name in driven.text for path in tmp_path.iterdir())
        assert "Enter or Esc closes" in driven.text
        await driven.press("enter")
        assert not isinstance(driven.app.screen, ExportDialog)
    assert len(list(tmp_path.iterdir())) == 5
    with next(tmp_path.glob("*-utterances.csv")).open(encoding="utf-8-sig") as file:
        assert len(list(csv.DictReader(file))) == 9


async def test_space_takes_a_format_away_and_arrows_reach_the_others(tmp_path):
    async with running(scenes.events("mixed"), SMALL) as driven:
        await opened(driven, tmp_path)
        await driven.press("space", "down", "space")
        assert driven.text.count("[ ]") == 2
        await driven.press("enter")
        await written(driven)
    assert [path.name for path in tmp_path.iterdir()] == ["emotion-2026-01-01T10-00-00Z-summary.html"]


async def test_enter_in_the_line_of_the_folder_exports_too(tmp_path):
    async with running(scenes.events("mixed")) as driven:
        await opened(driven, tmp_path / "new")
        await driven.press("tab", "enter")
        await written(driven)
    assert len(list((tmp_path / "new").iterdir())) == 5


async def test_without_a_format_it_says_what_to_do():
    async with running(scenes.events("mixed")) as driven:
        await driven.press("e", "space", "down", "space", "down", "space", "enter")
        assert "Mark a format with space." in driven.text


async def test_a_folder_that_cannot_be_written_is_said_and_the_dialog_stays(tmp_path):
    (tmp_path / "file").write_text("x")
    async with running(scenes.events("mixed")) as driven:
        await opened(driven, tmp_path / "file")
        await driven.press("enter")
        await written(driven)
        assert isinstance(driven.app.screen, ExportDialog)
        assert "cannot write" in driven.text


async def test_escape_leaves_and_writes_nothing(tmp_path):
    async with running(scenes.events("mixed")) as driven:
        await opened(driven, tmp_path)
        await driven.press("escape")
        assert not isinstance(driven.app.screen, ExportDialog)
    assert list(tmp_path.iterdir()) == []


async def test_the_folder_is_offered_again(tmp_path):
    async with running(scenes.events("mixed")) as driven:
        await opened(driven, tmp_path)
        await driven.press("enter")
        await written(driven)
        await driven.press("escape", "e")
        assert driven.app.screen.query_one(Input).value == str(tmp_path)


async def test_what_is_gone_is_said(monkeypatch):
    monkeypatch.setattr(exporting, "Spool", lambda: Spool(limit=100))
    async with running(scenes.events("busy_hour"), SMALL) as driven:
        await driven.press("e")
        assert "501 older ones are gone" in driven.text


async def test_a_replay_exports_all_of_its_recording(tmp_path):
    async with running(scenes.events("mixed"), backend=Backend(session=hour)) as driven:
        await opened(driven, tmp_path)
        assert "All of the recording." in driven.text
        await driven.press("enter")
        await written(driven)
    with next(tmp_path.glob("*-utterances.csv")).open(encoding="utf-8-sig") as file:
        assert len(list(csv.DictReader(file))) == len(hour().utterances)


@pytest.mark.parametrize("size", [(20, 10), (40, 12)])
async def test_it_survives_a_tiny_terminal(tmp_path, size):
    async with running(scenes.events("mixed"), size) as driven:
        await opened(driven, tmp_path)
        await driven.press("enter")
        await written(driven)
    assert len(list(tmp_path.iterdir())) == 5


async def test_a_home_folder_of_nobody_takes_no_files():
    async with running(scenes.events("mixed")) as driven:
        await opened(driven, "~no-such-user-here/exports")
        await driven.press("tab", "enter")
        await settle(driven.pilot)
        assert "~no-such-user-here is not known" in driven.text

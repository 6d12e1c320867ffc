"""A picture of the screen: where it goes, who may read it, and that its path is said."""

import asyncio
import stat
from pathlib import Path

import pytest

from tests.monitor.dashboard import scenes
from tests.monitor.dashboard.driving import DESIGN, SMALL, Driven, running
from tests.patience import PATIENCE_S


@pytest.fixture
def pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    return tmp_path / ".local" / "share" / "emotion-monitor" / "pictures"


async def said(driven: Driven, words: str) -> None:
    """Waits until the screen says so."""
    async with asyncio.timeout(PATIENCE_S):
        while words not in driven.text:
            await driven.pilot.pause(0.01)


def found(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.svg"))


@pytest.mark.parametrize("size", [SMALL, DESIGN, (200, 60)], ids=str)
async def test_a_key_saves_the_screen_for_its_owner_only_and_says_where(pictures, size):
    async with running(scenes.events("mixed"), size) as driven:
        await driven.press("i")
        await said(driven, "Picture:")
        (path,) = found(pictures)
        assert f"Picture: ~/.local/share/emotion-monitor/pictures/{path.name}" in driven.text
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    svg = path.read_text(encoding="utf-8")
    assert svg.startswith("<svg")
    assert "mixed:&#160;sadness&#160;or&#160;neutral" in svg


@pytest.mark.parametrize(("keys", "seen"), [(("down", "enter"), "seq_logprob"), (("h",), "outbox"), (("?",), "Esc")])
async def test_what_lies_above_the_screen_is_in_the_picture_and_says_where_it_is(pictures, keys, seen):
    async with running(scenes.events("explained")) as driven:
        await driven.press(*keys, "i")
        await said(driven, "Picture:")
        (path,) = found(pictures)
    assert seen in path.read_text(encoding="utf-8")


async def test_a_second_picture_does_not_replace_the_first(pictures):
    async with running(scenes.events("mixed"), SMALL) as driven:
        for _ in range(2):
            await driven.press("i")
            await said(driven, "Picture:")
            await driven.press("escape")
    assert len(found(pictures)) == 2


async def test_a_folder_that_cannot_be_written_is_said_and_nothing_ends(tmp_path, monkeypatch):
    blocked = tmp_path / "file"
    blocked.write_text("")
    monkeypatch.setenv("XDG_DATA_HOME", str(blocked))
    async with running(scenes.events("mixed"), DESIGN) as driven:
        await driven.press("i")
        await said(driven, "cannot write")


async def test_the_palette_is_not_in_the_picture_taken_from_it(pictures):
    async with running(scenes.events("mixed")) as driven:
        await driven.press("ctrl+p", *"picture: save")
        await driven.pilot.pause(0.3)
        await driven.press("enter")
        await said(driven, "Picture:")
        (path,) = found(pictures)
    assert "picture:&#160;save" not in path.read_text(encoding="utf-8").lower()

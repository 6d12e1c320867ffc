"""Which formats to export to, and where."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import ClassVar, TypeAlias

from textual import on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.content import Content
from textual.message import Message
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from core.errors import EmotionMonitorError, UsageError
from core.user_path import user_path
from monitor.dashboard import keys
from monitor.dashboard.dialogs.dialog import Dialog
from monitor.dashboard.dialogs.folders import Folders
from monitor.dashboard.paint.text import printable
from monitor.dashboard.state.view_model import DashboardState
from monitor.export.formats import FORMATS, TEXTS, Format

MADE = "Enter or Esc closes"

Write: TypeAlias = Callable[[list[Format], Path], Awaitable[list[Path]]]


class Formats(OptionList):
    """The formats, each marked or not: space marks, Enter is done."""

    BINDINGS: ClassVar[list[BindingType]] = [*keys.FORMATS]

    class Done(Message):
        """The user is done."""

    def __init__(self) -> None:
        super().__init__(markup=False)
        self.marked: set[Format] = set(FORMATS)
        self._write()
        self.highlighted = 0

    def action_done(self) -> None:
        """Says that the user is done."""
        self.post_message(self.Done())

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Marks a format, or takes the mark away."""
        event.stop()
        self.marked ^= {FORMATS[event.option_index]}
        self._write()
        self.highlighted = event.option_index

    def _write(self) -> None:
        widest = max(map(len, FORMATS))
        self.set_options(
            Option(
                Content.assemble(f"[{'x' if kind in self.marked else ' '}] {kind:<{widest}}", (f"  {TEXTS[kind]}", ""))
            )
            for kind in FORMATS
        )


class ExportDialog(Dialog):
    """Formats and a folder; then the files that were made, or why there are none.

    Args:
        state: What the dashboard knows.
        about: What will be exported, in a line.
        folder: Where to, unless the user writes something else.
        write: Exports and returns the files; raises EmotionMonitorError.
    """

    TITLE = "export"
    KEYS = (
        "Space marks · Tab list or folder · Enter exports · Esc leaves it",
        "Space marks · Enter exports · Esc leaves",
    )

    def __init__(self, state: DashboardState, *, about: str, folder: Path, write: Write) -> None:
        super().__init__(state)
        self._about = about
        self._folder = folder
        self._write = write
        self._made = False

    def body(self) -> ComposeResult:
        """Formats, then the folder."""
        yield Static(Content(self._about), id="about")
        yield Formats()
        yield Static(Content("Into the folder:"), id="where")
        yield Input(str(self._folder), compact=True, suggester=Folders(use_cache=False))
        yield Static("", id="complaint")

    @on(Formats.Done)
    @on(Input.Submitted)
    def _go(self) -> None:
        if self._made:
            self.dismiss(None)
            return
        marked = self.query_one(Formats).marked
        if not marked:
            self.complain("Mark a format with space.")
            return
        named = self.query_one(Input).value.strip()
        try:
            folder = user_path("the folder", named) if named else self._folder
        except UsageError as error:
            self.complain(error.one_line())
            return
        self._export([kind for kind in FORMATS if kind in marked], folder)

    @work(exclusive=True)
    async def _export(self, formats: list[Format], folder: Path) -> None:
        outcome = self.query_one("#complaint", Static)
        outcome.update(Content.styled("Writing…", "$quiet"))
        try:
            paths = await self._write(formats, folder)
        except EmotionMonitorError as error:
            self.complain(error.one_line())
            return
        names = "\n".join(path.name for path in paths)
        outcome.update(printable(Content.assemble((f"Written into {folder}:\n", "$success"), names)))
        self._made = True
        self._frame.border_subtitle = MADE

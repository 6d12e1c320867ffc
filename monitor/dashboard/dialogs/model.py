"""Which model listens."""

import asyncio
from pathlib import Path

from textual import on
from textual.app import ComposeResult
from textual.widgets import Input, Static

from core.errors import UsageError
from core.user_path import user_path
from core.wire.commands import SetModel
from monitor.dashboard.dialogs.choices import Choice, Choices, Group
from monitor.dashboard.dialogs.dialog import Dialog
from monitor.dashboard.dialogs.folders import Folders

SHIPPED = "ltu-as-mini"


class ModelDialog(Dialog):
    """The shipped model, the one in use, or the path of another model folder."""

    TITLE = "which model listens"
    KEYS = ("Tab list or path · Enter takes it · Esc leaves it", "Enter takes it · Esc leaves it")

    def body(self) -> ComposeResult:
        """A short list and a line for a path."""
        tuning = self.state.health.tuning if self.state.health else None
        now = tuning.model if tuning else None
        choices = [Choice(SHIPPED, SHIPPED, "shipped: small, and quick on a processor")]
        if now and now != SHIPPED:
            choices.append(Choice(now, now, "in use"))
        yield Choices([Group("model", tuple(choices), now)])
        yield Static("Or a model folder, such as emotion-monitor convert makes:", id="about")
        yield Input(placeholder="path of a model folder", compact=True, suggester=Folders(use_cache=False))
        yield Static("", id="complaint")

    @on(Choices.Taken)
    def _take(self, message: Choices.Taken) -> None:
        tuning = self.state.health.tuning if self.state.health else None
        name = message.chosen["model"]
        self.dismiss(None if name is None or (tuning and tuning.model == name) else SetModel(name))

    @on(Input.Submitted)
    async def _take_path(self, message: Input.Submitted) -> None:
        try:
            folder = await asyncio.to_thread(_model_folder, message.value.strip())
        except UsageError as error:
            self.complain(error.one_line())
        else:
            self.dismiss(SetModel(str(folder)))


def _model_folder(path: str) -> Path:
    folder = user_path("the folder", path)
    if not path or not (folder / "config.json").is_file():
        msg = "That is no model folder: there is no config.json in it."
        raise UsageError(msg)
    return folder

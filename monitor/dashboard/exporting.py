"""The part of the dashboard that exports: what it keeps for that, and the key."""

import asyncio
from collections.abc import Callable
from pathlib import Path

from platformdirs import user_data_path

from core.wire.commands import Command
from monitor.dashboard.backend import Backend
from monitor.dashboard.dialogs.export import ExportDialog
from monitor.dashboard.playing import Playing
from monitor.dashboard.state.view_model import Session as Known
from monitor.export.formats import Format, export
from monitor.export.session import Session, Spool


class Exporting(Playing):
    """Exports the whole recording in a replay, and else what was heard so far."""

    def __init__(self, *, on_command: Callable[[Command], None], session: Known, backend: Backend) -> None:
        self.spool = Spool()
        self._export_folder = user_data_path("emotion-monitor") / "exports"
        super().__init__(on_command=on_command, session=session, backend=backend)

    def action_export(self) -> None:
        """Chooses formats and a folder, and exports."""
        about = "All of the recording." if self.backend.session else _about(self.spool.session())
        self.push_screen(ExportDialog(self.state, about=about, folder=self._export_folder, write=self._export))

    async def _export(self, formats: list[Format], folder: Path) -> list[Path]:
        """Writes the files in a thread.

        Raises:
            EmotionMonitorError: They cannot be written.
        """
        if self.backend.session:
            session = await asyncio.to_thread(self.backend.session)
        else:
            session = self.spool.session()
        paths = await asyncio.to_thread(export, session, formats, folder)
        self._export_folder = folder
        return paths


def _about(session: Session) -> str:
    counts = ((len(session.utterances), "utterance"), (len(session.notes), "note"), (len(session.drops), "loss"))
    plurals = {"loss": "losses"}
    words = [f"{count} {name if count == 1 else plurals.get(name, f'{name}s')}" for count, name in counts]
    missing = f" {session.forgotten} older ones are gone; a recording (r) keeps all." if session.forgotten else ""
    return f"So far: {', '.join(words)}.{missing}"

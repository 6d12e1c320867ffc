"""Exporting from the dashboard: what it keeps for that, and what is written."""

import asyncio
from collections.abc import Callable
from pathlib import Path

from platformdirs import user_data_path

from core.wire.events import Event
from monitor.dashboard.dialogs.export import ExportDialog
from monitor.dashboard.state.view_model import DashboardState
from monitor.export.formats import Format, export
from monitor.export.session import Session, Spool


class Exporter:
    """Exports the whole recording in a replay, and else what was heard so far.

    Args:
        recording: Reads all of the recording, in a thread; None: there is none, what is heard is kept.

    Attributes:
        written: The files so far.
    """

    def __init__(self, recording: Callable[[], Session] | None) -> None:
        self.written: list[Path] = []
        self._recording = recording
        self._spool = Spool()
        self._folder = user_data_path("emotion-monitor") / "exports"

    def hear(self, event: Event) -> None:
        """Keeps one event, unless it is in the recording."""
        if self._recording is None:
            self._spool.push(event)

    @property
    def session(self) -> Session:
        """What was kept."""
        return self._spool.session()

    def dialog(self, state: DashboardState) -> ExportDialog:
        """Asks for formats and a folder, and exports."""
        about = "All of the recording." if self._recording else _about(self.session)
        return ExportDialog(state, about=about, folder=self._folder, write=self._write)

    async def _write(self, formats: list[Format], folder: Path) -> list[Path]:
        """Writes the files in a thread.

        Raises:
            EmotionMonitorError: They cannot be written.
        """
        session = await asyncio.to_thread(self._recording) if self._recording else self.session
        paths = await asyncio.to_thread(export, session, formats, folder)
        self._folder = folder
        self.written += paths
        return paths


def _about(session: Session) -> str:
    counts = ((len(session.utterances), "utterance"), (len(session.notes), "note"), (len(session.drops), "loss"))
    plurals = {"loss": "losses"}
    words = [f"{count} {name if count == 1 else plurals.get(name, f'{name}s')}" for count, name in counts]
    missing = f" {session.forgotten} older ones are gone; a recording (r) keeps all." if session.forgotten else ""
    return f"So far: {', '.join(words)}.{missing}"

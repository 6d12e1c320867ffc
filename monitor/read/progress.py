"""How far the reading has come: a bar on a terminal, and nothing elsewhere."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID


class Shown(Protocol):
    """What is told of the files' progress."""

    def heard(self, path: Path, share: float) -> None:
        """So much of a file was heard, from 0 to 1."""

    def done(self, path: Path) -> None:
        """A file was read."""


class _Nowhere:
    def heard(self, path: Path, share: float) -> None:
        pass

    def done(self, path: Path) -> None:
        pass


@contextmanager
def progress_bar(sizes_bytes: Mapping[Path, int], *, of: int) -> Iterator[Shown]:
    """A bar on standard error, if that is a terminal. It goes by bytes: how long a file is is known at its end only.

    Args:
        sizes_bytes: Of the files that are to be read.
        of: All files, those that were read before included.
    """
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    console = Console(stderr=True)
    if not console.is_terminal:
        yield _Nowhere()
        return
    columns = (
        TextColumn("reading"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %  {task.fields[files]} of {task.fields[of]} files "),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True) as bar:
        before = of - len(sizes_bytes)
        task = bar.add_task("", total=max(sum(sizes_bytes.values()), 1), files=before, of=of)
        yield _Bar(bar, task, sizes_bytes, before)


class _Bar:
    def __init__(self, bar: "Progress", task: "TaskID", sizes_bytes: Mapping[Path, int], files: int) -> None:
        self._bar = bar
        self._task = task
        self._sizes_bytes = sizes_bytes
        self._files = files
        self._heard_bytes = dict.fromkeys(sizes_bytes, 0.0)

    def heard(self, path: Path, share: float) -> None:
        now = share * self._sizes_bytes[path]
        self._bar.advance(self._task, now - self._heard_bytes[path])
        self._heard_bytes[path] = now

    def done(self, path: Path) -> None:
        self.heard(path, 1.0)
        self._files += 1
        self._bar.update(self._task, files=self._files)

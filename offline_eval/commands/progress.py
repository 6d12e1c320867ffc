"""How far a long command has come: a bar on a terminal, now and then a line elsewhere."""

import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager

_EVERY_S = 30.0


def say(line: str) -> None:
    """Prints a line on standard error, where it stays apart from results."""
    print(line, file=sys.stderr, flush=True)


def steps_bar(steps: Sequence[int], name: str) -> Iterable[int]:
    """Goes through the steps with a progress bar on the terminal, if there is one."""
    from rich.console import Console
    from rich.progress import track

    console = Console(stderr=True)
    return track(steps, name, console=console, transient=True, disable=not console.is_terminal)


@contextmanager
def answers_bar(total: int) -> Iterator[Callable[[int], None]]:
    """Shows how many of `total` answers there are, how many a second, and the time left; takes numbers of new ones."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    if not console.is_terminal:
        yield _Lines(total)
        return
    columns = (
        TextColumn("answers"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("", total=total, rate="")
        began_s, done = time.monotonic(), 0

        def answered(more: int) -> None:
            nonlocal done
            done += more
            rate = done / max(time.monotonic() - began_s, 1e-3)
            progress.update(task, advance=more, rate=f"{rate:.1f}/s")

        yield answered


class _Lines:
    """The same in lines, for logs."""

    def __init__(self, total: int) -> None:
        self._total, self._done = total, 0
        self._began_s = self._said_s = time.monotonic()

    def __call__(self, more: int) -> None:
        self._done += more
        now_s = time.monotonic()
        if now_s - self._said_s < _EVERY_S and self._done < self._total:
            return
        self._said_s = now_s
        rate = self._done / max(now_s - self._began_s, 1e-3)
        left_s = (self._total - self._done) / rate
        say(f"{self._done} of {self._total} answers, {rate:.1f}/s, {left_s:.0f} s left")

"""A published model is fetched while someone at the terminal can see it, before anything else begins."""

import math
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from core.errors import UsageError
from core.settings import ModelSettings
from core.speech_llm.hub import Progress, download
from core.speech_llm.hub_name import is_hub_name
from core.speech_llm.server_address import is_server_name, server_address
from core.speech_llm.size import Memory, in_gb, memory_of

_EVERY = 0.1
"""Share of a download after which a line says so, where there is no terminal."""


def prepare(model: ModelSettings, *, memory_mb: int = 0) -> None:
    """For whoever is about to start the inference process: it finds everything here, since it never fetches anything.

    Args:
        model: Which model. Of other kinds than those of the hub or of a server nothing is asked.
        memory_mb: As worker.memory_mb.

    Raises:
        UsageError, ModelError: The model cannot be had, does not fit, or its server's address cannot be used.
    """
    if is_hub_name(model.name):
        if find_spec("huggingface_hub") is None:
            msg = f"{model.name} cannot be fetched: huggingface_hub is not installed here"
            raise UsageError(
                msg, hint="install all of emotion-monitor, or have utterances read elsewhere: --worker URL"
            )
        fetch(model.name, memory=memory_of(model.device, memory_mb=memory_mb))
    elif is_server_name(model.name):
        server_address(model)


def fetch(name: str, *, memory: Memory | None = None) -> Path:
    """The folder of a model of the hub, fetched if it is not here; a bar on standard error shows how far it is.

    Args:
        name: `hf:OWNER/NAME[@REVISION]`.
        memory: What it must fit into; see `core.speech_llm.hub.download`.

    Raises:
        UsageError, ModelError: As there.
    """
    with _bar(name) as progress:
        return download(name, progress, memory=memory)


@contextmanager
def _bar(name: str) -> Iterator[Progress]:
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, TextColumn, TimeRemainingColumn, TransferSpeedColumn
    from rich.progress import Progress as Bar

    console = Console(stderr=True)
    if not console.is_terminal:
        yield _Lines(name)
        return
    columns = (
        TextColumn(f"fetching {name}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Bar(*columns, console=console, transient=True) as bar:
        task = bar.add_task("", total=None, visible=False)  # nothing is shown of what is here already

        def progress(done: int, of: int) -> None:
            bar.update(task, completed=done, total=of, visible=True)

        yield progress


class _Lines:
    """The same in lines, for logs."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._next = 0.0

    def __call__(self, done: int, of: int) -> None:
        share = done / of if of else 1.0
        if share < self._next:
            return
        self._next = min(share + _EVERY, 1.0) if share < 1 else math.inf
        sys.stderr.write(f"fetching {self._name}: {share:.0%} of {in_gb(of)}\n")
        sys.stderr.flush()

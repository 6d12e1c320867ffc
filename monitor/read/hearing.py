"""Files through the model: several are heard at once, so that it never waits for sound."""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from core.adaptation import StreamAdaptation
from core.anchor import Anchor
from core.errors import EmotionMonitorError
from core.model import SAMPLE_RATE_HZ, Reading
from core.recording import utterances_by_block
from core.settings import Settings
from core.sound.audio import AudioFile
from core.sound.utterance import Utterance
from core.wire.events import ModelStamp
from core.worker import InferenceWorker
from monitor.read.rows import FileRead, Row, finished, row_of

BLOCK_S = 1.0
"""Sound that is held of a file, besides the utterance that is being spoken."""


async def read_files(
    files: Iterable[Path],
    worker: InferenceWorker,
    settings: Settings,
    *,
    done: Callable[[FileRead], None],
    heard: Callable[[Path, float], None],
) -> None:
    """Reads files, each as a stream of its own: the utterances and numbers are those of `run --source file:PATH`.

    Args:
        files: In the order in which they begin.
        worker: Started.
        settings: All settings.
        done: Takes a file that was read; what it raises ends the reading.
        heard: Told of the share of a file that was heard so far, from 0 to 1, where its length is known.
    """
    model = _Model(worker, settings.worker.max_batch)
    waiting = iter(files)

    async def one_after_the_other() -> None:
        for path in waiting:  # each takes the next one that nobody has taken
            done(await _OneFile(path, model, settings, partial(heard, path)).read())

    # While utterances of some are read, others are decoded and cut, and one more waits so that the model goes on.
    hearing = [asyncio.create_task(one_after_the_other()) for _ in range(2 * settings.worker.max_batch + 1)]
    try:
        await asyncio.gather(*hearing)
    finally:
        for task in hearing:
            task.cancel()
        await asyncio.wait(hearing)


class _Asked(NamedTuple):
    sound: NDArray[np.int16]
    anchor: Anchor | None
    reading: "asyncio.Future[Reading]"


class _Model:
    """Puts utterances of several files together, as many as wait up to a number, and has them read at once.

    Args:
        worker: Reads.
        most: Utterances at once.
    """

    def __init__(self, worker: InferenceWorker, most: int) -> None:
        self._worker = worker
        self._most = most
        self._waiting: deque[_Asked] = deque()  # no more than there are files being heard
        self._one_batch = asyncio.Lock()

    async def read(self, sound: NDArray[np.int16], anchor: Anchor | None) -> Reading:
        """The reading of one utterance."""
        asked = _Asked(sound, anchor, asyncio.get_running_loop().create_future())
        self._waiting.append(asked)
        async with self._one_batch:
            if not asked.reading.done():  # those before it are: it is the first that waits
                batch = [self._waiting.popleft() for _ in range(min(self._most, len(self._waiting)))]
                sounds, anchors, answers = zip(*batch, strict=True)
                readings = await self._worker.read(sounds, patient=True, anchors=anchors)
                for answer, reading in zip(answers, readings, strict=True):
                    answer.set_result(reading)
        return asked.reading.result()

    @property
    def stamp(self) -> ModelStamp:
        """Of the model at work."""
        return self._worker.ready.stamp


class _OneFile:
    """A file that is being read.

    Args:
        path: The file.
        model: Reads.
        settings: All settings.
        heard: See `read_files`.
    """

    def __init__(self, path: Path, model: _Model, settings: Settings, heard: Callable[[float], None]) -> None:
        self._path = path
        self._model = model
        self._settings = settings
        self._heard = heard
        self._stream = StreamAdaptation(settings.model)
        self._heard_s = 0.0
        self._rows: list[Row] = []
        self._failed: list[str] = []
        self._notices: list[str] = []

    async def read(self) -> FileRead:
        """All of it, as far as it can be read."""
        size_bytes = modified_ns = 0
        trouble = None
        try:
            found = self._path.stat()  # before it is read: what is written to it meanwhile makes it another file
            size_bytes, modified_ns = found.st_size, found.st_mtime_ns
            with AudioFile(self._path) as audio:
                try:
                    await self._hear(audio)
                finally:
                    self._notices = audio.notices
        except EmotionMonitorError as error:
            trouble = error.one_line()
        except OSError as error:
            trouble = error.strerror or str(error)
        rows = finished(self._rows, heard_s=self._heard_s, trouble=trouble)
        if self._failed and trouble is None:
            trouble = f"{len(self._failed)} utterances were not read: {self._failed[0]}"
        return FileRead(
            file=str(self._path),
            size_bytes=size_bytes,
            modified_ns=modified_ns,
            rows=rows,
            trouble=trouble,
            notices=tuple(self._notices),
        )

    async def _hear(self, audio: AudioFile) -> None:
        for utterances in utterances_by_block(self._counted(audio), self._settings):
            for utterance in utterances:
                reading = await self._model.read(utterance.samples, self._stream.anchor)
                self._take(utterance, reading)
            if audio.duration_s:
                self._heard(min(self._heard_s / audio.duration_s, 1.0))
            await asyncio.sleep(0)  # other files, and whoever wants to stop, get their turn

    def _counted(self, audio: AudioFile) -> Iterator[NDArray[np.int16]]:
        for block in audio.blocks(BLOCK_S):
            self._heard_s += len(block) / SAMPLE_RATE_HZ
            yield block

    def _take(self, utterance: Utterance, reading: Reading) -> None:
        told = self._stream.take(reading, reading.model or self._model.stamp, at_s=utterance.end_s)
        self._rows.append(row_of(utterance, told, transcript=self._settings.model.transcript))
        if told.failed:
            self._failed.append(told.reason or "no reason")

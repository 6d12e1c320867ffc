"""Sound files, as int16 at 16 kHz mono.

How long a file is, is known by reading it to its end: no length that a header states, and none that a decoder
estimates from a bit rate, ends the sound. Where several recordings are joined in a file, all are read, one after the
other. What is stated serves two ends only: to say beforehand how long it will last (`AudioFile.duration_s`), and to
tell a file that was cut short. Cut short is what holds less than it states, or ends within a frame or without the mark
of a last one. Of a length that was stated before it could be known (0, the largest number there is), that was
estimated, or that is too long by no more than a header, nothing can be said, and nothing is.

libsndfile decodes plain samples, FLAC and Ogg; FFmpeg's libraries decode the rest.
"""

import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from core.errors import AudioError, UsageError
from core.model import SAMPLE_RATE_HZ
from core.sound import mpeg
from core.sound.container import START_BYTES, kind_of
from core.sound.decoder import Decoder, UnreadableError
from core.sound.ffmpeg import KINDS, FfmpegDecoder
from core.sound.mono import ToMono16k
from core.sound.sndfile import SndfileDecoder

MAX_CHANNELS = 64
MIN_RATE_HZ = 8_000
MAX_RATE_HZ = 384_000
"""What a header may claim; more is taken for a damaged file."""

_MANY_LOUD = 1e-3
"""Share of samples beyond full scale that is worth a word; lossy decoders overshoot a little."""


def decode_blocks(path: str | Path, *, block_s: float = 0.1) -> Iterator[NDArray[np.int16]]:
    """Decodes a sound file of any length, rate and channel count, holding one block at a time.

    Yields:
        int16 samples at 16 kHz mono, `block_s` seconds each, the last one shorter. The samples do not depend on
        `block_s`.

    Raises:
        UsageError, AudioError: See `AudioFile`; they come with the first block, those of a file that is cut short
            after the last sound it holds.
    """
    with AudioFile(path) as audio:
        yield from audio.blocks(block_s)


def read_audio(path: str | Path, *, max_s: float | None = None) -> NDArray[np.int16]:
    """Reads a whole sound file as int16 samples at 16 kHz mono.

    Args:
        path: Any format that libsndfile or FFmpeg reads.
        max_s: Refuse files that last longer, before they fill the memory; None for no limit.

    Raises:
        UsageError, AudioError: See `AudioFile`; also AudioError for more than `max_s`.
    """
    with AudioFile(path) as audio:
        blocks: list[NDArray[np.int16]] = []
        length = 0
        for block in audio.blocks(1.0):
            length += len(block)
            if max_s is not None and length > max_s * SAMPLE_RATE_HZ:
                msg = f"{audio.name} lasts longer than {max_s:g} s"
                raise AudioError(msg)
            blocks.append(block)
        return np.concatenate(blocks)


class AudioFile:
    """An open sound file.

    Attributes:
        name: The file's name without its folder.
        rate_hz: Sample rate in the file, where it begins.
        channels: Channels in the file, where it begins.
        duration_s: How long it says that it lasts, or None; more or less may be in it.

    Raises:
        UsageError: There is no such file, it is a folder, or it may not be read.
        AudioError: It is not sound that can be read, its header is out of bounds, or it holds no sound.
    """

    def __init__(self, path: str | Path) -> None:
        path = Path(path)
        self.name = path.name
        _check_readable(path)
        try:
            self._decoder = _open(path)
        except UnreadableError as error:
            msg = f"{self.name} cannot be read as sound: {error}"
            raise AudioError(msg, hint="ffmpeg -i FILE -ar 16000 -ac 1 out.wav makes a file that can") from error
        self.rate_hz = self._decoder.rate_hz
        self.channels = self._decoder.channels
        self.duration_s = self._decoder.stated_s
        try:
            self._check_format(self.rate_hz, self.channels)
            if self.duration_s == 0:
                raise self._no_sound()
        except AudioError:
            self.close()
            raise
        self._converters: list[ToMono16k] = []
        self._values = 0

    @property
    def bad_samples(self) -> int:
        """Samples that were not numbers, over all channels, so far; they became silence."""
        return sum(one.bad_samples for one in self._converters)

    @property
    def notices(self) -> list[str]:
        """What the user should be told of the sound so far, one line each."""
        lines = list(self._decoder.notices)
        if self.bad_samples:
            lines.append(f"{self.bad_samples} samples were not numbers and became silence")
        loud_samples = sum(one.loud_samples for one in self._converters)
        if loud_samples > _MANY_LOUD * self._values:
            lines.append(f"{loud_samples} samples lay beyond full scale and were clipped")
        return lines

    def blocks(self, block_s: float) -> Iterator[NDArray[np.int16]]:
        """Yields the sound, once; see `decode_blocks`.

        Raises:
            AudioError: The file ends before its time, or is damaged; all sound that can be decoded was yielded.
        """
        size = max(1, round(block_s * SAMPLE_RATE_HZ))
        total = 0
        waiting: list[NDArray[np.int16]] = []
        waiting_samples = 0
        for piece in self._convert():
            waiting.append(piece)
            waiting_samples += len(piece)
            total += len(piece)
            if waiting_samples >= size:
                sound = np.concatenate(waiting)
                whole = waiting_samples - waiting_samples % size
                yield from sound[:whole].reshape(-1, size)
                waiting = [sound[whole:]]
                waiting_samples -= whole
        if waiting_samples:
            yield np.concatenate(waiting)
        self._check_complete(total / SAMPLE_RATE_HZ)
        if total == 0:
            raise self._no_sound()

    def close(self) -> None:
        """Closes the file."""
        self._decoder.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def _check_format(self, rate_hz: int, channels: int) -> None:
        if not MIN_RATE_HZ <= rate_hz <= MAX_RATE_HZ:
            msg = f"{self.name}: a sample rate of {rate_hz} Hz is outside {MIN_RATE_HZ}..{MAX_RATE_HZ} Hz"
            raise AudioError(msg)
        if channels > MAX_CHANNELS:
            msg = f"{self.name}: {channels} channels are more than {MAX_CHANNELS}"
            raise AudioError(msg)

    def _no_sound(self) -> AudioError:
        return AudioError(f"{self.name} holds no sound")

    def _convert(self) -> Iterator[NDArray[np.int16]]:
        current: tuple[int, int] | None = None
        for piece in self._decoder.pieces():
            found = (piece.rate_hz, piece.frames.shape[1])
            if found != current:  # recordings of different kinds may be joined
                if current is not None:
                    yield self._converters[-1].flush()
                self._check_format(*found)
                self._converters.append(ToMono16k(*found))
                current = found
            self._values += piece.frames.size
            yield self._converters[-1].push(piece.frames)
        if current is not None:
            yield self._converters[-1].flush()

    def _check_complete(self, heard_s: float) -> None:
        damage = self._decoder.damage
        if damage is not None:
            msg = f"{self.name} is damaged or cut short after {damage.after_s:.2f} s: {damage.reason}"
        elif self._decoder.is_cut_short:
            msg = f"{self.name} is cut short: it ends after {heard_s:.2f} s"
        else:
            return
        raise AudioError(msg)


def _open(path: Path) -> Decoder:
    kind = _kind(path)
    if kind in KINDS and kind != "CAF":
        return FfmpegDecoder(path, kind)
    try:
        decoder = SndfileDecoder(path)
    except UnreadableError:
        if kind == "CAF":  # FFmpeg reads more of them
            return FfmpegDecoder(path, kind)
        raise
    if decoder.kind in KINDS:  # an MP3 too short to be told by its first bytes
        decoder.close()
        return FfmpegDecoder(path, decoder.kind)
    return decoder


def _kind(path: Path) -> str | None:
    with path.open("rb") as file:
        start = file.read(START_BYTES)
        if tag_bytes := mpeg.id3_bytes(start):
            file.seek(tag_bytes)
            return kind_of(file.read(START_BYTES)) or "MP3"
        return kind_of(start)


def _check_readable(path: Path) -> None:
    try:
        mode = path.stat().st_mode
        if stat.S_ISREG(mode):
            path.open("rb").close()
            return
    except FileNotFoundError as error:
        msg = f"{path}: no such file"
        raise UsageError(msg) from error
    except (OSError, ValueError) as error:
        msg = f"{path} cannot be read: {getattr(error, 'strerror', error)}"
        raise UsageError(msg) from error
    msg = f"{path} is {'a folder' if stat.S_ISDIR(mode) else 'not a regular file'}, not a sound file"
    raise UsageError(msg)

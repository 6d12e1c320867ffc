"""Sound files, and sound of any rate and channel count, as int16 at 16 kHz mono."""

import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import numpy as np
import soundfile
import soxr
from numpy.typing import ArrayLike, NDArray

from core.errors import AudioError, UsageError
from core.model import SAMPLE_RATE_HZ

MAX_CHANNELS = 64
MIN_RATE_HZ = 8_000
MAX_RATE_HZ = 384_000
"""What a header may claim; more is taken for a damaged file."""

_READ_VALUES = 1 << 16
"""Values (frames times channels) decoded at once, so that memory does not depend on the header."""

_NO_LENGTH = 1 << 62
"""libsndfile gives the largest count there is when a stream does not say how long it is."""

_STREAMED_BYTES = 0x7FFF_0000
"""Recorders that write to a pipe claim at least this many bytes, for want of knowing better."""

_CLAIM = re.compile(r"^\s*(?:data|SSND|Data Size)\s*:\s*(\d+) \(should be \d+\)", re.MULTILINE)
_NO_LAST_PAGE = "Last page lacks an end-of-stream bit"


def pcm16(samples: ArrayLike) -> NDArray[np.int16]:
    """Rounds samples in -1..1 to int16; what lies beyond is clipped, what is not a number becomes silence."""
    scaled = np.nan_to_num(np.rint(np.multiply(samples, 32768.0)), nan=0.0)
    rounded: NDArray[np.int16] = np.clip(scaled, -32768, 32767).astype(np.int16)
    return rounded


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
        path: Any format that libsndfile reads.
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
        rate_hz: Sample rate in the file.
        channels: Channels in the file.
        duration_s: How long its header says it lasts, or None.
        bad_samples: Samples that were not numbers, over all channels, so far; they became silence.

    Raises:
        UsageError: There is no such file, it is a folder, or it may not be read.
        AudioError: It is not sound that libsndfile knows, its header is out of bounds, or it holds no sound.
    """

    def __init__(self, path: str | Path) -> None:
        path = Path(path)
        self.name = path.name
        _check_readable(path)
        try:
            # As bytes, because names that are not UTF-8 are names too.
            self._file = _StraightReader(os.fsencode(path))
        except (soundfile.LibsndfileError, TypeError) as error:  # TypeError: headerless .raw
            msg = f"{self.name} cannot be read as sound: {_reason(error)}"
            raise AudioError(msg, hint="WAV, FLAC, Ogg, Opus, MP3 and AIFF are among what can be read") from error
        self.rate_hz = int(self._file.samplerate)
        self.channels = int(self._file.channels)
        frames = int(self._file.frames)
        self.duration_s = frames / self.rate_hz if frames < _NO_LENGTH else None
        try:
            self._check_header(frames)
        except AudioError:
            self.close()
            raise
        self._to_mono = ToMono16k(self.rate_hz, self.channels)
        self._frames_read = 0
        self._damage: str | None = None

    @property
    def bad_samples(self) -> int:
        """See the class."""
        return self._to_mono.bad_samples

    def blocks(self, block_s: float) -> Iterator[NDArray[np.int16]]:
        """Yields the sound, once; see `decode_blocks`.

        Raises:
            AudioError: The file ends before its time, or is damaged; all sound before that was yielded.
        """
        size = max(1, round(block_s * SAMPLE_RATE_HZ))
        total = 0
        waiting: list[NDArray[np.int16]] = []
        waiting_samples = 0
        for piece in self._decode():
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
        self._check_complete()
        if total == 0:
            raise self._no_sound()

    def close(self) -> None:
        """Closes the file."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def _check_header(self, frames: int) -> None:
        if not MIN_RATE_HZ <= self.rate_hz <= MAX_RATE_HZ:
            msg = f"{self.name}: a sample rate of {self.rate_hz} Hz is outside {MIN_RATE_HZ}..{MAX_RATE_HZ} Hz"
            raise AudioError(msg)
        if self.channels > MAX_CHANNELS:
            msg = f"{self.name}: {self.channels} channels are more than {MAX_CHANNELS}"
            raise AudioError(msg)
        if frames == 0:
            raise self._no_sound()

    def _no_sound(self) -> AudioError:
        return AudioError(f"{self.name} holds no sound")

    def _decode(self) -> Iterator[NDArray[np.int16]]:
        while len(frames := self._read()):
            self._frames_read += len(frames)
            yield self._to_mono.push(frames)
        yield self._to_mono.flush()

    def _read(self) -> NDArray[np.float32]:
        if self._damage:
            return np.empty((0, self.channels), np.float32)
        frames = np.full((_READ_VALUES // self.channels, self.channels), np.nan, np.float32)
        try:
            frames = self._file.read(out=frames)
        except soundfile.LibsndfileError as error:
            self._damage = _reason(error)
            # How much was decoded before the damage is not told, but it can be seen.
            frames = frames[: np.count_nonzero(~np.isnan(frames[:, 0]))]
        return frames

    def _check_complete(self) -> None:
        read_s = self._frames_read / self.rate_hz
        if self._damage:
            msg = f"{self.name} is damaged or cut short after {read_s:.2f} s: {self._damage}"
        elif self._is_cut_short():
            msg = f"{self.name} is cut short: it ends after {read_s:.2f} s"
        else:
            return
        raise AudioError(msg)

    def _is_cut_short(self) -> bool:
        if self.duration_s is not None and self._frames_read < int(self._file.frames):
            return True
        # libsndfile corrects a length that cannot be, but says so in its log.
        log = self._file.extra_info
        claim = _CLAIM.search(log)
        return _NO_LAST_PAGE in log or (claim is not None and int(claim[1]) < _STREAMED_BYTES)


class ToMono16k:
    """Streaming conversion to int16 at 16 kHz mono: mean of the channels, soxr, rounding.

    Args:
        rate_hz: Rate of what is pushed.
        channels: Channels of what is pushed.

    Attributes:
        bad_samples: Samples that were not numbers so far; they became silence.
    """

    def __init__(self, rate_hz: int, channels: int) -> None:
        self.bad_samples = 0
        self._channels = channels
        same = rate_hz == SAMPLE_RATE_HZ
        self._soxr = None if same else soxr.ResampleStream(rate_hz, SAMPLE_RATE_HZ, 1, dtype="float32")

    def push(self, frames: NDArray[np.float32]) -> NDArray[np.int16]:
        """Takes float32 [frames, channels] in -1..1 and gives what is ready; the filter holds some milliseconds."""
        finite = np.isfinite(frames)
        if not finite.all():
            self.bad_samples += int(np.count_nonzero(~finite))
            frames = np.where(finite, frames, np.float32(0))
        mono = frames[:, 0] if self._channels == 1 else frames.mean(axis=1, dtype=np.float64)
        # Clipped before the filter too: one absurd value would ring over its neighbours.
        return self._resample(np.clip(mono, -1, 1).astype(np.float32), last=False)

    def flush(self) -> NDArray[np.int16]:
        """Gives what the filter still holds; nothing may be pushed afterwards."""
        return self._resample(np.empty(0, np.float32), last=True)

    def _resample(self, mono: NDArray[np.float32], *, last: bool) -> NDArray[np.int16]:
        return pcm16(mono if self._soxr is None else self._soxr.resample_chunk(mono, last=last))


class _StraightReader(soundfile.SoundFile):  # type: ignore[misc]
    """A SoundFile that is read from start to end.

    soundfile seeks to where it already is after every read: Opus and MP3 then decode differently from block to block,
    and the end of a FLAC file of unknown length is lost. It does not do so to files it cannot seek in.
    """

    def seekable(self) -> bool:
        return False


def _reason(error: Exception) -> str:
    text: str = getattr(error, "error_string", "it has no header")
    return text.removeprefix("Error : ").rstrip(".")


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

"""Sound files that libsndfile decodes: plain samples, FLAC, Ogg Vorbis, Ogg Opus and rarer kinds.

libsndfile reads one recording and believes its header. Here a file may be several recordings joined together (a chained
Ogg, or what `cat` makes of two files), and where plain samples end is looked up in the file.
"""

import io
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np
import soundfile
from numpy.typing import NDArray

from core.sound.decoder import Damage, Piece, UnreadableError
from core.sound.pcm_extent import find_sound, is_missing

_READ_VALUES = 1 << 16
"""Values (frames times channels) decoded at once, so that memory does not depend on the header."""

_NO_LENGTH = 1 << 62
"""libsndfile gives the largest count there is when a stream does not say how long it is."""

_CLAIM = re.compile(r"^\s*(?:data|BODY)\s*:\s*(\d+) \(should be (\d+)\)", re.MULTILINE)
_NO_LAST_PAGE = "Last page lacks an end-of-stream bit"

_PLAIN = {
    "PCM_U8": 1,
    "PCM_S8": 1,
    "PCM_16": 2,
    "PCM_24": 3,
    "PCM_32": 4,
    "FLOAT": 4,
    "DOUBLE": 8,
    "ULAW": 1,
    "ALAW": 1,
}
_NATIVE = {"WAV": "LITTLE", "WAVEX": "LITTLE", "RF64": "LITTLE", "AIFF": "BIG", "AU": "BIG"}
"""Byte order where libsndfile says no more than FILE."""

_FLOATING = {"FLOAT", "DOUBLE"}
_FULL_SCALES = ((1.0, 8.0), (2.0**15, 2.0**15), (2.0**23, 2.0**23), (2.0**31, np.inf))
"""What float samples may have been made from, and what hardly a sample of them exceeds; 8 is 18 dB too loud."""
_FEW = 1e-3

_SCAN_BYTES = 1 << 20
_OGG_BEGINS = b"OggS\0\x02"
_FLAC_BEGINS = b"fLaC\0\0\0\x22"


class SndfileDecoder:
    """Implements `Decoder`.

    Attributes:
        kind: What libsndfile calls it.

    Raises:
        UnreadableError: It is not sound that libsndfile knows.
    """

    def __init__(self, path: Path) -> None:
        self.notices: list[str] = []
        self.damage: Damage | None = None
        self.is_cut_short = False
        self._path = path
        self._file = path.open("rb")
        try:
            self._places = _recordings(self._file, os.fstat(self._file.fileno()).st_size)
            self._first = self._open(0)
            self._recording = self._first
            stated_s = [self._first.stated_s, *map(self._stated_s, range(1, len(self._places)))]
        except BaseException:
            self._file.close()
            raise
        self.kind: str = self._first.reader.format
        self.rate_hz = self._first.rate_hz
        self.channels = self._first.channels
        known_s = [one for one in stated_s if one is not None]
        self.stated_s = sum(known_s) if len(known_s) == len(stated_s) else None

    def pieces(self) -> Iterator[Piece]:
        """See `Decoder`."""
        scale = self._full_scale() if self._first.reader.subtype in _FLOATING else 1.0
        if scale > 1:
            self.notices.append(f"its float samples are integers, not -1..1; they were divided by {scale:.0f}")
        read_s = 0.0
        for number in range(len(self._places)):
            try:
                self._recording = self._first if number == 0 else self._open(number)
            except UnreadableError as error:
                self.damage = Damage(read_s, str(error))
                return
            with self._recording.reader:
                for frames in self._recording.read():
                    read_s += len(frames) / self._recording.rate_hz
                    yield Piece(_divided(frames, scale), self._recording.rate_hz)
                if self._recording.damage:
                    self.damage = Damage(read_s, self._recording.damage)
                    return
                self.is_cut_short |= self._recording.is_cut_short

    def close(self) -> None:
        """See `Decoder`."""
        self._recording.reader.close()
        self._file.close()

    def _open(self, number: int) -> "_Recording":
        begin, end = self._places[number]
        return _Recording(self._path, self._file, begin, end, alone=len(self._places) == 1)

    def _stated_s(self, number: int) -> float | None:
        try:
            recording = self._open(number)
        except UnreadableError:
            return None
        recording.reader.close()
        return recording.stated_s

    def _full_scale(self) -> float:
        """What to divide float samples by: the smallest that hardly any exceeds. Reads the first recording."""
        recording = self._open(0)
        loud = np.zeros(len(_FULL_SCALES))
        total = 1
        with recording.reader:
            for frames in recording.read():
                sizes = np.abs(frames[np.isfinite(frames)])
                loud += [np.count_nonzero(sizes > most) for _, most in _FULL_SCALES]
                total += sizes.size
        return next(scale for (scale, _), above in zip(_FULL_SCALES, loud, strict=True) if above <= _FEW * total)


class _Recording:
    """One recording of a file, open; `damage` and `is_cut_short` are known once it was read."""

    def __init__(self, path: Path, file: BinaryIO, begin: int, end: int, *, alone: bool) -> None:
        self.damage: str | None = None
        self._extent = find_sound(file, begin, end)
        try:
            # As bytes, because names that are not UTF-8 are names too.
            self.reader = _StraightReader(os.fsencode(path) if alone else _Stretch(file, begin, end))
            self._believe_the_file(file)
        except (soundfile.LibsndfileError, TypeError) as error:  # TypeError: headerless .raw
            raise UnreadableError(_reason(error)) from error
        self.rate_hz = int(self.reader.samplerate)
        self.channels = int(self.reader.channels)
        self._frames = int(self.reader.frames)
        self._frames_read = 0
        self.stated_s = self._frames / self.rate_hz if self._frames < _NO_LENGTH else None

    def read(self) -> Iterator[NDArray[np.float32]]:
        while len(frames := self._read()):
            self._frames_read += len(frames)
            yield frames

    @property
    def is_cut_short(self) -> bool:
        if self._frames_read < self._frames < _NO_LENGTH:
            return True
        if self._extent is not None:
            return self._extent.missing > 0
        # libsndfile corrects a length that cannot be, but says so in its log.
        log = self.reader.extra_info
        claim = _CLAIM.search(log)
        return _NO_LAST_PAGE in log or (claim is not None and is_missing(int(claim[1]), int(claim[2])))

    def _believe_the_file(self, file: BinaryIO) -> None:
        """Where the header states another length than the file has, its samples are read without the header."""
        width, extent, of = _PLAIN.get(self.reader.subtype), self._extent, self.reader
        if width is None or extent is None or of.frames == (extent.end - extent.start) // (width * of.channels):
            return
        of.close()
        self.reader = _StraightReader(
            _Stretch(file, extent.start, extent.end),
            format="RAW",
            subtype=of.subtype,
            endian=_NATIVE[of.format] if of.endian == "FILE" else of.endian,
            samplerate=of.samplerate,
            channels=of.channels,
        )

    def _read(self) -> NDArray[np.float32]:
        if self.damage:
            return np.empty((0, self.channels), np.float32)
        frames = np.full((max(1, _READ_VALUES // self.channels), self.channels), np.nan, np.float32)
        try:
            frames = self.reader.read(out=frames)
        except soundfile.LibsndfileError as error:
            self.damage = _reason(error)
            # How much was decoded before the damage is not told, but it can be seen.
            frames = frames[: np.count_nonzero(~np.isnan(frames[:, 0]))]
        return frames


class _StraightReader(soundfile.SoundFile):  # type: ignore[misc]
    """A SoundFile that is read from start to end.

    soundfile seeks to where it already is after every read: Opus and MP3 then decode differently from block to block,
    and the end of a FLAC file of unknown length is lost. It does not do so to files it cannot seek in.
    """

    def seekable(self) -> bool:
        return False


class _Stretch(io.RawIOBase):
    """Part of a file, as a file."""

    def __init__(self, file: BinaryIO, begin: int, end: int) -> None:
        self._file = file
        self._begin = begin
        self._size = end - begin
        self._at = 0

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        self._at = offset + {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size}[whence]
        return self._at

    def tell(self) -> int:
        return self._at

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        self._file.seek(self._begin + self._at)
        data = self._file.read(min(len(buffer), max(0, self._size - self._at)))
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)


def _divided(frames: NDArray[np.float32], scale: float) -> NDArray[np.float32]:
    if scale == 1:
        return frames
    with np.errstate(invalid="ignore"):  # a NaN may be one that signals; what is not a number is told elsewhere
        return frames / np.float32(scale)


def _recordings(file: BinaryIO, size: int) -> list[tuple[int, int]]:
    """Where each recording of a file begins and ends."""
    file.seek(0)
    start = file.read(4)
    if start == b"OggS":
        begins = _ogg_links(file)
    elif start == b"fLaC":
        begins = list(_find_all(file, _FLAC_BEGINS))
    else:
        begins = _joined(file, size)
    begins = [0, *(at for at in begins if at > 0)]
    return list(zip(begins, [*begins[1:], size], strict=True))


def _joined(file: BinaryIO, size: int) -> list[int]:
    begins = [0]
    while (found := find_sound(file, begins[-1], size)) and found.next_file:
        begins.append(found.next_file)
    return begins


def _ogg_links(file: BinaryIO) -> list[int]:
    """Where a chain's links begin: at the first page of a stream that does not follow another first page at once."""
    links: list[int] = []
    expected = -1
    for at in _find_all(file, _OGG_BEGINS):
        if at != expected:
            links.append(at)
        file.seek(at)
        header = file.read(27 + 255)
        segments = header[26] if len(header) > 26 else 0  # noqa: PLR2004
        expected = at + 27 + segments + sum(header[27 : 27 + segments])
    return links


def _find_all(file: BinaryIO, magic: bytes) -> Iterator[int]:
    at, before = 0, b""
    while True:
        file.seek(at)
        block = file.read(_SCAN_BYTES)
        if not block:
            return
        joined = before + block
        found = joined.find(magic)
        while found >= 0:
            yield at - len(before) + found
            found = joined.find(magic, found + 1)
        before = joined[-len(magic) + 1 :]
        at += len(block)


def _reason(error: Exception) -> str:
    text: str = getattr(error, "error_string", "it has no header")
    return text.removeprefix("Error : ").rstrip(".")

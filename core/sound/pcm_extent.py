"""Where the sound lies in a WAV, AIFF or AU file, whatever its header says of that.

Headers are written before the sound is: a recorder that was killed leaves 0 or what it last knew, one that writes to a
pipe leaves the largest number it can think of, and beyond 4 GiB there is no room for the truth. So sound goes on to the
end of the file, unless what stands behind the stated length is visibly something else: another chunk, or another file.
"""

import struct
from dataclasses import dataclass
from typing import BinaryIO

_HEADER_SLACK_BYTES = 128
"""Some writers count the header into the sound: being too long by no more than a header is no loss."""

_UNKNOWN = (range(0x7F00_0000, 0x8000_0000), range(0xFFFF_0000, 0x1_0000_0000))
"""Lengths that recorders state when they write to a pipe, for want of knowing better; besides 0."""
_UNKNOWN_64 = 1 << 62
_SEE_DS64 = 0xFFFF_FFFF

_RIFF = {b"RIFF": "<", b"RF64": "<", b"BW64": "<", b"RIFX": ">"}
_AU = {b".snd": ">", b"dns.": "<"}
_CHUNK_BYTES = 8
_PRINTABLE = range(0x20, 0x7F)


@dataclass(frozen=True, slots=True)
class Extent:
    """Sound lies from byte `start` to `end`; `missing` bytes more were stated; another file begins at `next_file`."""

    start: int
    end: int
    missing: int = 0
    next_file: int | None = None


def is_missing(stated: int, there: int) -> bool:
    """Whether a file that states so many bytes of sound has lost some of them."""
    return not _is_unknown(stated) and stated - there > _HEADER_SLACK_BYTES


def find_sound(file: BinaryIO, begin: int, end: int) -> Extent | None:
    """Looks for the sound of a file that lies from byte `begin` to `end` of `file`; None if it is of another kind."""
    head = _read(file, begin, 12)
    if head[8:12] == b"WAVE" and head[:4] in _RIFF:
        return _Chunks(file, begin, end, _RIFF[head[:4]]).extent(b"data")
    if head[:4] == b"FORM" and head[8:12] in {b"AIFF", b"AIFC"}:
        return _Chunks(file, begin, end, ">").extent(b"SSND")
    if head[:4] in _AU and len(head) == 12:  # noqa: PLR2004
        offset, stated = struct.unpack(_AU[head[:4]] + "II", head[4:])
        start = min(begin + offset, end)
        joined = start + stated if _read(file, start + stated, 4) in _AU else None
        return _extent(start, joined or end, stated, joined)
    return None


class _Chunks:
    """The chunks of a RIFF or FORM from `begin` on; nothing here lies behind `end`."""

    def __init__(self, file: BinaryIO, begin: int, end: int, order: str) -> None:
        self._file = file
        self._begin = begin
        self._end = end
        self._order = order
        self._outer, size = self._header(begin)
        self._outer_end = begin if _is_unknown(size) else begin + _CHUNK_BYTES + size

    def extent(self, name: bytes) -> Extent | None:
        at = self._begin + 12
        stated_64 = None
        while at + _CHUNK_BYTES <= self._end:
            found, size = self._header(at)
            body = at + _CHUNK_BYTES
            if found == name == b"SSND":
                (offset,) = struct.unpack(">I", _read(self._file, body, 4).ljust(4, b"\0"))
                return self._sound(body + 8 + offset, size - 8 - offset)
            if found == name:
                return self._sound(body, stated_64 if stated_64 is not None and size == _SEE_DS64 else size)
            if found == b"ds64":
                (stated_64,) = struct.unpack("<Q", _read(self._file, body + 8, 8).ljust(8, b"\0"))
            at = body + size + size % 2
        return None

    def _sound(self, start: int, stated: int) -> Extent:
        behind = start + max(stated, 0)
        if behind < self._end:
            for at in sorted({behind, behind + stated % 2}):
                if self._is_chunk(at):
                    return Extent(start, behind, next_file=self._next_file(at))
            if self._end - behind < _CHUNK_BYTES and stated > 0:
                return Extent(start, behind)
        return _extent(min(start, self._end), self._end, stated, None)

    def _next_file(self, at: int) -> int | None:
        while self._is_chunk(at):
            name, size = self._header(at)
            if name == self._outer:
                return at
            at += _CHUNK_BYTES + size + size % 2
        return None

    def _is_chunk(self, at: int) -> bool:
        """Whether a chunk begins here; by its size it must fit, into what the header once knew if not into the file."""
        if at + _CHUNK_BYTES > self._end:
            return False
        name, size = self._header(at)
        limit = max(self._end, self._outer_end)
        return all(letter in _PRINTABLE for letter in name) and at + _CHUNK_BYTES + size <= limit

    def _header(self, at: int) -> tuple[bytes, int]:
        name, size = struct.unpack(self._order + "4sI", _read(self._file, at, _CHUNK_BYTES).ljust(_CHUNK_BYTES, b"\0"))
        return name, size


def _is_unknown(stated: int) -> bool:
    return stated <= 0 or stated >= _UNKNOWN_64 or any(stated in lengths for lengths in _UNKNOWN)


def _extent(start: int, end: int, stated: int, next_file: int | None) -> Extent:
    there = end - start
    return Extent(start, end, stated - there if is_missing(stated, there) else 0, next_file)


def _read(file: BinaryIO, at: int, count: int) -> bytes:
    file.seek(at)
    return file.read(count)

"""Sound files that FFmpeg's libraries decode, through PyAV: MP3, AAC, MP4, WebM and their like.

The demuxer is named, never guessed, so that a playlist cannot make FFmpeg open other files or addresses.
"""

import io
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import numpy as np
from numpy.typing import NDArray

from core.sound import mpeg
from core.sound.decoder import Damage, Piece, UnreadableError

if TYPE_CHECKING:
    from av.audio.frame import AudioFrame
    from av.audio.stream import AudioStream
    from av.packet import Packet

_DEMUXERS = {
    "MP3": "mp3",
    "AAC": "aac",
    "MP4": "mov",
    "WebM or Matroska": "matroska",
    "WMA": "asf",
    "AMR": "amr",
    "WavPack": "wv",
    "CAF": "caf",
}
KINDS = frozenset(_DEMUXERS)
"""Names of `core.sound.container` that can be read here."""

_FRAMES_ONLY = {"MP3", "AAC"}
"""Nothing but frames: no index, no times, and a length that FFmpeg estimates from the bit rate."""

_SLACK_S = 0.1
"""Times in files are rounded, and a length may count an encoder's padding."""

_TAGS = (b"TAG", b"APETAGEX", b"LYRICSBEGIN")
_JUNK_BYTES = 2048
"""So much behind the last frame is padding; more may have been sound."""
_CLOCK = re.compile(r"(\d+):(\d+):(\d+(?:\.\d+)?)")
_DTYPES = {"u8": np.uint8, "s16": np.int16, "s32": np.int32, "s64": np.int64, "flt": np.float32, "dbl": np.float64}
_FULL_SCALE = {"u8": 2.0**7, "s16": 2.0**15, "s32": 2.0**31, "s64": 2.0**63}


class FfmpegDecoder:
    """Implements `Decoder`. What cannot be decoded is left out and told; what follows is still given.

    Args:
        path: The file.
        kind: One of `KINDS`.

    Raises:
        UnreadableError: It is not what it seems to be, or holds no sound.
    """

    def __init__(self, path: Path, kind: str) -> None:
        import av

        self.notices: list[str] = []
        self.damage: Damage | None = None
        self.is_cut_short = False
        self._kind = kind
        self._given_s = 0.0
        self._packets = 0
        self._undecoded = 0
        self._undecoded_last = 0
        self._undecoded_after_s = 0.0
        self._ends_torn = False
        self._ends_in_junk = False
        self._tag_end = 0
        self._file = _Source(io.FileIO(path))
        try:
            self._indexes = _count_indexes(self._file) if kind == "MP4" else 1
            self._stated_packets = _stated_packets(self._file) if kind == "MP3" else None
            self._file.seek(0)
            self._container = av.open(self._file, mode="r", format=_DEMUXERS[kind], metadata_errors="replace")
            self._stream = self._choose_stream()
        except av.error.FFmpegError as error:
            self._file.close()
            reason = f"it looks like {kind}, but: {error.strerror}"
            raise UnreadableError(reason if self._indexes else "it is cut short: its index is missing") from error
        except BaseException:
            self._file.close()
            raise
        self.rate_hz = self._stream.rate
        self.channels = self._stream.channels
        self.stated_s = self._length_s()

    def pieces(self) -> Iterator[Piece]:
        """See `Decoder`."""
        gaps_s = first_gap_s = ends_s = 0.0
        for packet in self._sound():
            for frame in self._decode(packet):
                begins_s = self._begins_s(frame, ends_s)
                if begins_s - ends_s > _SLACK_S and self._given_s:
                    first_gap_s = first_gap_s if gaps_s else self._given_s
                    gaps_s += begins_s - ends_s
                length_s = frame.samples / frame.sample_rate
                ends_s = begins_s + length_s
                self._given_s += length_s
                yield Piece(_as_float(frame), frame.sample_rate)
        if gaps_s:
            self.notices.append(f"by its own clock it lacks {gaps_s:.2f} s, the first after {first_gap_s:.2f} s")
        self._judge_end(max(ends_s, self._given_s))

    def close(self) -> None:
        """See `Decoder`."""
        self._container.close()
        self._file.close()

    def _choose_stream(self) -> "AudioStream":
        streams = self._container.streams.audio
        if not streams:
            msg = "it holds no sound"
            raise UnreadableError(msg)
        if streams[0].codec_context is None:
            msg = "its sound is coded in an unknown way"
            raise UnreadableError(msg)
        if len(streams) > 1:
            self.notices.append(f"of its {len(streams)} sound tracks the first is heard")
        return streams[0]

    def _length_s(self) -> float | None:
        """How long the file says the track lasts; not what FFmpeg estimates."""
        stream = self._stream
        if self._kind in _FRAMES_ONLY and self._stated_packets is None:
            return None
        if stream.duration is not None and stream.time_base is not None:
            return float(stream.duration * stream.time_base)
        if clock := _CLOCK.fullmatch(stream.metadata.get("DURATION", "")):  # Matroska's tag
            return int(clock[1]) * 3600 + int(clock[2]) * 60 + float(clock[3])
        alone = len(self._container.streams) == 1
        return self._container.duration / 1e6 if alone and self._container.duration else None

    def _sound(self) -> "Iterator[Packet[AudioStream]]":
        import av

        try:
            yield from self._container.demux(self._stream)
        except av.error.FFmpegError as error:
            self.damage = self.damage or Damage(self._given_s, str(error.strerror))

    def _decode(self, packet: "Packet[AudioStream]") -> "list[AudioFrame]":
        """Decodes one packet; of one that cannot be decoded it is noted what that means."""
        import av

        is_end = packet.size == 0  # what the decoder still holds
        self._packets += not is_end
        is_sound = not is_end and self._look_at(packet)
        try:
            return packet.decode()
        except av.error.FFmpegError as error:
            if is_end and not self._undecoded:
                self.damage = self.damage or Damage(self._given_s, str(error.strerror))
            if is_sound:
                self._undecoded += 1
                self._undecoded_last = self._packets
                self._undecoded_after_s = self._undecoded_after_s or self._given_s
            return []

    def _look_at(self, packet: "Packet[AudioStream]") -> bool:
        """Sees how the file would end with this packet, and whether it should be sound."""
        self._ends_torn = packet.is_corrupt
        self._ends_in_junk = False
        if self._kind not in _FRAMES_ONLY:
            return True
        content, at = bytes(packet), packet.pos or 0
        whole_bytes = mpeg.frame_bytes(content[:7])
        if whole_bytes is not None or (content[0] == mpeg.SYNC and len(content) < mpeg.HEADER_BYTES):
            self._ends_torn = whole_bytes is None or whole_bytes > len(content)
            return True
        self._ends_in_junk = len(content) < _JUNK_BYTES
        self._tag_end = max(self._tag_end, at + mpeg.id3_bytes(content))  # where files were joined
        is_tag = at < self._tag_end or content.startswith(_TAGS)
        is_rest_of_a_frame = self._given_s == 0  # as streams begin that were tapped
        return not is_tag and not is_rest_of_a_frame

    def _begins_s(self, frame: "AudioFrame", expected_s: float) -> float:
        if self._kind in _FRAMES_ONLY or frame.pts is None or frame.time_base is None:
            return expected_s
        return float(frame.pts * frame.time_base)

    def _judge_end(self, ends_s: float) -> None:
        if self._stated_packets is not None:
            lacks_some = self._packets < self._stated_packets
        else:
            lacks_some = self.stated_s is not None and self.stated_s - ends_s > _SLACK_S
        self.is_cut_short = self._ends_torn or lacks_some
        only_the_end = self._undecoded == 1 and self._undecoded_last == self._packets
        is_lost = self._undecoded > 0 and not (only_the_end and (self._ends_torn or self._ends_in_junk))
        if is_lost and self.damage is None:
            self.damage = Damage(self._undecoded_after_s, f"packets that cannot be decoded: {self._undecoded}")
        if self._indexes > 1:
            self.notices.append("another recording lies behind its first one and cannot be read")


class _Source(io.BufferedReader):
    """A file in which a place that cannot be is one that is not found: what it raised, PyAV would print or raise."""

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        try:
            return super().seek(offset, whence)
        except OSError:
            return -1


def _stated_packets(file: BinaryIO) -> int | None:
    """How many frames an MP3 says it has."""
    file.seek(0)
    start = mpeg.id3_bytes(file.read(10))
    file.seek(start)
    return mpeg.stated_frames(file.read(200))


def _count_indexes(file: BinaryIO) -> int:
    """How many `moov` atoms an MP4 has: one, but for files that were torn or joined."""
    at = count = 0
    end = file.seek(0, os.SEEK_END)
    while True:
        file.seek(min(at, end))  # an atom may say that it is longer than any file
        header = file.read(16)
        size = int.from_bytes(header[:4], "big")
        size = int.from_bytes(header[8:], "big") if size == 1 else size
        if len(header) < 8:  # noqa: PLR2004
            return count
        count += header[4:8] == b"moov"
        if size < 8:  # noqa: PLR2004 - 0: to the end of the file
            return count
        at += size


def _as_float(frame: "AudioFrame") -> NDArray[np.float32]:
    """[frames, channels] in -1..1."""
    kind, channels = frame.format.name.removesuffix("p"), frame.layout.nb_channels
    # Not frame.to_ndarray(): behind eight planes or more, PyAV 18 finds others that point anywhere.
    planes = frame.planes[: channels if frame.format.is_planar else 1]
    count = frame.samples * channels // len(planes)
    read = [np.frombuffer(memoryview(plane), _DTYPES[kind], count) for plane in planes]
    samples = np.stack(read, axis=1).reshape(-1, channels)
    centre = 128 if kind == "u8" else 0
    return ((samples - centre) / _FULL_SCALE.get(kind, 1.0)).astype(np.float32)

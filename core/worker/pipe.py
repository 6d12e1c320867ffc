"""Frames on the pipes between the program and its inference process: two lengths, a JSON header, raw bytes.

JSON and PCM only, so nothing that arrives can run code; both lengths are checked before memory is taken.
"""

import asyncio
import json
import struct
from collections.abc import Mapping
from typing import Any, BinaryIO

from core.errors import WorkerError

MAX_HEADER_BYTES = 1 << 20
MAX_PAYLOAD_BYTES = 64 << 20

_LENGTHS = struct.Struct("<II")


class FrameError(WorkerError):
    """Bytes on the pipe that are no frame of ours."""


def pack(header: Mapping[str, Any], payload: bytes = b"") -> bytes:
    """One frame.

    Raises:
        FrameError: Header or payload is larger than the other side accepts.
    """
    text = json.dumps(header, allow_nan=False, separators=(",", ":")).encode()
    lengths = _LENGTHS.pack(len(text), min(len(payload), 0xFFFFFFFF))
    _check(lengths)
    return b"".join((lengths, text, payload))


def read_frame(stream: BinaryIO) -> tuple[dict[str, Any], bytearray] | None:
    """The next frame of a blocking stream, or None at its end.

    Raises:
        FrameError: The bytes are no frame, or they end in the middle of one.
    """
    lengths = stream.read(_LENGTHS.size)
    if not lengths:
        return None
    header_bytes, payload_bytes = _check(lengths)
    text = stream.read(header_bytes)
    payload = bytearray(payload_bytes)
    if len(text) < header_bytes or stream.readinto(payload) < payload_bytes:  # type: ignore[attr-defined]
        msg = "the pipe ended in the middle of a frame"
        raise FrameError(msg)
    return _parse(text), payload


async def receive_header(reader: asyncio.StreamReader) -> dict[str, Any]:
    """Header of the next frame of an asyncio stream; answers have no payload.

    Raises:
        asyncio.IncompleteReadError: The stream ended.
        FrameError: The bytes are no frame, or it has a payload.
    """
    header_bytes, payload_bytes = _check(await reader.readexactly(_LENGTHS.size))
    if payload_bytes:
        msg = f"an answer with {payload_bytes} bytes of payload"
        raise FrameError(msg)
    return _parse(await reader.readexactly(header_bytes))


def _check(lengths: bytes) -> tuple[int, int]:
    if len(lengths) < _LENGTHS.size:
        msg = "the pipe ended in the middle of a frame"
        raise FrameError(msg)
    header_bytes, payload_bytes = _LENGTHS.unpack(lengths)
    if header_bytes > MAX_HEADER_BYTES or payload_bytes > MAX_PAYLOAD_BYTES:
        msg = f"a frame of {header_bytes} + {payload_bytes} bytes is beyond the limits"
        raise FrameError(msg)
    return header_bytes, payload_bytes


def _parse(text: bytes) -> dict[str, Any]:
    try:
        header = json.loads(text)
    except ValueError as error:
        msg = f"a header that is not JSON: {error}"
        raise FrameError(msg) from error
    if not isinstance(header, dict):
        msg = "a header that is not a JSON object"
        raise FrameError(msg)
    return header

"""Jobs and results as bytes: one JSON object, and after that of a job its sound. No I/O.

A job is the length of its JSON object (4 bytes, little-endian), the object (`core.wire.jobs.JobMessage`), and the
sound. What arrives is checked before memory is taken; nothing of it can run code.
"""

import hashlib
import io
import json
import os
import struct
import time
import uuid
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.anchor import Anchor
from core.model import SAMPLE_RATE_HZ, Reading
from core.wire.events import ModelStamp
from core.wire.jobs import MAX_JSON_BYTES, MAX_SAMPLES, Codec, JobError, JobMessage, decode_job, decode_result
from core.worker.messages import anchor_from_json, anchor_to_json, reading_from_json, reading_to_json

Waveform = NDArray[np.int16]

MAX_BYTES = 4 + MAX_JSON_BYTES + 2 * MAX_SAMPLES
_LENGTH = struct.Struct("<I")


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Segment:
    """An utterance on its way to be read, as its owner keeps it: the sound is encoded once, whatever is sent again."""

    id: str
    sound: bytes = field(repr=False)
    codec: Codec
    samples: int
    sha256: str
    explain: bool = False
    transcript: bool = False
    anchor: Anchor | None = None


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Job:
    """What a worker gets: the message and its sound, int16 [samples]."""

    message: JobMessage
    waveform: Waveform = field(repr=False)
    anchor: Anchor | None


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Result:
    """What became of a job; without a reading it was declined. For the fields see `core.wire.jobs.ResultMessage`."""

    id: str
    attempt: int
    sha256: str
    worker: str
    model: ModelStamp | None = None
    reading: Reading | None = None
    declined: str | None = None


def new_segment(
    waveform: Waveform, *, codec: Codec = "pcm", explain: bool = False, transcript: bool = False, anchor: Anchor | None
) -> Segment:
    """A segment of int16 [n], of which at most MAX_SAMPLES are sent.

    Raises:
        ValueError: The waveform is not one-dimensional int16.
    """
    if waveform.dtype != np.int16 or waveform.ndim != 1:
        msg = f"a waveform must be one-dimensional int16, not {waveform.ndim}-dimensional {waveform.dtype}"
        raise ValueError(msg)
    sent = waveform[:MAX_SAMPLES]
    pcm = _pcm(sent)
    return Segment(
        id=str(uuid7()),
        sound=pcm if codec == "pcm" else _flac(sent),
        codec=codec,
        samples=len(sent),
        sha256=hashlib.sha256(pcm).hexdigest(),
        explain=explain,
        transcript=transcript,
        anchor=anchor,
    )


def pack_job(segment: Segment, *, attempt: int, run: str, valid_s: float, identity: str) -> bytes:
    """A job as it is sent; see `core.wire.jobs.JobMessage` for the arguments."""
    header = {
        "schema": "emotion-monitor/job/1",
        "id": segment.id,
        "attempt": attempt,
        "run": run,
        "valid_s": round(valid_s, 3),
        "sha256": segment.sha256,
        "samples": segment.samples,
        "codec": segment.codec,
        "model": identity,
        "explain": segment.explain,
        "transcript": segment.transcript,
        "anchor": anchor_to_json(segment.anchor),
    }
    text = _json(header)
    return b"".join((_LENGTH.pack(len(text)), text, segment.sound))


def unpack_job(data: bytes) -> Job:
    """The job again.

    Raises:
        JobError: It is none, or its sound is not what it says.
    """
    if not _LENGTH.size < len(data) <= MAX_BYTES:
        msg = f"not a valid job: {len(data)} bytes"
        raise JobError(msg)
    (length,) = _LENGTH.unpack_from(data)
    end = _LENGTH.size + length
    if end > len(data):
        msg = "not a valid job: it is cut short"
        raise JobError(msg)
    message = decode_job(data[_LENGTH.size : end])
    waveform = _samples(message, data[end:])
    if hashlib.sha256(_pcm(waveform)).hexdigest() != message.sha256:
        msg = "not a valid job: its sound was changed on the way"
        raise JobError(msg)
    try:
        anchor = anchor_from_json(asdict(message.anchor) if message.anchor else None)
    except ValueError as error:
        msg = f"not a valid job: anchor: {error}"
        raise JobError(msg) from error
    if anchor is not None and not np.isfinite(anchor.mean).all():
        msg = "not a valid job: anchor: not finite"
        raise JobError(msg)
    return Job(message=message, waveform=waveform, anchor=anchor)


def pack_result(result: Result) -> bytes:
    """A result as it is sent."""
    plain = {
        "schema": "emotion-monitor/result/1",
        "id": result.id,
        "attempt": result.attempt,
        "sha256": result.sha256,
        "worker": result.worker,
        "model": asdict(result.model) if result.model else None,
        "reading": None if result.reading is None else reading_to_json(result.reading),
        "declined": result.declined,
    }
    return _json(plain)


def unpack_result(data: bytes) -> Result:
    """The result again; its reading knows what model made it.

    Raises:
        JobError: It is none.
    """
    message = decode_result(data)
    try:
        reading = reading_from_json(asdict(message.reading)) if message.reading else None
    except (TypeError, ValueError) as error:
        msg = f"not a valid result: {error}"
        raise JobError(msg) from error
    if reading is not None:
        heard = reading.heard if reading.heard and np.isfinite(reading.heard.features).all() else None
        reading = replace(reading, model=message.model, heard=heard)  # one NaN would stay in the stream's anchor
    return Result(
        id=message.id,
        attempt=message.attempt,
        sha256=message.sha256,
        worker=message.worker,
        model=message.model,
        reading=reading,
        declined=message.declined,
    )


def uuid7() -> uuid.UUID:
    """A UUID of version 7 (RFC 9562): milliseconds since the epoch, then chance. Python 3.14 has its own."""
    value = time.time_ns() // 1_000_000 << 80 | int.from_bytes(os.urandom(10), "big")
    value = value & ~(0xF000 << 64) | 0x7000 << 64
    return uuid.UUID(int=value & ~(0xC000 << 48) | 0x8000 << 48)


def _json(values: dict[str, Any]) -> bytes:
    return json.dumps(values, allow_nan=False, separators=(",", ":")).encode()


def _pcm(waveform: Waveform) -> bytes:
    return waveform.astype("<i2", copy=False).tobytes()


def _flac(waveform: Waveform) -> bytes:
    import soundfile

    file = io.BytesIO()
    soundfile.write(file, waveform, SAMPLE_RATE_HZ, format="FLAC", subtype="PCM_16")
    return file.getvalue()


def _samples(message: JobMessage, sound: bytes) -> Waveform:
    if message.codec == "pcm" or not message.samples:
        if len(sound) != 2 * message.samples:
            msg = f"not a valid job: {len(sound)} bytes of sound for {message.samples} samples"
            raise JobError(msg)
        return np.frombuffer(sound, dtype="<i2").astype(np.int16)
    import soundfile

    try:
        with soundfile.SoundFile(io.BytesIO(sound)) as file:
            found = (file.format, file.channels, file.samplerate, file.frames)
            if found != ("FLAC", 1, SAMPLE_RATE_HZ, message.samples):
                msg = f"not a valid job: its sound is {found}"
                raise JobError(msg)
            samples: Waveform = file.read(message.samples, dtype="int16")
    except soundfile.SoundFileError as error:
        msg = f"not a valid job: its sound cannot be decoded: {error}"
        raise JobError(msg) from error
    return samples

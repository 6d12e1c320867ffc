"""The inference process itself: loads a model, then answers batches until its standard input ends."""

import faulthandler
import logging
import os
import queue
import signal
import sys
import threading
import time
import traceback
from dataclasses import asdict, replace
from typing import Any, BinaryIO, NoReturn

from core.errors import EmotionMonitorError
from core.settings import ModelSettings
from core.worker.batches import BatchReader
from core.worker.memory import limit_memory
from core.worker.messages import Waveform, anchor_from_json, error_to_json, reading_to_json, waveforms_from_payload
from core.worker.models import load_model, without_collection
from core.worker.pipe import FrameError, pack, read_frame

log = logging.getLogger(__name__)

Request = tuple[dict[str, Any], bytearray]


def main() -> None:
    """Serves requests from standard input on standard output; ends with its parent."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C in the terminal is the parent's to handle.
    faulthandler.enable()
    requests, answers = _own_pipes()
    inbox: queue.Queue[Request] = queue.Queue(maxsize=4)
    threading.Thread(target=_receive, args=(requests, inbox), name="requests", daemon=True).start()
    threading.Thread(target=_follow_parent, args=(os.getppid(),), name="parent", daemon=True).start()
    try:
        _serve(inbox, answers)
    except BaseException:  # noqa: BLE001 - whatever it was, the parent reads the last line and starts anew
        traceback.print_exc()
        _leave(1)


def _own_pipes() -> tuple[BinaryIO, BinaryIO]:
    """Takes standard input and output away from everyone else: stray prints go to standard error."""
    requests, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    return requests, answers


def _receive(requests: BinaryIO, inbox: queue.Queue[Request]) -> NoReturn:
    """Its own thread, so that the end of the pipe ends the process even in the middle of a long batch."""
    try:
        while (frame := read_frame(requests)) is not None:
            inbox.put(frame)
    except (FrameError, MemoryError) as error:
        log.error("a request cannot be taken: %r", error)  # noqa: TRY400 - one line says it
        _leave(1)
    _leave(0)


def _follow_parent(parent: int) -> NoReturn:
    """A second way to see that the parent is gone, should some other process still hold the pipe open."""
    while os.getppid() == parent:
        time.sleep(1)
    _leave(0)


def _leave(code: int) -> NoReturn:
    """Ends at once: no atexit handlers or destructors of libraries, which may hang after a fault."""
    sys.stderr.flush()
    os._exit(code)


def _serve(inbox: queue.Queue[Request], answers: BinaryIO) -> None:
    reader: BatchReader | None = None
    show_transcript = False
    while True:
        header, payload = inbox.get()
        answer: dict[str, Any]
        if reader is None:
            limit_memory(header["memory_mb"])
            settings = ModelSettings(**header["model"])
            show_transcript = settings.transcript
            try:
                with without_collection():
                    model = load_model(settings, threads=header["threads"], max_batch=header["max_batch"])
            except EmotionMonitorError as error:
                answer = {"error": error_to_json(error)}
            else:
                reader = BatchReader(model, one_by_one=settings.deterministic)
                answer = {"stamp": asdict(model.stamp), "device": model.device, "window_s": model.window_s}
                answer |= {"gpu_mb": _gpu_mb(), "transcribes": getattr(model, "transcribes", None)}
        else:
            waveforms: list[Waveform] = waveforms_from_payload(header["lengths"], payload)
            anchors = [anchor_from_json(values) for values in header["anchors"]]
            readings = reader.read(waveforms, explain=header["explain"], anchors=anchors)
            if not show_transcript:
                readings = [replace(reading, transcript=None) for reading in readings]
            answer = {"readings": [reading_to_json(reading) for reading in readings], "gpu_mb": _gpu_mb()}
        answers.write(pack({"id": header["id"]} | answer))
        answers.flush()


def _gpu_mb() -> float | None:
    """Memory that torch holds on the GPU, what it keeps for later included; None where it uses none."""
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_initialized():
        return None
    return round(float(torch.cuda.memory_reserved()) / 1e6, 1)

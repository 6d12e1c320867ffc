"""An inference worker with the fake model, and what it is to give."""

from pathlib import Path

import numpy as np
import psutil

from core.model import Reading
from core.settings import ModelSettings, WorkerSettings
from core.worker import InferenceWorker
from tests.plugins.fake_model import FakeModel

ROOT = Path(__file__).parents[3]
RNG = np.random.default_rng(1)
SOUNDS = [RNG.integers(-3000, 3000, n).astype(np.int16) for n in (16_000, 1, 0, 4_000, 333)]
EXPECTED = [reading.distribution for reading in FakeModel().read(SOUNDS)]


def inference(name: str = "fake", *, transcript: bool = False, **limits: float) -> InferenceWorker:
    return InferenceWorker(ModelSettings(name=name, transcript=transcript), WorkerSettings(**limits))


def distributions(readings: list[Reading]) -> list:
    return [reading.distribution for reading in readings]


def reasons(readings: list[Reading]) -> list:
    return [reading.reason for reading in readings]


def child_of(pid: int) -> int:
    (child,) = psutil.Process(pid).children()
    return child.pid


def is_gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True

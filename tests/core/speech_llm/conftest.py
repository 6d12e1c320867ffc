from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from core.speech_llm.model import SpeechLLM
from tests.tiny_speech_llms import SAVERS, blind

RATE_HZ = 16_000


@pytest.fixture(scope="package")
def folder_of(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Path]]:
    """A tiny folder of each `model_type`, made when it is first asked for; nobody writes into it."""

    @cache
    def made(model_type: str) -> Path:
        folder = tmp_path_factory.mktemp(model_type)
        SAVERS[model_type](folder)
        return folder

    with blind():
        yield made


@pytest.fixture(scope="package")
def model_of(folder_of: Callable[[str], Path]) -> Callable[[str], SpeechLLM]:
    """The model of each."""
    return cache(lambda model_type: SpeechLLM.from_folder(folder_of(model_type)))


@pytest.fixture(scope="package")
def sounds() -> list[NDArray[np.int16]]:
    """A buzz, a hiss and a blip, of different lengths; the last is shorter than one audio token."""
    rng, t = np.random.default_rng(0), np.arange(2 * RATE_HZ) / RATE_HZ
    buzz = 6000 * np.sin(2 * np.pi * 180 * t) * (1 + np.sin(2 * np.pi * 3 * t)) / 2
    return [made.astype(np.int16) for made in (buzz, rng.normal(0, 2000, RATE_HZ + 77), rng.normal(0, 900, 800))]

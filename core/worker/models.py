"""Makes the model that the settings name, inside the inference process."""

import gc
import logging
import os
from pathlib import Path

from core.errors import EmotionMonitorError, ModelError, UsageError
from core.model import EmotionModel
from core.settings import ModelSettings
from core.worker.fake import FakeModel, is_fake

log = logging.getLogger(__name__)


def load_model(settings: ModelSettings, *, threads: int) -> EmotionModel:
    """Loads the model; `threads` CPU threads, 0 for torch's own choice.

    Raises:
        EmotionMonitorError: It cannot be loaded, said in one line; nothing else is ever raised.
    """
    try:
        if is_fake(settings.name):
            asked = {"prompt": settings.prompt, "readout": settings.readout}
            return FakeModel.from_name(settings.name, **{key: word for key, word in asked.items() if word != "auto"})
        return _load_ltu_as(settings, threads=threads)
    except EmotionMonitorError:
        raise
    except Exception as error:
        log.exception("loading %s failed", settings.name)
        msg = f"{settings.name} cannot be loaded: {type(error).__name__}: {error}"
        raise ModelError(msg) from error


def _load_ltu_as(settings: ModelSettings, *, threads: int) -> EmotionModel:
    from core.ltu_as.folder import resolve_model

    folder = resolve_model(settings.name)  # before torch: a wrong name is told at once
    os.environ.setdefault("HF_HUB_OFFLINE", "1")  # a model folder is complete; nothing is ever fetched
    gc.disable()  # importing makes objects that stay: looking for garbage among them takes a sixth of the start
    try:
        return _read_model(folder, settings, threads=threads)
    finally:
        gc.enable()
        gc.freeze()


def _read_model(folder: Path, settings: ModelSettings, *, threads: int) -> EmotionModel:
    import torch

    if threads:
        torch.set_num_threads(threads)
    device = settings.device
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    elif device.startswith("cuda") and not torch.cuda.is_available():
        msg = f"device {device}: torch {torch.__version__} finds no CUDA GPU"
        raise UsageError(msg, hint="use --device cpu, or auto")
    from core.ltu_as.reader import LTUASReader

    return LTUASReader(
        folder,
        device=device,
        encoder_dtype=None if settings.encoder_dtype == "auto" else settings.encoder_dtype,
        prompt=None if settings.prompt == "auto" else settings.prompt,
        readout=None if settings.readout == "auto" else settings.readout,
        pool=settings.pool,
        scope=settings.scope,
        calibrate=settings.calibration == "auto",
        abstain=settings.abstain,
    )

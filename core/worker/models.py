"""Makes the model that the settings name, inside the inference process.

Models of other kinds are plug-ins: an installed package may declare an entry point in the group
`emotion_monitor.models`, whose name is what stands before a colon, or alone, in `model.name`, and whose object makes an
`EmotionModel` of `ModelSettings`.
"""

import gc
import logging
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from core.errors import EmotionMonitorError, ModelError, UsageError
from core.ltu_as.folder import EMBEDDED
from core.model import EmotionModel
from core.settings import ModelSettings
from core.speech_llm.folder import called, check_folder, is_hugging_face, model_path
from core.speech_llm.server_address import is_server_name
from core.speech_llm.size import folder_size, memory_of, refuse_what_does_not_fit
from core.user_path import user_path

log = logging.getLogger(__name__)

PLUG_INS = "emotion_monitor.models"

HEAVY = frozenset({"torch", "transformers", "tokenizers", "safetensors", "huggingface_hub"})
"""What an installation without a model of its own does without: see requirements-edge.txt."""


@contextmanager
def without_collection() -> Iterator[None]:
    """For a process of our own, while it imports and loads what stays: looking for garbage in it takes a sixth of that.

    Whatever is there afterwards counts as no garbage for ever.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        gc.freeze()


def load_model(settings: ModelSettings, *, threads: int, max_batch: int = 1) -> EmotionModel:
    """Loads the model; `threads` CPU threads, 0 for torch's own choice; at most `max_batch` utterances come at once.

    Raises:
        EmotionMonitorError: It cannot be loaded, said in one line; nothing else is ever raised.
    """
    try:
        if is_server_name(settings.name):
            from core.speech_llm.server import ServerModel

            return ServerModel(settings)
        plug_in = _plug_in(settings.name)
        return plug_in.load()(settings) if plug_in else _load_folder(settings, threads=threads, max_batch=max_batch)
    except EmotionMonitorError:
        raise
    except MemoryError as error:
        msg = f"{settings.name} needs more memory than it may have"
        raise ModelError(msg, hint="take a smaller model, or raise worker.memory_mb") from error
    except Exception as error:
        if isinstance(error, ModuleNotFoundError) and (error.name or "").partition(".")[0] in HEAVY:
            msg = f"{settings.name} cannot be loaded: {error.name} is not installed here"
            hint = "install all of emotion-monitor, or have utterances read elsewhere: --worker URL"
            raise ModelError(msg, hint=hint) from error
        log.exception("loading %s failed", settings.name)
        msg = f"{settings.name} cannot be loaded: {type(error).__name__}: {error}"
        raise ModelError(msg) from error


def _plug_in(name: str) -> EntryPoint | None:
    """The entry point that makes this model; what is a model folder needs none."""
    if name == EMBEDDED or user_path("model.name", name).is_dir():
        return None
    return next(iter(entry_points(group=PLUG_INS, name=name.partition(":")[0])), None)


def _bound_mb() -> int:
    """What this process may take, as `limit_memory` has set it, in MB; 0: whatever the machine has."""
    bound, _ = resource.getrlimit(resource.RLIMIT_DATA)
    return 0 if bound == resource.RLIM_INFINITY else bound // 10**6


def _load_folder(settings: ModelSettings, *, threads: int, max_batch: int) -> EmotionModel:
    folder = model_path(settings.name)  # before torch: a wrong name is told at once
    if speech_llm := is_hugging_face(folder):
        check_folder(folder)
    import torch

    from core.ltu_as.precision import use_deterministic_kernels

    if threads:
        torch.set_num_threads(threads)
    if settings.deterministic:
        use_deterministic_kernels()
    device = settings.device
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    elif device.startswith("cuda") and not torch.cuda.is_available():
        msg = f"device {device}: torch {torch.__version__} finds no CUDA GPU"
        raise UsageError(msg, hint="use --device cpu, or auto")
    asked: dict[str, Any] = {
        "device": device,
        "prompt": None if settings.prompt == "auto" else settings.prompt,
        "readout": None if settings.readout == "auto" else settings.readout,
        "ensemble": settings.ensemble,
        "pool": settings.pool,
        "scope": settings.scope,
        "calibrate": settings.calibration == "auto",
        "abstain": settings.abstain,
        "neutral_odds": None if settings.neutral_odds == "auto" else settings.neutral_odds,
    }
    if speech_llm:
        if settings.quantize != "off":
            msg = f"model.quantize = {settings.quantize}: {settings.name} cannot be quantised"
            raise UsageError(msg, hint="only LTU-AS can")
        refuse_what_does_not_fit(settings.name, folder_size(folder), memory_of(device, memory_mb=_bound_mb()))
        from core.speech_llm.reader import SpeechLLMReader

        return SpeechLLMReader(folder, name=called(settings.name), **asked)
    from core.ltu_as.reader import LTUASReader

    return LTUASReader(
        folder,
        quantize=settings.quantize,
        encoder_dtype=None if settings.encoder_dtype == "auto" else settings.encoder_dtype,
        decode=settings.decode,
        graphs=settings.graphs == "auto",
        adapt=settings.adapt,
        transcribe=settings.transcriber == "auto",
        max_batch=max_batch,
        **asked,
    )

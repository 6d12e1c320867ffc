"""What was said, by a complete Whisper, for LTU-AS to read along while it listens."""

import logging
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer as TextTokenizer
from torch import Tensor
from transformers import GenerationConfig, WhisperFeatureExtractor, WhisperForConditionalGeneration
from transformers.modeling_outputs import BaseModelOutput
from transformers.utils import logging as transformers_logging

from core.errors import ModelError
from core.json_file import read_json
from core.ltu_as.dictation import Dictation
from core.ltu_as.features import HALF_MINUTE_SAMPLES, INT16_SCALE, half_minute
from core.ltu_as.graphs import Graphs
from core.ltu_as.weight_files import shards_of
from core.ltu_as.whisper_passes import WhisperPasses
from core.model import SAMPLE_RATE_HZ

_FALLBACK = {
    "temperature": (0.0, 0.2, 0.4, 0.6, 0.8, 1.0),
    "compression_ratio_threshold": 1.35,  # over token ids, where OpenAI's 2.4 is over text
    "logprob_threshold": -1.0,
    "no_speech_threshold": 0.6,
    "condition_on_prev_tokens": True,
    "return_timestamps": True,
}
"""OpenAI's defaults: greedy, and warmer where the result repeats itself or is unlikely."""

_THANKS = re.compile("|".join(
    re.escape(form + end)
    for end in (".", "!", "")
    for words in ("thank you for watching", "thanks for watching")
    for form in (words, words.capitalize(), words.upper())
))  # fmt: skip


_BATCHES = (1, 2, 4, 8, 16)
"""Sounds that a GPU takes together, filled up to one of these."""


class Transcriber:
    """Whisper over the whole sound, not only over the part LTU-AS hears.

    Args:
        folder: A Whisper in the transformers layout: config.json, generation_config.json, model.safetensors,
            preprocessor_config.json and tokenizer.json.
        device: Where it runs; half precision on a GPU, as the original.
        language: For a multilingual Whisper; None detects it.
        graphs: Whether half a minute runs in fixed shapes, on a GPU as CUDA graphs.

    Raises:
        ModelError: The folder cannot be used.
    """

    def __init__(self, folder: Path, *, device: str = "cpu", language: str | None = None, graphs: bool = False) -> None:
        dtype = torch.float32 if device == "cpu" else torch.float16
        transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
        logging.getLogger("transformers.generation.utils").addFilter(_is_ours_to_mend)
        _refuse_shards_elsewhere(folder)
        try:
            settings = read_json(folder / "generation_config.json")
            model: Any = WhisperForConditionalGeneration.from_pretrained(folder, dtype=dtype, local_files_only=True)
            self._extractor = WhisperFeatureExtractor.from_pretrained(folder, local_files_only=True)
            self._tokenizer = TextTokenizer.from_file(str(folder / "tokenizer.json"))
        except Exception as error:  # the libraries raise whatever they please
            msg = f"{folder}: not a usable Whisper folder: {error}"
            raise ModelError(msg, hint="it needs the files of a Whisper model in the transformers layout") from error
        self._model = model.to(device).eval()
        self._device, self._dtype = device, dtype
        _restore(self._model.generation_config, settings)
        self._end_of_text: int = settings["eos_token_id"]
        multilingual = bool(settings.get("is_multilingual", True))
        self._task = {"language": language, "task": "transcribe"} if multilingual else {}
        self._dictation = Dictation(
            WhisperPasses(self._model, Graphs() if graphs else None),
            self._model.generation_config,
            language=language,
            multilingual=multilingual,
            vocabulary=self._model.config.vocab_size,
            thresholds=_FALLBACK,
        )
        self._heard = _LastHeard(self._model.model.encoder)
        self._batches = (1,) if device == "cpu" else _BATCHES

    @torch.inference_mode()
    def make_ready(self, max_batch: int = 1) -> None:
        """Captures what is run in fixed shapes for so many sounds at once, so that none has to wait for it."""
        silence = self._half_minute(np.zeros(SAMPLE_RATE_HZ, np.float32))
        for size in reversed(self._batches[: 1 + sum(size < max_batch for size in self._batches)]):
            self._dictation.take(silence.expand(size, -1, -1))

    def transcribe(self, waveform: NDArray[np.int16] | NDArray[np.float32]) -> str:
        """`transcribe_batch` of one sound; the same sound always gives the same text."""
        return self.transcribe_batch([waveform])[0]

    @torch.inference_mode()
    def transcribe_batch(self, waveforms: Sequence[NDArray[np.int16] | NDArray[np.float32]]) -> list[str]:
        """What is said in each of the sounds, 16 kHz mono of any length; on a GPU those of at most 30 s together."""
        sounds = [w / np.float32(INT16_SCALE) if w.dtype == np.int16 else w for w in waveforms]
        short = [n for n, sound in enumerate(sounds) if self._dictation.able and 0 < len(sound) <= HALF_MINUTE_SAMPLES]
        written: dict[int, list[int]] = {n: [] for n, sound in enumerate(sounds) if not len(sound)}
        for start in range(0, len(short), self._batches[-1]):
            rows = short[start : start + self._batches[-1]]
            for n, ids in zip(rows, self._attempts([sounds[n] for n in rows]), strict=True):
                written[n] = self._generated(sounds[n]) if ids is None else ids
        return [self._text(written[n] if n in written else self._generated(sounds[n])) for n in range(len(sounds))]

    def _attempts(self, sounds: Sequence[NDArray[Any]]) -> list[list[int] | None]:
        """The first attempt at each of some short sounds."""
        size = next(size for size in self._batches if size >= len(sounds))
        mel = torch.cat([self._half_minute(sound) for sound in sounds])
        mel = torch.cat([mel, mel[-1:].expand(size - len(sounds), -1, -1)])
        attempts, states = self._dictation.take(mel)
        self._heard.note(mel, states)
        return attempts[: len(sounds)]

    def _text(self, ids: Sequence[int]) -> str:
        text = self._tokenizer.decode([i for i in ids if i < self._end_of_text])
        return remove_thanks_for_watching(text.lstrip())

    def _half_minute(self, samples: NDArray[Any]) -> Tensor:
        return half_minute(samples, self._extractor.feature_size)[None].to(self._device, self._dtype)

    def _generated(self, samples: NDArray[Any]) -> list[int]:
        """The token ids that transformers finds, with all its attempts and windows."""
        long = len(samples) > HALF_MINUTE_SAMPLES
        inputs = self._extractor(
            samples,
            sampling_rate=SAMPLE_RATE_HZ,
            return_tensors="pt",
            truncation=False,
            padding="longest" if long else "max_length",
            return_attention_mask=True,
        )
        gpus = [] if self._device == "cpu" else [self._device]
        with torch.random.fork_rng(devices=gpus):  # warmer attempts draw tokens
            torch.manual_seed(0)
            ids: Tensor = self._model.generate(
                inputs.input_features.to(self._device, self._dtype),
                attention_mask=inputs.attention_mask.to(self._device),
                **_FALLBACK,
                **self._task,
            )
        return ids[0].tolist()


class _LastHeard:
    """Spares an encoder what it was given last; transformers encodes a sound anew for its language and each attempt."""

    def __init__(self, encoder: Any) -> None:
        self._forward = encoder.forward
        self._mel: Tensor | None = None
        self._output: Any = None
        encoder.forward = self

    def note(self, mel: Tensor, states: Tensor) -> None:
        """What the encoder made of a spectrogram."""
        self._mel, self._output = mel, BaseModelOutput(last_hidden_state=states)

    def __call__(self, input_features: Tensor, **options: Any) -> Any:
        last = self._mel
        if last is None or last.shape != input_features.shape or not torch.equal(last, input_features):
            self._mel, self._output = input_features, self._forward(input_features, **options)
        return self._output


def remove_thanks_for_watching(text: str) -> str:
    """The transcript without what Whisper makes of silence, as the original cleans it."""
    return _THANKS.sub("", text)


def _refuse_shards_elsewhere(folder: Path) -> None:
    """Checks the index that transformers would follow wherever it leads; it takes a file that is whole before one."""
    for name in ("model.safetensors", "pytorch_model.bin"):
        if (folder / name).is_file():
            return
        if (index := folder / f"{name}.index.json").is_file():
            shards_of(index, hint="get the Whisper folder again")
            return


def _restore(config: GenerationConfig, settings: dict[str, Any]) -> None:
    """Gives back what transformers drops on loading: the keys of generation_config.json that only Whisper knows."""
    for key, value in settings.items():
        if not key.startswith("_") and not hasattr(config, key):
            setattr(config, key, value)


def _is_ours_to_mend(record: logging.LogRecord) -> bool:
    """False for a deprecation that transformers' own Whisper causes at every call."""
    return "Passing `generation_config` together with" not in record.getMessage()

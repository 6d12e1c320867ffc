"""LTU-AS and its Whisper at their real sizes, or tiny ones, with seeded random weights made on the device.

Nothing is downloaded. Random weights are as fast as trained ones and say nothing about accuracy.
"""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from transformers import WhisperConfig as HfWhisperConfig
from transformers import WhisperForConditionalGeneration

from core.ltu_as.config import LTUAS_7B, LlamaConfig, LoraConfig, LTUASConfig, WhisperConfig
from core.ltu_as.dictation import Dictation
from core.ltu_as.features import half_minute
from core.ltu_as.graphs import Graphs
from core.ltu_as.model import LTUAS
from core.ltu_as.whisper_passes import WhisperPasses

RATE_HZ = 16_000
SAID = "i never thought that it would come to this but here we are once again and there is not much to be said of it"
"""What is said in five seconds: a transcript of about 25 tokens."""
_END, _START, _NO_TIMES = 50_257, 50_258, 50_363
_PIECE = re.compile(r"\n|[^\W\d_]{1,7}|\d|[^\w\s]|_")


@dataclass(frozen=True, slots=True, kw_only=True)
class Shapes:
    """What is built: LTU-AS, and the Whisper that transcribes for it (width, layers, heads), to so many tokens."""

    name: str
    ltu_as: LTUASConfig
    transcriber: tuple[int, int, int]
    dictated: int


REAL = Shapes(
    name="ltu-as 7B with Whisper large-v1 and large-v2", ltu_as=LTUAS_7B, transcriber=(1280, 32, 20), dictated=27
)
SMALL = Shapes(
    name="small shapes",
    ltu_as=LTUASConfig(
        name="small",
        whisper=WhisperConfig(d_model=64, layers=2, heads=1, ffn=128, positions=500),
        llama=LlamaConfig(
            vocab_size=4096, hidden_size=64, intermediate_size=128, num_hidden_layers=2, num_attention_heads=2
        ),
        lora=LoraConfig(),
        feature_dtype="float16",
    ),
    transcriber=(64, 1, 1),
    dictated=4,
)


class Words:
    """Stands for LLaMA's tokenizer, of which it needs about as many tokens; ids are given out as pieces come."""

    bos_id, eos_id = 1, 2

    def __init__(self, vocab_size: int) -> None:
        self.vocab_size = vocab_size
        self._texts = ["<unk>", "<s>", "</s>"]
        self._ids: dict[str, int] = {}

    def encode(self, text: str) -> list[int]:
        """Token ids with the begin-of-sequence token in front."""
        return [self.bos_id, *map(self._id, _PIECE.findall(text))]

    def pieces(self, word: str, context: str) -> tuple[int, ...]:  # noqa: ARG002 - the same in both
        """Ids of a word, in threes of letters: about as many as LLaMA has."""
        return tuple(self._id(word[n : n + 3]) for n in range(0, len(word), 3))

    def decode(self, ids: Sequence[int]) -> str:
        """The text of these ids."""
        return "".join(self.spellings(ids))

    def spellings(self, ids: Sequence[int]) -> tuple[str, ...]:
        """Each id's text."""
        return tuple(self._texts[i] if i < len(self._texts) else "?" for i in ids)

    def _id(self, piece: str) -> int:
        if piece not in self._ids:
            self._ids[piece] = len(self._texts)
            self._texts.append(piece)
        return self._ids[piece]


def language_model(shapes: Shapes, device: str, words: Words, *, seed: int = 0) -> LTUAS:
    """LTU-AS in float16 (float32 on a CPU) with adapters that are not merged yet, and without an end of answers."""
    config = shapes.ltu_as
    with torch.device("meta"):
        model = LTUAS(config, words)  # type: ignore[arg-type]
    dtype_of = config.dtypes(device=device, llama="float16" if device != "cpu" else "float32")
    generator = torch.Generator(device).manual_seed(seed)
    tensors = {
        name: _random(name, tensor.shape, generator, getattr(torch, dtype_of(name)))
        for name, tensor in model.state_dict().items()
    }
    tensors["llama.lm_head.weight"][Words.eos_id] = 0  # an answer has as many tokens as are asked for
    model.load_state_dict(tensors, assign=True)
    rotary = model.llama.model.rotary_emb
    model.llama.model.rotary_emb = type(rotary)(rotary.config).to(device)
    return model.eval().requires_grad_(requires_grad=False)


def whisper(shapes: Shapes, device: str, *, seed: int = 1) -> WhisperForConditionalGeneration:
    """The whole Whisper in float32, as the original holds it."""
    width, layers, heads = shapes.transcriber
    ids = {"pad_token_id": _END, "bos_token_id": _END, "eos_token_id": _END, "decoder_start_token_id": _START}
    sizes = {"encoder_layers": layers, "decoder_layers": layers}
    sizes |= {"encoder_attention_heads": heads, "decoder_attention_heads": heads, "d_model": width}
    sizes |= {"encoder_ffn_dim": 4 * width, "decoder_ffn_dim": 4 * width}
    config = HfWhisperConfig(vocab_size=51_865, suppress_tokens=None, begin_suppress_tokens=None, **ids, **sizes)
    with torch.device("meta"):
        model = WhisperForConditionalGeneration(config)
    generator = torch.Generator(device).manual_seed(seed)
    names = [name for name in model.state_dict() if name != "proj_out.weight"]
    tensors = {name: _random(name, model.state_dict()[name].shape, generator, torch.float32) for name in names}
    tensors["proj_out.weight"] = tensors["model.decoder.embed_tokens.weight"]
    model.load_state_dict(tensors, assign=True)
    model.tie_weights()
    known = {
        "lang_to_id": {f"<|{n}|>": _START + 1 + n for n in range(99)},
        "task_to_id": {"translate": 50_358, "transcribe": 50_359},
        "no_timestamps_token_id": _NO_TIMES,
        "suppress_tokens": [_END],  # it writes as many tokens as it may
        "begin_suppress_tokens": [220],
        "max_initial_timestamp_index": 50,
    }
    for name, value in known.items():
        setattr(model.generation_config, name, value)
    return model.eval().requires_grad_(requires_grad=False)


class Ears:
    """The transcript path, up to a text of so many tokens.

    Args:
        model: The Whisper, in the precision that it runs in.
        dictated: Tokens that it writes; 27 for five seconds of speech, the times around the words included.
        graphs: Whether it runs in fixed shapes.
    """

    def __init__(self, model: WhisperForConditionalGeneration, *, dictated: int, graphs: bool) -> None:
        self.model = model
        self.passes = WhisperPasses(model, Graphs() if graphs else None)
        self.passes.places = 3 + dictated
        weight = model.model.encoder.conv1.weight
        self._to = {"device": weight.device, "dtype": weight.dtype}
        self.dictation = Dictation(
            self.passes,
            model.generation_config,
            language=None,
            multilingual=True,
            vocabulary=model.config.vocab_size,
            thresholds={"logprob_threshold": -math.inf, "compression_ratio_threshold": math.inf},
        )

    def mel(self, sounds: Sequence[NDArray[np.int16]]) -> Tensor:
        """Spectrograms of half a minute each."""
        return torch.stack([half_minute(sound) for sound in sounds]).to(**self._to)

    def write(self, mel: Tensor) -> list[list[int]]:
        """Token ids; the language is detected."""
        self.passes.hear(mel)
        return [ids for ids, _ in self.dictation._written(mel)]  # noqa: SLF001 - random words would be refused


def sounds(number: int, *, seconds: float = 5.0, seed: int = 0) -> list[NDArray[np.int16]]:
    """Noises, each of its own colour and rhythm."""
    made = []
    for n in range(number):
        random = np.random.default_rng([seed, n])
        samples = random.normal(size=round(seconds * RATE_HZ))
        colour = np.convolve(samples, random.normal(size=9), mode="same")
        rhythm = 1.1 + np.sin(np.arange(len(samples)) / RATE_HZ * 2 * math.pi * random.uniform(1, 6))
        made.append((colour * rhythm * 2000).clip(-32_768, 32_767).astype(np.int16))
    return made


def _random(name: str, shape: torch.Size, generator: torch.Generator, dtype: torch.dtype) -> Tensor:
    values = torch.randn(shape, generator=generator, device=generator.device, dtype=dtype)
    if len(shape) == 1:
        return values.mul_(0.2).add_(1) if name.endswith("weight") else values.mul_(0.1)
    if "embed_tokens" in name and "llama" in name:
        return values
    gain = 4.0 if "lm_head" in name else 1.0
    return values.mul_(gain / math.sqrt(math.prod(shape[1:])))

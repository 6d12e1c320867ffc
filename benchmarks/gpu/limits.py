"""What a card can do at most: its measured bandwidth and arithmetic, and the work that a stage cannot avoid."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

import torch

from core.ltu_as.config import LlamaConfig, WhisperConfig

_PAIR = 2  # bytes of 16 bits


@dataclass(frozen=True, slots=True, kw_only=True)
class Ceilings:
    """Measured: bytes moved, and 16-bit operations of a large matrix product, a second."""

    bytes_s: float
    flop_s: float


@dataclass(frozen=True, slots=True)
class Work:
    """Operations, and bytes that have to be read."""

    flop: float
    size: float

    def limit_ms(self, card: Ceilings) -> float:
        """The least time for it."""
        return 1000 * max(self.flop / card.flop_s, self.size / card.bytes_s)


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """Wall time of several runs."""

    ms: float
    least_ms: float
    most_ms: float


def timed(function: Callable[[], object], device: str, *, repeat: int = 5, warm_up: int = 2) -> Timing:
    """Median, least and most of the runs after the warm-up, each until the device has done all."""
    taken = []
    for number in range(warm_up + repeat):
        _wait(device)
        began_s = time.perf_counter()
        function()
        _wait(device)
        if number >= warm_up:
            taken.append(1000 * (time.perf_counter() - began_s))
    return Timing(ms=median(taken), least_ms=min(taken), most_ms=max(taken))


def measured(device: str, *, small: bool) -> Ceilings:
    """The two ceilings of this card: a copy, bytes read and written counted, and a matrix product on random data."""
    cpu = device == "cpu"
    side, n_bytes = (512, 1 << 24) if small or cpu else (8192, 1 << 30)
    dtype = torch.float32 if cpu else torch.float16
    source = torch.ones(n_bytes // 4, device=device)
    target = torch.empty_like(source)
    copy_ms = timed(lambda: target.copy_(source), device, repeat=10).least_ms
    left, right = (torch.randn(side, side, device=device, dtype=dtype) for _ in range(2))
    product_ms = timed(lambda: left @ right, device, repeat=10, warm_up=3).ms
    return Ceilings(bytes_s=2 * n_bytes / copy_ms * 1000, flop_s=2 * side**3 / product_ms * 1000)


def encoder(sizes: WhisperConfig, positions: int, batch: int = 1) -> Work:
    """A Whisper encoder over so many positions."""
    width = sizes.d_model
    weights = sizes.layers * (4 * width**2 + 2 * width * sizes.ffn)
    first = 3 * sizes.n_mels * width * 2 * positions + 3 * width**2 * positions
    flop = 2 * (weights * positions + first) + 4 * sizes.layers * positions**2 * width
    return Work(batch * flop, _PAIR * (weights + 3 * width * (sizes.n_mels + width)))


def cross_attention(width: int, layers: int, batch: int = 1) -> Work:
    """Keys and values of half a minute for every layer of a Whisper decoder."""
    return Work(batch * 2 * 1500 * 2 * layers * width**2, _PAIR * 2 * layers * width**2)


def dictated_token(width: int, layers: int, vocabulary: int = 51_865, batch: int = 1) -> Work:
    """A token of a Whisper decoder: its weights, and what it heard."""
    weights = layers * (4 + 2 + 8) * width**2 + vocabulary * width  # what is heard was projected before
    heard = batch * 2 * layers * 1500 * width
    return Work(2 * batch * weights, _PAIR * (weights + heard))


def llama(sizes: LlamaConfig, tokens: int, rows: int, batch: int = 1) -> Work:
    """A pass over so many tokens, with logits of the last rows."""
    width = sizes.hidden_size
    weights = sizes.num_hidden_layers * (4 * width**2 + 3 * width * sizes.intermediate_size)
    head = width * sizes.vocab_size
    looked = 2 * sizes.num_hidden_layers * tokens**2 * width  # causal: half of all pairs
    return Work(2 * batch * (weights * tokens + head * rows) + batch * looked, _PAIR * (weights + head))


def tltr(width: int, layers: int, tokens: int, hidden: int, batch: int = 1) -> Work:
    """TLTR and the projection, at 16 bits as the original has them."""
    weights = 12 * width**2
    flop = 2 * batch * (2 * weights * layers * tokens + width * hidden * tokens)
    return Work(flop, _PAIR * (2 * weights + width * hidden))


def _wait(device: str) -> None:
    if device != "cpu":
        torch.cuda.synchronize(device)

"""Golden tensors for tests: the committed part, or the complete set."""

import json
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor

from tests.golden.make_goldens import model_from_originals

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Golden:
    """Set a: a model folder, and what the original makes of it."""

    folder: Path
    tensors: dict[str, Tensor]
    texts: dict[str, Any]
    parts: dict[str, tuple[int, list[int]]]

    @classmethod
    def committed(cls) -> Self:
        texts = json.loads((HERE / "a_expected.json").read_text(encoding="utf-8"))
        return cls(HERE / "a", load_file(HERE / "a_expected.safetensors"), texts, texts["parts"])

    @classmethod
    def complete(cls, source: Path, folder: Path) -> Self:
        model_from_originals(source).save_pretrained(folder)
        tensors = load_file(source / "features.safetensors") | load_file(source / "outputs.safetensors")
        return cls(folder, tensors, json.loads((source / "golden.json").read_text(encoding="utf-8")), {})

    def sound(self, name: str):
        """int16 samples at 16 kHz mono."""
        if name == "silence1s":
            return np.zeros(16_000, np.int16)
        kind = "wave_int16" if name in {"w3s", "w12s"} else "decoded_int16"
        return self.tensors[f"{name}.{kind}"].numpy()

    def ids(self, name: str) -> list[int]:
        return self.tensors[name].flatten().tolist()

    def difference(self, name: str, actual: Tensor) -> float:
        """Largest difference to the original's tensor, where finite; infinite where one is and the other is not."""
        if name in self.parts:
            dim, indices = self.parts[name]
            actual = actual.index_select(dim, torch.tensor(indices))
        return largest_difference(self.tensors[name], actual)


def largest_difference(expected: Tensor, actual: Tensor) -> float:
    assert expected.shape == actual.shape, f"{list(actual.shape)}, expected {list(expected.shape)}"
    finite = expected.isfinite()
    if not torch.equal(finite, actual.isfinite()):
        return float("inf")
    return float((expected.double() - actual.detach().double())[finite].abs().max())


def recipe(key: str, shape: list[int]) -> Tensor:
    """The weights of set c, by the name of the parameter in the authors' model."""
    seed = zlib.crc32(key.encode()) & 0x7FFFFFFF
    values = np.random.RandomState(seed).standard_normal(shape).astype(np.float32)
    if "lora_B" in key:
        values *= np.float32(0.1)
    elif len(shape) == 1:
        values = np.float32(1) + np.float32(0.2) * values if key.endswith("weight") else np.float32(0.1) * values
    elif "embed_tokens" not in key:
        values *= np.float32((4.0 if "lm_head" in key else 1.0) / shape[1] ** 0.5)
    return torch.from_numpy(values)

"""How much memory a model takes, told by its files' headers; and whether this machine has it."""

import math
import shutil
import subprocess
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Self

import psutil

from core.errors import ModelError
from core.json_file import read_json
from core.ltu_as.weight_files import weight_files

if TYPE_CHECKING:
    from collections.abc import Iterable

    from huggingface_hub import SafetensorsFileMetadata

GB = 10**9

WORKING_BYTES = 2 * GB
"""What a process takes besides its weights: 0.6 GB before it has any (measured: torch, transformers and a probe), and
for a prompt of a thousand tokens, which is thirty seconds of sound and the question, of a model of 7 billion
parameters 0.5 GB of keys and values (32 layers of 4096 in 16 bit) and 0.6 GB of logits (152 000 words in 32 bit); the
rest are activations."""

IN_FLOAT32 = 4
"""Bytes of a number where a model is loaded in float32, as on a CPU."""

MOST = 0.9
"""Share of the memory that may be taken, as core.worker.memory bounds the process."""

_HEARD = {"qwen2_5_omni": "thinker.", "qwen3_omni_moe": "thinker."}
"""`model_type` of models that also speak, to how the names of the tensors begin that listening needs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """What the weights of a model come to.

    Attributes:
        parameters: How many numbers there are.
        stored_bytes: As they are stored.
        largest_bytes: The largest tensor of them, which is there twice for a moment while it is loaded.
    """

    parameters: int
    stored_bytes: int
    largest_bytes: int

    @classmethod
    def of(cls, headers: "Iterable[SafetensorsFileMetadata]", model_type: str) -> Self:
        """By the headers of the weights' files; of a model that also speaks, only what listening needs counts."""
        beginning = _HEARD.get(model_type, "")
        tensors = [
            tensor for header in headers for name, tensor in header.tensors.items() if name.startswith(beginning)
        ]
        sizes = [tensor.data_offsets[1] - tensor.data_offsets[0] for tensor in tensors]
        return cls(
            parameters=sum(tensor.parameter_count for tensor in tensors),
            stored_bytes=sum(sizes),
            largest_bytes=max(sizes, default=0),
        )

    def needed_bytes(self, *, bytes_each: int | None = None) -> int:
        """Memory for the model at work.

        Args:
            bytes_each: Of a number, where it is loaded in another precision than it is stored in.
        """
        share = 1.0
        if bytes_each is not None and self.stored_bytes:
            share = bytes_each * self.parameters / self.stored_bytes
        return math.ceil(share * (self.stored_bytes + self.largest_bytes)) + WORKING_BYTES

    def __str__(self) -> str:
        return f"{self.parameters / 1e9:.2f} billion parameters, {in_gb(self.stored_bytes)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """How much memory a model may take.

    Attributes:
        usable_bytes: So much.
        of: Of what, in words such as "of this machine's 16.0 GB".
        bytes_each: Bytes of a number of a model that is loaded there; None: as it is stored.
    """

    usable_bytes: int
    of: str
    bytes_each: int | None = None

    def __str__(self) -> str:
        return f"{in_gb(self.usable_bytes)} {self.of}"


def folder_size(folder: Path) -> Size:
    """Size of the weights in a folder, without loading any.

    Raises:
        ModelError: There are none, or they cannot be read.
    """
    from huggingface_hub import parse_local_safetensors_file_metadata
    from huggingface_hub.errors import SafetensorsParsingError

    headers = []
    for file in weight_files(folder):
        try:
            headers.append(parse_local_safetensors_file_metadata(file))
        except (SafetensorsParsingError, OSError) as error:
            msg = f"{file}: not readable as safetensors: {error}"
            raise ModelError(msg, hint="get the file again from where the weights are from") from error
    try:
        model_type = str(read_json(folder / "config.json").get("model_type"))
    except (OSError, ValueError, AttributeError):
        model_type = ""
    return Size.of(headers, model_type)


def memory_of(device: str, *, memory_mb: int = 0) -> Memory:
    """Memory of a device, without torch.

    Args:
        device: `auto`, `cpu`, `cuda` or `cuda:N`; auto is the first GPU where torch can use one.
        memory_mb: Bound on the process, in MB (10^6 bytes), as worker.memory_mb; 0: none but the machine's.
    """
    if device != "cpu" and (gpus := _gpu_bytes()):
        number = device.partition(":")[2]
        total = gpus[int(number)] if number.isdecimal() and int(number) < len(gpus) else gpus[0]
        return Memory(usable_bytes=int(MOST * total), of=f"of the GPU's {in_gb(total)}")
    total = psutil.virtual_memory().total
    if memory_mb and memory_mb * 10**6 < MOST * total:
        return Memory(usable_bytes=memory_mb * 10**6, of="by worker.memory_mb", bytes_each=IN_FLOAT32)
    return Memory(usable_bytes=int(MOST * total), of=f"of this machine's {in_gb(total)}", bytes_each=IN_FLOAT32)


def refuse_what_does_not_fit(name: str, size: Size, memory: Memory) -> None:
    """Refuses a model before it is fetched or loaded, if it is sure to be too large.

    Raises:
        ModelError: It needs more than it may have.
    """
    needed = size.needed_bytes(bytes_each=memory.bytes_each)
    if needed > memory.usable_bytes:
        msg = f"{name} needs some {in_gb(needed)} of memory and may take {memory}"
        raise ModelError(msg, hint="take a smaller model, or one on a server: --model openai:URL; see docs/models.md")


def in_gb(n_bytes: int) -> str:
    """A size for people, in GB (10^9 bytes)."""
    return f"{n_bytes / GB:.1f} GB" if n_bytes >= GB / 10 else f"{n_bytes / 1e6:.1f} MB"


def _gpu_bytes() -> list[int]:
    """Memory of each NVIDIA GPU; none where torch could not use it."""
    program = shutil.which("nvidia-smi")
    if program is None or version("torch").endswith("+cpu"):
        return []
    command = (program, "--query-gpu=memory.total", "--format=csv,noheader,nounits")
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)  # noqa: S603
        return [int(line) * 2**20 for line in answer.stdout.split()]
    except (OSError, ValueError, subprocess.SubprocessError):
        return []

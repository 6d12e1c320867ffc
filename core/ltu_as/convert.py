"""The authors' files become one model folder: Vicuna shards, the LTU-AS checkpoint and a Whisper file.

LoRA is merged in float32 and stored in the base model's dtype. Files are mapped into memory, not read, and written
shard by shard, so that peak memory stays below twice the largest shard. Pickles are opened with `weights_only=True`,
and every tensor of the finished model must come from exactly one place, with the right shape and finite values.
"""

import hashlib
import json
import pickle
import shutil
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from core.errors import ModelError, UsageError
from core.json_file import read_json
from core.ltu_as.config import (
    CONFIG_NAME,
    LTUAS_7B,
    LlamaConfig,
    LoraConfig,
    LTUASConfig,
    TranscriberConfig,
    WhisperConfig,
)
from core.ltu_as.model import LTUAS
from core.ltu_as.sentencepiece import save_tokenizer
from core.ltu_as.tensor_names import from_published, from_whisper
from core.ltu_as.weight_files import INDEX_NAME, shards_of
from core.stand_in import refuse_stand_in

MANIFEST = "manifest.json"
TRANSCRIBER = "transcriber"
FLOAT32_FEATURES = ("old_gpu", "ori_paper")
"""Parts of the names of the checkpoints that the authors trained on features of a float32 encoder."""
_UNREADABLE = (
    *(OSError, RuntimeError, ValueError, LookupError, TypeError, AttributeError, EOFError),
    *(SafetensorError, zipfile.BadZipFile),
)
_LORA_ALPHA = 16.0  # the checkpoint does not name it
_ZIP, _PICKLE = b"PK\x03\x04", b"\x80\x02"
"""What files of torch.save begin with."""
_COMPARE = "compare its size and checksum with the source"
_POSITIONS = "whisper.embed_positions.weight"


def convert(*, base: Path, ltu_as: Path, whisper: Path, out: Path, transcriber: Path | None = None) -> None:
    """Writes the model folder `out`, whole or not at all.

    Args:
        base: Vicuna-7B v1.1 in the Hugging Face layout: config.json, tokenizer, .bin or .safetensors shards.
        ltu_as: The authors' LTU-AS checkpoint: LoRA, TLTR and projection.
        whisper: OpenAI's Whisper file, {dims, model_state_dict}; only the encoder is kept.
        out: Folder to make; must not exist, or be empty.
        transcriber: Whisper folder in the Hugging Face layout, copied along to write transcripts.

    Raises:
        UsageError: A path is missing, or `out` is in use.
        ModelError: A file is truncated, or a tensor mis-shaped, missing, unexpected or not finite.
    """
    for path in (base / "config.json", ltu_as, whisper, *([transcriber / "config.json"] if transcriber else [])):
        if not path.is_file():
            msg = f"{path}: no such file"
            raise UsageError(msg)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        msg = f"{out}: exists and is not empty"
        raise UsageError(msg, hint="name a folder that does not exist yet")
    partial = out.with_name(f"{out.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        partial.mkdir(parents=True)
    except OSError as error:
        msg = f"{out}: cannot be made: {error.strerror}"
        raise UsageError(msg) from error
    try:
        _convert(base, ltu_as, whisper, transcriber, partial)
        if out.exists():
            out.rmdir()
        partial.rename(out)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _convert(base: Path, ltu_as: Path, whisper: Path, transcriber: Path | None, out: Path) -> None:
    shards = _shards(base)  # before anything is opened
    adapters = _named(_open_tensors(ltu_as), ltu_as)
    encoder, whisper_config = _encoder(whisper)
    llama, lora = _llama_config(base / "config.json"), _lora_config(adapters, ltu_as)
    try:
        config = replace(
            LTUAS_7B,
            whisper=whisper_config,
            llama=llama,
            lora=lora,
            feature_dtype="float32" if any(part in ltu_as.name for part in FLOAT32_FEATURES) else "float16",
            transcriber=TranscriberConfig(folder=TRANSCRIBER) if transcriber else None,
        )
    except ValueError as error:
        msg = f"{base / 'config.json'} and {whisper} do not make an LTU-AS: {error}"
        raise ModelError(msg) from error
    merge = _Merge(adapters, config.lora)
    writer = _Writer(out, config.merged(), len(shards) + 1)
    for shard in shards:
        kept = {key: tensor for key, tensor in _open_tensors(shard).items() if _is_llama(key)}
        writer.write({name: merge(name, tensor) for name, tensor in _named(kept, shard).items()}, shard)
    merge.check_all_used(ltu_as)
    heard = {name: tensor for name, tensor in adapters.items() if ".lora_" not in name}
    writer.write(heard | encoder, ltu_as)
    writer.finish(base)
    config.merged().to_json(out / CONFIG_NAME)
    save_tokenizer(base, out)
    if transcriber:
        shutil.copytree(transcriber, out / TRANSCRIBER)
    _write_manifest(out, [*shards, ltu_as, whisper])


class _Merge:
    """W + (alpha / r) B A for the layers that have an adapter."""

    def __init__(self, adapters: Mapping[str, Tensor], config: LoraConfig | None) -> None:
        self._a = {name.replace("lora_A.", ""): t for name, t in adapters.items() if ".lora_A." in name}
        self._b = {name.replace("lora_B.", ""): t for name, t in adapters.items() if ".lora_B." in name}
        self._scale = config.scale if config else 0.0
        self._unused = set(self._a) | set(self._b)

    def __call__(self, name: str, weight: Tensor) -> Tensor:
        if name not in self._a or name not in self._b:
            return weight
        self._unused.discard(name)
        a, b = self._a[name].float(), self._b[name].float()
        if weight.shape != (b.shape[0], a.shape[1]) or a.shape[0] != b.shape[1]:
            msg = f"adapter of {name} is {list(b.shape)} x {list(a.shape)}, the base layer {list(weight.shape)}"
            raise ModelError(msg, hint="LTU-AS was trained on Vicuna-7B v1.1")
        return (weight.float() + self._scale * (b @ a)).to(weight.dtype)

    def check_all_used(self, origin: Path) -> None:
        if self._unused:
            msg = f"{origin}: adapter of {min(self._unused)} has no counterpart"
            raise ModelError(msg, hint="LTU-AS was trained on Vicuna-7B v1.1")


class _Writer:
    """Writes the shards of a model folder and knows which tensors are still to come."""

    def __init__(self, out: Path, config: LTUASConfig, n_files: int) -> None:
        with torch.device("meta"):
            model = LTUAS(config)
        self._missing = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
        self._out = out
        self._n_files = n_files
        self._weight_map: dict[str, str] = {}

    def write(self, tensors: Mapping[str, Tensor], origin: Path) -> None:
        """One more shard; every tensor must be one that is expected and has not come yet."""
        number = len(set(self._weight_map.values())) + 1
        file = f"model-{number:05d}-of-{self._n_files:05d}.safetensors"
        for name, tensor in tensors.items():
            if name not in self._missing:
                what = "stands in two files" if name in self._weight_map else "is unexpected"
                msg = f"{origin}: tensor {name} {what}"
                raise ModelError(msg)
            if tuple(tensor.shape) != self._missing[name]:
                msg = f"{origin}: tensor {name} has shape {list(tensor.shape)}, not {list(self._missing[name])}"
                raise ModelError(msg)
            if not tensor.is_floating_point() or not bool(torch.isfinite(tensor).all()):
                msg = f"{origin}: tensor {name} holds values that are not finite numbers"
                raise ModelError(msg)
            del self._missing[name]
            self._weight_map[name] = file
        save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, self._out / file)

    def finish(self, base: Path) -> None:
        """The index; raises ModelError for what never came."""
        if self._missing:
            msg = f"{base}: tensor {min(self._missing)} is missing ({len(self._missing)} in all)"
            raise ModelError(msg)
        index = {"metadata": {}, "weight_map": dict(sorted(self._weight_map.items()))}
        text = json.dumps(index, indent=1)
        (self._out / INDEX_NAME).write_text(text + "\n", encoding="utf-8")


def _lora_config(adapters: Mapping[str, Tensor], origin: Path) -> LoraConfig:
    ranks = {tensor.shape[0] for name, tensor in adapters.items() if ".lora_A." in name and tensor.ndim}
    if len(ranks) != 1:
        msg = f"{origin}: expected adapters of one rank, found {sorted(ranks) or 'none'}"
        raise ModelError(msg)
    return LoraConfig(r=ranks.pop(), alpha=_LORA_ALPHA)


def _llama_config(path: Path) -> LlamaConfig:
    with _reading(path):
        values: dict[str, Any] = read_json(path)
        sizes = ("vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads")
        if values.get("num_key_value_heads", values["num_attention_heads"]) != values["num_attention_heads"]:
            msg = "grouped key/value heads: not a LLaMA-1 model"
            raise ValueError(msg)
        return LlamaConfig(
            **{name: int(values[name]) for name in sizes},
            rms_norm_eps=float(values.get("rms_norm_eps", 1e-6)),
            rope_theta=float(values.get("rope_theta", 10_000.0)),
        )


def _encoder(path: Path) -> tuple[dict[str, Tensor], WhisperConfig]:
    with _reading(path):
        checkpoint = _load(path)
        dims, state = checkpoint["dims"], checkpoint["model_state_dict"]
        if dims["n_mels"] != LTUAS_7B.whisper.n_mels:
            msg = f"{dims['n_mels']} mel bands, not {LTUAS_7B.whisper.n_mels}: not Whisper large-v1"
            raise ValueError(msg)
        config = WhisperConfig(
            d_model=dims["n_audio_state"],
            layers=dims["n_audio_layer"],
            heads=dims["n_audio_head"],
            ffn=4 * dims["n_audio_state"],
            positions=LTUAS_7B.audio.encoder_frames,
        )
        named = {name: _tensor(value) for key, value in state.items() if (name := from_whisper(key)) is not None}
        named[_POSITIONS] = named[_POSITIONS][: config.positions]
        return named, config


def _tensor(value: object) -> Tensor:
    if not isinstance(value, Tensor):
        msg = "holds more than named tensors"
        raise TypeError(msg)
    return value


def _shards(base: Path) -> list[Path]:
    """The weights files of a Hugging Face folder, in order."""
    for name in ("model.safetensors", "pytorch_model.bin"):
        index = base / f"{name}.index.json"
        if index.is_file():
            return shards_of(index, hint=_COMPARE)
        if (base / name).is_file():
            return [base / name]
    msg = f"{base}: holds neither model.safetensors nor pytorch_model.bin, nor an index of shards"
    raise ModelError(msg)


def _open_tensors(path: Path) -> dict[str, Tensor]:
    """The tensors of a .bin or .safetensors file, mapped into memory."""
    with _reading(path):
        if path.suffix == ".safetensors":
            refuse_stand_in(path, "weights", ModelError)
            with safe_open(path, framework="pt") as file:
                return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict
        return {name: _tensor(value) for name, value in _load(path).items()}


def _load(path: Path) -> Any:
    """What torch.save has written, mapped into memory unless it is of torch's older format, a bare pickle."""
    refuse_stand_in(path, "weights", ModelError)
    with path.open("rb") as file:
        head = file.read(len(_ZIP))
    if not head.startswith((_ZIP, _PICKLE)):
        msg = f"{path}: {'not weights as torch.save writes them' if head else 'is empty'}"
        raise ModelError(msg, hint=_COMPARE)
    if head == _ZIP:
        with zipfile.ZipFile(path) as archive:
            if any(entry.compress_type != zipfile.ZIP_STORED for entry in archive.infolist()):
                # Torch compresses nothing. It would unpack a few kB to many GB, or take what is packed for numbers.
                msg = "it is compressed"
                raise ValueError(msg)
    return torch.load(path, map_location="cpu", weights_only=True, mmap=head == _ZIP)


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    """One line for whatever a damaged or foreign file makes its reader raise."""
    try:
        yield
    except _UNREADABLE as error:
        first_line = str(error).partition("\n")[0]
        msg = f"{path}: truncated, or not what it should be: {type(error).__name__}: {first_line}"
        raise ModelError(msg, hint=_COMPARE) from error
    except pickle.UnpicklingError as error:
        if "Unsupported operand" in str(error):
            msg = f"{path}: damaged, or not written by torch.save"
            raise ModelError(msg, hint=_COMPARE) from error
        msg = f"{path}: refused: it holds more than tensors"
        raise ModelError(msg, hint="only plain tensors are loaded, because a pickle can run programs") from error


def _named(tensors: Mapping[str, Tensor], origin: Path) -> dict[str, Tensor]:
    """The same tensors under our names."""
    try:
        return {from_published(key): tensor for key, tensor in tensors.items()}
    except ModelError as error:
        msg = f"{origin}: {error}"
        raise ModelError(msg) from error


def _is_llama(key: str) -> bool:
    """Whether a tensor of the base model is kept; rotary tables are computed, audio parts come with LTU-AS."""
    return not key.endswith("rotary_emb.inv_freq") and "audio" not in key


def _write_manifest(out: Path, sources: list[Path]) -> None:
    """Checksums of what went in and what came out, so that a folder can be verified and a reading traced."""
    made = sorted(path for path in out.rglob("*") if path.is_file())
    manifest = {
        "sources": {path.name: _sha256(path) for path in sources},
        "files": {str(path.relative_to(out)): _sha256(path) for path in made},
    }
    (out / MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

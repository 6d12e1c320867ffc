"""The authors' files, made from a small model of ours: the layout and formats of the real ones at toy size."""

import json
from dataclasses import asdict
from pathlib import Path

import torch
from torch import Tensor

from core.ltu_as.model import LTUAS

_WHISPER_NAMES = {
    "layers.": "blocks.",
    "self_attn.q_proj": "attn.query",
    "self_attn.k_proj": "attn.key",
    "self_attn.v_proj": "attn.value",
    "self_attn.out_proj": "attn.out",
    "self_attn_layer_norm": "attn_ln",
    "fc1": "mlp.0",
    "fc2": "mlp.2",
    "final_layer_norm": "mlp_ln",
}


def write_published(model: LTUAS, folder: Path, *, n_shards: int = 2) -> dict[str, Path]:
    """Writes a Vicuna folder of .bin shards, an LTU-AS .bin and a Whisper .pt; returns `convert`'s arguments."""
    state = model.state_dict()
    base = folder / "vicuna"
    base.mkdir(parents=True)
    llama = asdict(model.config.llama)
    (base / "config.json").write_text(
        json.dumps({"model_type": "llama", "architectures": ["LlamaForCausalLM"], **llama})
    )
    model.tokenizer.save(base / "tokenizer.json")
    kept = {n.removeprefix("llama."): t for n, t in state.items() if n.startswith("llama.") and ".lora_" not in n}
    kept["model.layers.0.self_attn.rotary_emb.inv_freq"] = torch.ones(4)  # stored by transformers 4.28, computed today
    names = sorted(kept)
    shards = {f"pytorch_model-{i + 1:05d}-of-{n_shards:05d}.bin": names[i::n_shards] for i in range(n_shards)}
    for file, its_names in shards.items():
        torch.save({name: kept[name].clone() for name in its_names}, base / file)
    weight_map = {name: file for file, its_names in shards.items() for name in its_names}
    (base / "pytorch_model.bin.index.json").write_text(json.dumps({"metadata": {}, "weight_map": weight_map}))

    ltu_as = folder / "ltuas_long_noqa_a6.bin"
    torch.save({published_name(n): t.clone() for n, t in state.items() if _is_published(n)}, ltu_as)

    whisper = folder / "large-v1.pt"
    encoder = {_openai_name(n): t.clone() for n, t in state.items() if n.startswith("whisper.")}
    positions = torch.randn(1500, model.config.whisper.d_model)
    positions[: model.config.whisper.positions] = encoder["encoder.positional_embedding"]
    encoder["encoder.positional_embedding"] = positions
    unused = {"encoder.ln_post.weight": torch.ones(4), "decoder.ln.weight": torch.ones(4)}
    sizes = model.config.whisper
    dims = {
        "n_mels": sizes.n_mels,
        "n_audio_ctx": 1500,
        "n_audio_state": sizes.d_model,
        "n_audio_head": sizes.heads,
        "n_audio_layer": sizes.layers,
    }
    torch.save({"dims": dims, "model_state_dict": encoder | unused}, whisper)
    return {"base": base, "ltu_as": ltu_as, "whisper": whisper}


def change(path: Path, **changes: Tensor | None) -> None:
    """Replaces, adds or (None) removes tensors of a .bin file; `__` stands for a dot in their names."""
    tensors = torch.load(path, weights_only=True)
    for name, tensor in changes.items():
        tensors[name.replace("__", ".")] = tensor
    torch.save({name: tensor for name, tensor in tensors.items() if tensor is not None}, path)


def published_name(name: str) -> str:
    """The name in the authors' checkpoint of one of our tensors."""
    inner = name.removeprefix("llama.") if name.startswith("llama.") else f"model.{name}"
    return f"base_model.model.{inner}".replace("lora_A.", "lora_A.default.").replace("lora_B.", "lora_B.default.")


def _is_published(name: str) -> bool:
    return ".lora_" in name or name.startswith(("audio_encoder.", "audio_proj."))


def _openai_name(name: str) -> str:
    name = name.replace("whisper.", "encoder.", 1).replace("embed_positions.weight", "positional_embedding")
    for ours, theirs in _WHISPER_NAMES.items():
        name = name.replace(ours, theirs)
    return name

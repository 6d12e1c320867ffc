"""Makes the files in this folder from the complete set of tensors: python -m tests.golden.make_goldens FOLDER."""

import argparse
import json
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from core.ltu_as.config import LlamaConfig, LoraConfig, LTUASConfig, WhisperConfig
from core.ltu_as.model import LTUAS
from core.ltu_as.sentencepiece import tokenizer_from_sentencepiece
from core.ltu_as.tensor_names import from_published, from_whisper

HERE = Path(__file__).parent

POSITIONS = 500
MEL_COLUMNS = sorted({*range(0, 1000, 20), 1, 2, 299, 300, 999})
SOUNDS = ("w3s", "w12s", "stereo44k", "mono8k", "len201", "len400")


def model_from_originals(source: Path) -> LTUAS:
    """The toy model of set a, from the base LLaMA, the authors' checkpoint, the Whisper encoder and the tokenizer."""
    sizes = json.loads((source / "golden.json").read_text())["config"]
    config = LTUASConfig(
        name="golden-a",
        whisper=WhisperConfig(
            d_model=sizes["wdim"],
            layers=sizes["wlayer"],
            heads=sizes["whead"],
            ffn=4 * sizes["wdim"],
            positions=POSITIONS,
        ),
        llama=LlamaConfig(
            vocab_size=sizes["vocab"],
            hidden_size=sizes["hidden"],
            intermediate_size=sizes["inter"],
            num_hidden_layers=sizes["layers"],
            num_attention_heads=sizes["heads"],
        ),
        lora=LoraConfig(),
    )
    model = LTUAS(config, tokenizer_from_sentencepiece(source / "tokenizer.model"))
    base = load_file(source / "base_llama.safetensors")
    tensors = {f"llama.{key}": tensor for key, tensor in base.items() if "inv_freq" not in key}
    adapters = load_file(source / "ltuas_checkpoint.safetensors")
    tensors |= {from_published(key): tensor for key, tensor in adapters.items()}
    encoder = load_file(source / "whisper_encoder.safetensors")
    tensors |= {name: tensor for key, tensor in encoder.items() if (name := from_whisper(key))}
    tensors["whisper.embed_positions.weight"] = tensors["whisper.embed_positions.weight"][:POSITIONS]
    model.load_state_dict(tensors)
    return model


def parts_of_a(source: Path) -> tuple[dict[str, Tensor], dict[str, tuple[int, list[int]]]]:
    """The tensors of set a that are kept, and which part of them: name to (dimension, indices)."""
    complete = load_file(source / "features.safetensors") | load_file(source / "outputs.safetensors")
    tensors: dict[str, Tensor] = {}
    parts: dict[str, tuple[int, list[int]]] = {}
    for name, tensor in complete.items():
        last = name.rpartition(".")[2]
        if last in {"logmel_unpadded", "all_layers", "file_int16", "after_time_tr", "audio_input"}:
            continue
        if name == "silence1s.decoded_int16" or name.startswith("fp16."):
            continue
        if last == "mel":
            parts[name] = (2, MEL_COLUMNS)
        elif last in {"logits", "forward_nomask_logits"}:
            n = tensor.shape[1]
            parts[name] = (1, [0, 1, 2, n // 2, *range(n - 6, n)])
        if name in parts:
            dim, indices = parts[name]
            tensor = tensor.index_select(dim, torch.tensor(indices))  # noqa: PLW2901
        tensors[name] = tensor.contiguous()
    return tensors, parts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="holds a/, c/ and real_checkpoint_keys_7b.json")
    source = parser.parse_args().folder

    model_from_originals(source / "a").save_pretrained(HERE / "a")
    tensors, parts = parts_of_a(source / "a")
    save_file(tensors, HERE / "a_expected.safetensors")
    original = json.loads((source / "a" / "golden.json").read_text())
    kept = {key: original[key] for key in ("config", "prompts", "postprocess")} | {"parts": parts}
    _write_json(HERE / "a_expected.json", kept)

    save_file(load_file(source / "c" / "outputs.safetensors"), HERE / "c_expected.safetensors")
    original = json.loads((source / "c" / "golden.json").read_text())
    _write_json(HERE / "c_expected.json", {key: original[key] for key in ("llama_config", "params")})

    published = json.loads((source / "real_checkpoint_keys_7b.json").read_text())
    _write_json(HERE / "published_keys.json", published)
    for file in HERE.rglob("*.safetensors"):
        file.chmod(0o644)


def _write_json(path: Path, values: object) -> None:
    path.write_text(json.dumps(values, ensure_ascii=False, separators=(",", ":")) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

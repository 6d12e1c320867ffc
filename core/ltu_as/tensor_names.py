"""Names that other files give to our tensors: the authors' checkpoints, OpenAI's Whisper, transformers' Whisper."""

import re

from core.errors import ModelError


def from_published(key: str) -> str:
    """Our name of a tensor in the authors' checkpoints (a LLaMA wrapped by peft, with the audio modules inside).

    Raises:
        ModelError: Not such a name.
    """
    name = key.removeprefix("base_model.model.").replace(".default.weight", ".weight")
    if re.match(r"model\.audio_(encoder|proj)\.", name):
        return name.removeprefix("model.")
    if re.match(r"model\.(layers|embed_tokens|norm)\.|lm_head\.", name):
        return f"llama.{name}"
    msg = f"{key} is not the name of an LTU-AS tensor"
    raise ModelError(msg)


def from_whisper(key: str) -> str | None:
    """Our name of a tensor in OpenAI's Whisper files; None for what the features do not need.

    Of the positional table only the first `whisper.positions` rows are kept.
    """
    if not key.startswith("encoder.") or key.startswith("encoder.ln_post"):
        return None
    name = key.replace("encoder.", "whisper.", 1).replace("positional_embedding", "embed_positions.weight")
    for theirs, ours in _WHISPER_NAMES.items():
        name = name.replace(theirs, ours)
    return name


def from_hf_whisper(key: str) -> str | None:
    """Our name of a tensor in a transformers Whisper folder; None for what the features do not need."""
    name = key.removeprefix("model.")
    if not name.startswith("encoder.") or name.startswith("encoder.layer_norm"):
        return None
    return name.replace("encoder.", "whisper.", 1)


_WHISPER_NAMES = {
    ".blocks.": ".layers.",
    ".attn.query.": ".self_attn.q_proj.",
    ".attn.key.": ".self_attn.k_proj.",
    ".attn.value.": ".self_attn.v_proj.",
    ".attn.out.": ".self_attn.out_proj.",
    ".attn_ln.": ".self_attn_layer_norm.",
    ".mlp.0.": ".fc1.",
    ".mlp.2.": ".fc2.",
    ".mlp_ln.": ".final_layer_norm.",
}

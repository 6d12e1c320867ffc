"""Speech LLMs in miniature: the real classes of transformers with random weights, in the folders of their makers.

Tokenizers are byte-level or SentencePiece-like BPEs of some hundred pieces that cut emotion words into several; chat
templates are those of the makers, for one turn.
"""

import base64
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from tokenizers import pre_tokenizers

_MERGED = (
    "An", "ger", "gry", "Ang", "H", "app", "iness", "Sad", "ness", "Ne", "utral", "Neut", "ral", "sad", "hap", "py",
    "Ġan", "Ġang", "ĠSad", "ĠH", "ĠAn", "Ġthe", "as", "ist", "ant", "user", "Ġof", "in", "Ġneutral",
)  # fmt: skip
_LAYERS = {"num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2}
_TEXT = {"hidden_size": 32, "intermediate_size": 48, "max_position_embeddings": 4096} | _LAYERS
_WHISPER = {"num_mel_bins": 16, "d_model": 16, "encoder_layers": 2, "encoder_attention_heads": 2, "encoder_ffn_dim": 64}

CHATML = (
    "{% if messages[0]['role'] != 'system' %}<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n{% endif %}"
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n"
    "{% if message['content'] is string %}{{ message['content'] }}{% else %}{% for content in message['content'] %}"
    "{% if content['type'] == 'audio' %}AUDIO{% elif content['type'] == 'text' %}{{ content['text'] }}{% endif %}"
    "{% endfor %}{% endif %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
"""That of the Qwens, with AUDIO for what each puts where the sound is."""


def save_qwen2_audio(folder: Path) -> None:
    """Its folder has a chat template of text only, as older copies do."""
    from transformers import Qwen2AudioConfig, Qwen2AudioForConditionalGeneration

    tokenizer = _qwen_tokenizer("<|AUDIO|>", "<|audio_bos|>", "<|audio_eos|>")
    tokenizer.chat_template = CHATML.replace("AUDIO", "")
    config = Qwen2AudioConfig(
        audio_config=_WHISPER,
        text_config={"model_type": "qwen2", "vocab_size": len(tokenizer), **_TEXT},
        audio_token_index=tokenizer.convert_tokens_to_ids("<|AUDIO|>"),
    )
    _save(folder, Qwen2AudioForConditionalGeneration, config, tokenizer, _whisper())


def save_qwen2_5_omni(folder: Path) -> None:
    """The whole model's config.json and names of tensors, but none of the part that talks."""
    from transformers import Qwen2_5OmniThinkerConfig, Qwen2_5OmniThinkerForConditionalGeneration

    tokenizer = _qwen_tokenizer("<|AUDIO|>", "<|audio_bos|>", "<|audio_eos|>")
    (folder / "chat_template.json").write_text(
        json.dumps({"chat_template": CHATML.replace("AUDIO", "<|audio_bos|><|AUDIO|><|audio_eos|>")})
    )
    config = Qwen2_5OmniThinkerConfig(
        audio_config=_WHISPER | {"output_dim": 32, "n_window": 100},
        vision_config={"depth": 1, "hidden_size": 16, "intermediate_size": 16, "num_heads": 2, "out_hidden_size": 32},
        text_config=_TEXT
        | {
            "vocab_size": len(tokenizer),
            "rope_parameters": {"rope_type": "default", "rope_theta": 1e6, "mrope_section": [1, 1, 2]},
        },
        audio_token_index=tokenizer.convert_tokens_to_ids("<|AUDIO|>"),
        vision_start_token_id=0,
    )
    # The maker's window is five minutes; its zeros would only cost the tests time.
    _save(folder, Qwen2_5OmniThinkerForConditionalGeneration, config, tokenizer, _whisper(chunk_length=40))
    _as_thinker(folder, "qwen2_5_omni")


def save_qwen3_omni(folder: Path) -> None:
    """The same of the next one, a mixture of experts."""
    from transformers import Qwen3OmniMoeThinkerConfig, Qwen3OmniMoeThinkerForConditionalGeneration

    tokenizer = _qwen_tokenizer("<|audio_pad|>", "<|audio_start|>", "<|audio_end|>")
    template = CHATML.replace("AUDIO", "<|audio_start|><|audio_pad|><|audio_end|>")
    (folder / "chat_template.jinja").write_text(template.replace("You are a helpful assistant.", ""))
    config = Qwen3OmniMoeThinkerConfig(
        audio_config=_WHISPER | {"output_dim": 32, "n_window": 50, "n_window_infer": 800, "downsample_hidden_size": 8},
        vision_config={
            "depth": 1, "hidden_size": 16, "intermediate_size": 16, "num_heads": 2, "out_hidden_size": 32,
            "deepstack_visual_indexes": [0], "num_position_embeddings": 16,
        },
        text_config=_TEXT
        | {
            "vocab_size": len(tokenizer), "head_dim": 8, "num_experts": 4, "num_experts_per_tok": 2,
            "moe_intermediate_size": 16,
            "rope_parameters": {"rope_type": "default", "rope_theta": 1e6, "mrope_section": [1, 1, 2]},
        },
        audio_token_id=tokenizer.convert_tokens_to_ids("<|audio_pad|>"),
        vision_start_token_id=0,
    )  # fmt: skip
    _save(folder, Qwen3OmniMoeThinkerForConditionalGeneration, config, tokenizer, _whisper(chunk_length=40))
    _as_thinker(folder, "qwen3_omni_moe")


def save_audio_flamingo3(folder: Path) -> None:
    """As nvidia/audio-flamingo-3-hf: sound stands before the question, whatever the order it is asked in."""
    from transformers import AudioFlamingo3Config, AudioFlamingo3ForConditionalGeneration

    tokenizer = _qwen_tokenizer("<sound>")
    (folder / "chat_template.jinja").write_text(CHATML.replace("AUDIO", "<sound>"))
    config = AudioFlamingo3Config(
        audio_config={
            "num_mel_bins": 16, "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2,
            "intermediate_size": 64,
        },
        text_config={"model_type": "qwen2", "vocab_size": len(tokenizer), **_TEXT},
        audio_token_id=tokenizer.convert_tokens_to_ids("<sound>"),
    )  # fmt: skip
    _save(folder, AudioFlamingo3ForConditionalGeneration, config, tokenizer, _whisper())


def save_voxtral(folder: Path) -> None:
    """As mistralai/Voxtral-Mini-3B-2507: tekken.json, and no chat template."""
    from transformers import VoxtralConfig, VoxtralForConditionalGeneration

    specials = ["<unk>", "<s>", "</s>", "[INST]", "[/INST]"]
    specials += [f"<SPECIAL_{n}>" for n in range(len(specials), 24)] + ["[AUDIO]", "[BEGIN_AUDIO]"]
    vocabulary = [bytes([n]) for n in range(256)]
    vocabulary += [_bytes_of(piece) for piece in _steps(_MERGED)]
    size = len(specials) + len(vocabulary)
    (folder / "tekken.json").write_text(
        json.dumps(
            {
                "config": {
                    "pattern": r"[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+",
                    "num_vocab_tokens": len(vocabulary),
                    "default_vocab_size": size,
                    "default_num_special_tokens": len(specials),
                    "version": "v7",
                },
                "vocab": [
                    {"rank": rank, "token_bytes": base64.b64encode(each).decode(), "token_str": None}
                    for rank, each in enumerate(vocabulary)
                ],
                "special_tokens": [
                    {"rank": rank, "token_str": each, "is_control": True} for rank, each in enumerate(specials)
                ],
            }
        )
    )
    config = VoxtralConfig(
        audio_config={
            "num_mel_bins": 16, "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2,
            "intermediate_size": 64,
        },
        text_config={"model_type": "llama", "vocab_size": size, "head_dim": 8, **_TEXT},
        audio_token_id=24,
    )  # fmt: skip
    _save(folder, VoxtralForConditionalGeneration, config, None, _whisper())


SAVERS: dict[str, Callable[[Path], None]] = {
    "qwen2_audio": save_qwen2_audio,
    "qwen2_5_omni": save_qwen2_5_omni,
    "audioflamingo3": save_audio_flamingo3,
    "voxtral": save_voxtral,
    "qwen3_omni_moe": save_qwen3_omni,
}
"""`model_type` to what writes a tiny folder of it."""


def _save(folder: Path, model_class: Any, config: Any, tokenizer: Any, extractor: Any) -> None:
    torch.manual_seed(0)
    model = model_class(config)
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for name, parameter in model.named_parameters():  # sound, prompt and answers are to show in every logit
            scale = 1.0 if "embed" in name else 4.0 if "lm_head" in name else 1.5
            if parameter.dim() > 1:
                width = parameter[0].numel() if "embed" not in name else 1
                parameter.copy_(torch.randn(parameter.shape, generator=generator) * scale / width**0.5)
            elif name.endswith("bias"):
                parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.1)
    model.generation_config.eos_token_id = [2] if tokenizer is None else [tokenizer.eos_token_id]
    model.save_pretrained(folder)
    extractor.save_pretrained(folder)
    if tokenizer is not None:
        tokenizer.save_pretrained(folder)


def _as_thinker(folder: Path, model_type: str) -> None:
    """Puts a thinker where it is in the folder of the whole model."""
    config = json.loads((folder / "config.json").read_text())
    whole = {"model_type": model_type, "enable_audio_output": False, "thinker_config": config}
    (folder / "config.json").write_text(json.dumps(whole))
    tensors = load_file(folder / "model.safetensors")
    save_file(
        {f"thinker.{name}": tensor for name, tensor in tensors.items()}, folder / "model.safetensors", {"format": "pt"}
    )


def _whisper(chunk_length: int = 30) -> Any:
    from transformers import WhisperFeatureExtractor

    return WhisperFeatureExtractor(feature_size=16, chunk_length=chunk_length)


def _qwen_tokenizer(*specials: str) -> Any:
    from transformers import Qwen2Tokenizer

    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    pieces = [*letters, *_steps(_MERGED)]
    named = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", *specials]
    vocabulary = {piece: n for n, piece in enumerate([*pieces, *named])}
    merges = [(step[:-1], step[-1]) for step in _steps(_MERGED)]
    ends = {"eos_token": "<|im_end|>", "pad_token": "<|endoftext|>"}
    return Qwen2Tokenizer(vocabulary, merges, extra_special_tokens=named[1:], **ends)


def _steps(pieces: Sequence[str]) -> list[str]:
    """All beginnings, of two letters and more, of the pieces: each is the one before it and a letter."""
    return list(dict.fromkeys(piece[:end] for piece in pieces for end in range(2, len(piece) + 1)))


def _bytes_of(piece: str) -> bytes:
    return piece.replace("Ġ", " ").encode()

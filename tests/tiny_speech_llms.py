"""Speech LLMs in miniature: the real classes of transformers with random weights, in the folders of their makers.

Tokenizers are byte-level or SentencePiece-like BPEs of some hundred pieces that cut emotion words into several; chat
templates are those of the makers, for one turn.
"""

import base64
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
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
    tokenizer.chat_template = (
        "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] }}{% endfor %}"
    )
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


def save_granite_speech(folder: Path) -> None:
    """As ibm-granite/granite-speech-3.3-2b: an adapter lies beside the weights."""
    from transformers import GraniteSpeechConfig, GraniteSpeechForConditionalGeneration

    tokenizer = _qwen_tokenizer("<|audio|>")
    (folder / "chat_template.jinja").write_text(CHATML.replace("You are a helpful assistant.", "You are Granite."))
    config = GraniteSpeechConfig(
        encoder_config={
            "input_dim": 160, "num_layers": 2, "hidden_dim": 16, "num_heads": 2, "output_dim": 8, "context_size": 20,
            "max_pos_emb": 32, "conv_kernel_size": 3, "feedforward_mult": 2,
        },
        projector_config={
            "model_type": "blip_2_qformer", "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2,
            "intermediate_size": 16, "encoder_hidden_size": 16, "vocab_size": 8, "cross_attention_frequency": 1,
        },
        text_config={"model_type": "granite", "vocab_size": len(tokenizer), **_TEXT},
        audio_token_index=tokenizer.convert_tokens_to_ids("<|audio|>"),
        tie_word_embeddings=False,
    )  # fmt: skip
    (folder / "preprocessor_config.json").write_text(json.dumps({"melspec_kwargs": {"n_mels": 80}}))
    _save(folder, GraniteSpeechForConditionalGeneration, config, tokenizer, None)
    _save_adapter(folder, "base_model.model.language_model.model.", {"q_proj": (32, 32), "v_proj": (16, 32)})


def save_phi4_multimodal(folder: Path) -> None:
    """As microsoft/Phi-4-multimodal-instruct@refs/pr/70: an adapter for sound lies in a folder of its own."""
    from transformers import Phi4MultimodalConfig, Phi4MultimodalFeatureExtractor, Phi4MultimodalForCausalLM

    tokenizer = _qwen_tokenizer("<|audio|>", "<|user|>", "<|assistant|>", "<|end|>")
    (folder / "chat_template.jinja").write_text(
        "{% for message in messages %}<|{{ message['role'] }}|>{% for content in message['content'] %}"
        "{% if content['type'] == 'audio' %}<|audio|>{% else %}{{ content['text'] }}{% endif %}{% endfor %}<|end|>"
        "{% endfor %}{% if add_generation_prompt %}<|assistant|>{% endif %}"
    )
    config = Phi4MultimodalConfig(
        vocab_size=len(tokenizer),
        rope_parameters={"rope_type": "default", "rope_theta": 1e4, "partial_rotary_factor": 1.0},
        audio_config={
            "hidden_size": 16, "intermediate_size": 24, "num_blocks": 3, "num_attention_heads": 2,
            "ext_pw_out_channel": 16, "depthwise_separable_out_channel": 16, "nemo_conv_channels": 8,
            "audio_token_id": tokenizer.convert_tokens_to_ids("<|audio|>"),
        },
        vision_config={
            "hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2,
            "crop_size": 28, "image_size": 28, "image_token_id": 0,
        },
        bos_token_id=None,
        eos_token_id=[tokenizer.eos_token_id],
        pad_token_id=0,
        **_TEXT,
    )  # fmt: skip
    _save(folder, Phi4MultimodalForCausalLM, config, tokenizer, Phi4MultimodalFeatureExtractor())
    (folder / "speech-lora").mkdir()
    _save_adapter(folder / "speech-lora", "base_model.model.model.", {"qkv_proj": (64, 32), "o_proj": (32, 32)})


def save_gemma4(folder: Path) -> None:
    """As google/gemma-4-E2B-it: layers that see a window only, and layers that share what others keep."""
    from transformers import Gemma4AudioFeatureExtractor, Gemma4Config, Gemma4ForConditionalGeneration

    tokenizer = _gemma_tokenizer("<|audio|>", "<|audio>", "<audio|>", "<|turn>", "<turn|>")
    (folder / "chat_template.jinja").write_text(
        "<bos>{% for message in messages %}<|turn>{{ message['role'] }}\n{% for content in message['content'] %}"
        "{% if content['type'] == 'audio' %}<|audio|>{% else %}{{ content['text'] }}{% endif %}{% endfor %}<turn|>\n"
        "{% endfor %}{% if add_generation_prompt %}<|turn>model\n{% if enable_thinking %}think{% endif %}{% endif %}"
    )
    config = Gemma4Config(
        text_config=_TEXT
        | {
            "vocab_size": len(tokenizer), "vocab_size_per_layer_input": len(tokenizer), "head_dim": 8,
            "hidden_size_per_layer_input": 4, "num_hidden_layers": 4, "num_kv_shared_layers": 2, "sliding_window": 16,
            "layer_types": ["sliding_attention", "full_attention"] * 2, "global_head_dim": 8,
        },
        vision_config={
            "hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2,
            "num_key_value_heads": 2, "head_dim": 8, "position_embedding_size": 16,
        },
        audio_config={
            "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "output_proj_dims": 24,
            "subsampling_conv_channels": [128, 4],
        },
        audio_token_id=tokenizer.convert_tokens_to_ids("<|audio|>"),
        image_token_id=len(tokenizer) - 1,
        video_token_id=len(tokenizer) - 1,
    )  # fmt: skip
    _save(folder, Gemma4ForConditionalGeneration, config, tokenizer, Gemma4AudioFeatureExtractor())


def save_gemma3n(folder: Path) -> None:
    """As google/gemma-3n-E2B-it, but that its eye needs a package that is not installed: see `blind`."""
    from transformers import Gemma3nAudioFeatureExtractor, Gemma3nConfig, Gemma3nForConditionalGeneration

    tokenizer = _gemma_tokenizer("<audio_soft_token>", "<start_of_audio>", "<end_of_audio>", "<start_of_turn>")
    (folder / "chat_template.jinja").write_text(
        "<bos>{% for message in messages %}<start_of_turn>{{ message['role'] }}\n"
        "{% for content in message['content'] %}"
        "{% if content['type'] == 'audio' %}<audio_soft_token>{% else %}{{ content['text'] }}{% endif %}{% endfor %}"
        "<eos>\n{% endfor %}{% if add_generation_prompt %}<start_of_turn>model\n{% endif %}"
    )
    size = len(tokenizer)
    config = Gemma3nConfig(
        text_config=_TEXT
        | {
            "vocab_size": size + 8, "vocab_size_per_layer_input": size, "head_dim": 8, "hidden_size_per_layer_input": 4,
            "num_hidden_layers": 4, "num_kv_shared_layers": 2, "sliding_window": 16, "laurel_rank": 4,
            "layer_types": ["sliding_attention", "full_attention"] * 2, "activation_sparsity_pattern": None,
        },
        vision_config={"hidden_size": 16, "vocab_size": 4, "vocab_offset": size},
        audio_config={
            "hidden_size": 16, "vocab_size": 4, "vocab_offset": size + 4, "conf_num_attention_heads": 2,
            "conf_num_hidden_layers": 2, "sscp_conv_channel_size": [4, 4],
        },
        audio_token_id=tokenizer.convert_tokens_to_ids("<audio_soft_token>"),
        image_token_id=size - 1,
    )  # fmt: skip
    _save(folder, Gemma3nForConditionalGeneration, config, tokenizer, Gemma3nAudioFeatureExtractor())


SAVERS: dict[str, Callable[[Path], None]] = {
    "qwen2_audio": save_qwen2_audio,
    "qwen2_5_omni": save_qwen2_5_omni,
    "audioflamingo3": save_audio_flamingo3,
    "voxtral": save_voxtral,
    "granite_speech": save_granite_speech,
    "qwen3_omni_moe": save_qwen3_omni,
    "gemma3n": save_gemma3n,
    "gemma4": save_gemma4,
    "phi4_multimodal": save_phi4_multimodal,
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
    if extractor is not None:
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


def _gemma_tokenizer(*specials: str) -> Any:
    """The first of the specials is the place of sound, the next two stand around it."""
    from transformers import GemmaTokenizer

    named = ["<pad>", "<eos>", "<bos>", "<unk>", "<mask>"]
    pieces = [f"<0x{n:02X}>" for n in range(256)] + ["▁", *map(chr, range(0x21, 0x7F))]
    merged = [step.replace("Ġ", "▁") for step in _steps(_MERGED)]
    vocabulary = {piece: n for n, piece in enumerate([*named, *pieces, *merged, *specials])}
    return GemmaTokenizer(
        vocabulary,
        [(step[:-1], step[-1]) for step in merged],
        extra_special_tokens=dict(zip(("audio_token", "boa_token", "eoa_token"), specials, strict=False)),
    )


def _save_adapter(folder: Path, before: str, shapes: dict[str, tuple[int, int]]) -> None:
    generator, tensors = torch.Generator().manual_seed(2), {}
    for layer in range(2):
        for name, (high, wide) in shapes.items():
            module = f"{before}layers.{layer}.self_attn.{name}"
            tensors[f"{module}.lora_A.weight"] = torch.randn(4, wide, generator=generator) / wide**0.5
            tensors[f"{module}.lora_B.weight"] = torch.randn(high, 4, generator=generator)
    save_file(tensors, folder / "adapter_model.safetensors", {"format": "pt"})
    (folder / "adapter_config.json").write_text(
        json.dumps({"peft_type": "LORA", "r": 4, "lora_alpha": 8, "target_modules": [*shapes], "bias": "none"})
    )


def _steps(pieces: Sequence[str]) -> list[str]:
    """All beginnings, of two letters and more, of the pieces: each is the one before it and a letter."""
    return list(dict.fromkeys(piece[:end] for piece in pieces for end in range(2, len(piece) + 1)))


def _bytes_of(piece: str) -> bytes:
    return piece.replace("Ġ", " ").encode()


@contextmanager
def blind() -> Iterator[None]:
    """Gemma 3n without its eye, which is of a package that is not installed, and which no sound passes."""
    from transformers.models.gemma3n import modeling_gemma3n

    from core.speech_llm.families.gemma import Gemma3n

    class WithoutEye(modeling_gemma3n.AutoModel):
        @classmethod
        def from_config(cls, config: Any, **options: Any) -> Any:
            return (
                torch.nn.Identity() if config.model_type == "gemma3n_vision" else super().from_config(config, **options)
            )

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(modeling_gemma3n, "AutoModel", WithoutEye)
        patch.setattr(Gemma3n, "needs", ())
        yield

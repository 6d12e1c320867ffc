"""What published speech LLMs take, computed from their configurations: the numbers of docs/models.md.

    python -m benchmarks.model_sizes

Each is built from its class of transformers on torch's meta device, where tensors have shapes and no contents, with
what its published config.json says where that is not the class's default. Shapes that could not be read in a published
file of that very model are those of the language model it is said to be built on; `source` says which. Where even that
is not known, the number of parameters is the one that its card states.
"""

from dataclasses import dataclass, field
from typing import Any

import torch
import transformers

from core.speech_llm.size import IN_FLOAT32, Size, in_gb

QWEN25_7B = {"hidden_size": 3584, "intermediate_size": 18944, "num_hidden_layers": 28, "num_attention_heads": 28}
QWEN25_7B |= {"num_key_value_heads": 4, "tie_word_embeddings": False}
QWEN25_3B = {"hidden_size": 2048, "intermediate_size": 11008, "num_hidden_layers": 36, "num_attention_heads": 16}
QWEN25_3B |= {"num_key_value_heads": 2, "vocab_size": 151936, "tie_word_embeddings": True}
QWEN3_30B = {"hidden_size": 2048, "num_hidden_layers": 48, "num_attention_heads": 32, "num_key_value_heads": 4}
QWEN3_30B |= {"head_dim": 128, "moe_intermediate_size": 768, "num_experts": 128, "vocab_size": 152064}
MISTRAL_24B = {"model_type": "llama", "hidden_size": 5120, "intermediate_size": 32768, "num_hidden_layers": 40}
MISTRAL_24B |= {"num_attention_heads": 32, "num_key_value_heads": 8, "head_dim": 128, "vocab_size": 131072}
GRANITE = {"model_type": "granite", "num_hidden_layers": 40, "num_attention_heads": 32, "num_key_value_heads": 8}
GRANITE |= {"vocab_size": 49155, "tie_word_embeddings": True}
GRANITE_2B = GRANITE | {"hidden_size": 2048, "intermediate_size": 8192}
GRANITE_8B = GRANITE | {"hidden_size": 4096, "intermediate_size": 12800}
OWN = "its config.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """A model: its class, what its configuration says, and where that was read."""

    name: str
    model: str
    config: str
    says: dict[str, Any] = field(default_factory=dict)
    source: str = OWN


MODELS = (
    Published(
        name="Qwen/Qwen2-Audio-7B-Instruct",
        model="Qwen2AudioForConditionalGeneration",
        config="Qwen2AudioConfig",
        says={"text_config": {"model_type": "qwen2", "intermediate_size": 11008, "vocab_size": 156032}},
    ),
    Published(
        name="Qwen/Qwen2.5-Omni-3B (thinker)",
        model="Qwen2_5OmniThinkerForConditionalGeneration",
        config="Qwen2_5OmniThinkerConfig",
        says={
            "text_config": QWEN25_3B,
            "audio_config": {"output_dim": 2048},
            "vision_config": {"hidden_size": 1280, "out_hidden_size": 2048},
        },
        source="Qwen2.5-3B",
    ),
    Published(
        name="Qwen/Qwen2.5-Omni-7B (thinker)",
        model="Qwen2_5OmniThinkerForConditionalGeneration",
        config="Qwen2_5OmniThinkerConfig",
        says={"text_config": QWEN25_7B | {"vocab_size": 152064}, "vision_config": {"hidden_size": 1280}},
    ),
    Published(
        name="Qwen/Qwen3-Omni-30B-A3B-Instruct (thinker)",
        model="Qwen3OmniMoeThinkerForConditionalGeneration",
        config="Qwen3OmniMoeThinkerConfig",
        says={"text_config": QWEN3_30B},
        source="Qwen3-30B-A3B",
    ),
    Published(
        name="nvidia/audio-flamingo-3-hf",
        model="AudioFlamingo3ForConditionalGeneration",
        config="AudioFlamingo3Config",
        says={"text_config": QWEN25_7B | {"model_type": "qwen2", "vocab_size": 151672}},
    ),
    Published(
        name="mistralai/Voxtral-Mini-3B-2507",
        model="VoxtralForConditionalGeneration",
        config="VoxtralConfig",
        source="the class's defaults",
    ),
    Published(
        name="mistralai/Voxtral-Small-24B-2507",
        model="VoxtralForConditionalGeneration",
        config="VoxtralConfig",
        says={"text_config": MISTRAL_24B},
        source="Mistral-Small-24B",
    ),
    Published(
        name="ibm-granite/granite-speech-3.3-2b",
        model="GraniteSpeechForConditionalGeneration",
        config="GraniteSpeechConfig",
        says={"text_config": GRANITE_2B, "encoder_config": {"num_layers": 16}},
        source="Granite 3 2B",
    ),
    Published(
        name="ibm-granite/granite-speech-3.3-8b",
        model="GraniteSpeechForConditionalGeneration",
        config="GraniteSpeechConfig",
        says={"text_config": GRANITE_8B, "encoder_config": {"num_layers": 16}},
        source="Granite 3 8B",
    ),
)

STATED = (
    ("microsoft/Phi-4-multimodal-instruct", 5.6, 200064 * 3072),
    ("google/gemma-4-E2B-it", 5.1 + 0.15 + 0.3, 262144 * 35 * 256),
    ("google/gemma-4-E4B-it", 8.0 + 0.15 + 0.3, 262144 * 42 * 256),
)
"""Name; billions of parameters that its card states, encoders of pictures and sound included; the largest tensor."""


def size_of(published: Published) -> Size:
    """Size of a model in 16 bit, of which nothing is loaded."""
    config = getattr(transformers, published.config)(**published.says)
    with torch.device("meta"):
        model = getattr(transformers, published.model)(config)
    numbers = [parameter.numel() for parameter in model.parameters()]
    return Size(parameters=sum(numbers), stored_bytes=2 * sum(numbers), largest_bytes=2 * max(numbers))


def row(name: str, size: Size, source: str) -> str:
    """A line of the table."""
    gpu, cpu = size.needed_bytes(), size.needed_bytes(bytes_each=IN_FLOAT32)
    return f"| {name} | {size.parameters / 1e9:.2f} | {in_gb(gpu)} | {in_gb(cpu)} | {source} |"


def main() -> None:
    """Prints the table."""
    print("| model | parameters (billions) | GPU, 16 bit | CPU, 32 bit | source of the shapes |\n|---|---|---|---|---|")
    for published in MODELS:
        print(row(published.name, size_of(published), published.source))
    for name, billions, largest in STATED:
        parameters = round(billions * 1e9)
        size = Size(parameters=parameters, stored_bytes=2 * parameters, largest_bytes=2 * largest)
        print(row(name, size, "number of parameters that its card states"))


if __name__ == "__main__":
    main()

"""Qwen2-Audio (arXiv 2407.10759): Whisper large-v3's encoder in front of Qwen-7B."""

from collections.abc import Sequence
from typing import Any

from core.speech_llm.families.family import AudioInputs, Family, Sound, halved_twice, whisper_features


class Qwen2Audio(Family):
    """Qwen/Qwen2-Audio-7B-Instruct; a sound fills a window of 30 s."""

    model_type = "qwen2_audio"
    title = "Qwen2-Audio"
    model_class = "Qwen2AudioForConditionalGeneration"
    placeholder = "<|AUDIO|>"
    # That of Qwen2AudioProcessor for one turn: older copies of the folder have one that leaves sound out.
    template = (
        "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n"
        "{% for message in messages %}<|im_start|>{{ message['role'] }}\n"
        "{% for content in message['content'] %}"
        "{% if content['type'] == 'audio' %}Audio 1: <|audio_bos|><|AUDIO|><|audio_eos|>\n"
        "{% else %}{{ content['text'] }}{% endif %}"
        "{% endfor %}<|im_end|>\n{% endfor %}"
        "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
    )

    def hear(self, extractor: Any, sounds: Sequence[Sound]) -> AudioInputs:
        """See `Family`."""
        features = whisper_features(extractor, sounds)
        mask = features["attention_mask"]
        return AudioInputs(
            {"input_features": features["input_features"], "feature_attention_mask": mask},
            [halved_twice(frames) for frames in mask.sum(-1).tolist()],
        )

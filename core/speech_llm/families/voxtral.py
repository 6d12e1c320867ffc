"""Voxtral (arXiv 2507.13264): Whisper large-v3's encoder in front of Ministral 3B or Mistral Small."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from core.speech_llm.families.family import AudioInputs, Family, Sound, whisper_features

TEKKEN_NAME = "tekken.json"
_END = "</s>"


class Voxtral(Family):
    """mistralai/Voxtral-Mini-3B-2507 and -Small-24B-2507; a sound fills a window of 30 s.

    Mistral's folders have no chat template: mistral-common writes the prompt. The one turn that is needed is written
    out here, and tekken.json read by transformers itself, so that package is not.
    """

    model_type = "voxtral"
    title = "Voxtral"
    model_class = "VoxtralForConditionalGeneration"
    placeholder = "[AUDIO]"
    template = (
        "<s>{% for message in messages %}[INST]"
        "{% for content in message['content'] %}"
        "{% if content['type'] == 'audio' %}[BEGIN_AUDIO][AUDIO]{% else %}{{ content['text'] }}{% endif %}"
        "{% endfor %}[/INST]{% endfor %}"
    )

    def hear(self, extractor: Any, sounds: Sequence[Sound]) -> AudioInputs:
        """See `Family`."""
        features = whisper_features(extractor, sounds)["input_features"]
        # Of two frames the encoder makes one, and four of its states are one token, silence behind the sound included.
        return AudioInputs({"input_features": features}, [features.shape[-1] // 8] * len(sounds))

    def tokenizer(self, folder: Path) -> Any:
        """See `Family`."""
        if not (folder / TEKKEN_NAME).is_file():
            return super().tokenizer(folder)
        from transformers import PreTrainedTokenizerFast
        from transformers.integrations.mistral.tokenizer import MistralConverter

        made = MistralConverter(str(folder / TEKKEN_NAME)).converted()
        return PreTrainedTokenizerFast(tokenizer_object=made, eos_token=_END)  # type: ignore[no-untyped-call]

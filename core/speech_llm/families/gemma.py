"""Gemma 3n and Gemma 4 (E2B, E4B): a conformer of the Universal Speech Model in front of a small Gemma."""

from collections.abc import Sequence
from typing import Any

from core.model import SAMPLE_RATE_HZ
from core.speech_llm.families.family import AudioInputs, Family, Sound


class _Gemma(Family):
    def hears(self, config: dict[str, Any]) -> bool:
        """See `Family`."""
        return config.get("audio_config") is not None


class Gemma4(_Gemma):
    """google/gemma-4-E4B-it; the larger ones hear nothing. It does not think before it answers."""

    model_type = "gemma4"
    title = "Gemma 4"
    model_class = "Gemma4ForConditionalGeneration"
    extractor_class = "Gemma4AudioFeatureExtractor"
    placeholder = "<|audio|>"
    template_options = {"enable_thinking": False}  # noqa: RUF012 - a constant

    def around(self, tokenizer: Any) -> tuple[str, str]:
        """See `Family`."""
        return tokenizer.boa_token, tokenizer.eoa_token

    def hear(self, extractor: Any, sounds: Sequence[Sound]) -> AudioInputs:
        """See `Family`."""
        made = extractor(list(sounds), sampling_rate=SAMPLE_RATE_HZ, return_tensors="pt")
        mask = made["input_features_mask"].bool()
        heard = mask[:, ::2][:, ::2]  # two convolutions of stride 2
        inputs = {"input_features": made["input_features"], "input_features_mask": mask}
        return AudioInputs(inputs, heard.sum(-1).tolist())


class Gemma3n(_Gemma):
    """google/gemma-3n-E4B-it; whatever its length, a sound takes 188 tokens."""

    model_type = "gemma3n"
    title = "Gemma 3n"
    model_class = "Gemma3nForConditionalGeneration"
    extractor_class = "Gemma3nAudioFeatureExtractor"
    placeholder = "<audio_soft_token>"
    needs = ("timm",)  # for the eye, which is part of the class
    together = False  # a padded sound is heard a little differently

    def around(self, tokenizer: Any) -> tuple[str, str]:
        """See `Family`."""
        return f"\n\n{tokenizer.boa_token}", f"{tokenizer.eoa_token}\n\n"

    def hear(self, extractor: Any, sounds: Sequence[Sound]) -> AudioInputs:
        """See `Family`."""
        made = extractor(list(sounds), sampling_rate=SAMPLE_RATE_HZ, return_tensors="pt")
        inputs = {name: made[name] for name in ("input_features", "input_features_mask")}
        inputs["input_features_mask"] = inputs["input_features_mask"].bool()
        return AudioInputs(inputs, [188] * len(sounds))

"""Phi-4 multimodal (arXiv 2503.01743): a conformer in front of Phi-4 mini, which hears through an adapter."""

from collections.abc import Sequence
from typing import Any

from core.model import SAMPLE_RATE_HZ
from core.speech_llm.families.family import AudioInputs, Family, Sound


class Phi4Multimodal(Family):
    """microsoft/Phi-4-multimodal-instruct@refs/pr/70, the copy that transformers' own class reads."""

    model_type = "phi4_multimodal"
    title = "Phi-4 multimodal"
    model_class = "Phi4MultimodalForCausalLM"
    extractor_class = "Phi4MultimodalFeatureExtractor"
    placeholder = "<|audio|>"
    adapter = "speech-lora"
    together = False  # a padded sound is heard differently

    def hear(self, extractor: Any, sounds: Sequence[Sound]) -> AudioInputs:
        """See `Family`."""
        made = extractor(list(sounds), sampling_rate=SAMPLE_RATE_HZ, return_tensors="pt")
        names = ("audio_input_features", "audio_embed_sizes", "audio_attention_mask")
        inputs = {name: made[name] for name in names if made.get(name) is not None}
        return AudioInputs(inputs, made["audio_embed_sizes"].tolist())

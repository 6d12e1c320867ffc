"""Audio Flamingo 3 (arXiv 2507.08128): AF-Whisper in front of Qwen2.5-7B."""

from collections.abc import Sequence
from typing import Any

from core.speech_llm.families.family import AudioInputs, Family, Sound, halved_twice, whisper_features


class AudioFlamingo3(Family):
    """nvidia/audio-flamingo-3-hf; a sound fills a window of 30 s."""

    model_type = "audioflamingo3"
    title = "Audio Flamingo 3"
    model_class = "AudioFlamingo3ForConditionalGeneration"
    placeholder = "<sound>"

    def hear(self, extractor: Any, sounds: Sequence[Sound]) -> AudioInputs:
        """See `Family`."""
        features = whisper_features(extractor, sounds)
        mask = features["attention_mask"]
        return AudioInputs(
            {"input_features": features["input_features"], "input_features_mask": mask},
            [halved_twice(frames) for frames in mask.sum(-1).tolist()],
        )

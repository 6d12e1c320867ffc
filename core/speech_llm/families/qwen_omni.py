"""The thinkers of Qwen2.5-Omni (arXiv 2503.20215) and Qwen3-Omni (arXiv 2509.17765), which write; none of them talks.

Sounds are packed without padding, and neither images nor videos are ever given, so positions are those of plain text.
"""

from collections.abc import Sequence
from typing import Any

from core.speech_llm.families.family import AudioInputs, Family, Message, Sound, halved_twice, whisper_features

_SYSTEM = (
    "You are Qwen, a virtual human developed by the Qwen Team, Alibaba Group, capable of perceiving auditory and "
    "visual inputs, as well as generating text and speech."
)
"""What Qwen2.5-Omni was trained with."""


class Qwen25Omni(Family):
    """Qwen/Qwen2.5-Omni-7B and -3B."""

    model_type = "qwen2_5_omni"
    title = "Qwen2.5-Omni"
    model_class = "Qwen2_5OmniThinkerForConditionalGeneration"
    placeholder = "<|AUDIO|>"

    def conversation(self, question: str, *, sound: bool) -> list[Message]:
        """See `Family`."""
        system = {"role": "system", "content": [{"type": "text", "text": _SYSTEM}]}
        return [system, *super().conversation(question, sound=sound)]

    def hear(self, extractor: Any, sounds: Sequence[Sound]) -> AudioInputs:
        """See `Family`."""
        # The extractor's own window is five minutes of zeros: as long as the longest sound, and what the last frame
        # sees behind it, gives the same numbers.
        longest = max(map(len, sounds)) + extractor.n_fft
        features = whisper_features(extractor, sounds, padding="max_length", max_length=longest)
        mask = features["attention_mask"]
        return AudioInputs(
            {"input_features": features["input_features"], "feature_attention_mask": mask},
            [self.tokens(frames) for frames in mask.sum(-1).tolist()],
        )

    def tokens(self, frames: int) -> int:
        """Audio tokens of so many spectrogram frames."""
        return halved_twice(frames)


class Qwen3Omni(Qwen25Omni):
    """Qwen/Qwen3-Omni-30B-A3B-Instruct; the one that thinks aloud first has no answer position to read."""

    model_type = "qwen3_omni_moe"
    title = "Qwen3-Omni"
    model_class = "Qwen3OmniMoeThinkerForConditionalGeneration"
    placeholder = "<|audio_pad|>"
    together = False  # the convolutions of a short sound reach into the padding behind it

    def conversation(self, question: str, *, sound: bool) -> list[Message]:
        """See `Family`."""
        return Family.conversation(self, question, sound=sound)

    def tokens(self, frames: int) -> int:
        """Thirteen of every hundred frames, and a convolution of stride 2 three times over the rest."""
        whole, rest = divmod(frames, 100)
        for _ in range(3):
            rest = (rest - 1) // 2 + 1
        return 13 * whole + rest

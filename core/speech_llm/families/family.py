"""What differs between speech LLMs; everything else is shared."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from core.model import SAMPLE_RATE_HZ

if TYPE_CHECKING:
    from torch import Tensor

Sound = NDArray[np.float32]
"""Samples [n], 16 kHz mono, from -1 to 1."""

Message = Mapping[str, Any]
"""One turn of a conversation, as chat templates take it."""


@dataclass(frozen=True, slots=True, eq=False)
class AudioInputs:
    """Sounds as a model takes them.

    Attributes:
        inputs: Keyword arguments of its `forward`.
        tokens: Audio tokens of each sound.
    """

    inputs: Mapping[str, "Tensor"]
    tokens: Sequence[int]


class Family(ABC):
    """One `model_type`.

    Attributes:
        model_type: As config.json has it.
        title: As people call it.
        model_class: Name of the class in transformers that hears and writes.
        extractor_class: Name of the class in transformers that makes features of sounds.
        placeholder: Token in the place of sound, which the chat template writes once.
        template: Chat template where the folder's own knows nothing of sound.
        template_options: What the chat template is told besides the conversation.
        needs: Modules that transformers needs for this family and that do not come with it.
        adapter: Folder, inside the model's, of the adapter (LoRA) that it hears through; None: there is none.
        together: Whether sounds of different lengths in a batch are heard as each of them alone.
    """

    model_type: ClassVar[str]
    title: ClassVar[str]
    model_class: ClassVar[str]
    extractor_class: ClassVar[str] = "WhisperFeatureExtractor"
    placeholder: ClassVar[str]
    template: ClassVar[str | None] = None
    template_options: ClassVar[Mapping[str, Any]] = {}
    needs: ClassVar[Sequence[str]] = ()
    adapter: ClassVar[str | None] = None
    together: ClassVar[bool] = True

    @abstractmethod
    def hear(self, extractor: Any, sounds: Sequence[Sound]) -> AudioInputs:
        """Features of sounds of at least 0.1 s and at most 30 s.

        Args:
            extractor: Of `extractor_class`.
            sounds: The sounds.
        """

    def hears(self, config: dict[str, Any]) -> bool:  # noqa: ARG002
        """Whether a model with this config.json has an ear, as not every one of the family need have."""
        return True

    def adapted(self, config: dict[str, Any]) -> bool:  # noqa: ARG002
        """Whether a model with this config.json has the family's adapter beside its weights."""
        return self.adapter is not None

    def around(self, tokenizer: Any) -> tuple[str, str]:  # noqa: ARG002
        """What stands before and behind a sound's tokens, where the chat template does not write it."""
        return "", ""

    def conversation(self, question: str, *, sound: bool) -> list[Message]:
        """What is asked, of a sound or only in words."""
        heard = [{"type": "audio"}] if sound else []
        return [{"role": "user", "content": [*heard, {"type": "text", "text": question}]}]

    def extractor(self, folder: Path) -> Any:
        """The feature extractor of a folder."""
        import transformers

        return getattr(transformers, self.extractor_class).from_pretrained(folder, local_files_only=True)

    def tokenizer(self, folder: Path) -> Any:
        """The tokenizer of a folder, of transformers' kind; none of the folder's own code is run."""
        from transformers import AutoTokenizer

        return AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)


def whisper_features(extractor: Any, sounds: Sequence[Sound], **options: Any) -> Mapping[str, "Tensor"]:
    """What a `WhisperFeatureExtractor` makes of sounds: `input_features` [B, mels, T] and `attention_mask` [B, T]."""
    made: Mapping[str, Tensor] = extractor(
        list(sounds), sampling_rate=SAMPLE_RATE_HZ, return_attention_mask=True, return_tensors="pt", **options
    )
    return made


def halved_twice(frames: int) -> int:
    """Tokens of so many spectrogram frames after a convolution and a pooling, each of stride 2."""
    return ((frames - 1) // 2 + 1 - 2) // 2 + 1

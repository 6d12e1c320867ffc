"""What one utterance's answer leaves behind, small enough to keep: every read-out can be computed from it again."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from core.distribution import EMOTIONS
from core.ltu_as.verbalizer import EMOTION_WORD, Verbalizer

_ARRAYS = ("piece_ids", "logits", "log_normalizer", "minimum", "tokens")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StepLogits:
    """Raw logits of the verbalizer's pieces at each of J >= 1 generated tokens.

    Row j holds the logits from which token j was chosen, before temperature, top-k, top-p or penalties; row 0 is the
    answer position, straight from the prefill. An answer that ends at once has row 0 and no token.

    Attributes:
        piece_ids: int [P], `verbalizer.piece_ids`.
        logits: float32 [J, P].
        log_normalizer: float32 [J], logsumexp of the step's logits over the whole vocabulary.
        minimum: float32 [J], the smallest logit of the whole vocabulary.
        tokens: int [J], the generated ids without the end-of-sequence token.
        token_pieces: Each token as the vocabulary spells it, "▁" for the start of a word; as many as `tokens`.
        text: The decoded answer.
        answer_logprobs: Four float32 arrays, order of EMOTIONS: teacher-forced log-probability of each piece of
            `verbalizer.answers(prompt)` at the answer position. Empty when the answers were not run.
        feature_mean: float32 [d_model], the encoder's features of the sound, averaged over layers and time; None where
            there was no sound.
        prompt: `single`, `ambiguous` or a question.
        decoding: How tokens were chosen, as plain values.
        verbalizer: The table the pieces come from.
        transcript: The words given to the model with the sound, if any.
        truncated_s: Sound beyond the model's window, in seconds.
        features_ms: This utterance's share of the time spent on audio features.
        llm_ms: This utterance's share of the time spent in the language model.

    Raises:
        ValueError: Shapes that do not fit each other.
    """

    piece_ids: NDArray[np.int64]
    logits: NDArray[np.float32]
    log_normalizer: NDArray[np.float32]
    minimum: NDArray[np.float32]
    tokens: NDArray[np.int64]
    token_pieces: tuple[str, ...]
    text: str
    answer_logprobs: tuple[NDArray[np.float32], ...]
    prompt: str
    verbalizer: Verbalizer
    feature_mean: NDArray[np.float32] | None = None
    decoding: Mapping[str, Any] = field(default_factory=dict)
    transcript: str | None = None
    truncated_s: float = 0.0
    features_ms: float = 0.0
    llm_ms: float = 0.0

    def __post_init__(self) -> None:
        if tuple(self.piece_ids) != self.verbalizer.piece_ids:
            msg = "piece_ids are not the verbalizer's"
            raise ValueError(msg)
        n_steps, n_tokens = len(self.logits), len(self.token_pieces)
        if n_tokens != n_steps and (n_steps, n_tokens) != (1, 0):
            msg = f"{n_tokens} tokens do not fit {n_steps} steps"
            raise ValueError(msg)
        expected = {
            "logits": (max(n_steps, 1), len(self.piece_ids)),
            "log_normalizer": (n_steps,),
            "minimum": (n_steps,),
            "tokens": (n_tokens,),
        }
        for name, shape in expected.items():
            if getattr(self, name).shape != shape:
                msg = f"{name} has shape {getattr(self, name).shape}, not {shape}"
                raise ValueError(msg)
        lengths = [len(ids) for ids in self.verbalizer.answers(self.prompt).values()]
        if self.answer_logprobs and [len(a) for a in self.answer_logprobs] != lengths:
            msg = f"answer_logprobs have lengths {[len(a) for a in self.answer_logprobs]}, not {lengths}"
            raise ValueError(msg)

    def columns(self, ids: tuple[int, ...]) -> NDArray[np.float32]:
        """Logits [J, len(ids)] of these pieces."""
        return self.logits[:, np.searchsorted(self.piece_ids, ids)]

    def emotion_tokens(self) -> NDArray[np.bool_]:
        """[J]: True where the generated token is part of an emotion word, whatever its form or tokenisation."""
        answer = "".join(self.token_pieces)
        ends = np.cumsum([len(piece) for piece in self.token_pieces])
        inside = np.zeros(len(self.logits), dtype=np.bool_)
        for word in EMOTION_WORD.finditer(answer):
            first, last = np.searchsorted(ends, (word.start(), word.end() - 1), side="right")
            inside[first : last + 1] = True
        return inside

    def to_record(self) -> dict[str, NDArray[Any]]:
        """Plain arrays that `numpy.savez` keeps without pickling; `from_record` loses nothing of them."""
        apart = (*_ARRAYS, "answer_logprobs", "feature_mean")
        meta = {f.name: getattr(self, f.name) for f in fields(self) if f.name not in apart}
        meta["verbalizer"] = self.verbalizer.as_dict()
        meta["decoding"] = dict(self.decoding)
        answers = dict(zip(EMOTIONS, self.answer_logprobs, strict=False))  # all four, or none
        return (
            {name: getattr(self, name) for name in _ARRAYS}
            | {f"answer_{emotion}": logprobs for emotion, logprobs in answers.items()}
            | ({} if self.feature_mean is None else {"feature_mean": self.feature_mean})
            | {"meta": np.array(json.dumps(meta))}
        )

    @classmethod
    def from_record(cls, record: Mapping[str, NDArray[Any]]) -> Self:
        """The inverse of `to_record`."""
        values: dict[str, Any] = json.loads(str(record["meta"])) | {name: record[name] for name in _ARRAYS}
        values["verbalizer"] = Verbalizer.from_dict(values["verbalizer"])
        values["token_pieces"] = tuple(values["token_pieces"])
        names = [f"answer_{emotion}" for emotion in EMOTIONS]
        return cls(
            **values,
            answer_logprobs=tuple(record[name] for name in names if name in record),
            feature_mean=record.get("feature_mean"),
        )

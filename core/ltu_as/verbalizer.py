"""The table from emotions to the words, and the sub-word pieces, that name them.

A word is cut differently after a space ("word_start": ▁Sad|ness) and directly after a newline ("bare": S|ad|ness,
the form of an answer's first word), so every word is kept in both. The pieces always come from the tokenizer.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, Self

from core.distribution import EMOTIONS
from core.errors import ModelError
from core.ltu_as.tokenizer import Context
from core.ltu_as.wordings import prompt_of

CONTEXTS: tuple[Context, ...] = ("word_start", "bare")

WORDS: dict[str, tuple[str, ...]] = {
    "anger": ("Anger", "Angry", "anger", "angry"),
    "happiness": ("Happiness", "Happy", "happiness", "happy"),
    "sadness": ("Sadness", "Sad", "sadness", "sad"),
    "neutral": ("Neutral", "neutral"),
}
"""Emotion to the words that name it, the canonical one first."""

OFFERED = {"single": {"anger": "Angry"}}
"""Prompt to the words it offers in place of the canonical ones: the paper's single-label prompt asks for "Angry"."""

EMOTION_OF = {word.lower(): emotion for emotion, words in WORDS.items() for word in words}
"""Lower-case word to its emotion."""

EMOTION_WORD = re.compile(rf"(?<![^\W\d_])(?:{'|'.join(EMOTION_OF)})(?![^\W\d_])", re.IGNORECASE)
"""An emotion word that is not part of a longer word (no "anger" in "Hanger", no "sad" in "sadly")."""


class Spelling(Protocol):
    """What a tokenizer has to tell for a verbalizer to be made of it."""

    def pieces(self, word: str, context: Context) -> tuple[int, ...]:
        """Ids of a word after a space, or (bare) where an answer begins."""

    def decode(self, ids: Sequence[int]) -> str:
        """The text of these ids without outer white space."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verbalizer:
    """The pieces of every emotion word of one tokenizer.

    Attributes:
        pieces: Word to context to token ids.
        context: Whose pieces of the canonical words the token-level read-outs take.
    """

    pieces: Mapping[str, Mapping[Context, tuple[int, ...]]]
    context: Context = "word_start"

    def __post_init__(self) -> None:
        if self.context not in CONTEXTS:
            msg = f"a verbalizer's context is one of {', '.join(CONTEXTS)}, not {self.context!r}"
            raise ValueError(msg)

    @classmethod
    def from_tokenizer(cls, tokenizer: Spelling, *, context: Context = "word_start") -> Self:
        """Cuts every emotion word as `tokenizer` does, in both contexts.

        Raises:
            ModelError: The tokenizer cannot spell a word.
        """
        pieces = {word: {c: tuple(tokenizer.pieces(word, c)) for c in CONTEXTS} for word in _all_words()}
        for word, forms in pieces.items():
            if any(tokenizer.decode(ids) != word for ids in forms.values()):
                msg = f"the tokenizer cannot spell {word!r}"
                raise ModelError(msg, hint="does tokenizer.json belong to this model?")
        return cls(pieces=pieces, context=context)

    @property
    def piece_ids(self) -> tuple[int, ...]:
        """Every token id whose logits are kept, ascending: all words, both contexts."""
        return tuple(sorted({i for forms in self.pieces.values() for ids in forms.values() for i in ids}))

    @property
    def canonical(self) -> tuple[tuple[int, ...], ...]:
        """Pieces of Anger, Happiness, Sadness, Neutral in this verbalizer's context."""
        return tuple(self.pieces[WORDS[emotion][0]][self.context] for emotion in EMOTIONS)

    def answers(self, prompt: str) -> dict[str, tuple[int, ...]]:
        """Emotion to the bare pieces of the answer that `prompt` offers for it, in the order of EMOTIONS.

        A prompt without words of its own in OFFERED (the ambiguous one, a user's question) takes the canonical words.
        """
        return {emotion: self.pieces[word]["bare"] for emotion, word in answer_words(prompt).items()}

    def as_dict(self) -> dict[str, Any]:
        """Plain values that JSON can hold."""
        return {"context": self.context, "pieces": {word: dict(forms) for word, forms in self.pieces.items()}}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """The inverse of `as_dict`, also after JSON turned tuples into lists."""
        pieces = {w: {c: tuple(ids) for c, ids in forms.items()} for w, forms in values["pieces"].items()}
        return cls(pieces=pieces, context=values["context"])


def answer_words(prompt: str) -> dict[str, str]:
    """Emotion to the word that `prompt` offers for it, in the order of EMOTIONS."""
    return {emotion: WORDS[emotion][0] for emotion in EMOTIONS} | OFFERED.get(prompt_of(prompt), {})


def _all_words() -> list[str]:
    return [word for words in WORDS.values() for word in words]

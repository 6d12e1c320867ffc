"""How the tokenizer of a speech LLM spells words in an answer."""

from collections.abc import Sequence
from typing import Any

from core.errors import ModelError
from core.ltu_as.tokenizer import Context

_BEFORE = "a"
"""A text that a word may follow after a space: some decoders take the space off a text's beginning."""


class AnswerSpelling:
    """A tokenizer of transformers, for what follows a prompt.

    Args:
        tokenizer: The tokenizer.
        opening: The last of the prompt, behind which an answer begins.
    """

    def __init__(self, tokenizer: Any, opening: str) -> None:
        self._tokenizer, self._opening = tokenizer, opening

    def pieces(self, word: str, context: Context) -> tuple[int, ...]:
        """Ids of a word after a space in an answer, or (bare) at its very beginning.

        Raises:
            ModelError: The tokenizer joins the word with what stands before it.
        """
        before, text = (self._opening, word) if context == "bare" else (self._opening + _BEFORE, f" {word}")
        known, ids = self.ids(before), self.ids(before + text)
        if ids[: len(known)] != known:
            msg = f"the tokenizer joins {word!r} with what stands before it"
            raise ModelError(msg)
        return tuple(ids[len(known) :])

    def decode(self, ids: Sequence[int]) -> str:
        """The text of these ids without special tokens and outer white space."""
        return self._text(ids, skip_special_tokens=True).strip()

    def spellings(self, ids: Sequence[int]) -> tuple[str, ...]:
        """Each id as text, "▁" for a space, whatever the vocabulary writes for one."""
        (anchor,) = self.ids(_BEFORE)[-1:]
        return tuple(
            self._text([anchor, one]).removeprefix(self._text([anchor])).replace(" ", "▁") for one in map(int, ids)
        )

    def ids(self, text: str) -> list[int]:
        """Ids of a text, with nothing put around it."""
        ids: list[int] = self._tokenizer(text, add_special_tokens=False)["input_ids"]
        return ids

    def _text(self, ids: Sequence[int], *, skip_special_tokens: bool = False) -> str:
        text: str = self._tokenizer.decode(
            list(ids), skip_special_tokens=skip_special_tokens, clean_up_tokenization_spaces=False
        )
        return text

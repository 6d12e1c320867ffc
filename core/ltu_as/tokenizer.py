"""Text to token ids and back, by LLaMA's byte-fallback BPE."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Self

from core.errors import ModelError
from core.stand_in import refuse_stand_in

if TYPE_CHECKING:
    import tokenizers

TOKENIZER_NAME = "tokenizer.json"
BOS, EOS = "<s>", "</s>"

Context = Literal["word_start", "bare"]
"""Where a word stands: at the start of a text or after a space, or (bare) directly after a newline."""


class Tokenizer:
    """A tokenizer.json, used the way LLaMA is: BOS in front, no EOS.

    Raises:
        ModelError: The begin or end token is missing.
    """

    def __init__(self, backend: "tokenizers.Tokenizer") -> None:
        self._backend = backend
        self.bos_id, self.eos_id = self._id(BOS), self._id(EOS)
        self._newline = self._ids("\n")

    @classmethod
    def from_file(cls, path: Path) -> Self:
        """Reads a tokenizer.json.

        Raises:
            ModelError: The file is absent or no tokenizer.
        """
        from tokenizers import Tokenizer as Backend

        if not path.is_file():
            msg = f"{path}: no such file"
            raise ModelError(msg, hint="a model folder holds config.json, model.safetensors and tokenizer.json")
        try:
            refuse_stand_in(path, "a tokenizer", ModelError)
            backend = Backend.from_str(path.read_text(encoding="utf-8-sig"))
        except ModelError:
            raise
        except Exception as error:  # the library raises bare Exception
            msg = f"{path}: not readable as a tokenizer: {error}"
            raise ModelError(msg) from error
        try:
            return cls(backend)
        except ModelError as error:
            msg = f"{path}: {error}"
            raise ModelError(msg, hint=error.hint) from error

    def save(self, path: Path) -> None:
        """Writes a tokenizer.json."""
        self._backend.save(str(path))

    @property
    def vocab_size(self) -> int:
        """Number of pieces, special ones included."""
        return self._backend.get_vocab_size(with_added_tokens=True)

    def encode(self, text: str) -> list[int]:
        """Token ids with the begin-of-sequence token in front."""
        return [self.bos_id, *self._ids(text)]

    def decode(self, ids: Sequence[int]) -> str:
        """The text of these ids without special tokens and outer white space."""
        return self._backend.decode(list(ids), skip_special_tokens=True).strip()

    def pieces(self, word: str, context: Context) -> tuple[int, ...]:
        """Ids of a word at the start of a text or after a space, or (bare) directly after a newline.

        Raises:
            ModelError: The tokenizer joins the newline with the word.
        """
        if context == "word_start":
            return tuple(self._ids(word))
        ids = self._ids(f"\n{word}")
        if ids[: len(self._newline)] != self._newline:
            msg = f"the tokenizer joins a newline with {word!r}"
            raise ModelError(msg)
        return tuple(ids[len(self._newline) :])

    def spellings(self, ids: Sequence[int]) -> tuple[str, ...]:
        """Each id as the vocabulary spells it, "▁" for the start of a word."""
        return tuple(self._backend.id_to_token(int(i)) or "" for i in ids)

    def _ids(self, text: str) -> list[int]:
        return self._backend.encode(text, add_special_tokens=False).ids

    def _id(self, token: str) -> int:
        found = self._backend.token_to_id(token)
        if found is None:
            msg = f"the tokenizer has no {token}"
            raise ModelError(msg, hint="LTU-AS needs a LLaMA tokenizer.json")
        return found

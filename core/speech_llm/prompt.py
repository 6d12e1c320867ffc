"""The text a speech LLM is asked with: the paper's question in the model's own chat template."""

import logging
import re
from pathlib import Path
from typing import Any

from core.errors import ModelError
from core.json_file import read_json
from core.ltu_as.wordings import text_of
from core.speech_llm.families.family import Family
from core.speech_llm.spelling import AnswerSpelling

log = logging.getLogger(__name__)

_MARK = "\N{WHITE SQUARE}question\N{WHITE SQUARE}"
_THINKS = "<think>"
_WITH_TRANSCRIPT = '{question}\n\nWhat is said: "{transcript}"'


class Prompts:
    """Writes prompts, and knows how answers to them are spelt.

    Args:
        folder: The model's.
        family: The model's.
        tokenizer: The model's, of transformers.

    Attributes:
        tokenizer: The tokenizer.
        spelling: Of answers.
        audio_id: Token that holds the place of sound.
        eos_ids: What ends an answer, as far as the tokenizer knows.

    Raises:
        ModelError: The chat template has no place for sound, or begins no answer but a thought; or the tokenizer has no
            token for sound.
    """

    def __init__(self, folder: Path, family: Family, tokenizer: Any) -> None:
        self._family, self.tokenizer = family, tokenizer
        own = _own_template(folder) or getattr(tokenizer, "chat_template", None)
        templates = [template for template in (own, family.template) if template]
        self._template = next(filter(self._knows_sound, templates), None)
        if self._template is None:
            msg = f"{folder}: the chat template has no place for sound ({family.placeholder})"
            raise ModelError(msg, hint="get chat_template.jinja, or chat_template.json, from where the model is from")
        opening = self._render(_MARK, sound=False).rpartition(_MARK)[2]
        if opening.rstrip().endswith(_THINKS):
            msg = f"{folder}: the model thinks aloud first, so that its answer has no place to be read at"
            raise ModelError(msg, hint="take one that answers at once, often called Instruct")
        self.spelling = AnswerSpelling(tokenizer, opening)
        ids = self.spelling.ids(family.placeholder)
        if len(ids) != 1:
            msg = f"{folder}: the tokenizer has no token {family.placeholder}"
            raise ModelError(msg, hint="does its tokenizer belong to this model?")
        (self.audio_id,) = ids
        self.eos_ids: tuple[int, ...] = () if tokenizer.eos_token_id is None else (tokenizer.eos_token_id,)
        specials = {str(token) for token in tokenizer.added_tokens_decoder.values()} | {family.placeholder}
        self._special = re.compile("|".join(re.escape(one) for one in sorted(specials, key=len, reverse=True)))

    def text(self, prompt: str, transcript: str | None, *, sound: bool) -> str:
        """A prompt up to where the answer begins, with one placeholder for all of the sound.

        Args:
            prompt: A name in PROMPTS, that of a member of an ensemble, or a question.
            transcript: What was said, in which special tokens lose their meaning; None or white space leaves it out.
            sound: Whether there is any.
        """
        question = text_of(prompt)
        if transcript and transcript.strip():
            said = self._special.sub(lambda found: f"{found[0][0]} {found[0][1:]}", transcript)
            question = _WITH_TRANSCRIPT.format(question=question, transcript=said)
        text = self._render(question, sound=sound)
        if not sound:
            return text
        before, after = self._family.around(self.tokenizer)
        return text.replace(self._family.placeholder, f"{before}{self._family.placeholder}{after}", 1)

    def ids(self, prompt: str, transcript: str | None, audio_tokens: int | None) -> list[int]:
        """Token ids of `text`, with so many audio tokens in the place of sound; None: there is no sound.

        Raises:
            ModelError: The question holds the placeholder itself.
        """
        ids = self.spelling.ids(self.text(prompt, transcript, sound=audio_tokens is not None))
        if ids.count(self.audio_id) != (audio_tokens is not None):
            msg = f"the question itself holds {self._family.placeholder}"
            raise ModelError(msg, hint="put it in other words")
        if audio_tokens is None:
            return ids
        place = ids.index(self.audio_id)
        return [*ids[:place], *[self.audio_id] * audio_tokens, *ids[place + 1 :]]

    def _knows_sound(self, template: str) -> bool:
        try:
            return self._render(_MARK, sound=True, template=template).count(self._family.placeholder) == 1
        except Exception as error:  # noqa: BLE001 - one that only takes text fails in whatever way Jinja does
            log.debug("a chat template cannot be used: %s", error)
            return False

    def _render(self, question: str, *, sound: bool, template: str | None = None) -> str:
        messages: list[Any] = self._family.conversation(question, sound=sound)
        text: str = self.tokenizer.apply_chat_template(
            messages,
            chat_template=template or self._template,
            tokenize=False,
            add_generation_prompt=True,
            **self._family.template_options,
        )
        return text


def _own_template(folder: Path) -> str | None:
    """The template of the folder's processor, which knows of sound; the tokenizer's own may not."""
    file = folder / "chat_template.jinja"
    try:
        if file.is_file():
            return file.read_text(encoding="utf-8")
        told = read_json(folder / "chat_template.json")
        template: str | None = told["chat_template"]
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        msg = f"{folder}: the chat template is not readable: {error!r}"
        raise ModelError(msg) from error
    return template

"""The text LTU-AS is asked with."""

import re

from core.ltu_as.wordings import QUESTIONS, text_of

PROMPTS = {name: question.asked() for name, question in QUESTIONS.items()}
"""The two questions of "Token-Level Logits Matter" (arXiv 2505.18484), verbatim."""

DRAFTS = {
    "single": "Neutral",
    "ambiguous": "Neutral: 75%, Happiness: 10%, Sadness: 5%, Anger: 10%",
}
"""What answers to the two questions look like, for `core.ltu_as.verification` to start from."""

_WITH_TRANSCRIPT = "### Instruction:\n{question}\n\n### Input:\n{transcript}\n\n### Response:\n"
_WITHOUT = "### Instruction:\n{question}\n\n### Response:\n"

_MARKER = re.compile(r"#{3,}")
_SPECIAL = re.compile(r"<(?=/?(?:s|unk|pad)>)")


def render(prompt: str, transcript: str | None = None) -> str:
    """The prompt text: template `alpaca_short` of LTU-AS around a question and what was said.

    Args:
        prompt: A name in PROMPTS, that of a member of an ensemble (see `core.ltu_as.wordings`), or a question of your
            own.
        transcript: What was said; None, or nothing but white space, leaves the block out. (The original keeps the
            block for white space.) Template markers and special tokens in it lose their meaning.
    """
    question = text_of(prompt)
    if transcript is None or not transcript.strip():
        return _WITHOUT.format(question=question)
    return _WITH_TRANSCRIPT.format(question=question, transcript=neutralise(transcript))


def neutralise(transcript: str) -> str:
    """The transcript without what the template or the tokenizer would take for its own."""
    return _SPECIAL.sub("< ", _MARKER.sub("#", transcript))

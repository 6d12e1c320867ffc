"""The text LTU-AS is asked with."""

import re

PROMPTS = {
    "single": (
        "You are an expert in identifying emotions from speech. Predict the emotion of the audio from the choices "
        "[Happiness, Sadness, Neutral, Angry]. Respond with only one of the emotion labels."
    ),
    "ambiguous": (
        "Provide the likelihood (in percentages) that this audio represents each of the following emotions: anger, "
        "happiness, sadness, and neutral. Use logical reasoning to determine the percentages, but do not include this "
        "reasoning in your response."
    ),
}
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
        prompt: A name in PROMPTS, or a question of your own.
        transcript: What was said; None, or nothing but white space, leaves the block out. (The original keeps the
            block for white space.) Template markers and special tokens in it lose their meaning.
    """
    question = PROMPTS.get(prompt, prompt)
    if transcript is None or not transcript.strip():
        return _WITHOUT.format(question=question)
    return _WITH_TRANSCRIPT.format(question=question, transcript=neutralise(transcript))


def neutralise(transcript: str) -> str:
    """The transcript without what the template or the tokenizer would take for its own."""
    return _SPECIAL.sub("< ", _MARKER.sub("#", transcript))

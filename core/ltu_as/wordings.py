"""The two questions of "Token-Level Logits Matter" (arXiv 2505.18484), and other ways to ask them.

What a model answers hangs on how it is asked: on the words of the question, and on the order in which it names the
emotions. An ensemble asks in several ways, its first member being the paper's own. Its members name the emotions in
cyclic orders that make a Latin square: over all of them, each word stands once in each place, so that what a place is
worth cancels out. (What follows upon what stays the same, but for the ends.)

A member has a name of its own, such as `single.plain.1`: prompt, wording, and by how many places the words are rotated.
It offers the same words as its prompt.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from core.errors import UsageError
from core.settings import Ensemble

PAPER = "paper"
"""The wording that is verbatim the paper's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A prompt of the paper.

    Attributes:
        words: The four emotions as it names them, in the paper's order.
        last: What joins the last of them to those before; the others are joined by a comma.
        wordings: Name to text, `{words}` standing for the four; the paper's first.
    """

    words: tuple[str, ...]
    last: str
    wordings: Mapping[str, str]

    def asked(self, wording: str = PAPER, rotation: int = 0) -> str:
        """The text, with the words rotated to the left by so many places."""
        *others, last = *self.words[rotation:], *self.words[:rotation]
        return self.wordings[wording].format(words=f"{', '.join(others)}{self.last}{last}")


QUESTIONS = {
    "single": Question(
        words=("Happiness", "Sadness", "Neutral", "Angry"),
        last=", ",
        wordings={
            PAPER: (
                "You are an expert in identifying emotions from speech. Predict the emotion of the audio from the "
                "choices [{words}]. Respond with only one of the emotion labels."
            ),
            "plain": (
                "Which emotion do you hear in this speech: {words}? Answer with one of these four words and nothing "
                "else."
            ),
            "listeners": (
                "Imagine how most people would hear this recording. Which of the labels [{words}] would they give to "
                "the speaker's emotion? Reply with the label only."
            ),
            "task": "Task: speech emotion recognition. Labels: {words}. Output exactly one label for the audio.",
        },
    ),
    "ambiguous": Question(
        words=("anger", "happiness", "sadness", "neutral"),
        last=", and ",
        wordings={
            PAPER: (
                "Provide the likelihood (in percentages) that this audio represents each of the following emotions: "
                "{words}. Use logical reasoning to determine the percentages, but do not include this reasoning in "
                "your response."
            ),
            "plain": (
                "How likely is it that each of these emotions is heard in this speech: {words}? Give a percentage for "
                "each of the four and nothing else."
            ),
            "listeners": (
                "Imagine that one hundred people hear this recording and each of them names one of these emotions: "
                "{words}. State how many percent of them would name each emotion, without an explanation."
            ),
            "task": (
                "Task: speech emotion distribution. Labels: {words}. Output a percentage for each label for the audio; "
                "do not explain."
            ),
        },
    ),
}
"""By the name of the prompt."""


@dataclass(frozen=True, slots=True)
class _Member:
    prompt: str
    text: str


def _name(prompt: str, wording: str, rotation: int) -> str:
    return prompt if (wording, rotation) == (PAPER, 0) else f"{prompt}.{wording}.{rotation}"


_MEMBERS = {
    _name(prompt, wording, rotation): _Member(prompt, question.asked(wording, rotation))
    for prompt, question in QUESTIONS.items()
    for wording in question.wordings
    for rotation in range(len(question.words))
}


def members(prompt: str, ensemble: Ensemble) -> tuple[str, ...]:
    """Names of the ways in which an ensemble asks a prompt, the prompt itself first; it alone where there is none.

    `orders`: the paper's wording, the words in each cyclic order. `paraphrases`: each wording once, each with another
    cyclic order.

    Raises:
        UsageError: The prompt is none of the paper's.
    """
    if ensemble == "off":
        return (prompt,)
    if prompt not in QUESTIONS:
        msg = f"there is no other way to ask {prompt!r}"
        raise UsageError(msg, hint=f"model.ensemble is for the prompts {' and '.join(QUESTIONS)}")
    question = QUESTIONS[prompt]
    rotations = range(len(question.words))
    wordings = [PAPER] * len(rotations) if ensemble == "orders" else [*question.wordings]
    return tuple(_name(prompt, wording, rotation) for wording, rotation in zip(wordings, rotations, strict=True))


def prompt_of(name: str) -> str:
    """The prompt that a member asks; what is no member is its own."""
    return _MEMBERS[name].prompt if name in _MEMBERS else name


def text_of(name: str) -> str:
    """The text of a prompt or of a member; what is neither is a question as it stands."""
    return _MEMBERS[name].text if name in _MEMBERS else name

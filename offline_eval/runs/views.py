"""Ways to look at the same answers: which question, what was heard, and how a distribution is read out."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from core.distribution import EmotionDistribution
from core.errors import UsageError
from core.ltu_as.readout import Kind, Pool, Scope, check_options, read_text, readout
from core.ltu_as.steps import StepLogits

Input = Literal["audio", "silence", "transcript"]
INPUTS: tuple[Input, ...] = ("audio", "silence", "transcript")
"""What the model is given.

The recording, with the transcript that the model makes of it if it makes one; as much silence, with the same
transcript; or what was said, without any sound.
"""

Level = Literal["token", "text"]
LEVELS: tuple[Level, ...] = ("token", "text")


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """One way.

    Attributes:
        prompt: A name in PROMPTS.
        input: What the model is given.
        readout: How logits become a distribution; None: the text of the answer is read (the text level).
        pool: See `core.ltu_as.readout.readout`.
        scope: The same.

    Raises:
        UsageError: The options do not fit each other.
    """

    prompt: str
    input: Input = "audio"
    readout: Kind | None = "paper_linear"
    pool: Pool = "mean"
    scope: Scope = "all"

    def __post_init__(self) -> None:
        if self.readout is not None:
            check_options(self.readout, self.pool, self.scope)

    @property
    def level(self) -> Level:
        """Whether tokens or text are read."""
        return "text" if self.readout is None else "token"

    @property
    def name(self) -> str:
        """Unique, such as `token single paper_linear`; pool, scope and input follow where they are not the usual."""
        parts = [self.level, self.prompt]
        if self.readout is not None:
            parts += [self.readout]
            parts += [option for option, usual in ((self.pool, "mean"), (self.scope, "all")) if option != usual]
        return " ".join(parts) + ("" if self.input == "audio" else f" ({self.input})")

    def read(self, steps: StepLogits) -> EmotionDistribution:
        """The distribution.

        Raises:
            InvalidReading: There is none.
        """
        if self.readout is None:
            return read_text(steps.text)
        return readout(steps, kind=self.readout, pool=self.pool, scope=self.scope)


def all_views(
    *,
    prompts: Sequence[str],
    inputs: Sequence[Input],
    levels: Sequence[Level],
    readouts: Sequence[Kind],
    pools: Sequence[Pool],
    scopes: Sequence[Scope],
) -> tuple[View, ...]:
    """Every combination that makes sense, each once.

    Raises:
        UsageError: None does, or a name is unknown.
    """
    found: dict[View, None] = {}
    refusal: UsageError | None = None
    for prompt, given in itertools.product(prompts, inputs):
        if "text" in levels:
            found[View(prompt=prompt, input=given, readout=None)] = None
        if "token" not in levels:
            continue
        for kind, pool, scope in itertools.product(readouts, pools, scopes):
            try:
                found[_plain(View(prompt=prompt, input=given, readout=kind, pool=pool, scope=scope))] = None
            except UsageError as error:
                refusal = error
    if not found and refusal is not None:
        raise refusal
    return tuple(found)


def _plain(view: View) -> View:
    """The view without options that its read-out does not look at: two names for one thing would be two rows."""
    if view.readout not in {"seq_logprob", "first_piece"}:
        return view
    pool: Pool = view.pool if view.readout == "seq_logprob" else "mean"
    return View(prompt=view.prompt, input=view.input, readout=view.readout, pool=pool)

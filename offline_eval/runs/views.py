"""Ways to look at the same answers: which question, what was heard, and how a distribution is read out."""

import itertools
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

import numpy as np

from core.distribution import EmotionDistribution
from core.errors import UsageError
from core.ltu_as.ensemble import read_members, spread
from core.ltu_as.readout import InvalidReading, Kind, Pool, Scope, check_options, read_text
from core.ltu_as.steps import StepLogits
from core.ltu_as.wordings import members
from core.settings import Ensemble

Input = Literal["audio", "silence", "transcript"]
INPUTS: tuple[Input, ...] = ("audio", "silence", "transcript")
"""What the model is given.

The recording, with the transcript that the model makes of it if it makes one; as much silence, with the same
transcript; or what was said, without any sound.
"""

Level = Literal["token", "text"]
LEVELS: tuple[Level, ...] = ("token", "text")


@dataclass(frozen=True, slots=True)
class Draw:
    """How the tokens of an answer are drawn, where a run does not choose the likeliest; see `Decoding`."""

    seed: int
    temperature: float

    @property
    def decoding(self) -> dict[str, Any]:
        """What of `Decoding` is other than the run's."""
        return {"do_sample": True} | asdict(self)


@dataclass(frozen=True, slots=True)
class Samples:
    """Several answers to the same question, drawn (self-consistency, Wang et al. 2023).

    Attributes:
        number: At least 1; more of them begin with the same ones.
        seed: Of all of them; each has a seed of its own, which follows from it.
        temperature: Above 0; the higher, the more they differ.
    """

    number: int
    seed: int = 0
    temperature: float = 0.7

    @property
    def draws(self) -> tuple[Draw, ...]:
        """One for each."""
        seeds = np.random.SeedSequence(self.seed).generate_state(self.number)
        return tuple(Draw(int(seed), self.temperature) for seed in seeds)


@dataclass(frozen=True, slots=True)
class Asked:
    """What one answer of a model is to.

    Attributes:
        prompt: A name in PROMPTS, or that of a member of an ensemble.
        input: What the model is given.
        draw: How the answer is drawn; None: as the whole run does.
    """

    prompt: str
    input: Input
    draw: Draw | None = None


@dataclass(frozen=True, slots=True)
class Seen:
    """What a view makes of the answers about one utterance.

    Attributes:
        distribution: What was read.
        spread: How far apart the answers were, see `core.ltu_as.ensemble`; None where there is one.
        invalid: Why samples have no distribution, and how many.
    """

    distribution: EmotionDistribution
    spread: float | None = None
    invalid: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """One way.

    Attributes:
        prompt: A name in PROMPTS.
        input: What the model is given.
        readout: How logits become a distribution; None: the text of the answer is read (the text level).
        pool: See `core.ltu_as.readout.readout`.
        scope: The same.
        ensemble: In which ways the prompt is asked; for the token level.
        samples: How many texts are drawn, of whose distributions the mean is taken; for the text level, None: one text,
            as the whole run writes it.

    Raises:
        UsageError: The options do not fit each other.
    """

    prompt: str
    input: Input = "audio"
    readout: Kind | None = "paper_linear"
    pool: Pool = "mean"
    scope: Scope = "all"
    ensemble: Ensemble = "off"
    samples: Samples | None = None

    def __post_init__(self) -> None:
        if self.readout is not None:
            check_options(self.readout, self.pool, self.scope)
        if self.readout is None and self.ensemble != "off":
            msg = "an ensemble is read from tokens: the zeros of a text would outvote all others"
            raise UsageError(msg, hint="leave out --level text, or --ensemble")
        if self.readout is not None and self.samples is not None:
            msg = "samples are texts, tokens have their probabilities already"
            raise UsageError(msg, hint="leave out --level token, or --samples")

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
            options = (self.pool, "mean"), (self.scope, "all"), (self.ensemble, "off")
            parts += [option for option, usual in options if option != usual]
        if self.samples is not None:
            drawn = self.samples
            parts += [f"{drawn.number} samples", f"seed {drawn.seed}", f"temperature {drawn.temperature:g}"]
        return " ".join(parts) + ("" if self.input == "audio" else f" ({self.input})")

    @property
    def asked(self) -> tuple[Asked, ...]:
        """What must be asked for it, at least one thing."""
        if self.samples is not None:
            return tuple(Asked(self.prompt, self.input, draw) for draw in self.samples.draws)
        return tuple(Asked(name, self.input) for name in members(self.prompt, self.ensemble))

    def read(self, *answers: StepLogits) -> Seen:
        """The distribution of the answers to `asked`; that of texts which are drawn is the mean of the valid ones.

        Raises:
            InvalidReading: There is none.
        """
        if self.readout is not None:
            return Seen(*read_members(answers, kind=self.readout, pool=self.pool, scope=self.scope))
        if self.samples is None:
            (steps,) = answers
            return Seen(read_text(steps.text))
        return _mean_of(answers)


def _mean_of(answers: Sequence[StepLogits]) -> Seen:
    valid: list[EmotionDistribution] = []
    invalid = Counter[str]()
    for steps in answers:
        try:
            valid.append(read_text(steps.text))
        except InvalidReading as error:
            invalid[error.reason] += 1
    if not valid:
        raise InvalidReading(invalid.most_common(1)[0][0])
    mean = np.mean([tuple(one) for one in valid], axis=0).tolist()
    return Seen(EmotionDistribution.from_weights(mean), spread(valid), invalid)


def all_views(
    *,
    prompts: Sequence[str],
    inputs: Sequence[Input],
    levels: Sequence[Level],
    readouts: Sequence[Kind],
    pools: Sequence[Pool],
    scopes: Sequence[Scope],
    ensembles: Sequence[Ensemble] = ("off",),
    samples: Samples | None = None,
) -> tuple[View, ...]:
    """Every combination that makes sense, each once; where texts are drawn, beside the text that is not.

    Raises:
        UsageError: None does, or a name is unknown.
    """
    found: dict[View, None] = {}
    refusal: UsageError | None = None
    for prompt, given in itertools.product(prompts, inputs):
        if "text" in levels:
            for drawn in dict.fromkeys((None, samples)):
                found[View(prompt=prompt, input=given, readout=None, samples=drawn)] = None
        if "token" not in levels:
            continue
        for kind, pool, scope, ensemble in itertools.product(readouts, pools, scopes, ensembles):
            options: dict[str, Any] = {"readout": kind, "pool": pool, "scope": scope, "ensemble": ensemble}
            try:
                found[_plain(View(prompt=prompt, input=given, **options))] = None
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
    return replace(view, pool=pool, scope="all")

"""The recipe of a small LTU-AS as a system to compare: trained anew on whatever speakers it is given."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from offline_eval.clips import Clip
from offline_eval.scores import Values
from offline_eval.system import Predictor
from offline_eval.training.learn import School

_PROMPT = "single"


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainedAnew:
    """Trains for the recipe's epochs, without dev speakers, and reads the single-label prompt with `seq_logprob`.

    Attributes:
        name: Of the system.
        school: What it is trained with.
    """

    name: str
    school: School

    @property
    def recipe(self) -> str:
        """See `System`."""
        encoder = self.school.encoder
        return f"{self.school.recipe} {encoder.sha256}"

    def fit(self, train: Sequence[Clip]) -> Predictor:
        """See `System`."""
        run = f"{self.name}-{_digest(self.recipe + repr([clip.clip_id for clip in train]))}"
        model, _ = self.school.learn(train, [], name=self.name, run=run)

        def predict(clips: Sequence[Clip]) -> Values:
            return self.school.read(model, clips, [_PROMPT])

        return predict


@dataclass(frozen=True, slots=True, kw_only=True)
class TeachersAlone:
    """The classifiers that teach the model, read without it: what the language model adds or loses is the difference.

    Attributes:
        name: Of the system.
        school: What they are trained with.
    """

    name: str
    school: School

    @property
    def recipe(self) -> str:
        """See `System`."""
        return f"{self.school.recipe} {self.school.encoder.sha256}"

    def fit(self, train: Sequence[Clip]) -> Predictor:
        """See `System`."""
        teachers = self.school.teach(train, name=self.name)

        def predict(clips: Sequence[Clip]) -> Values:
            return self.school.read_with(teachers, clips)

        return predict


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]

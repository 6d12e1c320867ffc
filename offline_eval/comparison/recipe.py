"""The recipe of a small LTU-AS as a system to compare: trained anew on whatever speakers it is given."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from offline_eval.comparison.system import Predictor
from offline_eval.labels.clips import Clip, OtherClip
from offline_eval.scoring.metrics.sample import Values
from offline_eval.training.learn import School

_PROMPT = "single"


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainedAnew:
    """Trains for the recipe's epochs, without dev speakers, and reads the single-label prompt with `seq_logprob`.

    Attributes:
        name: Of the system.
        school: What it is trained with.
        others: Clips of other emotions and unlabelled ones; heard are those of speakers that it may learn from, and of
            speakers who are in no fold.
        labelled: The speakers who are in folds.
    """

    name: str
    school: School
    others: Sequence[OtherClip]
    labelled: frozenset[str] = frozenset()

    @property
    def recipe(self) -> str:
        """See `System`."""
        encoder = self.school.encoder
        heard = [(clip.corpus, clip.clip_id) for clip in self.others]
        return f"{self.school.recipe} {encoder.sha256} {_digest(repr(heard))}"

    def fit(self, train: Sequence[Clip]) -> Predictor:
        """See `System`."""
        speakers = {clip.speaker for clip in train}
        others = [clip for clip in self.others if clip.speaker in speakers or clip.speaker not in self.labelled]
        run = f"{self.name}-{_digest(self.recipe + repr([clip.clip_id for clip in train]))}"
        model, _ = self.school.learn(train, others, [], name=self.name, run=run)

        def predict(clips: Sequence[Clip]) -> Values:
            return self.school.read(model, clips, [_PROMPT])

        return predict


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]

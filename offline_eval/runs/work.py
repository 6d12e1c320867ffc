"""What is still to be asked, block by block, and who asks it: one way for all engines, so that answers are the same."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from offline_eval.runs.answers_store import BLOCK, Answer
from offline_eval.runs.folder import Question, RunFolder
from offline_eval.runs.items import Item

if TYPE_CHECKING:
    from offline_eval.runs.asking import Respondent


@dataclass(frozen=True, slots=True)
class Work:
    """A block of utterances, and the questions whose answers about it are not there yet; at least one."""

    block: int
    items: tuple[Item, ...]
    questions: tuple[Question, ...]

    @property
    def answers(self) -> int:
        """How many will come of it."""
        return len(self.items) * len(self.questions)


@dataclass(frozen=True, slots=True)
class Model:
    """What the answers depend on besides the question: see `Respondent.facts` and `Respondent.verbalizer`."""

    facts: Mapping[str, Any]
    verbalizer: Mapping[str, Any]


BlockAnswers = tuple[int, Question, list[Answer]]
"""Of a block, to a question, in the order of the utterances."""


class Engine(Protocol):
    """Where the model is at work."""

    def open(self, weights: Path, respondent: Callable[[Path], "Respondent"]) -> Model:
        """Loads the model; `respondent` makes of a model folder who is asked.

        Raises:
            ModelError: It cannot be used.
        """

    def answers(self, work: Sequence[Work]) -> Iterator[BlockAnswers]:
        """All answers, each when it is there."""


class ThisProcess:
    """The model in this very process, one block after the other."""

    _respondent: "Respondent"

    def open(self, weights: Path, respondent: Callable[[Path], "Respondent"]) -> Model:
        """Loads it."""
        self._respondent = respondent(weights)
        return model_of(self._respondent)

    def answers(self, work: Sequence[Work]) -> Iterator[BlockAnswers]:
        """In the order of the blocks."""
        for block in work:
            yield from answers_to(block, self._respondent)


def model_of(respondent: "Respondent") -> Model:
    """What is known of the model once it is loaded."""
    return Model(respondent.facts, respondent.verbalizer)


def answers_to(work: Work, respondent: "Respondent") -> Iterator[BlockAnswers]:
    """Asks all questions to a block, whose sound is read, and transcribed, once."""
    heard = respondent.hear([item.rated.utterance for item in work.items])
    for question in work.questions:
        yield work.block, question, respondent.ask(question.asked, heard)


def missing_work(folder: RunFolder, questions: Sequence[Question], blocks: Iterable[int]) -> list[Work]:
    """What is to be done in some blocks so that the folder has the answers to these questions.

    Args:
        folder: As begun, so that its utterances have their sound files.
        questions: Of the folder's.
        blocks: Which blocks, in the order wanted.
    """
    missing = {question: set(folder.missing(question)) for question in questions}
    found = ((n, tuple(question for question in questions if n in missing[question])) for n in blocks)
    return [Work(n, folder.items[n * BLOCK : (n + 1) * BLOCK], unanswered) for n, unanswered in found if unanswered]

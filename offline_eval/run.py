"""A run of the offline evaluation: utterances that a label policy keeps, and a model's answers about them."""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Self

from core.audio import AudioFile
from core.errors import EmotionMonitorError, UsageError
from core.ltu_as.folder import resolve_model
from core.ltu_as.prompt import PROMPTS
from offline_eval.answers_store import BLOCK, write_block
from offline_eval.items import Item
from offline_eval.rated import RatedUtterance
from offline_eval.run_folder import Question, RunFolder
from offline_eval.views import View

if TYPE_CHECKING:
    from offline_eval.asking import Respondent

TINY = "tiny"
"""A model of random weights, to try a run with."""

_PACKAGES = ("emotion-monitor", "numpy", "pyarrow", "torch", "transformers")


@dataclass(frozen=True, slots=True)
class Shard:
    """Every `count`-th block of utterances, from the `number`-th on; numbers count from 1."""

    number: int = 1
    count: int = 1

    @classmethod
    def parse(cls, text: str) -> Self:
        """Reads `i/n`.

        Raises:
            ValueError: It is something else, or not 1 <= i <= n.
        """
        number, slash, count = text.partition("/")
        if not (slash and number.isdecimal() and count.isdecimal() and 1 <= int(number) <= int(count)):
            msg = f"{text!r} is not a shard: 1/4 is the first of four, 4/4 the last"
            raise ValueError(msg)
        return cls(int(number), int(count))

    def of(self, blocks: int) -> range:
        """The blocks of this shard, among 0 to `blocks` - 1."""
        return range(self.number - 1, blocks, self.count)


@contextlib.contextmanager
def model_folder(name: str) -> Iterator[Path]:
    """The folder of a model; that of `tiny` is made for the time being, always with the same weights.

    Raises:
        UsageError: No such model.
    """
    if name != TINY:
        yield resolve_model(name)
        return
    from core.ltu_as.tiny import save_tiny

    with TemporaryDirectory() as folder:
        save_tiny(Path(folder))
        yield Path(folder)


def items_of(rated: Sequence[RatedUtterance], limit: int | None = None) -> list[Item]:
    """Utterances in the order of a run, with their durations.

    Args:
        rated: What a policy keeps.
        limit: At most so many, evenly spread over all of them, so that every speaker has a share.

    Raises:
        UsageError: There is none, or none has sound.
    """
    ordered = sorted(rated, key=lambda one: (one.utterance.corpus, one.utterance.utterance_id))
    if limit is not None and limit < len(ordered):
        ordered = [ordered[n * len(ordered) // limit] for n in range(limit)]
    items = [Item(one, _duration_s(one.utterance.path)) for one in ordered]
    if not items:
        msg = "the label policy keeps no utterance"
        raise UsageError(msg, hint="try another --subset")
    if all(item.duration_s is None for item in items):
        msg = f"none of the {len(items)} utterances has a sound file that can be read"
        raise UsageError(msg, hint="is --root the folder that holds the sound, too?")
    return items


def questions_of(views: Sequence[View]) -> tuple[Question, ...]:
    """What must be asked so that these views can be had, in a fixed order."""
    pairs = sorted({(view.prompt, view.input) for view in views})
    return tuple(Question(prompt=prompt, text=PROMPTS[prompt], input=given) for prompt, given in pairs)


def versions() -> dict[str, str]:
    """Of the packages that compute the answers."""
    return {name: version(name) for name in _PACKAGES}


def answers_wanted(folder: RunFolder, questions: Sequence[Question], shard: Shard) -> int:
    """Number of answers of a shard that are not there yet."""
    mine = set(shard.of(folder.record.blocks))
    return sum(len(_block(folder, n)) for question in questions for n in folder.missing(question) if n in mine)


def answer(
    folder: RunFolder,
    respondent: "Respondent",
    questions: Sequence[Question],
    shard: Shard,
    answered: Callable[[int], None],
) -> None:
    """Asks for all answers of a shard that are not there yet, block by block.

    Args:
        folder: Where they go; as begun, so that its utterances have their sound files.
        respondent: The model.
        questions: Of the folder's.
        shard: Which blocks.
        answered: Told how many more there are after each question to each block.
    """
    missing = {question: set(folder.missing(question)) for question in questions}
    for n in shard.of(folder.record.blocks):
        heard = respondent.hear([folder.items[row].rated.utterance for row in _block(folder, n)])
        for question in questions:
            if n in missing[question]:
                answers = respondent.ask(question.prompt, question.input, heard)
                write_block(folder.block_path(question, n), folder.record.configuration(question), answers)
                answered(len(answers))


def _block(folder: RunFolder, n: int) -> range:
    return range(n * BLOCK, min((n + 1) * BLOCK, folder.record.n_utterances))


def _duration_s(path: Path | None) -> float | None:
    """What the header says."""
    if path is None:
        return None
    try:
        with AudioFile(path) as audio:
            return audio.duration_s
    except EmotionMonitorError:
        return None

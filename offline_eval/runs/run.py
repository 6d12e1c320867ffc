"""A run of the offline evaluation: utterances that a label policy keeps, and a model's answers about them."""

import contextlib
import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Literal, Self

from core.errors import UsageError
from core.ltu_as.wordings import text_of
from core.speech_llm.fetching import fetch
from core.speech_llm.folder import model_path
from core.speech_llm.hub_name import is_hub_name
from core.speech_llm.server_address import is_server_name
from offline_eval.labels.annotation import AnnotatedCorpus
from offline_eval.runs.answers_store import BLOCK, write_block
from offline_eval.runs.folder import FILE as RUN_FILE
from offline_eval.runs.folder import Question, RunFolder, RunRecord, read_record
from offline_eval.runs.items import Item, items_sha256
from offline_eval.runs.views import View

if TYPE_CHECKING:
    from offline_eval.runs.asking import Respondent

TINY = "tiny"
"""A model of random weights, to try a run with."""

Progress = Callable[[int], AbstractContextManager[Callable[[int], None]]]
"""From the number of answers to come, to what is told how many more there are."""

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
            UsageError: It is something else, or not 1 <= i <= n.
        """
        number, slash, count = text.partition("/")
        if not (slash and number.isdecimal() and count.isdecimal() and 1 <= int(number) <= int(count)):
            msg = f"{text!r} is not a shard"
            raise UsageError(msg, hint="1/4 is the first of four, 4/4 the last")
        return cls(int(number), int(count))

    def of(self, blocks: int) -> range:
        """The blocks of this shard, among 0 to `blocks` - 1."""
        return range(self.number - 1, blocks, self.count)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunJob:
    """What to run.

    Attributes:
        out: Folder of the run; one that holds the same run is gone on with.
        dataset: Name of the corpus.
        root: Its folder, as the user gave it.
        corpus: What a reader found there.
        policy: Choices of the label policy.
        policy_lines: What it kept and left out.
        items: What it kept, in the order of `items_of`.
        limit: How many at most.
        weights: Model folder.
        device: `cpu`, `cuda` or `cuda:N`.
        decoding: `greedy`, or `original`: drawn, as the authors' scripts do, with seed 0.
        max_new_tokens: Of an answer.
        batch: Utterances read together.
        adapt: Whether the model gets to know each speaker, in the order of their utterances.
        shard: Which blocks.
        presets: Names of the tables asked for.
        views: How the answers will be looked at.
    """

    out: Path
    dataset: str
    root: str | None
    corpus: AnnotatedCorpus
    policy: Mapping[str, Any]
    policy_lines: tuple[str, ...]
    items: Sequence[Item]
    limit: int | None = None
    weights: Path
    device: str = "cpu"
    decoding: Literal["greedy", "original"] = "greedy"
    max_new_tokens: int = 100
    batch: int = 8
    adapt: bool = False
    shard: Shard = Shard()
    presets: tuple[str, ...] = ()
    views: tuple[View, ...]


def carry_out(job: RunJob, progress: Progress) -> RunFolder:
    """Asks the model for all answers of the job's shard that are not there yet; it is not loaded if none is missing.

    Raises:
        UsageError: The folder holds another run, or nothing can be asked.
        ModelError: The model cannot be used.
    """
    from core.ltu_as.decode import Decoding
    from offline_eval.runs.asking import Respondent

    way = Decoding.greedy if job.decoding == "greedy" else functools.partial(Decoding.original, seed=0)
    decoding = way(max_new_tokens=job.max_new_tokens)
    if (earlier := _earlier(job)) is not None:
        folder, questions = _begun(job, earlier.model, earlier.verbalizer, asdict(decoding))
        if not _wanted(folder, questions, job.shard):
            return folder
    stream = [item.rated.utterance for item in job.items] if job.adapt else []
    respondent = Respondent(job.weights, device=job.device, decoding=decoding, batch=job.batch, stream=stream)
    folder, questions = _begun(job, respondent.facts, respondent.verbalizer, asdict(decoding))
    with progress(_wanted(folder, questions, job.shard)) as answered:
        _answer(folder, respondent, questions, job.shard, answered)
    return folder


@contextlib.contextmanager
def model_folder(name: str) -> Iterator[Path]:
    """The folder of a model; that of `tiny` is made for the time being, always with the same weights.

    One of the Hugging Face hub (`hf:OWNER/NAME`) is fetched if it is not here.

    Raises:
        UsageError: No such model.
        ModelError: It cannot be fetched.
    """
    if is_server_name(name):
        msg = f"{name}: a server gives no logits to keep"
        raise UsageError(msg, hint="take the model itself: hf:OWNER/NAME, or its folder")
    if is_hub_name(name):
        yield fetch(name)
        return
    if name != TINY:
        yield model_path(name)
        return
    from core.ltu_as.tiny import save_tiny

    with TemporaryDirectory() as folder:
        save_tiny(Path(folder))
        yield Path(folder)


def questions_of(views: Sequence[View]) -> tuple[Question, ...]:
    """What must be asked so that these views can be had, in a fixed order."""
    asked = {one for view in views for one in view.asked}
    questions = (Question(one.prompt, text_of(one.prompt), one.input, one.draw) for one in asked)
    return tuple(sorted(questions, key=lambda question: question.name))


def _earlier(job: RunJob) -> RunRecord | None:
    """The record of a run of this very model on such a device, if the folder holds one."""
    if not (job.out / RUN_FILE).is_file():
        return None
    from core.ltu_as.checkpoint import folder_sha256

    record = read_record(job.out)
    same = record.model["device"] == job.device.partition(":")[0] and ("adapts" in record.model) == job.adapt
    return record if same and record.model["sha256"] == folder_sha256(job.weights) else None


def _begun(
    job: RunJob, model: Mapping[str, Any], verbalizer: Mapping[str, Any], decoding: Mapping[str, Any]
) -> tuple[RunFolder, tuple[Question, ...]]:
    """The folder, and what the job asks."""
    views, notes = _possible(job, transcribes=model["transcribes"])
    questions = questions_of(views)
    record = RunRecord(
        dataset=job.dataset,
        root=job.root,
        limit=job.limit,
        n_utterances=len(job.items),
        items_sha256=items_sha256(job.items),
        policy=job.policy,
        policy_lines=job.policy_lines,
        notes=(*job.corpus.lines(), *notes),
        licences=job.corpus.licences,
        model=model,
        verbalizer=verbalizer,
        decoding=decoding,
        batch=job.batch,
        questions=questions,
        presets=job.presets,
        views=views,
        versions={name: version(name) for name in _PACKAGES},
    )
    return RunFolder.begin(job.out, record, job.items), questions


def _possible(job: RunJob, *, transcribes: bool) -> tuple[tuple[View, ...], tuple[str, ...]]:
    """The views without those of transcripts where nobody has any, and a note that says so."""
    if transcribes or any(item.rated.utterance.transcript for item in job.items):
        return job.views, ()
    views = tuple(view for view in job.views if view.input != "transcript")
    if not views:
        msg = f"{job.dataset} states no transcripts, and the model makes none"
        raise UsageError(msg, hint="give another --input")
    return views, ("no transcripts: there is no baseline of words without sound",) if views != job.views else ()


def _wanted(folder: RunFolder, questions: Sequence[Question], shard: Shard) -> int:
    """Number of answers of a shard that are not there yet."""
    mine = set(shard.of(folder.record.blocks))
    return sum(len(_block(folder, n)) for question in questions for n in folder.missing(question) if n in mine)


def _answer(
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
                answers = respondent.ask(question.asked, heard)
                write_block(folder.block_path(question, n), folder.record.configuration(question), answers)
                answered(len(answers))


def _block(folder: RunFolder, n: int) -> range:
    return range(n * BLOCK, min((n + 1) * BLOCK, folder.record.n_utterances))

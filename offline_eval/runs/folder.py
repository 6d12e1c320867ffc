"""The folder of a run: what was asked (run.json), of which utterances (items.parquet), and the answers."""

import codecs
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

from core.durable import write_text
from core.errors import UsageError
from offline_eval.labels.rated import RatedUtterance
from offline_eval.runs.answers_store import BLOCK, Answer, Configuration, block_path, holds, read_block
from offline_eval.runs.items import Item, read_items, write_items
from offline_eval.runs.views import Asked, Draw, Input, View

FILE = "run.json"
_NOT_A_RUN = "is this a folder made by `emotion-eval run --out`?"
_SAME = ("dataset", "limit", "policy", "model", "verbalizer", "decoding", "batch", "items_sha256")
"""What may not change within a folder: its answers would not belong together."""


@dataclass(frozen=True, slots=True)
class Question:
    """What the model is asked of every utterance: a prompt by name, its text, and what it is given to hear.

    `draw` says how the answer is drawn, where that is not as in the whole run.
    """

    prompt: str
    text: str
    input: Input
    draw: Draw | None = None

    @property
    def asked(self) -> Asked:
        """The question without its text."""
        return Asked(self.prompt, self.input, self.draw)

    @property
    def name(self) -> str:
        """Of the folder of its answers, such as `single-audio`."""
        drawn = f"-{self.draw.temperature:g}-{self.draw.seed}" if self.draw else ""
        return f"{self.prompt}-{self.input}{drawn}"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecord:
    """What run.json says; nothing in it depends on when, or in how many shards, the run was made.

    Attributes:
        format: Of the file.
        dataset: Name of the corpus.
        root: Its folder, as the user gave it.
        limit: Most utterances, or None.
        n_utterances: That the policy kept, within the limit.
        items_sha256: Of these and their labels.
        policy: Its choices.
        policy_lines: What it kept and left out, for people.
        notes: What is to be known about the corpus.
        licences: Corpus to the licence that it states.
        model: Name, hash, device and precision.
        verbalizer: Table of the pieces whose logits are kept.
        decoding: How tokens are chosen.
        batch: Utterances read together.
        questions: What was asked.
        presets: Names of the tables that were asked for.
        views: The ways to read the answers that were asked for.
        versions: Of the packages that compute the answers, when the folder was begun.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    format: Literal["emotion-monitor/run/1"] = "emotion-monitor/run/1"
    dataset: str
    root: str | None
    limit: int | None
    n_utterances: int
    items_sha256: str
    policy: Mapping[str, Any]
    policy_lines: tuple[str, ...]
    notes: tuple[str, ...]
    licences: Mapping[str, str]
    model: Mapping[str, Any]
    verbalizer: Mapping[str, Any]
    decoding: Mapping[str, Any]
    batch: int
    questions: tuple[Question, ...]
    presets: tuple[str, ...]
    views: tuple[View, ...]
    versions: Mapping[str, str]

    @property
    def blocks(self) -> int:
        """Files of answers to each question."""
        return -(-self.n_utterances // BLOCK)

    def configuration(self, question: Question) -> Configuration:
        """What the answers to a question depend on."""
        return Configuration(
            prompt=question.prompt,
            question=question.text,
            input=question.input,
            model=self.model,
            verbalizer=self.verbalizer,
            decoding={**self.decoding, **(question.draw.decoding if question.draw else {})},
            batch=self.batch,
            items_sha256=self.items_sha256,
        )

    def require_same(self, other: Self, folder: Path) -> None:
        """Refuses answers that do not belong together.

        Raises:
            UsageError: Another corpus, policy, model or way of asking.
        """
        mine, others = _plain(self), _plain(other)
        for name in _SAME:
            if mine[name] != others[name]:
                there, here = _difference(mine[name], others[name])
                msg = f"{folder} holds a run with another {name.removesuffix('_sha256')}{there}{here}"
                raise UsageError(msg, hint="give another --out")


def read_record(path: Path) -> RunRecord:
    """Reads the run.json of a folder.

    Raises:
        UsageError: It is absent or broken.
    """
    from pydantic import TypeAdapter, ValidationError

    try:
        return TypeAdapter(RunRecord).validate_json((path / FILE).read_bytes().removeprefix(codecs.BOM_UTF8))
    except OSError as error:
        msg = f"{path}: no {FILE} in it"
        raise UsageError(msg, hint=_NOT_A_RUN) from error
    except ValidationError as error:
        first = error.errors()[0]
        msg = f"{path / FILE}: {'.'.join(map(str, first['loc'])) or 'file'}: {first['msg'].lower()}"
        raise UsageError(msg, hint=_NOT_A_RUN) from error


@dataclass(frozen=True, slots=True)
class RunFolder:
    """A folder with its record and its utterances."""

    path: Path
    record: RunRecord
    items: tuple[Item, ...]

    @classmethod
    def begin(cls, path: Path, record: RunRecord, items: Sequence[Item]) -> Self:
        """Makes the folder, or goes on with one; questions asked before stay, views and presets are the new ones.

        Raises:
            UsageError: It holds another run, or something else.
        """
        if (path / FILE).is_file():
            earlier = read_record(path)
            earlier.require_same(record, path)
            questions = dict.fromkeys((*earlier.questions, *record.questions))
            ordered = sorted(questions, key=lambda question: question.name)
            record = replace(record, questions=tuple(ordered), root=earlier.root, versions=earlier.versions)
        elif path.exists() and (not path.is_dir() or _foreign(path)):
            msg = f"{path}: not empty, and not the folder of a run"
            raise UsageError(msg, hint="give another --out")
        folder = cls(path, record, tuple(items))
        write_items(path, items)
        folder._save()
        return folder

    @classmethod
    def open(cls, path: Path) -> Self:
        """Reads run.json and items.parquet.

        Raises:
            UsageError: They are absent or broken, or do not belong together.
        """
        record = read_record(path)
        items = read_items(path)
        if len(items) != record.n_utterances:
            msg = f"{path}: items.parquet has {len(items)} utterances, run.json says {record.n_utterances}"
            raise UsageError(msg, hint="run the command that made it again")
        return cls(path, record, items)

    @property
    def rated(self) -> list[RatedUtterance]:
        """The utterances, in the order of the rows of every output."""
        return [item.rated for item in self.items]

    def block_path(self, question: Question, block: int) -> Path:
        """The file of the answers to a question for one block of utterances."""
        return block_path(self.path / "answers" / question.name, block)

    def missing(self, question: Question) -> list[int]:
        """Blocks whose answers are not there yet."""
        configuration = self.record.configuration(question)
        return [n for n in range(self.record.blocks) if not holds(self.block_path(question, n), configuration)]

    def answers(self, question: Question) -> Iterator[Answer]:
        """Answers in the order of the utterances, one block in memory at a time.

        Raises:
            UsageError: Some are missing, broken, or those of other utterances.
        """
        if missing := self.missing(question):
            msg = f"{self.path}: {question.name} lacks {len(missing)} of {self.record.blocks} blocks of answers"
            raise UsageError(msg, hint="run the same command again, run the other shards, or merge them")
        for n in range(self.record.blocks):
            path = self.block_path(question, n)
            answers = list(read_block(path))
            expected = [item.rated.utterance.utterance_id for item in self.items[n * BLOCK : (n + 1) * BLOCK]]
            if [answer.utterance_id for answer in answers] != expected:
                msg = f"{path}: not the answers of these utterances"
                raise UsageError(msg, hint="delete it, and run the same command again")
            yield from answers

    def _save(self) -> None:
        write_text(self.path / FILE, json.dumps(_plain(self.record), indent=2, ensure_ascii=False) + "\n")


def _plain(record: RunRecord) -> dict[str, Any]:
    """As JSON has it: tuples are lists."""
    values: dict[str, Any] = json.loads(json.dumps(asdict(record)))
    return values


def _difference(mine: Any, other: Any) -> tuple[str, str]:
    """Both values in words, where they are short."""
    if isinstance(mine, dict) and isinstance(other, dict):
        key = next(key for key in {**mine, **other} if mine.get(key) != other.get(key))
        mine, other = f"{key} {mine.get(key)}", f"{key} {other.get(key)}"
    texts = str(mine), str(other)
    return (f" ({texts[0]} there,", f" {texts[1]} here)") if max(map(len, texts)) <= 100 else ("", "")  # noqa: PLR2004


def _foreign(path: Path) -> bool:
    """Whether a folder holds anything but what a run that was killed at once leaves."""
    return any(not file.name.startswith(("items.parquet", f"{FILE}.")) for file in path.iterdir())

"""Shards of a run, made in folders of their own, as one folder: the bytes of a run in one piece."""

import itertools
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from core.durable import discard_partial, replacing
from core.errors import UsageError
from offline_eval.runs.answers_store import holds
from offline_eval.runs.folder import Question, RunFolder


def merge(shards: Sequence[Path], out: Path) -> tuple[RunFolder, list[str]]:
    """Copies the answers of all shards into one folder.

    Args:
        shards: Folders of the same run; what several hold must be the same.
        out: An absent or empty folder, or one of the same run.

    Returns:
        The folder, and what is to be said about it.

    Raises:
        UsageError: The folders are of different runs, contradict each other, or lack some answers.
    """
    folders = [RunFolder.open(path) for path in shards]
    first = folders[0]
    for other in folders[1:]:
        first.record.require_same(other.record, first.path)
    questions = sorted(
        {question for folder in folders for question in folder.record.questions}, key=lambda question: question.name
    )
    blocks = itertools.product(questions, range(first.record.blocks))
    sources = {block: _source(folders, *block) for block in blocks}  # all of them, before anything is written
    merged = RunFolder.begin(out, replace(first.record, questions=tuple(questions)), first.items)
    for block, source in sources.items():
        _copy(source, merged.block_path(*block))
    return merged, [
        f"{folder.path}: computed with other versions of packages than {first.path}"
        for folder in folders[1:]
        if folder.record.versions != first.record.versions
    ]


def _source(folders: Sequence[RunFolder], question: Question, block: int) -> Path:
    """The file of a block; where there are several, one of them."""
    configuration = folders[0].record.configuration(question)
    paths = [folder.block_path(question, block) for folder in folders]
    found = [path for path in paths if holds(path, configuration)]
    if not found:
        msg = f"block {block} of {question.name} is in none of the folders"
        raise UsageError(msg, hint="has every shard of the run been finished?")
    content = found[0].read_bytes()
    for other in found[1:]:
        if other.read_bytes() != content:
            msg = f"{found[0]} and {other} hold different answers to the same question"
            raise UsageError(msg, hint="were they computed on different machines? keep one of them")
    return found[0]


def _copy(source: Path, target: Path) -> None:
    content = source.read_bytes()
    if target.is_file() and target.read_bytes() == content:
        return
    discard_partial(target)
    with replacing(target) as partial:
        partial.write_bytes(content)

"""A model's answers on disk: all that any read-out needs, so that none of them runs the model again.

Utterances, sorted, are cut into blocks of a fixed size, and the answers to a block are one Parquet file, which is there
whole or not at all. So a run that was killed goes on with the first block that is missing, has no row twice, and gives
the same bytes as one that was not; and shards, which share the blocks out, add up to the same files as one process.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from core.durable import discard_partial, replacing
from core.errors import UsageError
from core.ltu_as.steps import StepLogits
from core.ltu_as.verbalizer import Verbalizer
from offline_eval.runs.views import Input

FORMAT = "emotion-monitor/answers/1"
BLOCK = 32
"""Utterances in a file: few enough to lose little when killed, enough that a large corpus has not many files."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """What answers depend on.

    Attributes:
        prompt: A name in PROMPTS, or that of a member of an ensemble.
        question: Its text.
        input: What the model is given.
        model: Name, hash, device and precision, as plain values.
        verbalizer: Table of the pieces whose logits are kept, as `Verbalizer.as_dict` gives it.
        decoding: How tokens are chosen, as plain values.
        batch: Utterances read together: sums of floats depend on it in their last digits.
        items_sha256: Of the utterances and their labels.
    """

    prompt: str
    question: str
    input: Input
    model: Mapping[str, Any]
    verbalizer: Mapping[str, Any]
    decoding: Mapping[str, Any]
    batch: int
    items_sha256: str

    @property
    def sha256(self) -> str:
        """Of all of it."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()

    def metadata(self) -> dict[str, str]:
        """What a file says of itself."""
        return {"format": FORMAT, "configuration": json.dumps(asdict(self)), "configuration_sha256": self.sha256}


@dataclass(frozen=True, slots=True)
class Answer:
    """What the model gave for one utterance: kept logits, or the reason why there are none."""

    utterance_id: str
    steps: StepLogits | None
    reason: str | None = None


def block_path(folder: Path, block: int) -> Path:
    """The file of a block."""
    return folder / f"block-{block:05d}.parquet"


def holds(path: Path, configuration: Configuration) -> bool:
    """Whether a file has the answers of this very configuration."""
    try:
        metadata = pq.read_metadata(path).metadata or {}
    except (OSError, pa.ArrowInvalid):
        return False
    return bool(metadata.get(b"configuration_sha256") == configuration.sha256.encode())


def write_block(path: Path, configuration: Configuration, answers: Sequence[Answer]) -> None:
    """Writes the answers to one block; times are left out, so that the same answers are the same bytes."""
    pieces = len(Verbalizer.from_dict(configuration.verbalizer).piece_ids)
    schema = _schema(pieces).with_metadata(configuration.metadata())
    table = pa.Table.from_pylist([_row(answer) for answer in answers], schema=schema)
    discard_partial(path)
    with replacing(path) as partial:
        pq.write_table(table, partial, compression="zstd")


def read_block(path: Path) -> Iterator[Answer]:
    """Reads the answers of one file, in the order of their utterances.

    Raises:
        UsageError: It is no such file, or broken.
    """
    try:
        table = pq.read_table(path)
        metadata = table.schema.metadata or {}
        if metadata.get(b"format") != FORMAT.encode():
            msg = f"{path}: not a file of answers in the format {FORMAT}"
            raise UsageError(msg, hint="delete it, and let `emotion-eval run` make it again")
        configuration = json.loads(metadata[b"configuration"])
    except (OSError, pa.ArrowInvalid, KeyError, ValueError) as error:
        msg = f"{path}: not readable: {error}"
        raise UsageError(msg, hint="delete it, and let `emotion-eval run` make it again") from error
    yield from _answers(table, configuration)


def _schema(pieces: int) -> pa.Schema:
    floats = pa.list_(pa.float32())
    return pa.schema([
        pa.field("utterance_id", pa.string(), nullable=False),
        pa.field("reason", pa.string()),
        pa.field("logits", pa.list_(pa.list_(pa.float32(), pieces))),
        pa.field("log_normalizer", floats),
        pa.field("minimum", floats),
        pa.field("tokens", pa.list_(pa.int64())),
        pa.field("token_pieces", pa.list_(pa.string())),
        pa.field("text", pa.string()),
        pa.field("answer_logprobs", pa.list_(floats)),
        pa.field("feature_mean", floats),
        pa.field("transcript", pa.string()),
        pa.field("truncated_s", pa.float64()),
    ])  # fmt: skip


def _row(answer: Answer) -> dict[str, Any]:
    row: dict[str, Any] = {"utterance_id": answer.utterance_id, "reason": answer.reason}
    if (steps := answer.steps) is not None:
        row |= {
            "logits": list(steps.logits),
            "log_normalizer": steps.log_normalizer,
            "minimum": steps.minimum,
            "tokens": steps.tokens,
            "token_pieces": list(steps.token_pieces),
            "text": steps.text,
            "answer_logprobs": list(steps.answer_logprobs),
            "feature_mean": steps.feature_mean,
            "transcript": steps.transcript,
            "truncated_s": steps.truncated_s,
        }
    return row


def _answers(table: pa.Table, configuration: Mapping[str, Any]) -> Iterator[Answer]:
    verbalizer = Verbalizer.from_dict(configuration["verbalizer"])
    piece_ids = np.array(verbalizer.piece_ids)
    texts = {name: table[name].to_pylist() for name in _TEXTS}
    arrays: dict[str, list[Any]] = {name: list(_ragged(table[name])) for name in _NUMBERS}
    answered = list(_ragged(table["answer_logprobs"]))
    has_mean = table["feature_mean"].is_valid().to_pylist()
    for n, utterance_id in enumerate(table["utterance_id"].to_pylist()):
        if (reason := texts["reason"][n]) is not None:
            yield Answer(utterance_id, None, reason)
            continue
        steps = StepLogits(
            piece_ids=piece_ids,
            logits=arrays["logits"][n],
            log_normalizer=arrays["log_normalizer"][n],
            minimum=arrays["minimum"][n],
            tokens=arrays["tokens"][n],
            token_pieces=tuple(texts["token_pieces"][n]),
            text=texts["text"][n],
            answer_logprobs=tuple(answered[n]),
            feature_mean=arrays["feature_mean"][n] if has_mean[n] else None,
            prompt=configuration["prompt"],
            decoding=configuration["decoding"],
            verbalizer=verbalizer,
            transcript=texts["transcript"][n],
            truncated_s=texts["truncated_s"][n],
        )
        yield Answer(utterance_id, steps)


_TEXTS = ("reason", "token_pieces", "text", "transcript", "truncated_s")
_NUMBERS = ("logits", "log_normalizer", "minimum", "tokens", "feature_mean")


def _ragged(column: pa.ChunkedArray) -> Iterable[Any]:
    """Each row of a column of lists: numbers as an array [n], lists of one size as [n, size], others as a list."""
    rows = pa.concat_arrays(column.chunks)
    ends = np.cumsum(rows.value_lengths().fill_null(0).to_numpy(zero_copy_only=False))
    inner = rows.flatten()
    if pa.types.is_list(inner.type):
        values: Any = list(_ragged(pa.chunked_array([inner])))
        return (values[start:end] for start, end in zip([0, *ends[:-1]], ends, strict=True))
    return iter(np.split(_numbers(inner), ends[:-1]))


def _numbers(values: pa.Array) -> NDArray[Any]:
    if pa.types.is_fixed_size_list(values.type):
        flat: NDArray[Any] = values.flatten().to_numpy(zero_copy_only=False)
        return flat.reshape(-1, values.type.list_size)
    numbers: NDArray[Any] = values.to_numpy(zero_copy_only=False)
    return numbers

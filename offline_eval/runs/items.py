"""What a run is about, as a table: one row per kept utterance, without sound, words or paths."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from core.distribution import EMOTIONS, EmotionDistribution
from core.durable import replacing
from core.errors import EmotionMonitorError, UsageError
from core.sound.audio import AudioFile
from offline_eval.labels.annotation import AnnotatedUtterance
from offline_eval.labels.rated import RatedUtterance

FILE = "items.parquet"
_TEXTS = ("utterance_id", "corpus", "speaker", "dialogue", "session", "consensus", "language", "gender")
_SCHEMA = pa.schema([
    *(pa.field(name, pa.string()) for name in _TEXTS),
    *(pa.field(f"human_{emotion}", pa.float64()) for emotion in EMOTIONS),
    pa.field("votes", pa.list_(pa.list_(pa.float64(), len(EMOTIONS)))),
    pa.field("hard_label", pa.string()),
    pa.field("agreement", pa.string()),
    pa.field("duration_s", pa.float64()),
])  # fmt: skip


@dataclass(frozen=True, slots=True)
class Item:
    """An utterance with its human distribution, and how long it lasts; None where that is not known."""

    rated: RatedUtterance
    duration_s: float | None

    def row(self) -> dict[str, Any]:
        """Plain values, by column."""
        rated, utterance = self.rated, self.rated.utterance
        human = {f"human_{emotion}": p for emotion, p in rated.human.as_dict().items()}
        return {
            **{name: getattr(utterance, name) for name in _TEXTS},
            **human,
            "votes": [list(votes) for votes in rated.votes],
            "hard_label": rated.hard_label,
            "agreement": rated.agreement,
            "duration_s": self.duration_s,
        }


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


def items_sha256(items: Sequence[Item]) -> str:
    """Changes with any utterance, label or duration."""
    digest = hashlib.sha256()
    for item in items:
        digest.update(json.dumps(item.row(), sort_keys=True).encode())
    return digest.hexdigest()


def write_items(folder: Path, items: Sequence[Item]) -> None:
    """Writes items.parquet."""
    table = pa.Table.from_pylist([item.row() for item in items], schema=_SCHEMA)
    with replacing(folder / FILE) as partial:
        pq.write_table(table, partial, compression="zstd")


def read_items(folder: Path) -> tuple[Item, ...]:
    """Reads items.parquet; the utterances have neither path nor ratings nor transcript.

    Raises:
        UsageError: It is absent or broken.
    """
    try:
        rows = pq.read_table(folder / FILE, schema=_SCHEMA).to_pylist()
        return tuple(map(_item, rows))
    except (OSError, pa.ArrowInvalid, ValueError) as error:
        msg = f"{folder / FILE}: not readable: {error}"
        raise UsageError(msg, hint="is this a folder made by `emotion-eval run --out`?") from error


def _item(row: dict[str, Any]) -> Item:
    utterance = AnnotatedUtterance(**{name: row[name] for name in _TEXTS}, path=None, ratings=())
    rated = RatedUtterance(
        utterance=utterance,
        human=EmotionDistribution(*(row[f"human_{emotion}"] for emotion in EMOTIONS)),
        votes=tuple(map(tuple, row["votes"])),
        hard_label=row["hard_label"],
        agreement=row["agreement"],
    )
    return Item(rated, row["duration_s"])


def _duration_s(path: Path | None) -> float | None:
    """What the header says."""
    if path is None:
        return None
    try:
        with AudioFile(path) as audio:
            return audio.duration_s
    except EmotionMonitorError:
        return None

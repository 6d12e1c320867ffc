"""Whom a model learned from, kept in its folder, so that nobody judges it on them later.

Speakers are kept as digests: the file goes wherever the model does, and names of people should not.
"""

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path

from core.errors import ModelError
from core.json_file import read_json

FILE_NAME = "learned_from.json"
FORMAT = "emotion-eval/learned-from/1"


def write_learned_from(folder: Path, speakers: Iterable[str], start: Path | None) -> None:
    """Writes the speakers, and those of the model that was trained further.

    Raises:
        ModelError: What the folder of that model holds is not such a file.
    """
    known = (_stored(start) if start else None) or frozenset()
    digests = sorted(known | {_digest(speaker) for speaker in speakers})
    text = json.dumps({"format": FORMAT, "speakers": digests}, indent=1)
    (folder / FILE_NAME).write_text(f"{text}\n", encoding="utf-8")


def heard_before(folder: Path, speakers: Iterable[str]) -> list[str] | None:
    """Those of some speakers that a model learned from; None where its folder does not say.

    Raises:
        ModelError: What the folder holds is not such a file.
    """
    stored = _stored(folder)
    return None if stored is None else sorted(speaker for speaker in set(speakers) if _digest(speaker) in stored)


def _stored(folder: Path) -> frozenset[str] | None:
    path = folder / FILE_NAME
    if not path.is_file():
        return None
    try:
        kept = read_json(path)
    except (OSError, ValueError) as error:
        raise _unclear(path) from error
    if not isinstance(kept, dict) or kept.get("format") != FORMAT or not isinstance(kept.get("speakers"), list):
        raise _unclear(path)
    return frozenset(map(str, kept["speakers"]))


def _unclear(path: Path) -> ModelError:
    msg = f"{path} does not say whom the model learned from"
    return ModelError(msg, hint="remove the file, and that is unknown")


def _digest(speaker: str) -> str:
    return hashlib.sha256(speaker.encode()).hexdigest()[:16]

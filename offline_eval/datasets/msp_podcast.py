"""MSP-Podcast: English podcasts, some five workers for each speaking turn; labels and sound come on request.

Lotfian and Busso, Building Naturalistic Emotionally Balanced Speech Corpus by Retrieving Emotional Speech from Existing
Podcast Recordings, IEEE Transactions on Affective Computing 10(4), 2019. Layout as of releases 1.8 to 2.0.
"""

import csv
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from core.errors import UsageError
from offline_eval.datasets.files import COPY, is_there, read_lines, read_table, refuse_same_columns, sound_files
from offline_eval.labels.annotation import AnnotatedCorpus, AnnotatedUtterance, Rating
from offline_eval.labels.spelling import normalised

CORPUS = "msp-podcast"
LICENCE = "MSP-Podcast agreement: research, no redistribution"

DETAILED, RAW, CONSENSUS = "labels_detailed.csv", "labels.txt", "labels_consensus.csv"

NOT_UNDERSTOOD = "line not understood"
STATED_TWICE = "rating stated twice"
NO_AGREEMENT = "no agreement, and no ratings of single workers"
NO_CONSENSUS_ROW = f"rated turn that is not in {CONSENSUS}"

_CODES = {
    "A": "anger",
    "H": "happiness",
    "S": "sadness",
    "N": "neutral",
    "U": "surprise",
    "F": "fear",
    "D": "disgust",
    "C": "contempt",
    "O": "other",
    "X": None,
}
_TURN = re.compile(r"MSP-PODCAST_([^\W_]+)_\w+", re.IGNORECASE)
_GENDERS = {"female": "F", "male": "M"}
_MAJOR = "emoclass_major"
_WORKER = re.compile("worker|rater|annotator")

_Ratings = defaultdict[str, list[Rating]]


@dataclass(frozen=True, slots=True)
class _Facts:
    """Of a turn, from the table of consensus labels."""

    consensus: str | None
    speaker: str | None
    gender: str | None
    split: str | None


def read_msp_podcast(root: Path) -> AnnotatedCorpus:
    """Reads the primary emotion that each worker chose; secondary ones are no votes.

    Ratings come from labels_detailed.csv, else from labels.txt; where there is only labels_consensus.csv, its label is
    the one rating. The session of an utterance is its partition, such as Test1. Turns of speakers that nobody has
    identified share one speaker for each podcast.

    Args:
        root: The release, with Labels and, if it is there, Audios and Transcripts.

    Raises:
        UsageError: There is no table of labels, or one is not understood.
    """
    labels = root / "Labels" if (root / "Labels").is_dir() else root
    skipped, notes = Counter[str](), list[str]()
    facts = _consensus(labels / CONSENSUS) if (labels / CONSENSUS).is_file() else {}
    ratings = _ratings(labels, skipped)
    if ratings is None:
        if not facts:
            msg = f"{root}: no {DETAILED}, {RAW} or {CONSENSUS} in it"
            raise UsageError(msg, hint="give the folder that holds Labels and Audios")
        notes.append(f"{CORPUS}: only the consensus is known ({CONSENSUS}), not what single workers chose")
        ratings = defaultdict(
            list, {name: [Rating("consensus", (f.consensus,))] for name, f in facts.items() if f.consensus}
        )
        skipped[NO_AGREEMENT] += len(facts) - len(ratings)
    elif facts:
        skipped[NO_CONSENSUS_ROW] += len(ratings.keys() - facts.keys())
        ratings = defaultdict(list, {name: of for name, of in ratings.items() if name in facts})
    sounds: dict[str, Path] = {}
    for path in sound_files(root / "Audios"):
        skipped[COPY] += path.stem in sounds
        sounds.setdefault(path.stem, path)
    transcripts = root / "Transcripts"
    utterances = tuple(
        _utterance(name, ratings[name], facts.get(name), sounds.get(name), _transcript(transcripts / f"{name}.txt"))
        for name in sorted(ratings)
    )
    if without := sum(one.path is None for one in utterances):
        notes.append(f"{CORPUS}: {without} utterances are without a sound file")
    return AnnotatedCorpus(utterances=utterances, skipped=+skipped, licences={CORPUS: LICENCE}, notes=tuple(notes))


def _utterance(
    name: str, ratings: list[Rating], facts: _Facts | None, sound: Path | None, transcript: str | None
) -> AnnotatedUtterance:
    match = _TURN.fullmatch(name)
    podcast = match[1] if match else name
    speaker = facts.speaker if facts and facts.speaker else f"unknown_{podcast}"
    return AnnotatedUtterance(
        utterance_id=name,
        corpus=CORPUS,
        path=sound,
        speaker=f"{CORPUS}_{speaker}",
        ratings=tuple(ratings),
        session=facts.split if facts else None,
        consensus=facts.consensus if facts else None,
        transcript=transcript,
        language="en",
        gender=facts.gender if facts else None,
    )


def _consensus(path: Path) -> dict[str, _Facts]:
    facts: dict[str, _Facts] = {}
    for row in read_table(path).filled("filename", "emoclass"):
        if (code := row["emoclass"].upper()) not in _CODES:
            msg = f"{row.where}: EmoClass {row['emoclass']!r} is none of {', '.join(_CODES)}"
            raise UsageError(msg)
        speaker, turn = row.get("spkrid"), Path(row["filename"]).stem
        stated = _Facts(
            consensus=_CODES[code],
            speaker=None if speaker is None or speaker.lower() == "unknown" else speaker,
            gender=_GENDERS.get((row.get("gender") or "").lower()),
            split=row.get("split_set"),
        )
        if facts.setdefault(turn, stated) != stated:
            msg = f"{row.where}: something else of {turn} than in a row before"
            raise UsageError(msg)
    return facts


def _ratings(labels: Path, skipped: Counter[str]) -> _Ratings | None:
    """By turn; None where no file tells what single workers chose."""
    readers = {DETAILED: _detailed, RAW: _raw}
    for name, lines in readers.items():
        if (labels / name).is_file():
            ratings = _Ratings(list)
            for turn, rating in lines(labels / name, skipped):
                if rating in ratings[turn]:
                    skipped[STATED_TWICE] += 1
                else:
                    ratings[turn].append(rating)
            return ratings
    return None


def _detailed(path: Path, skipped: Counter[str]) -> Iterator[tuple[str, Rating]]:
    """A row for each worker: in columns, or after the file name as in labels.txt. A row never goes over its line."""
    numbers = Counter[str]()
    header, *lines = read_lines(path)
    columns = [name.strip().lower() for name in _cells(header)]
    refuse_same_columns(columns, path)
    for line in filter(str.strip, lines):
        cells = _cells(line)
        turn = Path(cells[0].strip()).stem if cells else ""
        numbers[turn] += 1
        row = dict(zip(columns, cells, strict=False))
        rating = _in_columns(row, numbers[turn]) if _MAJOR in columns else _of_line(",".join(cells[1:]))
        if rating is None:
            skipped[NOT_UNDERSTOOD] += 1
        else:
            yield turn, rating


def _cells(line: str) -> list[str]:
    """None of a line whose quotes are not understood."""
    try:
        return next(csv.reader([line], strict=True), [])
    except csv.Error:
        return []


def _raw(path: Path, skipped: Counter[str]) -> Iterator[tuple[str, Rating]]:
    """A line for each turn, and below it one for each worker."""
    turn = None
    for line in filter(None, map(str.strip, read_lines(path))):
        if line.upper().startswith("MSP-"):
            turn = Path(line.partition(";")[0].strip()).stem
        elif turn is not None and (rating := _of_line(line)):
            yield turn, rating
        else:
            skipped[NOT_UNDERSTOOD] += 1


def _in_columns(row: Mapping[str, str], number: int) -> Rating | None:
    worker = next((cell for column, cell in row.items() if _WORKER.search(column) and cell.strip()), f"worker {number}")
    label = row[_MAJOR].strip() if _MAJOR in row else ""
    return Rating(worker.strip(), (_label(label),)) if label else None


def _of_line(line: str) -> Rating | None:
    """`WORKER1; Neutral; Neutral,Confused; A:3.0; V:4.0; D:3.0;`."""
    worker, *rest = (part.strip() for part in line.split(";"))
    if not worker or not rest or not rest[0] or ":" in rest[0]:
        return None
    return Rating(worker, (_label(rest[0]),))


def _label(text: str) -> str:
    """What workers wrote behind Other stays other."""
    label = normalised(text)
    return "other" if label.startswith("other") else label


def _transcript(path: Path) -> str | None:
    return "\n".join(read_lines(path)).strip() if is_there(path) else None

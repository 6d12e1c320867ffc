"""The votes of CREMA-D alone, in one flat table of the voice-only condition: what listeners heard, without sound."""

from pathlib import Path

from offline_eval.datasets.annotated import ratings_of
from offline_eval.datasets.crema_d import CORPUS, LICENCE, SENTENCES
from offline_eval.datasets.files import Row, existing, read_table
from offline_eval.labels.annotation import AnnotatedCorpus, AnnotatedUtterance
from offline_eval.labels.votes import Votes

TABLE = "cremad_voice_votes.csv"

_LABELS = ("anger", "disgust", "fear", "happiness", "neutral", "sadness")
_RATER = "listeners"


def read_crema_d_votes(path: Path) -> AnnotatedCorpus:
    """Reads a table with the columns clip_id, actor, sentence and votes_anger to votes_sadness; path if there is sound.

    Raises:
        UsageError: A column or a cell is missing, or votes are no numbers.
    """
    rows = read_table(path).filled("clip_id", "actor", *(f"votes_{label}" for label in _LABELS))
    utterances = [_utterance(row, path.parent) for row in rows]
    return AnnotatedCorpus(
        utterances=tuple(sorted(utterances, key=lambda one: one.utterance_id)), licences={CORPUS: LICENCE}
    )


def _utterance(row: Row, folder: Path) -> AnnotatedUtterance:
    sound = row.get("path")
    return AnnotatedUtterance(
        utterance_id=f"{CORPUS}_{row['clip_id']}",
        corpus=CORPUS,
        path=existing(folder, sound, row.where) if sound else None,
        speaker=f"{CORPUS}_{row['actor']}",
        ratings=ratings_of(Votes({label: row.count(f"votes_{label}") for label in _LABELS}), _RATER),
        transcript=SENTENCES.get(row.get("sentence") or ""),
        language="en",
    )

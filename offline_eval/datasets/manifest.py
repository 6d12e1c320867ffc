"""A folder of several corpora with one table, `manifest.csv`, that describes all clips and states the split.

Three corpora are known by name. RAVDESS's calm counts as neutral. In ASED only the sentences 01 and 02 were spoken in
every emotion. In emotiontts the code in a clip's name decides its label, 000 neutral, 001 happiness, 002 sadness, 003
anger, because tables have the last two the other way round, as the corpus's README lists its classes: what is said
is "how often must I tell you" in 003 and grief in 002, hash2430/emotion_tts has the codes so for the same speakers,
and of all 24 orders a classifier trained on other corpora agrees by far best with this one.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from offline_eval.datasets import ravdess
from offline_eval.datasets.dataset import Dataset, Entry, Found, assemble
from offline_eval.datasets.files import existing, read_table
from offline_eval.datasets.table import stated_split
from offline_eval.labels.spelling import normalised
from offline_eval.labels.votes import Votes

TABLE = "manifest.csv"

_EMOTIONTTS = "emotiontts"
_EMOTIONTTS_ID = re.compile(r"(?:.*_)?[a-z]{3}(\d{3})\d\d")
"""Speaker, emotion, take."""
_EMOTIONTTS_CODES = {"000": "neutral", "001": "happiness", "002": "sadness", "003": "anger"}

_ASED = "ased"
_ASED_IN_EVERY_EMOTION = ("01", "02")


@dataclass(frozen=True, slots=True)
class ManifestDataset:
    """Columns: dataset, clip_id, speaker, intended_emotion, split, path.

    And if known: sentence, language, gender, licence, transcript. Rows whose emotion is `unlabelled` are somebody's
    ordinary speech: they are among the others.

    Attributes:
        root: The folder, or a table in it of another name.
    """

    root: Path

    def find(self) -> Found:
        """Reads the manifest.

        Raises:
            UsageError: The table, a column, a cell or a sound file is missing, or a split is neither train nor dev.
        """
        table = read_table(self.root / TABLE if self.root.is_dir() else self.root)
        entries, calm = [], 0
        for row in table.filled("dataset", "clip_id", "speaker", "intended_emotion", "split", "path"):
            corpus = row["dataset"]
            label = _coded(corpus, row["clip_id"]) or normalised(row["intended_emotion"])
            is_ravdess = corpus == ravdess.CORPUS
            calm += is_ravdess and label == ravdess.CALM
            entries.append(
                Entry(
                    path=existing(table.path.parent, row["path"], row.where),
                    clip_id=row["clip_id"],
                    corpus=corpus,
                    speaker=row["speaker"],
                    heard=ravdess.heard(label) if is_ravdess else Votes.all_for(label),
                    split=stated_split(row),
                    language=row.get("language"),
                    gender=row.get("gender"),
                    licence=row.get("licence") or "not stated",
                    transcript=row.get("transcript"),
                    words_tell=corpus == _ASED and row.get("sentence") not in (*_ASED_IN_EVERY_EMOTION, None),
                )
            )
        return Found(entries=entries, notes=ravdess.calm_note(calm))

    def load(self) -> Dataset:
        """What was found, with targets and a split; raises as `find`."""
        return assemble(self.find())


def _coded(corpus: str, clip_id: str) -> str | None:
    """The label that the name of a clip states, in a corpus whose tables are not to be believed."""
    match = _EMOTIONTTS_ID.fullmatch(clip_id) if corpus == _EMOTIONTTS else None
    return _EMOTIONTTS_CODES.get(match[1]) if match else None

"""A folder of several corpora with one table, `manifest.csv`, that describes all clips and states the split."""

from dataclasses import dataclass
from pathlib import Path

from offline_eval.datasets import ravdess
from offline_eval.datasets.dataset import Dataset, Entry, Found, assemble
from offline_eval.datasets.files import existing, read_table
from offline_eval.datasets.table import stated_split
from offline_eval.labels.spelling import normalised
from offline_eval.labels.votes import Votes

TABLE = "manifest.csv"


@dataclass(frozen=True, slots=True)
class ManifestDataset:
    """Columns: dataset, clip_id, speaker, intended_emotion, split, path.

    And if known: language, gender, licence, transcript.
    """

    root: Path

    def find(self) -> Found:
        """Reads the manifest; RAVDESS's calm counts as neutral.

        Raises:
            UsageError: The table, a column, a cell or a sound file is missing, or a split is neither train nor dev.
        """
        table = read_table(self.root / TABLE)
        entries, calm = [], 0
        for row in table.filled("dataset", "clip_id", "speaker", "intended_emotion", "split", "path"):
            corpus, label = row["dataset"], normalised(row["intended_emotion"])
            is_ravdess = corpus == ravdess.CORPUS
            calm += is_ravdess and label == ravdess.CALM
            entries.append(
                Entry(
                    path=existing(self.root / row["path"], row.where),
                    clip_id=row["clip_id"],
                    corpus=corpus,
                    speaker=row["speaker"],
                    heard=ravdess.heard(label) if is_ravdess else Votes.all_for(label),
                    split=stated_split(row),
                    language=row.get("language"),
                    gender=row.get("gender"),
                    licence=row.get("licence") or "not stated",
                    transcript=row.get("transcript"),
                )
            )
        return Found(entries=entries, notes=ravdess.calm_note(calm))

    def load(self) -> Dataset:
        """What was found, with targets and a split; raises as `find`."""
        return assemble(self.find())

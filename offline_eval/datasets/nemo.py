"""nEMO: Polish, nine actors, six emotions, 90 sentences.

Christop, nEMO: Dataset of Emotional Speech in Polish, LREC-COLING 2024.
"""

import csv
from dataclasses import dataclass
from pathlib import Path

from offline_eval.datasets.dataset import Dataset, Entry, Found, assemble
from offline_eval.datasets.files import Row, existing, is_there, located, read_table
from offline_eval.labels.votes import Votes

CORPUS = "nemo"
LICENCE = "CC BY-NC-SA 4.0"
TABLE = "data.tsv"

_GENDERS = {"female": "F", "male": "M"}


@dataclass(frozen=True, slots=True)
class NemoDataset:
    """The released folder: `data.tsv` beside `samples`."""

    root: Path

    def find(self) -> Found:
        """Reads the table.

        Raises:
            UsageError: The table or a sound file is missing, or the table has no file_id, emotion or speaker_id.
        """
        # Sentences hold quotation marks of their own: the released table quotes nothing.
        table = read_table(self.root / TABLE, separator="\t", quoting=csv.QUOTE_NONE)
        entries = [
            Entry(
                path=(path := self._sound(row)),
                clip_id=f"{CORPUS}_{path.stem}",
                corpus=CORPUS,
                speaker=f"{CORPUS}_{row['speaker_id']}",
                heard=Votes.all_for(row["emotion"]),
                language="pl",
                gender=_GENDERS.get((row.get("gender") or "").lower()),
                licence=LICENCE,
                transcript=row.get("raw_text"),
            )
            for row in table.filled("file_id", "emotion", "speaker_id")
        ]
        return Found(entries=entries)

    def load(self) -> Dataset:
        """What was found, with targets and a split; raises as `find`."""
        return assemble(self.find())

    def _sound(self, row: Row) -> Path:
        """The file itself: `file_id` is its name in the release, other copies leave out the suffix or give a path."""
        name = row.get("audio_path") or row["file_id"]
        places = [(folder, file) for folder in (self.root / "samples", self.root) for file in (name, f"{name}.wav")]
        return existing(*next((place for place in places if is_there(located(*place))), places[0]), row.where)

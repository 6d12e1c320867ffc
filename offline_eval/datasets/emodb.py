"""Berlin EmoDB: German, ten speakers, seven emotions, ten sentences.

Burkhardt et al., A Database of German Emotional Speech, Interspeech 2005.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from offline_eval.datasets.dataset import Dataset, Entry, Found, assemble
from offline_eval.datasets.files import named_files
from offline_eval.labels.votes import Votes

CORPUS = "emodb"
LICENCE = "Berlin EmoDB: free for research, no formal licence text on site"
LAYOUT = "wav/03a01Fa.wav"
NAME = re.compile(r"(\d\d)[ab]\d\d([WLEAFTN])[a-z]?", re.IGNORECASE)
"""Speaker; sentence; emotion, by the first letter of its German name; take."""

_LABELS = {
    "W": "anger",  # Wut, or Ärger
    "L": "boredom",  # Langeweile
    "E": "disgust",  # Ekel
    "A": "fear",  # Angst
    "F": "happiness",  # Freude
    "T": "sadness",  # Trauer
    "N": "neutral",
}
_MEN = ("03", "10", "11", "12", "15")


@dataclass(frozen=True, slots=True)
class EmodbDataset:
    """The released folder, or any that holds its files."""

    root: Path

    def find(self) -> Found:
        """Reads the file names.

        Raises:
            UsageError: There is no such file.
        """
        named = named_files(self.root, NAME, LAYOUT)
        entries = [
            Entry(
                path=path,
                clip_id=f"{CORPUS}_{path.stem}",
                corpus=CORPUS,
                speaker=f"{CORPUS}_{match[1]}",
                heard=Votes.all_for(_LABELS[match[2].upper()]),
                language="de",
                gender="M" if match[1] in _MEN else "F",
                licence=LICENCE,
            )
            for path, match in named.files
        ]
        return Found(entries=entries, skipped=named.skipped)

    def load(self) -> Dataset:
        """What was found, with targets and a split; raises as `find`."""
        return assemble(self.find())

"""TESS: English, two actresses (26 and 64 years), seven emotions, 200 words in one carrier phrase.

Pichora-Fuller and Dupuis, Toronto emotional speech set (TESS), Borealis 2020, doi:10.5683/SP2/E8H2MF.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from offline_eval.datasets.dataset import Dataset, Entry, Found, assemble
from offline_eval.datasets.files import named_files
from offline_eval.labels.votes import Votes

CORPUS = "tess"
LICENCE = "CC BY-NC-ND 4.0"
LAYOUT = "OAF_angry/OAF_back_angry.wav"
NAME = re.compile(r"([OY]A)F?_\w+_(angry|disgust|fear|happy|neutral|ps|pleasant_surprised?|sad)", re.IGNORECASE)
"""Older or younger actress, of whose files one lacks the F; word; emotion, where ps is pleasant surprise."""


@dataclass(frozen=True, slots=True)
class TessDataset:
    """The released folders; with two speakers, one of them is dev."""

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
                speaker=f"{CORPUS}_{match[1].upper()}F",
                heard=Votes.all_for("surprise" if match[2].lower() == "ps" else match[2]),
                language="en",
                gender="F",
                licence=LICENCE,
            )
            for path, match in named.files
        ]
        return Found(entries=entries, skipped=named.skipped)

    def load(self) -> Dataset:
        """What was found, with targets and a split; raises as `find`."""
        return assemble(self.find())

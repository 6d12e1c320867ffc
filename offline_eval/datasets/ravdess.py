"""RAVDESS: English, 24 actors, eight expressions; the audio-only speech files.

Livingstone and Russo, The Ryerson Audio-Visual Database of Emotional Speech and Song, PLoS ONE 13(5), 2018.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from offline_eval.datasets.dataset import Dataset, Entry, Found, assemble
from offline_eval.datasets.files import named_files
from offline_eval.labels.votes import Votes

CORPUS = "ravdess"
LICENCE = "CC BY-NC-SA 4.0"
LAYOUT = "Actor_01/03-01-05-01-02-01-01.wav"
NAME = re.compile(r"(0[1-3])-(0[12])-(0[1-8])-\d\d-(\d\d)-\d\d-(\d\d)")
"""Modality, vocal channel, emotion; intensity, statement, repetition; actor."""

CALM = "calm"

_AUDIO_ONLY, _SPEECH = "03", "01"
_STATEMENTS = {"01": "Kids are talking by the door.", "02": "Dogs are sitting by the door."}
_LABELS = ("neutral", "calm", "happiness", "sadness", "anger", "fear", "disgust", "surprise")


@dataclass(frozen=True, slots=True)
class RavdessDataset:
    """The released tree; odd actors are men. Calm, which the corpus has as a second baseline, counts as neutral."""

    root: Path

    def find(self) -> Found:
        """Reads the file names.

        Raises:
            UsageError: There is no such file.
        """
        named = named_files(self.root, NAME, LAYOUT)
        entries, skipped, calm = [], named.skipped.copy(), 0
        for path, match in named.files:
            modality, channel, emotion, statement, actor = match.groups()
            if modality != _AUDIO_ONLY or channel != _SPEECH:
                skipped["song" if channel != _SPEECH else "not audio only"] += 1
                continue
            label = _LABELS[int(emotion) - 1]
            calm += label == CALM
            entries.append(
                Entry(
                    path=path,
                    clip_id=f"{CORPUS}_{path.stem}",
                    corpus=CORPUS,
                    speaker=f"{CORPUS}_{actor}",
                    heard=heard(label),
                    language="en",
                    gender="M" if int(actor) % 2 else "F",
                    licence=LICENCE,
                    transcript=_STATEMENTS.get(statement),
                )
            )
        return Found(entries=entries, skipped=skipped, notes=calm_note(calm))

    def load(self) -> Dataset:
        """What was found, with targets and a split; raises as `find`."""
        return assemble(self.find())


def heard(label: str) -> Votes:
    """The label of a clip of this corpus, calm as neutral."""
    return Votes.all_for("neutral" if label == CALM else label)


def calm_note(clips: int) -> tuple[str, ...]:
    """What a data set says about its calm clips, if it has any."""
    return (f"{CORPUS}: calm counts as neutral, {clips} clips",) if clips else ()

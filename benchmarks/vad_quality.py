"""How well speech is found: frames against hand-made marks, and clips of acted speech that yield an utterance.

    python -m benchmarks.vad_quality DATA [--set segmenter.hangover_s=0.6 ...] [--clips 200]

DATA holds vad/clips.csv (clip_id, source), vad/segments.csv (clip_id, start_s, end_s, label), vad/CLIP_ID.flac, and
manifest.csv (dataset, path, rms_dbfs), one row per clip of an emotional corpus. Prints Markdown tables.
"""

import csv
import random
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from core.command_line import Parser, end_with
from core.errors import UsageError
from core.model import SAMPLE_RATE_HZ
from core.settings import Settings
from core.settings_file import load_settings
from core.sound.segmenter import Dropped, Output
from core.sound.speech_segmenter import SpeechSegmenter
from core.sound.utterance import Utterance
from core.sound.vad import Vad

NEEDED = ("vad/clips.csv", "vad/segments.csv", "manifest.csv")
TWINS = {"pyannote_sample"}
"""Clips that are copies of another one."""


@dataclass(frozen=True)
class Heard:
    """What the detector and the segmenter made of one clip; masks have one entry per sample."""

    samples: int
    voiced: NDArray[np.bool_]
    covered: NDArray[np.bool_]
    finals: list[Utterance]
    dropped: Counter[str]


def main() -> None:
    """Measures and prints."""
    parser = Parser(prog="vad_quality", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--set", action="append", default=[], metavar="SECTION.KEY=VALUE", help="another setting")
    parser.add_argument("--clips", type=int, default=200, help="clips per emotional corpus, drawn by a fixed seed")
    arguments = parser.parse_args()
    flags: dict[str, dict[str, str]] = {}
    for text in arguments.set:
        name, _, value = text.partition("=")
        section, _, key = name.partition(".")
        flags.setdefault(section, {})[key] = value
    end_with("vad_quality", lambda: measure(arguments.data, load_settings(environ={}, flags=flags), arguments.clips))


def measure(data: Path, settings: Settings, per_corpus: int) -> int:
    """Prints both tables.

    Raises:
        UsageError: The folder does not hold what it should.
    """
    missing = [name for name in NEEDED if not (data / name).is_file()]
    if missing:
        msg = f"{data} has no {' and no '.join(missing)}"
        raise UsageError(msg, hint="benchmarks/vad_quality.py says what the folder holds")
    for line in [*marked_clips(data, settings), "", *acted_clips(data, settings, per_corpus)]:
        print(line)
    return 0


def marked_clips(data: Path, settings: Settings) -> Iterator[str]:
    """Recall and false alarms by time, and by utterance, for clips with marks."""
    marks: dict[str, list[tuple[float, float]]] = {}
    for row in _rows(data / "vad" / "segments.csv"):
        if row["label"] == "speech":
            marks.setdefault(row["clip_id"], []).append((float(row["start_s"]), float(row["end_s"])))
    groups: dict[str, list[tuple[Heard, NDArray[np.bool_]]]] = {}
    for row in _rows(data / "vad" / "clips.csv"):
        if row["clip_id"] in TWINS:
            continue
        heard = listen(load(data / "vad" / f"{row['clip_id']}.flac"), settings)
        speech = np.zeros(heard.samples, np.bool_)
        for start_s, end_s in marks.get(row["clip_id"], []):
            speech[round(start_s * SAMPLE_RATE_HZ) : round(end_s * SAMPLE_RATE_HZ)] = True
        groups.setdefault(row["source"], []).append((heard, speech))

    yield "| clips | speech, min | VAD recall | VAD false alarm | in utterances: speech | non-speech | utterances |"
    yield "|---|---|---|---|---|---|---|"
    for source, clips in groups.items():
        speech = np.concatenate([speech for _, speech in clips])
        voiced = np.concatenate([heard.voiced for heard, _ in clips])
        covered = np.concatenate([heard.covered for heard, _ in clips])
        finals = [(u, speech) for heard, speech in clips for u in heard.finals]
        empty = sum(not speech[u.start : u.end].any() for u, speech in finals)
        lengths = np.array([u.end_s - u.start_s for u, _ in finals])
        dropped = sum((heard.dropped for heard, _ in clips), Counter[str]())
        yield (
            f"| {source} ({len(clips)}) | {speech.sum() / SAMPLE_RATE_HZ / 60:.1f} | {voiced[speech].mean():.3f} "
            f"| {voiced[~speech].mean():.3f} | {covered[speech].mean():.3f} | {covered[~speech].mean():.3f} "
            f"| {len(finals)}, median {np.median(lengths):.1f} s, {empty} without speech, "
            f"dropped {dict(dropped) or 'none'} |"
        )


def acted_clips(data: Path, settings: Settings, per_corpus: int) -> Iterator[str]:
    """Share of clips, each one spoken sentence, that yield an utterance."""
    corpora: dict[str, list[dict[str, str]]] = {}
    for row in _rows(data / "manifest.csv"):
        corpora.setdefault(row["dataset"], []).append(row)
    yield "| corpus | clips | median level | with utterance | with several | voiced in utterances | x real time |"
    yield "|---|---|---|---|---|---|---|"
    for corpus, rows in corpora.items():
        sample = random.Random(0).sample(rows, min(per_corpus, len(rows)))  # noqa: S311 - a sample, not a secret
        sounds = [load(data / row["path"]) for row in sample]
        began = time.perf_counter()
        heard = [listen(sound, settings) for sound in sounds]
        speed = sum(map(len, sounds)) / SAMPLE_RATE_HZ / (time.perf_counter() - began)
        voiced = sum(int(one.voiced.sum()) for one in heard)
        inside = sum(int((one.voiced & one.covered).sum()) for one in heard)
        level = np.median([float(row["rms_dbfs"]) for row in sample])
        yield (
            f"| {corpus} | {len(sample)} | {level:.0f} dBFS | {np.mean([bool(one.finals) for one in heard]):.1%} "
            f"| {np.mean([len(one.finals) > 1 for one in heard]):.1%} | {inside / voiced:.1%} | {speed:.0f} |"
        )


def listen(samples: NDArray[np.int16], settings: Settings) -> Heard:
    """Runs the detector alone and the whole segmenter over one clip, as if it were a stream of its own."""
    segmenter = SpeechSegmenter(settings.segmenter, settings.vad)
    outputs: list[Output] = [*segmenter.push(samples), *segmenter.flush()]
    finals = [output for output in outputs if isinstance(output, Utterance) and output.final]
    covered = np.zeros(len(samples), np.bool_)
    for utterance in finals:
        covered[utterance.start : utterance.end] = True
    dropped = Counter(output.reason for output in outputs if isinstance(output, Dropped))

    vad = Vad(settings.vad)
    frame = settings.vad.frame_ms * SAMPLE_RATE_HZ // 1000
    whole = len(samples) // frame * frame
    voiced = np.zeros(len(samples), np.bool_)
    voiced[:whole] = np.repeat(vad.verdicts(samples[:whole].tobytes()), frame)
    return Heard(len(samples), voiced, covered, finals, dropped)


def load(path: Path) -> NDArray[np.int16]:
    """A file as 16 kHz mono int16."""
    sound, rate = soundfile.read(path, dtype="float32", always_2d=True)
    mono = sound.mean(axis=1)
    if rate != SAMPLE_RATE_HZ:
        mono = soxr.resample(mono, rate, SAMPLE_RATE_HZ)
    samples: NDArray[np.int16] = np.clip(np.round(mono * 32768), -32768, 32767).astype(np.int16)
    return samples


def _rows(path: Path) -> Iterator[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)


if __name__ == "__main__":
    main()

"""Writes a tree in the shape of IEMOCAP: the files that `offline_eval.datasets.iemocap` reads."""

import struct
import wave
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Literal

import numpy as np

from core.errors import UsageError
from offline_eval.synthetic.votes import LABELS, Ballots, ballots, dealt

Scale = Literal["small", "full"]

SEED = 2505
SAMPLE_RATE_HZ = 16_000
SHORTEST_S, LONGEST_S = 0.3, 0.6

_SIZES = {"Ses01": (866, 953), "Ses02": (863, 948), "Ses03": (1018, 1118), "Ses04": (1002, 1101), "Ses05": (1035, 1135)}
"""Improvised and scripted utterances of each session."""

_PART_OF_A_SCRIPT = {"Ses05M_script01_1b": 81}
"""Utterances of the one dialogue whose number is known by itself."""

_SCRIPTS = ("script01_1", "script01_2", "script01_3", "script02_1", "script02_2", "script03_1", "script03_2")
_PITCH_HZ = {"N": 150, "H": 260, "E": 300, "S": 110, "A": 220}
_OTHER_PITCH_HZ = 180
_THINGS = ("kettle", "ladder", "window", "bicycle", "lantern", "orchard", "teapot", "garden gate")
_DOINGS = ("sings", "leans", "waits", "creaks", "shines", "is empty", "was painted", "has gone")
_PLACES = ("by the wall", "in the yard", "again", "as it did in spring", "without us", "under the stairs")


@dataclass(frozen=True, slots=True)
class _Turn:
    """One utterance as it is written."""

    name: str
    start_s: float
    end_s: float
    votes: Ballots
    text: str

    @property
    def gender(self) -> str:
        return self.name[-4]


def write_tree(out: Path, scale: Scale = "small", *, sound: bool = True) -> int:
    """Writes the tree; the same for the same scale, whatever the machine.

    Full size is that of IEMOCAP: 10 speakers, 151 dialogues, 10,039 utterances, and the numbers that are known of its
    votes. Small is one dialogue for each speaker, with one utterance for each kind of votes. Each tone lasts 0.3 to
    0.6 s; its pitch goes with what was heard, so that there is something to find.

    Args:
        out: A folder that is empty or absent.
        scale: How much.
        sound: Whether to write sound files.

    Returns:
        Number of utterances.

    Raises:
        UsageError: The folder is not empty.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        msg = f"{out}: not an empty folder"
        raise UsageError(msg, hint="name a folder that does not exist")
    random = Random(SEED)  # noqa: S311 - nothing secret
    sizes = _full() if scale == "full" else _small()
    improvised = ["impro" in dialogue for dialogue, size in sizes.items() for _ in range(size)]
    hand = iter(dealt(ballots(full=scale == "full"), improvised, random))
    for dialogue, size in sizes.items():
        turns = list(_turns(dialogue, [next(hand) for _ in range(size)], random))
        _write_dialogue(out / f"Session{dialogue[4]}", dialogue, turns, random)
        if sound:
            _write_sound(out / f"Session{dialogue[4]}" / "sentences" / "wav" / dialogue, turns)
    return len(improvised)


def _full() -> dict[str, int]:
    """Utterances of each of the 151 dialogues."""
    sizes: dict[str, int] = {}
    for session, (improvised, scripted) in _SIZES.items():
        known = {name: size for name, size in _PART_OF_A_SCRIPT.items() if name.startswith(session)}
        scenes = [f"{session}{gender}_{scene}" for gender in "FM" for scene in _improvised_scenes(session, gender)]
        scripts = [f"{session}{gender}_{scene}" for gender in "FM" for scene in _SCRIPTS]
        sizes |= _shared(improvised, scenes) | _shared(scripted - sum(known.values()), scripts) | known
    return sizes


def _small() -> dict[str, int]:
    """One dialogue for each speaker, the improvised ones with the women's markers and in session 3 both."""
    improvised = ["Ses01F_impro01", "Ses02F_impro02", "Ses03F_impro03", "Ses03M_impro05a", "Ses04F_impro04"]
    scripted = ["Ses01M_script01_1", "Ses02M_script02_2", "Ses04M_script03_1", "Ses05F_script01_3"]
    names = [*improvised, *scripted, *_PART_OF_A_SCRIPT]
    return _shared(len(ballots(full=False)), names)


def _improvised_scenes(session: str, gender: str) -> list[str]:
    """Seven in the first session, eight in the others; two of those of Ses03M are in two parts."""
    scenes = [f"impro{n:02d}" for n in range(1, 8 if session == "Ses01" else 9)]
    if (session, gender) != ("Ses03", "M"):
        return scenes
    return [part for scene in scenes for part in ((scene + "a", scene + "b") if scene[-1] in "58" else (scene,))]


def _shared(total: int, names: Sequence[str]) -> dict[str, int]:
    """As evenly as can be."""
    return {name: total // len(names) + (n < total % len(names)) for n, name in enumerate(names)}


def _turns(dialogue: str, votes: Sequence[Ballots], random: Random) -> Iterator[_Turn]:
    """Turns in alternation, as a rule, numbered for each speaker."""
    start_s, numbers = 5.0, {"F": 0, "M": 0}
    for n, ballot in enumerate(votes):
        speaker = "FM"[(n + (random.random() < 0.1)) % 2]  # noqa: PLR2004 - a turn in ten is of the same speaker
        end_s = start_s + random.uniform(SHORTEST_S, LONGEST_S)
        name = f"{dialogue}_{speaker}{numbers[speaker]:03d}"
        yield _Turn(name, start_s, end_s, ballot, _sentence(random))
        numbers[speaker] += 1
        start_s = end_s + 0.2


def _sentence(random: Random) -> str:
    words = f"The {random.choice(_THINGS)} {random.choice(_DOINGS)} {random.choice(_PLACES)}."
    return f"{words} [LAUGHTER]" if random.random() < 0.02 else words  # noqa: PLR2004


def _write_dialogue(session: Path, dialogue: str, turns: Sequence[_Turn], random: Random) -> None:
    """Summary, files of single evaluators, transcript; in one encoding of the two that occur."""
    folder = session / "dialog"
    evaluators = [f"E{n}" for n in sorted(random.sample(range(1, 7), 3))]
    encoding = random.choice(("utf-8", "latin-1"))
    summary = "% [START_TIME - END_TIME] TURN_NAME EMOTION [V, A, D]\n\n"
    summary += "\n".join(_block(turn, evaluators, random) for turn in turns)
    _write(folder / "EmoEvaluation" / f"{dialogue}.txt", summary, encoding)
    _write(folder / "EmoEvaluation" / f"._{dialogue}.txt", "\0\5\26\7", encoding)
    for n, evaluator in enumerate(evaluators):
        lines = "".join(f"{turn.name} {_listed(turn.votes.evaluators[n])} ()\n" for turn in turns)
        _write(folder / "EmoEvaluation" / "Categorical" / f"{dialogue}_{evaluator.lower()}_cat.txt", lines, encoding)
    spoken = "".join(f"{turn.name} [{turn.start_s:08.4f}-{turn.end_s:08.4f}]: {turn.text}\n" for turn in turns)
    spoken += f"M: Yes.\n{dialogue}_MXX0 [000.0000-001.0000]: The microphone is on.\n"
    _write(folder / "transcriptions" / f"{dialogue}.txt", spoken, encoding)


def _block(turn: _Turn, evaluators: Sequence[str], random: Random) -> str:
    """Attributes are drawn, and their mean over evaluators stands in the head; one is blank now and then."""
    raters = list(zip(evaluators, turn.votes.evaluators, strict=True))
    if turn.votes.self_report:
        raters.append((f"{turn.gender}1", turn.votes.self_report))
    drawn = [[random.randint(1, 5) for _ in range(3)] for _ in raters]
    means = [sum(column) / len(evaluators) for column in zip(*drawn[: len(evaluators)], strict=True)]
    head = f"[{turn.start_s:.4f} - {turn.end_s:.4f}]\t{turn.name}\t{turn.votes.code}\t"
    lines = [f"{head}[{', '.join(f'{mean:.4f}' for mean in means)}]"]
    for rater, labels in raters:
        remark = "naïve" if random.random() < 0.05 else ""  # noqa: PLR2004
        lines.append(f"C-{rater}:\t{' '.join(f'{LABELS[label]};' for label in labels)}\t({remark})")
    for (rater, _), (valence, activation, dominance) in zip(raters, drawn, strict=True):
        blank = rater[0] != "E" and random.random() < 0.1  # noqa: PLR2004
        lines.append(f"A-{rater}:\tval {valence}; act {activation}; dom  {'' if blank else dominance};\t()")
    return "\n".join(lines) + "\n"


def _listed(labels: str) -> str:
    names = {**LABELS, "N": "Neutral state"}
    return " ".join(f":{names[label]};" for label in labels)


def _write(path: Path, text: str, encoding: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode(encoding))


def _write_sound(folder: Path, turns: Sequence[_Turn]) -> None:
    """Mono, 16 kHz, 16 bits; no two are alike."""
    folder.mkdir(parents=True, exist_ok=True)
    for n, turn in enumerate(turns):
        pitch_hz = _PITCH_HZ.get(turn.votes.evaluators[0][0], _OTHER_PITCH_HZ) * (1.6 if turn.gender == "F" else 1)
        t = np.arange(round((turn.end_s - turn.start_s) * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
        tone = np.sin(2 * np.pi * (pitch_hz + n % 7) * t) + 0.3 * np.sin(6 * np.pi * pitch_hz * t)
        samples = (tone * np.sin(np.pi * t / t[-1]) * 6000).astype("<i2")
        with wave.open(str(folder / f"{turn.name}.wav"), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(struct.calcsize("<h"))
            file.setframerate(SAMPLE_RATE_HZ)
            file.writeframes(samples.tobytes())

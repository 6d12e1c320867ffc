"""IEMOCAP: English, ten actors in five sessions, and what each evaluator heard and saw in every utterance.

Busso et al., IEMOCAP: Interactive emotional dyadic motion capture database, Language Resources and Evaluation 42, 2008.
The lines of its files: `iemocap_grammar`.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from core.errors import UsageError
from offline_eval.datasets.files import COPY, read_lines, refuse_pointer, sound_files
from offline_eval.datasets.iemocap_grammar import (
    DIALOGUE,
    STATED_TWICE,
    UtteranceId,
    parse_listing,
    parse_summary,
    parse_transcript,
)
from offline_eval.labels.annotation import AnnotatedCorpus, AnnotatedUtterance, Rating

CORPUS = "iemocap"
LICENCE = "IEMOCAP release agreement: research, no redistribution"
RELEASE = "IEMOCAP_full_release"

HIDDEN = "hidden file"
NAME_NOT_UNDERSTOOD = "file name not understood"
UNRATED = "utterance without a rating"
UNRATED_TRANSCRIPT = "transcript of what nobody rated"
TRANSCRIBED_TWICE = "second transcript of an utterance"
UNRATED_SOUND = "sound of what nobody rated"

_SESSION = re.compile(r"Session[1-5]")
_SUMMARY = re.compile(rf"{DIALOGUE}\.txt")
_LISTING = re.compile(rf"{DIALOGUE}_([efm]\d+)_cat\.txt")
_FOLDERS_OF_LISTINGS = ("Categorical", "Self-evaluation")

_Ratings = dict[str, Rating]
"""Of one utterance, by rater."""


@dataclass(slots=True)
class _Found:
    """What has been read so far, by utterance id."""

    ids: dict[str, UtteranceId] = field(default_factory=dict)
    consensus: dict[str, str | None] = field(default_factory=dict)
    ratings: dict[str, tuple[Rating, ...]] = field(default_factory=dict)
    listed: defaultdict[str, _Ratings] = field(default_factory=lambda: defaultdict(dict))
    transcripts: dict[str, str] = field(default_factory=dict)
    sounds: dict[str, Path] = field(default_factory=dict)
    skipped: Counter[str] = field(default_factory=Counter)


def read_iemocap(root: Path, *, corpus: str = CORPUS) -> AnnotatedCorpus:
    """Reads the release, or what there is of it.

    The ratings are those of the summary files (EmoEvaluation/*.txt). Categorical and Self-evaluation, which hold the
    same ratings rater by rater, stand in where a summary has none, and are otherwise compared: differences are counted
    in a note. An utterance stays without a path where its sound file is absent.

    Args:
        root: The release (with Session1 to Session5), or the folder that holds it.
        corpus: What to call it; a tree of invented votes has another name, so that no report takes it for the real one.

    Raises:
        UsageError: There is no session, or no rating in any, or a file cannot be read.
    """
    sessions = _sessions(root)
    found = _Found()
    for session in sessions:
        _read_session(session, found)
    utterances = tuple(_utterances(found, corpus))
    if not utterances:
        msg = f"{root}: no rated utterance in {', '.join(session.name for session in sessions)}"
        raise UsageError(msg, hint="the ratings are in Session*/dialog/EmoEvaluation/*.txt")
    rated = {utterance.utterance_id for utterance in utterances}
    found.skipped[UNRATED_TRANSCRIPT] += len(found.transcripts.keys() - rated)
    found.skipped[UNRATED_SOUND] += len(found.sounds.keys() - rated)
    return AnnotatedCorpus(
        utterances=utterances,
        skipped=+found.skipped,
        licences={corpus: LICENCE if corpus == CORPUS else "none stated"},
        notes=tuple(_notes(found, corpus, utterances, sessions)),
    )


def _sessions(root: Path) -> list[Path]:
    for folder in (root, root / RELEASE):
        if folder.is_dir() and (sessions := [p for p in sorted(folder.iterdir()) if _SESSION.fullmatch(p.name)]):
            return sessions
    msg = f"{root}: no Session1 to Session5 in it"
    raise UsageError(msg, hint=f"give the unpacked {RELEASE}, or the folder that holds it")


def _read_session(session: Path, found: _Found) -> None:
    evaluation = session / "dialog" / "EmoEvaluation"
    for path, _ in _texts(evaluation, _SUMMARY, found.skipped):
        for block in parse_summary(read_lines(path), found.skipped):
            name = block.utterance.text
            if name in found.ratings:
                found.skipped[STATED_TWICE] += 1
                continue
            found.ids[name] = block.utterance
            found.consensus[name] = block.consensus
            found.ratings[name] = block.ratings
    for folder in _FOLDERS_OF_LISTINGS:
        for path, match in _texts(evaluation / folder, _LISTING, found.skipped):
            for identity, rating in parse_listing(read_lines(path), match[1].upper(), found.skipped):
                found.ids.setdefault(identity.text, identity)
                found.skipped[STATED_TWICE] += rating.rater in found.listed[identity.text]
                found.listed[identity.text].setdefault(rating.rater, rating)
    for path, _ in _texts(session / "dialog" / "transcriptions", _SUMMARY, found.skipped):
        for name, text in parse_transcript(read_lines(path), found.skipped):
            found.skipped[TRANSCRIBED_TWICE] += name in found.transcripts
            found.transcripts.setdefault(name, text)
    for path in sound_files(session / "sentences" / "wav"):
        refuse_pointer(path)
        found.skipped[COPY] += path.stem in found.sounds
        found.sounds.setdefault(path.stem, path)


def _texts(folder: Path, pattern: re.Pattern[str], skipped: Counter[str]) -> Iterator[tuple[Path, re.Match[str]]]:
    """The text files of a folder, which may be absent; without hidden ones such as the `._` files of macOS."""
    for path in sorted(folder.glob("*.txt")) if folder.is_dir() else ():
        if path.name.startswith("."):
            skipped[HIDDEN] += 1
        elif match := pattern.fullmatch(path.name):
            yield path, match
        else:
            skipped[NAME_NOT_UNDERSTOOD] += 1


def _utterances(found: _Found, corpus: str) -> Iterator[AnnotatedUtterance]:
    for name in sorted(found.ids):
        identity = found.ids[name]
        ratings = found.ratings.get(name) or tuple(found.listed.get(name, {}).values())
        if not ratings:
            found.skipped[UNRATED] += 1
            continue
        yield AnnotatedUtterance(
            utterance_id=name,
            corpus=corpus,
            path=found.sounds.get(name),
            speaker=f"{corpus}_{identity.session}{identity.gender}",
            ratings=ratings,
            dialogue=f"{corpus}_{identity.dialogue}",
            session=identity.session[-1],
            consensus=found.consensus.get(name),
            transcript=found.transcripts.get(name),
            language="en",
            gender=identity.gender,
        )


def _notes(
    found: _Found, corpus: str, utterances: Iterable[AnnotatedUtterance], sessions: Iterable[Path]
) -> Iterator[str]:
    yield f"{corpus}: read {', '.join(session.name for session in sessions)}"
    without = Counter[str]()
    for utterance in utterances:
        without["a sound file"] += utterance.path is None
        without["a transcript"] += utterance.transcript is None
        without["a block in a summary"] += utterance.utterance_id not in found.consensus
    for what, number in (+without).items():
        yield f"{corpus}: {number} utterances are without {what}"
    for what, number in _differences(found).items():
        yield f"{corpus}: {number} ratings {what}; the summary stands"


def _differences(found: _Found) -> Mapping[str, int]:
    """Between summaries and the listings of single raters; no difference where there are no listings."""
    counts = Counter[str]()
    for name, by_rater in found.listed.items():
        stated = {rating.rater: rating for rating in found.ratings.get(name) or ()}
        if not stated:
            continue
        for rater, rating in by_rater.items():
            if rater not in stated:
                counts["are in Categorical or Self-evaluation alone"] += 1
            elif Counter(rating.labels) != Counter(stated[rater].labels):
                counts["differ between the summary and Categorical or Self-evaluation"] += 1
    return counts

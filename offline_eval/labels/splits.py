"""Who is held out: whole speakers, chosen alike on every machine."""

import hashlib
from collections.abc import Iterable, Mapping

from core.errors import UsageError

DEV_ONE_IN = 6
"""Of so many speakers, one goes into dev."""


def dev_speakers(speakers: Iterable[str]) -> frozenset[str]:
    """The speakers of one corpus that are held out where the corpus itself states no split.

    About one in six, at least one, never the only one. Depends on the ids alone.
    """
    ordered = sorted(set(speakers), key=speaker_hash)
    held_out = max(1, round(len(ordered) / DEV_ONE_IN)) if len(ordered) > 1 else 0
    return frozenset(ordered[:held_out])


def find_speakers(names: Iterable[str], corpora: Mapping[str, Iterable[str]]) -> frozenset[str]:
    """The speakers that a user means.

    Args:
        names: Whole ids such as `ravdess_07`, or the corpus's own such as `07` if only one corpus has such a speaker.
        corpora: Corpus to ids of its speakers.

    Raises:
        UsageError: A name fits no speaker, or several.
    """
    speakers = {speaker for known in corpora.values() for speaker in known}
    found = set()
    for name in names:
        own = {f"{corpus}_{name}" for corpus in corpora} & speakers
        fits = sorted({name} & speakers or own)
        if len(fits) > 1:
            msg = f"speaker {name!r} may be {' or '.join(fits)}"
            raise UsageError(msg, hint="give the whole name")
        if not fits:
            msg = f"no speaker {name!r} in the data"
            raise UsageError(msg, hint=f"speakers: {', '.join(sorted(speakers))}")
        found.add(fits[0])
    return frozenset(found)


def speaker_hash(speaker: str, seed: int = 0) -> int:
    """A number that orders speakers alike on every machine and in every run, unrelated to their names."""
    return int.from_bytes(hashlib.sha256(f"{seed}:{speaker}".encode()).digest()[:8])

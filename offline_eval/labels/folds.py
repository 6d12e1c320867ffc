"""Cross-validation in which a speaker, or a corpus, is either learned from or scored on, never both."""

from collections.abc import Sequence

from core.errors import UsageError
from offline_eval.labels.clips import AnyRecording
from offline_eval.labels.splits import speaker_hash

_FEWEST = 2


def corpus_folds(
    clips: Sequence[AnyRecording], corpora: Sequence[str]
) -> list[tuple[list[AnyRecording], list[AnyRecording]]]:
    """A pair (the clips of all other corpora, its own clips) for each of some corpora.

    Raises:
        UsageError: A corpus has no clips, or the only ones.
    """
    there = {clip.corpus for clip in clips}
    if missing := [corpus for corpus in corpora if corpus not in there or there == {corpus}]:
        msg = f"{missing[0]} cannot be left out"
        raise UsageError(msg, hint=f"corpora of the data: {', '.join(sorted(there))}")
    return [
        ([clip for clip in clips if clip.corpus != corpus], [clip for clip in clips if clip.corpus == corpus])
        for corpus in corpora
    ]


def speaker_folds(
    clips: Sequence[AnyRecording], k: int, seed: int = 0
) -> list[tuple[list[AnyRecording], list[AnyRecording]]]:
    """Splits clips `k` times into those to learn from and those held out.

    Every speaker, and so every clip, is held out in exactly one fold. The speakers of each corpus are dealt over the
    folds in turn, so their numbers differ by one at most, within a corpus and in all; a corpus of fewer than `k`
    speakers is missing from some folds' held-out side. Depends on the speakers' ids and the seed only, not on the order
    of the clips.

    Args:
        clips: Clips of any number of corpora; their `split` is not looked at.
        k: Number of folds, at least 2.
        seed: Of the order in which a corpus's speakers are dealt.

    Returns:
        `k` pairs (train, held out), clips in the order given.

    Raises:
        UsageError: Fewer than two folds, or fewer speakers than folds.
    """
    corpus_of = {clip.speaker: clip.corpus for clip in sorted(clips, key=lambda clip: clip.corpus, reverse=True)}
    if not _FEWEST <= k <= len(corpus_of):
        msg = f"{k} folds of {len(corpus_of)} speaker(s)"
        raise UsageError(msg, hint="give at least 2 folds, and at most as many as there are speakers")
    # One deal through all corpora, rather than one a corpus, also evens out the folds' totals.
    dealt = sorted(corpus_of, key=lambda speaker: (corpus_of[speaker], speaker_hash(speaker, seed)))
    fold_of = {speaker: turn % k for turn, speaker in enumerate(dealt)}
    return [
        (
            [clip for clip in clips if fold_of[clip.speaker] != fold],
            [clip for clip in clips if fold_of[clip.speaker] == fold],
        )
        for fold in range(k)
    ]

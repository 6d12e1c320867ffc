"""Sessions of a speaker's recordings."""

from collections import Counter

from offline_eval.training.sessions import sessions
from tests.offline_eval.labelled_clips import labelled_clips


def test_a_session_holds_about_as_many_recordings_as_asked_for_and_one_speaker():
    clips = [*labelled_clips("a", *["anger"] * 400), *labelled_clips("a", *["anger"] * 20, speaker="t")]
    names = sessions(clips, 80)
    sizes = Counter(names)
    assert len(sizes) == 6
    assert all(40 < size < 120 for name, size in sizes.items() if "a_s" in name)
    assert len({(name, clip.speaker) for name, clip in zip(names, clips, strict=True)}) == 6
    assert sessions(clips[::-1], 80) == names[::-1]

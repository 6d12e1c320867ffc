"""Which recordings of a speaker are taken for one session: heard in one room, through one microphone and line."""

import zlib
from collections import Counter
from collections.abc import Sequence

from offline_eval.labels.clips import Recording


def sessions(recordings: Sequence[Recording], size: int) -> list[str]:
    """The name of each recording's session, of about `size` of its speaker's.

    Depends on the speaker's own recordings alone, and not on their order.
    """
    of_speaker = Counter((recording.corpus, recording.speaker) for recording in recordings)

    def name(recording: Recording) -> str:
        number = max(1, round(of_speaker[recording.corpus, recording.speaker] / size))
        return f"{recording.corpus}-{recording.speaker}-{zlib.crc32(recording.clip_id.encode()) % number}"

    return [name(recording) for recording in recordings]

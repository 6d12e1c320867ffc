"""Sound files of every kind, bent: sound comes out of them or an error of ours, in bounded memory."""

import functools
import io
import resource
import tempfile
from contextlib import redirect_stderr
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import event as note
from hypothesis import example, given
from hypothesis import strategies as st

from core.errors import AudioError, UsageError
from core.sound.audio import AudioFile, read_audio
from tests.core.sound import encoding
from tests.fuzz.bending import Bend, bend, bends

pytestmark = [pytest.mark.fuzz, pytest.mark.filterwarnings("error")]

LONGEST_BLOCKS = 300
"""Of a tenth of a second; a bent header may well say that there are hours."""
MOST_MB = 100.0
PLAIN = {
    "wav": "PCM_16",
    "float.wav": "FLOAT",
    "ulaw.wav": "ULAW",
    "24.wav": "PCM_24",
    "adpcm.wav": "IMA_ADPCM",
    "aiff": "PCM_16",
    "au": "PCM_16",
    "w64": "PCM_16",
    "caf": "ALAC_16",
    "flac": "PCM_16",
    "ogg": "VORBIS",
    "opus": "OPUS",
    "mp3": "MPEG_LAYER_III",
}
CODED = {
    "mp4": ("mp4", "aac"),
    "webm": ("webm", "libopus"),
    "aac": ("adts", "aac"),
    "wma": ("asf", "pcm_s16le"),
    "wv": ("wv", "wavpack"),
}


KINDS = (*PLAIN, *CODED, "rf64", "pipe.aiff")
LENGTH = 4000


@functools.cache
def whole(kind: str) -> bytes:
    """A short file of a kind."""
    samples = np.random.default_rng(0).standard_normal(LENGTH) * 0.1
    if kind == "rf64":
        return encoding.rf64([1] * LENGTH, stated=2 * LENGTH)
    if kind == "pipe.aiff":
        return encoding.aiff([1] * LENGTH, stated=2 * LENGTH + 8)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / kind
        if kind in PLAIN:
            container = "OGG" if kind == "opus" else kind.rsplit(".", maxsplit=1)[-1].upper()
            soundfile.write(path, samples, 16_000, format=container, subtype=PLAIN[kind])
        else:
            container, codec = CODED[kind]
            encoding.encode(path, samples, container=container, codec=codec)
        return path.read_bytes()


def peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


@pytest.fixture(scope="module")
def file(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("bent") / "bent"
    for kind in KINDS:  # every one of them can be read, and all libraries are loaded
        path.write_bytes(whole(kind))
        assert len(read_audio(path)) > 0
    return path


def hear(path: Path) -> str | None:
    """Listens to a file for a while; what is wrong with it. Nothing is printed meanwhile, and memory stays."""
    before_mb, wrong, heard = peak_mb(), None, 0
    with redirect_stderr(io.StringIO()) as printed:
        try:
            with AudioFile(path) as audio:
                for block in islice(audio.blocks(0.1), LONGEST_BLOCKS):
                    assert block.dtype == np.int16
                    assert 0 < len(block) <= 1600
                    heard += len(block)
                assert all("\n" not in notice for notice in audio.notices)
        except (AudioError, UsageError) as error:
            wrong = error.one_line()
    assert printed.getvalue() == ""
    assert peak_mb() - before_mb < MOST_MB
    note("sound" if wrong is None else "some sound" if heard else "refused")
    return wrong


@pytest.mark.fault(13, "bent files of every kind, by hypothesis")
@given(kind=st.sampled_from(KINDS), bends=bends)
@example(kind="caf", bends=[Bend("twice", 0, count=154)])  # it is to be read before its beginning
@example(kind="caf", bends=[Bend("out", 52, count=36)])  # nobody can say how it is coded
def test_a_bent_file_gives_sound_or_one_line(file, kind, bends):
    file.write_bytes(bend(whole(kind), bends))
    line = hear(file)
    assert line is None or line.startswith("bent")


@given(parts=st.lists(st.tuples(st.sampled_from(KINDS), bends), min_size=2, max_size=3))
@example(parts=[("mp4", []), ("float.wav", [Bend("in", 0, new=b"\0\0\0\1")])])  # an atom beyond the end of any file
def test_files_that_are_joined_and_bent_give_sound_or_one_line(file, parts):
    file.write_bytes(b"".join(bend(whole(kind), bends) for kind, bends in parts))
    hear(file)

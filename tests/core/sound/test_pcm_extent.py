"""Where the sound lies; files of more than 4 GiB take no room on disk here."""

import pytest

from core.sound.pcm_extent import Extent, find_sound
from tests.core.sound.encoding import rf64, wav

GIB = 1 << 30


@pytest.fixture
def extent(tmp_path):
    def find(head, sound_bytes):
        path = tmp_path / "a.wav"
        path.write_bytes(head)
        with path.open("r+b") as file:
            file.truncate(len(head) + sound_bytes)
            return find_sound(file, 0, len(head) + sound_bytes)

    return find


@pytest.mark.parametrize("stated", [0, GIB, 0x7FFF_F000, 0xFFFF_FFFF])
def test_beyond_4_gib_sound_goes_on_to_the_end_of_the_file(extent, stated):
    head = wav([], stated=stated, riff=min(stated + 36, 0xFFFF_FFFF))
    assert extent(head, 5 * GIB) == Extent(44, 44 + 5 * GIB)


def test_of_an_rf64_that_lost_its_end_it_is_known_how_much(extent):
    head = rf64([], stated=6 * GIB)
    assert extent(head, 5 * GIB) == Extent(len(head), len(head) + 5 * GIB, missing=GIB)


@pytest.mark.parametrize("stated", [2 * GIB, 3 * GIB])
def test_a_length_that_could_be_true_is_believed_when_the_file_is_shorter(extent, stated):
    assert extent(wav([], stated=stated), GIB).missing == stated - GIB


def test_another_kind_of_file_is_none(extent):
    assert extent(b"fLaC", 100) is None
    assert extent(b"RIFF\0\0\0\0WAVEfmt ", 0) is None

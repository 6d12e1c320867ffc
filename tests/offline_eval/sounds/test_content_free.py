import numpy as np

from core.ltu_as.abstention import active_sound
from offline_eval.sounds.content_free import DURATION_S, content_free_by_kind, content_free_sounds

KINDS = content_free_by_kind(0)


def test_every_sound_is_one_to_eight_seconds_of_int16():
    sounds = content_free_sounds(0)
    assert len(sounds) == sum(map(len, KINDS.values())) > 30
    for sound in sounds:
        assert sound.dtype == np.int16
        assert DURATION_S[0] <= len(sound) / 16_000 <= DURATION_S[1]


def test_the_same_seed_gives_the_same_sounds_and_another_seed_others():
    for first, again, other in zip(*map(content_free_sounds, (3, 3, (3, 1))), strict=True):
        np.testing.assert_array_equal(first, again)
        assert len(first) != len(other)


def test_silence_is_digital_silence_and_converters_floors():
    levels = [active_sound(sound).level_dbfs for sound in KINDS["silence"]]
    assert levels[0] == -120
    assert max(levels) < -60


def test_other_kinds_go_from_faint_to_loud():
    for kind, sounds in KINDS.items():
        if kind != "silence":
            levels = [active_sound(sound).level_dbfs for sound in sounds]
            assert min(levels) < -45
            assert max(levels) > -25


def test_noises_differ_in_their_slope_and_hum_in_its_pitch():
    def centre_hz(sound):
        power = np.abs(np.fft.rfft(sound)) ** 2
        return float((np.fft.rfftfreq(len(sound), 1 / 16_000) * power).sum() / power.sum())

    white, pink, brown, hum = (
        np.median([*map(centre_hz, KINDS[kind][2:])])
        for kind in ("white noise", "pink noise", "brown noise", "mains hum")
    )
    assert white > 3500 > pink > 200 > brown
    assert hum < 300


def test_keys_are_silence_for_most_of_the_time():
    for sound in KINDS["keyboard"][2:]:
        assert active_sound(sound).duration_s < 0.8 * len(sound) / 16_000

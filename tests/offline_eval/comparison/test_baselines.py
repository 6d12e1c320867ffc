"""Linear classifiers on vectors of clips, which tell tones apart; and vectors that are computed once."""

import numpy as np
import pytest

from core.errors import UsageError
from offline_eval.comparison.baselines.clip_vectors import ClipVectors
from offline_eval.comparison.baselines.egemaps import Egemaps
from offline_eval.comparison.baselines.linear import LinearSystem
from offline_eval.datasets.kinds import open_dataset
from offline_eval.labels.clips import Clip, in_split
from offline_eval.scoring.scores import score


class Bands:
    """Log power in eight bands, and how often it was asked for."""

    key = "eight bands"

    def __init__(self) -> None:
        self.heard = 0

    def __call__(self, waveform):
        self.heard += 1
        power = np.abs(np.fft.rfft(waveform, 16_000)) ** 2
        return np.log1p(power[:8_000].reshape(8, -1).mean(1)).astype(np.float32)


@pytest.fixture(scope="module")
def clips(tones) -> list[Clip]:
    return [*open_dataset(tones).load().clips]


@pytest.mark.parametrize("kind", ["svm", "lr"])
def test_a_linear_classifier_tells_tones_of_unheard_speakers_apart(clips, tmp_path, kind):
    system = LinearSystem("bands", ClipVectors(tmp_path, Bands(), lambda _: None), kind)
    dev = in_split(clips, "dev")
    probabilities = system.fit(in_split(clips, "train"))(dev)
    assert probabilities.sum(1) == pytest.approx(1)
    found = score(dev, probabilities)
    assert found.accuracy > 0.9
    assert found.nll < 0.5


def test_settings_cannot_be_chosen_where_some_speakers_never_show_an_emotion(clips, tmp_path):
    system = LinearSystem("bands", ClipVectors(tmp_path, Bands(), lambda _: None), "lr")
    speakers = sorted({clip.speaker for clip in clips})[:2]
    lesson = [c for c in clips if c.speaker == speakers[0] or (c.speaker == speakers[1] and c.emotion != "anger")]
    with pytest.raises(UsageError, match="too few training speakers show anger"):
        system.fit(lesson)


def test_vectors_are_computed_once(clips, tmp_path):
    first, again = Bands(), Bands()
    matrix = ClipVectors(tmp_path, first, lambda _: None).matrix(clips[:6])
    assert np.array_equal(ClipVectors(tmp_path, again, lambda _: None).matrix(clips[:6]), matrix)
    assert (first.heard, again.heard) == (6, 0)


def test_egemaps_is_88_finite_numbers_even_of_a_very_short_sound():
    for samples in (160, 16_000):
        vector = Egemaps()(np.random.default_rng(0).integers(-3_000, 3_000, samples).astype(np.int16))
        assert vector.shape == (88,)
        assert np.isfinite(vector).all()

import numpy as np
import pytest
import soundfile
import torch

from core.errors import UsageError
from core.ltu_as.folder import EMBEDDED, resolve_model
from core.ltu_as.reader import LTUASReader
from offline_eval.datasets.kinds import open_dataset
from offline_eval.training.readings import read_clips


@pytest.fixture(scope="module", autouse=True)
def _one_thread():
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def mini() -> LTUASReader:
    return LTUASReader(resolve_model(EMBEDDED), abstain=False)


def test_clips_are_read_one_like_many(tones, mini):
    clips = open_dataset(tones).load().clips[:9]
    together = read_clips(mini, clips)
    assert together.shape == (9, 4)
    assert together.sum(1) == pytest.approx(1)
    assert read_clips(mini, clips[4:5])[0] == pytest.approx(together[4], abs=1e-3)


def test_a_clip_without_a_reading_is_named(tmp_path):
    soundfile.write(tmp_path / "silence.wav", np.zeros(16_000), 16_000)
    (tmp_path / "data.csv").write_text("path,speaker,label\nsilence.wav,a,neutral\n", encoding="utf-8")
    with pytest.raises(UsageError, match=r"silence\.wav: no reading: too quiet"):
        read_clips(LTUASReader(resolve_model(EMBEDDED)), open_dataset(tmp_path / "data.csv").load().clips)

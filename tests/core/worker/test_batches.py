from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.model import Reading
from core.worker.batches import GROW_AFTER, BatchReader
from tests.plugins.fake_model import FakeModel, faulty

SOUNDS = [np.full(300 + i, i, dtype=np.int16) for i in range(12)]


class Recorder:
    """A fake model that notes the size of each batch."""

    def __init__(self, max_batch: int) -> None:
        self.model = FakeModel(max_batch=max_batch)
        self.sizes: list[int] = []
        self.stamp, self.device, self.window_s = self.model.stamp, self.model.device, self.model.window_s

    def read(self, waveforms: Sequence, **how: Sequence) -> list[Reading]:
        self.sizes.append(len(waveforms))
        return self.model.read(waveforms, **how)


def distributions(readings: list[Reading]) -> list:
    return [reading.distribution for reading in readings]


@pytest.mark.fault(10, "no memory for more than 4 at once (made up)")
def test_a_batch_beyond_memory_is_halved_until_it_fits_and_stays_small():
    model = Recorder(max_batch=4)
    reader = BatchReader(model)
    assert distributions(reader.read(SOUNDS)) == distributions(FakeModel().read(SOUNDS))
    assert model.sizes == [12, 6, 3, 3, 6, 3, 3]
    assert reader.limit == 3
    model.sizes.clear()
    reader.read(SOUNDS)
    assert model.sizes == [3, 3, 3, 3]


@pytest.mark.fault(10, "memory that is free again (made up)")
def test_the_batch_grows_back_one_at_a_time_after_a_long_good_stretch():
    model = Recorder(max_batch=4)
    reader = BatchReader(model)
    reader.read(SOUNDS)
    model.model = FakeModel()
    for expected in (4, 5, 6):
        reader.read(SOUNDS[: reader.limit] * GROW_AFTER)
        assert reader.limit == expected


def test_small_batches_prove_nothing_about_memory():
    reader = BatchReader(Recorder(max_batch=4))
    reader.read(SOUNDS)
    for _ in range(GROW_AFTER * 2):
        reader.read(SOUNDS[:1])
    assert reader.limit == 3


@settings(max_examples=20, deadline=None)
@given(st.lists(st.sampled_from([None, "raise", "nan"]), max_size=12))
def test_only_faulty_utterances_stay_without_a_reading(faults: list[str | None]):
    batch = [SOUNDS[i] if fault is None else faulty(fault) for i, fault in enumerate(faults)]
    readings = BatchReader(FakeModel()).read(batch)
    assert [r.distribution is None for r in readings] == [fault is not None for fault in faults]
    assert [r.reason is None for r in readings] == [fault is None for fault in faults]


def test_an_answer_is_written_for_whom_it_was_wanted_however_the_batch_is_halved():
    wanted = [n % 3 == 0 for n in range(len(SOUNDS))]
    readings = BatchReader(FakeModel(max_batch=4)).read(SOUNDS, explain=wanted)
    assert [reading.explanation.answer is not None for reading in readings] == wanted


def test_a_lost_gpu_is_not_hidden():
    with pytest.raises(RuntimeError, match="CUDA error"):
        BatchReader(FakeModel()).read([SOUNDS[0], faulty("cuda error")])


def test_a_model_that_answers_for_fewer_utterances_is_not_believed():
    class Short(Recorder):
        def read(self, waveforms: Sequence, **how: Sequence) -> list[Reading]:
            return super().read(waveforms, **how)[:-1]

    readings = BatchReader(Short(max_batch=100)).read(SOUNDS[:2])
    assert [r.distribution for r in readings] == [None, None]
    assert readings[0].reason == "ValueError: the model gave 0 readings for 1 utterances"


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 12), st.sampled_from([None, "raise"]))
def test_one_by_one_every_utterance_is_read_by_itself(count: int, fault: str | None):
    model = Recorder(max_batch=4)
    batch = [*SOUNDS[:count], *([faulty(fault)] if fault else [])]
    readings = BatchReader(model, one_by_one=True).read(batch)
    assert model.sizes == [1] * len(batch)
    assert [reading.batch for reading in readings[:count]] == [1] * count


def test_a_reading_says_with_how_many_it_was_made():
    readings = BatchReader(Recorder(max_batch=4)).read(SOUNDS[:10])
    assert [reading.batch for reading in readings] == [2, 2, 3, 3, 3] * 2

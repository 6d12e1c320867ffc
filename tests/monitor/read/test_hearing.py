"""Files through a real inference process with a model that needs no weights."""

import psutil
import pytest

from core.settings import ModelSettings, Settings, WorkerSettings
from core.worker import InferenceWorker
from monitor.read.hearing import read_files
from monitor.read.journal import JournalError
from tests.monitor.read.recordings import recording


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("talks")
    return [recording(folder / f"{number}.wav", 1.5, 2, pitch_hz=130 + 5 * number) for number in range(5)]


def nothing(*_):
    pass


async def heard_in(files, settings, *, before=nothing, heard=nothing):
    reads = {}
    async with InferenceWorker(settings.model, settings.worker) as worker:
        before()
        await read_files(files, worker, settings, done=lambda read: reads.setdefault(read.file, read), heard=heard)
    return reads


async def test_read_together_or_one_by_one_files_give_the_same(files):
    model = ModelSettings(name="fake", adapt_readings=True)
    alone = await heard_in(files, Settings(model=model))
    together = await heard_in(files, Settings(model=model, worker=WorkerSettings(max_batch=3)))
    assert alone == together
    assert sorted(alone) == [str(path) for path in files]
    assert all([row.heard_before for row in read.rows] == [0, 1] for read in alone.values())


async def test_more_files_at_once_than_a_model_can_take_are_read_nevertheless(files):
    many = Settings(model=ModelSettings(name="fake:max_batch=1"), worker=WorkerSettings(max_batch=8))
    reads = await heard_in(files, many)
    assert all(row.status == "ok" for read in reads.values() for row in read.rows)


async def test_utterances_that_the_model_fails_on_are_trouble_of_their_files(files, tmp_path):
    trouble = tmp_path / "trouble"
    settings = Settings(model=ModelSettings(name=f"fake:fails_while={trouble}"))
    reads = await heard_in(files[:1], settings, before=trouble.touch)
    (read,) = reads.values()
    why = "ValueError: log-weights must be finite"
    assert read.trouble == f"2 utterances were not read: {why}"
    assert [(row.status, row.reason) for row in read.rows] == [("invalid", why)] * 2


async def test_a_process_that_dies_costs_no_utterance(files):
    killed = []

    def kill_once(*_):
        if not killed:
            (process,) = psutil.Process().children()
            process.kill()
            killed.append(process)

    reads = await heard_in(files, Settings(model=ModelSettings(name="fake")), heard=kill_once)
    assert killed
    assert all(row.status == "ok" for read in reads.values() for row in read.rows)


async def test_what_cannot_be_kept_ends_the_reading(files):
    def full(_):
        msg = "cannot write: no space left"
        raise JournalError(msg)

    settings = Settings(model=ModelSettings(name="fake"))
    async with InferenceWorker(settings.model, settings.worker) as worker:
        with pytest.raises(JournalError):
            await read_files(files, worker, settings, done=full, heard=nothing)


async def test_the_share_that_was_heard_only_grows_and_is_never_more_than_all(files):
    shares = []
    settings = Settings(model=ModelSettings(name="fake"))
    await heard_in(files[:1], settings, heard=lambda _, share: shares.append(share))
    assert shares == sorted(shares)
    assert shares[-1] == 1.0

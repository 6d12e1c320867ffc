"""A run on a Ray cluster of this machine, where actors, a node and the run itself are killed; see `make test-ray`."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil
import pytest

from core.errors import ModelError, WorkerError
from offline_eval.runs.folder import RunFolder
from offline_eval.runs.ray_pool import RayPool, ray_pool
from offline_eval.runs.run import model_folder
from offline_eval.synthetic.tree import write_tree
from tests.offline_eval.command import emotion_eval
from tests.offline_eval.rated_tones import carried_out, contents, rated_tones, views
from tests.patience import wait_until
from tests.program import REPOSITORY

pytestmark = pytest.mark.ray

VIEWS = views(prompts=["single"], inputs=["audio"])
NUMBER = 300
"""Ten blocks, the last one not full."""
NODE = {"num_cpus": 1, "object_store_memory": 80 * 2**20}


@pytest.fixture(scope="module")
def rated(tmp_path_factory):
    return rated_tones(tmp_path_factory.mktemp("tones"), NUMBER)


@pytest.fixture(scope="module")
def whole(rated, tmp_path_factory) -> RunFolder:
    return carried_out(rated, tmp_path_factory.mktemp("runs") / "whole", views=VIEWS)


@pytest.fixture(scope="module")
def cluster() -> Iterator:
    """A head that computes nothing, and two nodes with a CPU each."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    from ray.cluster_utils import Cluster

    started = Cluster(initialize_head=True, head_node_args=NODE | {"num_cpus": 0, "include_dashboard": False})
    for _ in range(2):
        started.add_node(**NODE)
    yield started
    started.shutdown()


@pytest.fixture
def pool(cluster) -> Iterator[RayPool]:
    with ray_pool(partial(model_folder, "tiny"), address=cluster.address, actors=2) as (there, device):
        assert device == "cpu"
        yield there


def actors() -> list[psutil.Process]:
    """Those of the pools of these tests: whoever else has a Ray cluster on this machine has another home."""
    return [process for process in psutil.process_iter() if _is_actor(process)]


def _is_actor(process: psutil.Process) -> bool:
    try:
        return "MapWorker" in " ".join(process.cmdline()) and process.environ().get("HOME") == os.environ["HOME"]
    except psutil.Error:
        return False


class Disturbed:
    """An engine to which something happens once it has given so many answers."""

    def __init__(self, engine: RayPool, happenings) -> None:
        self._engine, self._happenings = engine, happenings
        self.open = engine.open

    def answers(self, work):
        for n, answers in enumerate(self._engine.answers(work)):
            yield answers
            self._happenings.pop(n, lambda: None)()


def test_actors_and_a_node_are_killed_and_the_folder_is_that_of_one_process(
    rated, whole: RunFolder, cluster, pool: RayPool, tmp_path: Path
):
    killed = []

    def kill_actors():
        for process in actors():
            process.kill()
            killed.append(process.pid)

    def lose_a_node():
        cluster.remove_node(next(node for node in cluster.worker_nodes), allow_graceful=False)
        killed.append("node")
        cluster.add_node(**NODE)

    engine = Disturbed(pool, {0: kill_actors, 2: lose_a_node, 5: kill_actors})
    folder = carried_out(rated, tmp_path, views=VIEWS, engine=engine)
    assert killed.count("node") == 1
    assert len(killed) >= 3
    assert contents(folder.path) == contents(whole.path)


def test_a_killed_run_goes_on(rated, whole: RunFolder, cluster, tmp_path: Path):
    out, tones = tmp_path / "run", rated[0].utterance.path.parent
    program = f"""
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from offline_eval.runs.ray_pool import ray_pool
from offline_eval.runs.run import model_folder
from tests.offline_eval.rated_tones import carried_out, rated_tones, views

with ray_pool(partial(model_folder, "tiny"), address={cluster.address!r}) as (pool, _):
    only = views(prompts=["single"], inputs=["audio"])
    carried_out(rated_tones(Path({str(tones)!r}), {NUMBER}), Path({str(out)!r}), views=only, engine=pool)
"""
    process = subprocess.Popen([sys.executable, "-c", program], cwd=REPOSITORY, stderr=subprocess.DEVNULL)
    wait_until(lambda: list(out.rglob("block-*.parquet")) or process.poll() is not None, "a first block")
    process.send_signal(signal.SIGKILL)
    process.wait()
    begun = RunFolder.open(out)
    missing = begun.missing(begun.record.questions[0])
    assert 0 < len(missing) < begun.record.blocks

    with ray_pool(partial(model_folder, "tiny"), address=cluster.address, actors=2) as (pool, _):
        carried_out(rated, out, views=VIEWS, engine=pool)
    assert contents(out) == contents(whole.path)


class Failing(RayPool):
    """A pool whose model fails at one utterance."""

    def open(self, weights, respondent):
        return super().open(weights, partial(_failing, respondent, self.fail))


def _failing(respondent, fail, weights):
    made = respondent(weights)
    ask = made.ask

    def fail_once_it_is_there(asked, heard):
        if any(utterance.utterance_id == "utt_040" for utterance in heard.utterances):
            fail()
        return ask(asked, heard)

    made.ask = fail_once_it_is_there
    return made


def _refuse():
    msg = "out of memory with 8 utterances at once"
    raise ModelError(msg, hint="give a smaller --batch")


@pytest.mark.parametrize(
    ("fail", "error", "said"),
    [
        (_refuse, ModelError, r"^out of memory with 8 utterances at once$"),
        (partial(os._exit, 1), WorkerError, r"^block 1 \(from utt_032 on\) has ended 4 processes or their nodes$"),
    ],
)
def test_what_the_model_says_arrives_and_a_block_that_kills_is_given_up(rated, pool, fail, error, said):
    failing = Failing(2, pool._place)
    failing.fail = fail
    with TemporaryDirectory() as out:
        with pytest.raises(error, match=said) as raised:
            carried_out(rated[:64], Path(out), views=VIEWS, engine=failing)
        assert raised.value.hint


def test_the_command_starts_a_cluster_of_its_own(tmp_path: Path, capsys):
    write_tree(tmp_path / "tree")
    command = ["run", "--dataset", "synthetic", "--root", tmp_path / "tree", "--model", "tiny", "--device", "cpu"]
    command += ["--max-new-tokens", "1", "--prompt", "single", "--input", "audio"]
    assert emotion_eval(*command, "--out", tmp_path / "one") == 0
    printed = capsys.readouterr().out.replace(str(tmp_path / "one"), "")
    assert emotion_eval(*command, "--out", tmp_path / "ray", "--engine", "ray", "--actors", "2") == 0
    assert capsys.readouterr().out.replace(str(tmp_path / "ray"), "") == printed
    assert contents(tmp_path / "ray") == contents(tmp_path / "one")
    wait_until(lambda: not actors(), "the end of the pool")

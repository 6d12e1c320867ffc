"""A model on many machines: a pool of Ray actors that hold it, fed with blocks of utterances by Ray Data.

An actor asks as one process does, and gives the answers back; only the process that began the run writes. So nodes need
not share the run's folder, a file has one writer however often a block is begun anew, and the next run of the same
command goes on with the blocks that are not there. Actors and nodes that end are replaced, and what they had is asked
again; a block whose actors end again and again is given up, for it may be what ends them.

Ray is an extra, imported here only.
"""

import contextlib
import functools
import logging
import os
import pickle
import socket
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from core.errors import EmotionMonitorError, ModelError, UsageError, WorkerError
from offline_eval.runs.work import BlockAnswers, Model, Work, answers_to, model_of

if TYPE_CHECKING:
    from offline_eval.runs.asking import Respondent

ATTEMPTS = 4
"""How often a block is begun before it is given up; that a whole node ended counts, too.

Ray's own bound (max_task_retries) counts every call to an actor that is about to be restarted, and is used up by one
end of a node. So Ray tries for ever, as Ray Data would have it, and we count.
"""

_REACH_S = 10.0
_STORE_BYTES = 256 * 2**20
"""Of a cluster on this machine: what goes through it is the answers to blocks, some hundred kB each."""


@dataclass(frozen=True, slots=True)
class Place:
    """What an actor is to be like.

    Attributes:
        weights: Opens the model's folder there.
        folder: Where relative paths begin, as they do for who began the run.
        threads: CPU threads of torch, and CPUs that are reserved.
        gpus: That are reserved: 0 or 1.
        deterministic: Whether only kernels are used that give the same digits every time.
    """

    weights: Callable[[], AbstractContextManager[Path]]
    folder: Path
    threads: int
    gpus: int
    deterministic: bool

    def open(self, respondent: Callable[[Path], "Respondent"]) -> "Respondent":
        """Loads the model in this process.

        Raises:
            UsageError: Its folder is not here.
            ModelError: It cannot be used.
        """
        import torch

        with contextlib.suppress(OSError):  # absolute paths do without it, and missing sound is refused
            os.chdir(self.folder)
        torch.set_num_threads(self.threads)
        if self.deterministic:
            from core.ltu_as.precision import use_deterministic_kernels

            use_deterministic_kernels()
        with self.weights() as weights:
            return respondent(weights)

    @property
    def reserved(self) -> dict[str, int]:
        """In Ray's terms."""
        return {"num_cpus": self.threads, "num_gpus": self.gpus}


class RayPool:
    """An engine of a run: see `offline_eval.runs.work.Engine`.

    Args:
        actors: How many hold the model.
        place: What each is like.
    """

    _respondent: Callable[[Path], "Respondent"]
    _model: Model

    def __init__(self, actors: int, place: Place) -> None:
        self._actors, self._place = actors, place

    def open(self, weights: Path, respondent: Callable[[Path], "Respondent"]) -> Model:  # noqa: ARG002
        """Asks the cluster what the model is there: it may compute in another precision than here.

        Raises:
            UsageError: The model's folder is not there.
            ModelError: The model cannot be used.
            WorkerError: The cluster cannot say.
        """
        import ray

        self._respondent = respondent
        described = ray.remote(max_retries=ATTEMPTS - 1, **self._place.reserved)(_describe)
        with _ray_errors():
            self._model = _unpacked(ray.get(described.remote(self._place, respondent)))
        return self._model

    def answers(self, work: Sequence[Work]) -> Iterator[BlockAnswers]:
        """In the order in which blocks are done.

        Raises:
            UsageError: A node does not see the sound.
            ModelError: A node computes otherwise than the first.
            WorkerError: A block has ended too many actors, or the cluster has.
        """
        from ray import data

        if not work:
            return
        data.DataContext.get_current().enable_progress_bars = False  # ours counts answers
        rows = [{"work": pickle.dumps(block)} for block in work]
        with _ray_errors():
            done = data.from_items(rows, override_num_blocks=len(rows)).map_batches(
                _Actor,
                fn_constructor_args=(self._place, self._respondent, self._model, _counter()),
                batch_size=1,
                batch_format="pyarrow",
                compute=data.ActorPoolStrategy(size=min(self._actors, len(rows)), max_tasks_in_flight_per_actor=1),
                **self._place.reserved,
            )
            for batch in done.iter_batches(batch_size=None, batch_format="pyarrow", prefetch_batches=0):
                for content in batch["answers"]:
                    yield from _unpacked(content.as_py())


@contextmanager
def ray_pool(
    weights: Callable[[], AbstractContextManager[Path]],
    *,
    address: str | None = None,
    actors: int | None = None,
    threads: int | None = None,
    device: str = "auto",
    deterministic: bool = False,
) -> Iterator[tuple[RayPool, str]]:
    """A pool on a cluster, and the device of its actors (`cpu` or `cuda`).

    Args:
        weights: Opens the model's folder, on any node.
        address: Of the cluster, or `auto`; None: the one of `RAY_ADDRESS`, else one on this machine, which ends with
            the pool.
        actors: How many; None: as many as the cluster has GPUs, or CPUs for.
        threads: CPU threads of each; None: 1.
        device: Theirs; `auto`: a GPU each if the cluster has any.
        deterministic: See `Place`.

    Raises:
        UsageError: Ray is not installed, the device is none that a pool can be on, or the cluster has not got it.
        WorkerError: There is no such cluster.
    """
    check_options(address, device)
    import ray

    _keep_quiet()
    address = address or os.environ.get("RAY_ADDRESS")
    own: dict[str, Any] = {"address": "local", "include_dashboard": False, "object_store_memory": _STORE_BYTES}
    if address is not None:
        _reach(address)
        own = {"address": address}
    with contextlib.redirect_stdout(sys.stderr):  # Ray prints what has ended where our results belong
        with _ray_errors():
            ray.init(log_to_driver=False, logging_level=logging.ERROR, **own)
        try:
            there = ray.cluster_resources()
            gpus, cpus = int(there.get("GPU", 0)), int(there.get("CPU", 0))
            if device == "auto":
                device = "cuda" if gpus else "cpu"
            threads = threads or 1
            actors = actors or (gpus if device == "cuda" else cpus // threads)
            if not actors:
                msg = f"the Ray cluster has {gpus} GPUs and {cpus} CPUs: no room for an actor"
                raise UsageError(
                    msg, hint="--device cpu, fewer --threads; or --actors N, which waits for nodes to come"
                )
            yield RayPool(actors, Place(weights, Path.cwd(), threads, int(device == "cuda"), deterministic)), device
        finally:
            ray.shutdown()


def check_options(address: str | None, device: str) -> None:
    """What can be refused before anything is started.

    Raises:
        UsageError: Ray is not installed, or an option is not for a pool.
    """
    if find_spec("ray") is None:
        msg = "--engine ray needs Ray, which is not installed"
        raise UsageError(msg, hint="pip install 'emotion-monitor[ray,train]'")
    if address is not None and address.startswith("ray://"):
        msg = f"{address}: a run is no Ray client, it belongs to the cluster"
        raise UsageError(
            msg, hint="on a node give --address auto; from elsewhere `ray job submit -- emotion-eval run ...`"
        )
    if device not in {"auto", "cpu", "cuda"}:
        msg = f"device {device}: Ray chooses which GPU an actor has"
        raise UsageError(msg, hint="use --device cuda")


class _Actor:
    """The model on some node; Ray Data calls it with a block at a time."""

    def __init__(
        self, place: Place, respondent: Callable[[Path], "Respondent"], model: Model, times_begun: Callable[[int], int]
    ) -> None:
        self._times_begun = times_begun
        self._refusal: EmotionMonitorError | None = None
        try:
            self._respondent = place.open(respondent)
            if model_of(self._respondent) != model:
                msg = f"{socket.gethostname()} computes otherwise than the node that was asked first"
                raise ModelError(msg, hint="results would not be those of one process: take nodes of one kind")
        except EmotionMonitorError as error:  # kept for the first block: of what ends an actor, Ray tells the name only
            self._refusal = error

    def __call__(self, batch: pa.Table) -> pa.Table:
        answers = [_packed(functools.partial(self._answers, pickle.loads(row.as_py()))) for row in batch["work"]]  # noqa: S301
        return pa.table({"answers": answers})

    def _answers(self, work: Work) -> list[BlockAnswers]:
        if self._refusal is not None:
            raise self._refusal
        if self._times_begun(work.block) > ATTEMPTS:
            first = work.items[0].rated.utterance.utterance_id
            msg = f"block {work.block} (from {first} on) has ended {ATTEMPTS} processes or their nodes"
            raise WorkerError(msg, hint="is there enough memory? The same command goes on from what is answered")
        for item in work.items:
            path = item.rated.utterance.path
            if item.duration_s is not None and path is not None and not path.is_file():
                msg = f"{path}: not on {socket.gethostname()}"
                raise UsageError(msg, hint="the sound must be under the same path on every node")
        return list(answers_to(work, self._respondent))


class _Counter:
    """How often each block was begun."""

    def __init__(self) -> None:
        self._begun = Counter[int]()

    def begin(self, block: int) -> int:
        self._begun[block] += 1
        return self._begun[block]


def _counter() -> Callable[[int], int]:
    """A counter that ends with the run, for it is on the same node, and that actors on any node can ask."""
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=True)
    options = {"num_cpus": 0, "max_restarts": -1, "max_task_retries": -1, "scheduling_strategy": here}
    return functools.partial(_begin, ray.remote(**options)(_Counter).remote())


def _begin(counter: Any, block: int) -> int:
    import ray

    times: int = ray.get(counter.begin.remote(block))
    return times


def _describe(place: Place, respondent: Callable[[Path], "Respondent"]) -> bytes:
    return _packed(lambda: model_of(place.open(respondent)))


def _packed(make: Callable[[], Any]) -> bytes:
    """What is made, or why it cannot be: of an error that Ray brings, the hint and the kind are lost on the way."""
    try:
        return pickle.dumps(make())
    except EmotionMonitorError as error:
        return pickle.dumps(error)


def _unpacked(content: bytes) -> Any:
    made = pickle.loads(content)  # noqa: S301 - from our own actors; Ray's are pickles, too
    if isinstance(made, EmotionMonitorError):
        raise made
    return made


def _reach(address: str) -> None:
    """Ray itself tries for minutes where nobody listens."""
    host, colon, port = address.rpartition(":")
    if not (colon and port.isdecimal()):
        return  # `auto`, and what else Ray knows
    try:
        socket.create_connection((host, int(port)), timeout=_REACH_S).close()
    except (OSError, OverflowError) as error:
        msg = f"no Ray cluster at {address}: {error}"
        raise WorkerError(
            msg, hint="start one with `ray start --head`, and nodes with `ray start --address`"
        ) from error


def _keep_quiet() -> None:
    """Nothing is told to Ray's makers, and of its own progress only errors are."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    import ray.data  # noqa: F401 - sets its loggers up

    logging.getLogger("ray.data").setLevel(logging.ERROR)


@contextmanager
def _ray_errors() -> Iterator[None]:
    """Errors of Ray in a line; what is wrong in our own code keeps its traceback."""
    from ray.exceptions import RayError, RayTaskError

    try:
        yield
    except RayTaskError:
        raise
    except (RayError, ConnectionError) as error:
        lines = [line for line in str(error).splitlines() if line.strip()]
        msg = f"Ray could not go on: {type(error).__name__}: {lines[0] if lines else 'no reason given'}"
        hint = "what is answered is kept: the same command goes on from there"
        raise WorkerError(msg, hint=hint) from error

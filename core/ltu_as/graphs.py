"""Work of fixed shapes done again and again from the same memory: on a GPU, replayed as CUDA graphs.

Thousands of small kernels cost a processor more time to start than a GPU to run. A graph starts them all at once, but
only ever on the addresses it was captured with.
"""

import logging
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

log = logging.getLogger(__name__)

MOST = 96
"""Shapes that are captured; each costs memory, so what comes after them runs without a graph."""
_WARM_UP = 2


@dataclass(frozen=True, slots=True, eq=False)
class _Recording:
    inputs: tuple[Tensor, ...]
    output: Tensor
    replay: Callable[[], object]


class Graphs:
    """Runs functions from buffers of its own, which hold what was given last.

    On a CPU there are no graphs: the function is called each time, on the same buffers, so that what is wrong with them
    shows without a GPU. A GPU that refuses to capture is worked on without graphs, and the log says so.

    Args:
        most: Shapes that are captured.
    """

    def __init__(self, *, most: int = MOST) -> None:
        self._most = most
        self._recordings: dict[tuple[Hashable, ...], _Recording] = {}
        self._pool: Any = None
        self._refused = False
        self._memory: Tensor | None = None

    @torch.inference_mode()
    def run(self, name: Hashable, function: Callable[..., Tensor], *inputs: Tensor) -> Tensor:
        """The function's result, which the next run of any function overwrites: use it before, or copy it.

        Args:
            name: Tells functions apart, and whatever else than shapes makes them do different work.
            function: Reads its inputs and memory that never moves; running it twice does what running it once does.
            inputs: Of any shape; every shape is captured once.
        """
        key = (name, *((tensor.shape, tensor.dtype) for tensor in inputs))
        recording = self._recordings.get(key)
        if recording is None:
            if self._refused or len(self._recordings) >= self._most:
                return function(*inputs)
            recording = self._record(function, inputs)
            if recording is None:
                return function(*inputs)
            self._recordings[key] = recording
        for buffer, given in zip(recording.inputs, inputs, strict=True):
            buffer.copy_(given)
        recording.replay()
        return recording.output

    @torch.inference_mode()
    def memory(self, shape: torch.Size, like: Tensor) -> Tensor:
        """Memory of one shape for functions to work on; all shapes share the same, so one is in use at a time.

        It moves when a shape larger than all before is asked for, and with it all graphs are forgotten.
        """
        if self._memory is None or len(self._memory) < shape.numel():
            self._recordings.clear()
            self._memory = None  # before the larger one is asked for
            self._memory = like.new_zeros(shape.numel())
        return self._memory[: shape.numel()].view(shape)

    def knows(self, name: Hashable) -> bool:
        """Whether anything of that name was captured."""
        return any(key[0] == name for key in self._recordings)

    @property
    def shapes(self) -> int:
        """Shapes that were captured."""
        return len(self._recordings)

    def _record(self, function: Callable[..., Tensor], inputs: tuple[Tensor, ...]) -> _Recording | None:
        buffers = tuple(tensor.clone() for tensor in inputs)
        if not buffers[0].is_cuda:
            output = function(*buffers).clone()
            return _Recording(buffers, output, lambda: output.copy_(function(*buffers)))
        try:
            return self._capture(function, buffers)
        except RuntimeError as error:
            if isinstance(error, torch.OutOfMemoryError):
                raise
            self._refused = True
            log.warning("no CUDA graphs: %s", " ".join(str(error).split())[:200])
            return None

    def _capture(self, function: Callable[..., Tensor], buffers: tuple[Tensor, ...]) -> _Recording:
        current, aside = torch.cuda.current_stream(), torch.cuda.Stream()  # type: ignore[no-untyped-call]
        aside.wait_stream(current)
        with torch.cuda.stream(aside):  # libraries make their handles and choose their kernels at first use
            for _ in range(_WARM_UP):
                function(*buffers)
        current.wait_stream(aside)
        if self._pool is None:
            self._pool = torch.cuda.graph_pool_handle()  # one for all: graphs never run at the same time
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, pool=self._pool):
            output = function(*buffers)
        return _Recording(buffers, output, graph.replay)

"""Reading a batch so that one bad utterance, or too little memory, does not cost the others."""

import gc
import logging
import sys
from collections.abc import Sequence
from dataclasses import replace

from core.anchor import Anchor
from core.model import EmotionModel, Reading
from core.worker.messages import Waveform

log = logging.getLogger(__name__)

GROW_AFTER = 16
"""Full batches without trouble before one more utterance is tried at once."""


class BatchReader:
    """Reads with as many utterances at once as fit into memory.

    A batch that fails is halved until the utterance at fault stands alone; that one becomes a reading without
    distribution. After running out of memory the batch size starts at half and grows back slowly.

    Args:
        model: What reads.
        one_by_one: Every utterance is read by itself, so that no digit of its reading depends on the others.

    Attributes:
        limit: Most utterances read at once, or None while memory never ran out.
    """

    def __init__(self, model: EmotionModel, *, one_by_one: bool = False) -> None:
        self.limit: int | None = None
        self._model = model
        self._one_by_one = one_by_one
        self._untroubled = 0

    def read(
        self, waveforms: Sequence[Waveform], *, explain: Sequence[bool] = (), anchors: Sequence[Anchor | None] = ()
    ) -> list[Reading]:
        """One reading per waveform, in order; see `EmotionModel.read` for `explain` and `anchors`.

        Raises:
            Exception: The GPU's context is lost: only a new process helps.
        """
        readings: list[Reading] = []
        explain, anchors = explain or [False] * len(waveforms), anchors or [None] * len(waveforms)
        while (done := len(readings)) < len(waveforms):
            most = 1 if self._one_by_one else self.limit
            upto = None if most is None else done + most
            readings += self._read(waveforms[done:upto], explain[done:upto], anchors[done:upto])
        return readings

    def _read(
        self, batch: Sequence[Waveform], explain: Sequence[bool], anchors: Sequence[Anchor | None]
    ) -> list[Reading]:
        try:
            readings = self._model.read(batch, explain=explain, anchors=anchors)
            if len(readings) != len(batch):
                msg = f"the model gave {len(readings)} readings for {len(batch)} utterances"
                raise ValueError(msg)  # noqa: TRY301
        except Exception as error:
            if _is_sticky(error):
                raise
            no_memory = _is_out_of_memory(error)
            reason = "out of memory" if no_memory else _one_line(error)
            log.warning("a batch of %d failed: %s", len(batch), reason, exc_info=len(batch) == 1 and not no_memory)
        else:
            self._note_success(len(batch))
            return [replace(reading, batch=len(batch)) for reading in readings]
        # Only out here are the failed frames, and the tensors they hold, free to go.
        if no_memory:
            _release_memory()
            self.limit = max(len(batch) // 2, 1)
            self._untroubled = 0
        if len(batch) == 1:
            return [Reading(distribution=None, reason=reason, failed=True)]
        half = len(batch) // 2
        first = self._read(batch[:half], explain[:half], anchors[:half])
        return first + self._read(batch[half:], explain[half:], anchors[half:])

    def _note_success(self, size: int) -> None:
        if self.limit is None or size < self.limit:
            return
        self._untroubled += 1
        if self._untroubled == GROW_AFTER:
            self.limit += 1
            self._untroubled = 0


def _is_out_of_memory(error: Exception) -> bool:
    """Also torch's own errors, without importing torch."""
    return (
        isinstance(error, MemoryError)
        or type(error).__name__ == "OutOfMemoryError"
        or "can't allocate memory" in str(error)
    )


def _is_sticky(error: Exception) -> bool:
    """A CUDA error that every later call in this process would repeat (pytorch/pytorch#18853)."""
    lost = ("CUDA error", "cuDNN error")
    return isinstance(error, RuntimeError) and not _is_out_of_memory(error) and any(w in str(error) for w in lost)


def _release_memory() -> None:
    gc.collect()
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        torch.cuda.empty_cache()


def _one_line(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"

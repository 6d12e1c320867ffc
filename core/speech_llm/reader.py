"""A speech LLM as an EmotionModel: waveforms in, readings out."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.anchor import Anchor
from core.errors import EmotionMonitorError, ModelError
from core.ltu_as.config import DtypeName
from core.ltu_as.decode import Decoding
from core.ltu_as.interpretation import Interpretation
from core.ltu_as.readout import Kind, Pool, Scope, is_finite
from core.ltu_as.steps import StepLogits
from core.ltu_as.verbalizer import Verbalizer
from core.model import SAMPLE_RATE_HZ, Reading
from core.settings import Ensemble
from core.speech_llm.folder import check_folder
from core.speech_llm.loading import weights_sha256
from core.speech_llm.model import WINDOW_S, SpeechLLM
from core.wire.events import ModelStamp

_SILENCE = np.zeros(SAMPLE_RATE_HZ, np.int16)


class SpeechLLMReader:
    """Reads utterances with a speech LLM; see `core.model.EmotionModel`.

    The read-outs of the answer position run the model once per batch, over the prompt and the answers it offers; the
    others write the answer, greedily.

    Args:
        folder: In the layout of Hugging Face.
        name: What events call it; None: the folder's name.
        device: `cpu`, `cuda` or `cuda:N`.
        dtype: Precision; None: as it was meant on a GPU, float32 on a CPU.
        prompt: A name in PROMPTS; None: `single`.
        readout: How logits become a distribution; None: `seq_logprob`.
        ensemble: In which ways the prompt is asked, one after the other; see `core.ltu_as.wordings.members`.
        pool: See `core.ltu_as.readout.readout`.
        scope: The same.
        calibrate: Correct readings as the folder's calibration.json says, if it holds this prompt and read-out.
        abstain: Give no reading where that file's thresholds say so.
        neutral_odds: See `EmotionDistribution.expecting`; None: what the calibration says, and without one 1.

    Raises:
        ModelError: The folder cannot be used, its calibration is broken or that of other weights, or the model does
            not work.
        UsageError: The options do not fit each other.
    """

    transcribes, adapts = False, False

    def __init__(
        self,
        folder: Path,
        *,
        name: str | None = None,
        device: str = "cpu",
        dtype: DtypeName | None = None,
        prompt: str | None = None,
        readout: Kind | None = None,
        ensemble: Ensemble = "off",
        pool: Pool = "mean",
        scope: Scope = "all",
        calibrate: bool = True,
        abstain: bool = True,
        neutral_odds: float | None = None,
    ) -> None:
        family, told = check_folder(folder)  # before gigabytes are hashed
        with ThreadPoolExecutor(max_workers=1) as thread:  # hashing them takes as long as loading them
            digest = thread.submit(weights_sha256, folder, family, told)
            self.model = SpeechLLM.from_folder(folder, device=device, dtype=dtype)
            sha256 = digest.result()
        self._prompt = prompt or "single"
        self._interpretation = Interpretation(
            folder,
            sha256=sha256,
            d_model=self.model.hidden_size,
            prompt=self._prompt,
            kind=readout or "seq_logprob",
            ensemble=ensemble,
            pool=pool,
            scope=scope,
            calibrate=calibrate,
            abstain=abstain,
            neutral_odds=neutral_odds,
        )
        self._stamp = self._interpretation.stamp(name or folder.resolve().name)
        # The first pass is slow: not the user's first words. And it shows whether the model works at all.
        if not is_finite(self.answers([_SILENCE], transcripts=[None], decoding=self._interpretation.decoding)[0]):
            msg = f"{folder}: the model gives numbers that are not finite"
            raise ModelError(msg, hint="its config.json and its weights do not belong together, or one is damaged")

    @property
    def stamp(self) -> ModelStamp:
        """Name, hash, prompt, read-out (with what of it is not as usual) and calibration."""
        return self._stamp

    @property
    def device(self) -> str:
        """Where it runs: `cpu` or `cuda:0`."""
        return str(self.model.device)

    @property
    def window_s(self) -> float:
        """Longest stretch of sound it hears, in seconds."""
        return WINDOW_S

    @property
    def precision(self) -> Mapping[str, str]:
        """What it computes in."""
        return {"dtype": str(self.model.dtype).removeprefix("torch.")}

    @property
    def verbalizer(self) -> Verbalizer:
        """The table from emotions to the pieces whose logits are kept."""
        return self.model.verbalizer

    def read(
        self,
        waveforms: Sequence[NDArray[np.int16]],
        *,
        explain: Sequence[bool] = (),
        anchors: Sequence[Anchor | None] = (),  # noqa: ARG002 - it does not get to know voices
    ) -> list[Reading]:
        """One reading per waveform (int16, 16 kHz mono, any length), in order; never raises for bad sound.

        Where `explain` says so, the answer is written out; its time is part of `llm_ms`, the distribution is the same.
        """

        def some(rows: Sequence[int], decoding: Decoding) -> list[Reading]:
            sounds, said = [waveforms[n] for n in rows], [None] * len(rows)
            try:
                by_member = [
                    self.answers(sounds, transcripts=said, decoding=decoding, prompt=member)
                    for member in self._interpretation.members
                ]
            except EmotionMonitorError as error:  # a sound that does not fit: only its own utterance pays for it
                if len(rows) == 1:
                    return [Reading(distribution=None, reason=str(error))]
                return [reading for row in rows for reading in some([row], decoding)]
            return [self._interpretation.reading(asked, decoding) for asked in zip(*by_member, strict=True)]

        return self._interpretation.readings(waveforms, explain, some)

    def transcripts(self, waveforms: Sequence[NDArray[np.int16]]) -> list[str | None]:
        """None for each: what is said goes into the reading as sound."""
        return [None] * len(waveforms)

    def answers(
        self,
        waveforms: Sequence[NDArray[np.int16]] | None,
        *,
        transcripts: Sequence[str | None],
        decoding: Decoding,
        prompt: str | None = None,
        anchors: Sequence[Anchor | None] = (),  # noqa: ARG002
    ) -> list[StepLogits]:
        """What readings are made of; see `SpeechLLM.answer`."""
        return self.model.answer(waveforms, transcripts=transcripts, prompt=prompt or self._prompt, decoding=decoding)

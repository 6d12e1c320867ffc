"""A model folder as an EmotionModel: waveforms in, readings out."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from core.anchor import Anchor
from core.errors import EmotionMonitorError, ModelError
from core.ltu_as.anchoring import Anchoring
from core.ltu_as.checkpoint import folder_sha256, stored_dtype
from core.ltu_as.config import DtypeName
from core.ltu_as.decode import Decoding
from core.ltu_as.features import EncodedSounds
from core.ltu_as.interpretation import Interpretation
from core.ltu_as.model import LTUAS
from core.ltu_as.precision import compute_in_bfloat16, has_native_bfloat16
from core.ltu_as.quantization import check_quantization
from core.ltu_as.readout import Kind, Pool, Scope, is_finite
from core.ltu_as.steps import StepLogits
from core.ltu_as.verbalizer import Verbalizer
from core.ltu_as.wordings import text_of
from core.model import SAMPLE_RATE_HZ, Reading
from core.settings import Ensemble
from core.wire.events import ModelStamp


class LTUASReader:
    """Reads utterances with LTU-AS; see `core.model.EmotionModel`.

    The read-outs of the answer position run the language model once per batch, over the prompt and the answers it
    offers; the others write the answer, greedily.

    Args:
        folder: Model folder.
        device: `cpu`, `cuda` or `cuda:N`.
        dtype: Precision of the language model; None: as stored on a GPU, float32 on a CPU.
        quantize: Bits of the language model's weights; off: `dtype`. A calibration, fitted for the weights as they are
            stored, then corrects nothing; its thresholds hold.
        encoder_dtype: What the Whisper encoder and TLTR multiply in on a CPU; None: bfloat16 where the CPU has it.
        prompt: A name in PROMPTS; None: the folder's default.
        readout: How logits become a distribution; None: the folder's default.
        ensemble: In which ways the prompt is asked; see `core.ltu_as.wordings.members`.
        pool: See `core.ltu_as.readout.readout`.
        scope: The same.
        decode: How answers are written; see `LTUAS.answer`.
        graphs: Whether a GPU runs fixed shapes as CUDA graphs; see `LTUAS.use_graphs`.
        calibrate: Correct readings as the folder's calibration.json says, if it holds this prompt and read-out.
        abstain: Give no reading where that file's thresholds say so.
        adapt: Use the anchors that readings are asked with, if the model is made for it.
        neutral_odds: See `EmotionDistribution.expecting`; None: what the calibration says, and without one 1.
        transcribe: Give the model the words too, if the folder names a transcriber.
        max_batch: Utterances that will be read together at most; only then are larger shapes made ready.

    Raises:
        ModelError: The folder cannot be used, its calibration is broken or that of other weights, or the model does
            not work.
        UsageError: The options do not fit each other.
    """

    def __init__(
        self,
        folder: Path,
        *,
        device: str = "cpu",
        dtype: DtypeName | None = None,
        quantize: Literal["off", "int8", "int4"] = "off",
        encoder_dtype: Literal["float32", "bfloat16"] | None = None,
        prompt: str | None = None,
        readout: Kind | None = None,
        ensemble: Ensemble = "off",
        pool: Pool = "mean",
        scope: Scope = "all",
        decode: Literal["autoregressive", "verified"] = "autoregressive",
        graphs: bool = True,
        calibrate: bool = True,
        abstain: bool = True,
        adapt: bool = True,
        neutral_odds: float | None = None,
        transcribe: bool = True,
        max_batch: int = 1,
    ) -> None:
        if quantize != "off":
            check_quantization(quantize, device)
        if dtype is None:
            dtype = "float32" if device == "cpu" else stored_dtype(folder)
        with ThreadPoolExecutor(max_workers=1) as thread:  # hashing gigabytes takes as long as loading them
            digest = thread.submit(folder_sha256, folder)
            self._model = LTUAS.from_pretrained(
                folder, device=device, dtype=dtype, quantization=None if quantize == "off" else quantize
            )
            sha256 = digest.result()
        config = self._model.config
        self._anchoring = Anchoring(self._model, config.anchor) if adapt and config.anchor else None
        if device == "cpu" and (encoder_dtype == "bfloat16" or (encoder_dtype is None and has_native_bfloat16())):
            compute_in_bfloat16(self._model.whisper)
            compute_in_bfloat16(self._model.audio_encoder)
        self._prompt: str = prompt or config.defaults.prompt
        self._interpretation = Interpretation(
            folder,
            sha256=sha256,
            d_model=config.whisper.d_model,
            prompt=self._prompt,
            kind=readout or config.defaults.readout,
            ensemble=ensemble,
            pool=pool,
            scope=scope,
            calibrate=calibrate and quantize == "off",
            abstain=abstain,
            neutral_odds=neutral_odds,
        )
        self._decoding = self._interpretation.decoding
        self._verified = decode == "verified"
        if graphs and device != "cpu":
            self._model.use_graphs()
        self._transcriber = None
        if config.transcriber is not None and transcribe:
            from core.ltu_as.transcriber import Transcriber  # transformers takes longer to import than torch

            self._transcriber = Transcriber(
                folder / config.transcriber.folder,
                device=device,
                language=config.transcriber.language,
                graphs=graphs and device != "cpu",
            )
            if graphs and device != "cpu":
                self._transcriber.make_ready(max_batch)
        options = ["no transcript"] if config.transcriber is not None and not transcribe else []
        options += [] if quantize == "off" else [quantize]
        options += ["verified"] if self._verified and not self._interpretation.at_answer_position else []
        self._stamp = self._interpretation.stamp(config.name, options)
        # The first pass is slow: not the user's first words. And it shows whether the model works at all.
        if not all(map(is_finite, self._warm_up(max_batch))):
            msg = f"{folder}: the model gives numbers that are not finite"
            raise ModelError(msg, hint="its config.json and its weights do not belong together, or one is damaged")

    def _warm_up(self, max_batch: int) -> list[StepLogits]:
        """Reads silence in every shape that is captured: batches, with ever longer transcripts if there are any."""
        asked = self._interpretation.members
        longest = max(asked, key=lambda name: len(text_of(name)))
        shapes = self._model.shapes_of(longest, max_batch * len(asked))
        steps = []
        for batch, said in shapes if self._transcriber else [shape for shape in shapes if shape[1] is None]:
            silence = self.hear([np.zeros(SAMPLE_RATE_HZ, np.int16)] * batch)
            steps += self.steps(silence, transcripts=[said] * batch, prompt=longest)
        return steps

    @property
    def stamp(self) -> ModelStamp:
        """Name, hash, prompt, read-out (with what of it is not as usual) and calibration."""
        return self._stamp

    @property
    def model(self) -> LTUAS:
        """The network."""
        return self._model

    @property
    def adapts(self) -> bool:
        """Whether it gets to know voices."""
        return self._anchoring is not None

    @property
    def precision(self) -> Mapping[str, str]:
        """What the language model, and what the encoder computes in."""
        model = self._model
        names = {"dtype": model.dtype, "encoder_dtype": model.whisper.conv1.weight.dtype}
        return {name: str(dtype).removeprefix("torch.") for name, dtype in names.items()}

    @property
    def verbalizer(self) -> Verbalizer:
        """The table from emotions to the pieces whose logits are kept."""
        return self._model.verbalizer

    @property
    def device(self) -> str:
        """Where it runs: `cpu` or `cuda:0`."""
        return str(self._model.device)

    @property
    def window_s(self) -> float:
        """Longest stretch of sound it hears, in seconds."""
        return self._model.config.audio.window_s

    def read(
        self,
        waveforms: Sequence[NDArray[np.int16]],
        *,
        explain: Sequence[bool] = (),
        anchors: Sequence[Anchor | None] = (),
    ) -> list[Reading]:
        """One reading per waveform (int16, 16 kHz mono, any length), in order; never raises for bad sound.

        Where `explain` says so, the answer is written out; its time is part of `llm_ms`, the distribution is the same.
        """
        known = anchors or [None] * len(waveforms)

        def some(rows: Sequence[int], decoding: Decoding) -> list[Reading]:
            heard = [waveforms[n] for n in rows]
            return self._read(heard, self.transcripts(heard), decoding, [known[n] for n in rows])

        return self._interpretation.readings(waveforms, explain, some)

    def hear(self, waveforms: Sequence[NDArray[np.int16]]) -> EncodedSounds:
        """What the encoder makes of sounds: `read_heard` and `steps` may then ask more than once.

        Raises:
            AudioError: A sound has fewer than 201 samples.
        """
        return self._model.hear(waveforms)

    def read_heard(self, sounds: EncodedSounds, anchors: Sequence[Anchor | None]) -> list[Reading]:
        """`read` of what was heard before; nobody asks whether the sounds are too short or too quiet."""
        return self._read_heard(sounds, [None] * len(anchors), self._decoding, anchors)

    def steps(
        self,
        sounds: EncodedSounds,
        *,
        transcripts: Sequence[str | None],
        anchors: Sequence[Anchor | None] = (),
        prompt: str | None = None,
    ) -> list[StepLogits]:
        """What readings are made of: the kept logits of every sound, whatever it is.

        Args:
            sounds: See `hear`.
            transcripts: Of each; see `transcripts`.
            anchors: See `read`.
            prompt: Another prompt than the reader's.

        Raises:
            ModelError: A transcript is longer than the model's context.
        """
        return self._model.answer(
            self.shifted(sounds, anchors) if anchors else sounds,
            transcripts=transcripts,
            prompt=prompt or self._prompt,
            decoding=self._decoding,
            verified=self._verified,
        )

    def answers(
        self,
        waveforms: Sequence[NDArray[np.int16]] | None,
        *,
        transcripts: Sequence[str | None],
        decoding: Decoding,
        prompt: str | None = None,
        anchors: Sequence[Anchor | None] = (),
    ) -> list[StepLogits]:
        """The kept logits of every sound, written in any way; without sounds, what is made of the words alone.

        Raises:
            AudioError: A sound has fewer than 201 samples.
            ModelError: A transcript is longer than the model's context.
        """
        heard = self.hear(waveforms) if waveforms else None
        return self._model.answer(
            self.shifted(heard, anchors) if heard and anchors else heard,
            transcripts=transcripts,
            prompt=prompt or self._prompt,
            decoding=decoding,
        )

    def shifted(self, sounds: EncodedSounds, anchors: Sequence[Anchor | None]) -> EncodedSounds:
        """The same with what each stream sounds like taken off, if the model is made for it."""
        return self._anchoring.shifted(sounds, anchors) if self._anchoring else sounds

    def transcripts(self, waveforms: Sequence[NDArray[np.int16]]) -> list[str | None]:
        """What the model's transcriber hears in each sound; None where the model has no transcriber."""
        return [*self._transcriber.transcribe_batch(waveforms)] if self._transcriber else [None] * len(waveforms)

    @property
    def transcribes(self) -> bool:
        """Whether the model has a transcriber."""
        return self._transcriber is not None

    def _read(
        self,
        waveforms: Sequence[NDArray[np.int16]],
        transcripts: Sequence[str | None],
        decoding: Decoding,
        anchors: Sequence[Anchor | None],
    ) -> list[Reading]:
        try:
            return self._read_heard(self.hear(waveforms), transcripts, decoding, anchors)
        except EmotionMonitorError as error:  # a transcript that does not fit: only its own utterance pays for it
            if len(waveforms) == 1:
                return [Reading(distribution=None, reason=str(error), transcript=transcripts[0])]
            alone = zip(waveforms, transcripts, anchors, strict=True)
            return [self._read([sound], [said], decoding, [anchor])[0] for sound, said, anchor in alone]

    def _read_heard(
        self,
        sounds: EncodedSounds,
        transcripts: Sequence[str | None],
        decoding: Decoding,
        anchors: Sequence[Anchor | None],
    ) -> list[Reading]:
        read = self._model.answer_each(
            self.shifted(sounds, anchors),
            transcripts=transcripts,
            prompts=self._interpretation.members,
            decoding=decoding,
            verified=self._verified,
        )
        readings = []
        for row, (asked, anchor) in enumerate(zip(read, anchors, strict=True)):
            heard = adaptation = None
            if self._anchoring and anchor:
                heard, adaptation = self._anchoring.heard(sounds.means[row]), self._anchoring.adaptation(anchor)
            weight = adaptation.weight if adaptation else 0.0
            reading = self._interpretation.reading(asked, decoding, weight=weight)
            readings.append(replace(reading, heard=heard, adaptation=adaptation))
        return readings

"""Encoder features of clips and of their augmented variants, computed once and kept on disk.

One file per speaker and variant, written when complete and renamed into place, so an interrupted run resumes where
it stopped. From features the words could be guessed again: they fall under the licence of the sound they come from.
"""

import hashlib
import itertools
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.audio import read_audio
from core.ltu_as.features import INT16_SCALE, log_mel, pad_or_trim
from offline_eval.clips import Clip
from offline_eval.training.augment import AUGMENTATION_VERSION, Augmentation, augment, generator_for
from offline_eval.training.encoder import Encoder, encode

Features = NDArray[np.float16]


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureCache:
    """Features of one encoder.

    Attributes:
        folder: Where the files lie.
        encoder: What computes them.
        augmentation: Ranges of the variants 1, 2, ...; variant 0 is the clip as it is.
        seed: Of the variants.
    """

    folder: Path
    encoder: Encoder
    augmentation: Augmentation
    seed: int

    def features(self, clips: Sequence[Clip], variant: int, *, progress: Callable[[str], None]) -> Features:
        """float16 [clips, layers, tokens, d_model] of one variant, in the order of `clips`.

        Raises:
            AudioError: A file cannot be decoded, or is shorter than 201 samples.
        """
        rows: dict[tuple[str, str], NDArray[np.float16]] = {}
        grouped = itertools.groupby(sorted(clips, key=_by_speaker), key=lambda clip: (clip.corpus, clip.speaker))
        for (corpus, speaker), group in grouped:
            shard = list(group)
            values = self._shard(f"{corpus}-{speaker}", shard, variant, progress)
            rows |= {(clip.corpus, clip.clip_id): row for clip, row in zip(shard, values, strict=True)}
        return np.stack([rows[clip.corpus, clip.clip_id] for clip in clips])

    def _shard(self, name: str, clips: list[Clip], variant: int, progress: Callable[[str], None]) -> Features:
        safe = "".join(c if c.isalnum() or c in "-_." else "_" for c in name)
        path = self.folder / f"{safe}-v{variant}-{self._key(clips, variant)}.npy"
        if path.is_file():
            stored: Features = np.load(path)
            return stored
        progress(f"features of {name}, variant {variant}: {len(clips)} clips")
        values = np.stack([self._compute(clip, variant) for clip in clips])
        self.folder.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(".partial")
        with partial.open("wb") as file:
            np.save(file, values)
        partial.replace(path)
        return values

    def _compute(self, clip: Clip, variant: int) -> Features:
        waveform = (read_audio(clip.path) / INT16_SCALE).astype(np.float32)
        if variant:
            waveform = augment(waveform, generator_for(clip.clip_id, variant, self.seed), self.augmentation)
        mel = pad_or_trim(log_mel(waveform, self.encoder.config.n_mels), self.encoder.audio.mel_frames)
        return encode(self.encoder, mel).numpy().astype(np.float16)

    def _key(self, clips: Sequence[Clip], variant: int) -> str:
        """Changes with anything that the numbers depend on."""
        files = [(clip.clip_id, (stat := clip.path.stat()).st_size, stat.st_mtime_ns) for clip in clips]
        recipe = [AUGMENTATION_VERSION, self.seed, asdict(self.augmentation)] if variant else None
        content = [self.encoder.sha256, asdict(self.encoder.audio), variant, recipe, files]
        return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:16]


def _by_speaker(clip: Clip) -> tuple[str, str, str]:
    return clip.corpus, clip.speaker, clip.clip_id

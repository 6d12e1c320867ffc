"""Encoder features of clips and of their augmented variants, computed once and kept on disk.

One file per speaker and variant, written when complete and renamed into place, so an interrupted run resumes where
it stopped. From features the words could be guessed again: they fall under the licence of the sound they come from.
"""

import hashlib
import itertools
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from core.ltu_as.config import AudioConfig
from core.ltu_as.features import INT16_SCALE, windows_of
from core.sound.audio import read_audio
from offline_eval.labels.clips import Recording, expressed
from offline_eval.sounds.augment import AUGMENTATION_VERSION, Augmentation, augment, generator_for, join
from offline_eval.training.encoder import Encoder, encode
from offline_eval.training.sessions import sessions

Waveform = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Features:
    """Encoder features of sounds of any length, one after the other.

    Attributes:
        rows: float16 [all tokens, layers, d_model].
        lengths: Tokens of each sound, int64 [sounds].
    """

    rows: NDArray[np.float16]
    lengths: NDArray[np.int64]

    @classmethod
    def of(cls, sounds: Iterable[NDArray[np.float16]]) -> Self:
        """Joins sounds of [tokens, layers, d_model]."""
        listed = list(sounds)
        return cls(np.concatenate(listed), np.array([len(sound) for sound in listed]))

    def __len__(self) -> int:
        return len(self.lengths)

    def means(self) -> NDArray[np.float16]:
        """Over each sound's tokens: float16 [sounds, layers * d_model]."""
        if (self.lengths == 1).all():
            return self.rows.reshape(len(self.rows), -1)
        starts = np.cumsum(self.lengths) - self.lengths
        sums = np.add.reduceat(self.rows.astype(np.float32), starts, axis=0)
        return (sums / self.lengths[:, None, None]).astype(np.float16).reshape(len(sums), -1)

    def __iter__(self) -> "itertools.chain[NDArray[np.float16]]":
        return itertools.chain(np.split(self.rows, np.cumsum(self.lengths)[:-1]))


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureCache:
    """Features of one encoder.

    Attributes:
        folder: Where the files lie.
        encoder: What computes them.
        augmentation: Ranges of the variants 1, 2, ...; variant 0 is the clip as it is.
        seed: Of the variants.
        bfloat16: Whether the variants (never the clips themselves) are encoded at that precision.
        progress: Told about work that takes long.
    """

    folder: Path
    encoder: Encoder
    augmentation: Augmentation
    seed: int
    bfloat16: bool = False
    progress: Callable[[str], None] = lambda _: None

    def features(self, clips: Sequence[Recording], variant: int) -> Features:
        """Of one variant, in the order of `clips`.

        Raises:
            AudioError: A file cannot be decoded, or is shorter than 201 samples.
        """
        sounds: dict[tuple[str, str], NDArray[np.float16]] = {}
        grouped = itertools.groupby(sorted(clips, key=_by_speaker), key=lambda clip: (clip.corpus, clip.speaker))
        for (corpus, speaker), group in grouped:
            shard = list(group)
            values = self._shard(f"{corpus}-{speaker}", shard, variant)
            sounds |= {(clip.corpus, clip.clip_id): sound for clip, sound in zip(shard, values, strict=True)}
        return Features.of(sounds[clip.corpus, clip.clip_id] for clip in clips)

    def heard(self, waveform: Waveform, *, exact: bool = True) -> NDArray[np.float16]:
        """Features of one sound: float16 [tokens, layers, d_model].

        Raises:
            AudioError: Fewer than 201 samples.
        """
        windows = windows_of(waveform, self.encoder.audio, self.encoder.config.n_mels)
        encoded = encode(self.encoder, windows, bfloat16=self.bfloat16 and not exact)
        return encoded.transpose(0, 1).numpy().astype(np.float16)

    def _shard(self, name: str, clips: list[Recording], variant: int) -> Features:
        safe = "".join(c if c.isalnum() or c in "-_." else "_" for c in name)
        path = self.folder / f"{safe}-v{variant}-{self._key(clips, variant)}.npz"
        if path.is_file():
            with np.load(path) as stored:
                return Features(stored["rows"], stored["lengths"])
        self.progress(f"features of {name}, variant {variant}: {len(clips)} clips")
        size = self.augmentation.session_clips
        of_clip = [None] * len(clips) if size is None else sessions(clips, size)
        features = Features.of(
            self.heard(_loaded(clip)) if not variant else self._varied(clip, clips, variant, session)
            for clip, session in zip(clips, of_clip, strict=True)
        )
        self.folder.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(".partial")
        with partial.open("wb") as file:
            np.savez(file, rows=features.rows, lengths=features.lengths)
        partial.replace(path)
        return features

    def _varied(
        self, clip: Recording, of_speaker: Sequence[Recording], variant: int, session: str | None
    ) -> NDArray[np.float16]:
        own = generator_for(clip.clip_id, variant, self.seed)
        channel = None if session is None else generator_for(session, variant, self.seed)
        waveform = _loaded(clip)
        if self.augmentation.joined_share is not None:
            alike = [other for other in of_speaker if other != clip and expressed(other) == expressed(clip)]
            behind = (_loaded(alike[row]) for row in own.permutation(len(alike)))
            waveform = join(itertools.chain([waveform], behind), own, self.augmentation)
        return self.heard(augment(waveform, own, self.augmentation, channel), exact=False)

    def _key(self, clips: Sequence[Recording], variant: int) -> str:
        """Changes with anything that the numbers depend on."""
        files = [(clip.clip_id, hashlib.sha256(clip.path.read_bytes()).hexdigest()) for clip in clips]
        recipe = [AUGMENTATION_VERSION, self.seed, self.bfloat16, _stated(self.augmentation)] if variant else None
        encoder = [self.encoder.sha256, self.encoder.config.layers, _stated(self.encoder.audio)]
        return hashlib.sha256(json.dumps([encoder, variant, recipe, files]).encode()).hexdigest()[:16]


def _loaded(clip: Recording) -> Waveform:
    return (read_audio(clip.path) / INT16_SCALE).astype(np.float32)


def _stated(choices: AudioConfig | Augmentation) -> dict[str, Any]:
    """Without what is off: another choice that there may be makes no other features."""
    return {name: value for name, value in asdict(choices).items() if value is not None}


def _by_speaker(clip: Recording) -> tuple[str, str, str]:
    return clip.corpus, clip.speaker, clip.clip_id

"""eGeMAPS: 88 hand-made descriptors of the voice (Eyben et al., IEEE Trans. Affective Computing 7(2), 2016)."""

from importlib.metadata import version

import numpy as np
import opensmile
from numpy.typing import NDArray

from core.ltu_as.features import INT16_SCALE
from core.model import SAMPLE_RATE_HZ


class Egemaps:
    """The functionals of eGeMAPS v02 over a clip, by openSMILE."""

    def __init__(self) -> None:
        self.key = f"opensmile {version('opensmile')} eGeMAPSv02 functionals"
        self._smile = opensmile.Smile(opensmile.FeatureSet.eGeMAPSv02, opensmile.FeatureLevel.Functionals)

    def __call__(self, waveform: NDArray[np.int16]) -> NDArray[np.float32]:
        """float32 [88]; what openSMILE cannot measure in a very short sound is 0."""
        table = self._smile.process_signal(waveform / np.float32(INT16_SCALE), SAMPLE_RATE_HZ)
        descriptors: NDArray[np.float32] = table.to_numpy(np.float32)[0]
        return np.nan_to_num(descriptors)

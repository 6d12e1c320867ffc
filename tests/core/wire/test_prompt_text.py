"""The text form of a distribution."""

import re

from hypothesis import given
from hypothesis import strategies as st

from core.distribution import EmotionDistribution
from core.wire.prompt_text import as_prompt_text

weights = st.lists(st.floats(0.001, 1), min_size=4, max_size=4)


def test_it_reads_as_voice_agents_expect_it():
    heard = EmotionDistribution(anger=0.71, happiness=0.04, sadness=0.05, neutral=0.20)
    assert as_prompt_text(heard) == "[emotion angry=0.71, neutral=0.20]"
    assert as_prompt_text(heard, least=0.0) == "[emotion angry=0.71, neutral=0.20, sad=0.05, happy=0.04]"


def test_the_most_likely_is_named_however_unlikely_it_is():
    assert as_prompt_text(EmotionDistribution.uniform(), least=0.5) == "[emotion angry=0.25]"
    assert as_prompt_text(EmotionDistribution(0.0, 1.0, 0.0, 0.0)) == "[emotion happy=1.00]"


@given(weights, st.floats(0, 1))
def test_it_is_one_bracket_most_likely_first(values, least):
    text = as_prompt_text(EmotionDistribution.from_weights(values), least=least)
    assert re.fullmatch(
        r"\[emotion (angry|happy|sad|neutral)=[01]\.\d\d(, (angry|happy|sad|neutral)=[01]\.\d\d){0,3}\]", text
    )
    numbers = [float(number) for number in re.findall(r"=([\d.]+)", text)]
    assert numbers == sorted(numbers, reverse=True)

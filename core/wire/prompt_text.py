"""A distribution as text, for language models that are told what was said and should know how it sounded."""

from core.distribution import EmotionDistribution

_WORDS = {"anger": "angry", "happiness": "happy", "sadness": "sad", "neutral": "neutral"}


def as_prompt_text(distribution: EmotionDistribution, *, least: float = 0.1) -> str:
    """`[emotion angry=0.71, neutral=0.20]`: what to put before the words of an utterance.

    It is the text form that pipecat's Real-time Context Standard uses for several signals. Most likely first; the most
    likely is always named, the others from the probability `least` up.
    """
    first, *others = distribution.ranked
    named = [first, *(pair for pair in others if pair[1] >= least)]
    return f"[emotion {', '.join(f'{_WORDS[emotion]}={probability:.2f}' for emotion, probability in named)}]"

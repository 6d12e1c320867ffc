"""One spelling for each label, whatever a corpus calls it."""

_SPELLINGS = {
    "anger": ("angry",),
    "happiness": ("happy",),
    "sadness": ("sad",),
    "neutral": ("neutral state",),
    "calm": (),
    "fear": ("fearful",),
    "disgust": ("disgusted",),
    "surprise": ("surprised", "pleasant surprise", "pleasant surprised"),
    "boredom": ("bored",),
    "contempt": ("contemptuous",),
    "excited": ("excitement",),
    "frustration": ("frustrated",),
    "other": (),
}
_LABEL_OF = {spelling: label for label, others in _SPELLINGS.items() for spelling in (label, *others)}

LABELS = tuple(_SPELLINGS)
"""Labels that are known by other spellings too, such as angry for anger."""


def normalised(label: str) -> str:
    """`Angry` gives `anger`, `pleasant_surprise` gives `surprise`; a label not in LABELS stays, in lower case."""
    text = " ".join(label.lower().replace("_", " ").replace("-", " ").split())
    return _LABEL_OF.get(text, text)

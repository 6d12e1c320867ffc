"""One spelling for each label, whatever a corpus calls it."""

import unicodedata
from collections import Counter
from collections.abc import Iterable

_SPELLINGS = {
    "anger": """
        ang angry furious rage ärger aerger wut wütend wuetend zorn colère ira enojo enfado rabbia rab raiva
        boos boosheid woede gniew złość zlosc sint sinne ilska arg viha öfke kizgin
        гнев злость 生气 愤怒 憤怒 怒り 怒 분노
    """,
    "happiness": """
        hap happy joy joyful freude fröhlich froehlich glücklich gluecklich joie bonheur heureux alegría felicidad feliz
        felicità gioia gio alegria blij blijdschap vrolijk radość radosc szczęście szczescie glad glädje glæde glede
        ilo rõõm mutlu mutluluk радость счастье 高兴 快乐 开心 喜悦 喜び 喜 기쁨 행복
    """,
    "sadness": """
        sad trauer traurig traurigkeit tristesse triste tristeza tristezza tri verdriet verdrietig smutek trist ledsen
        sorg suru kurbus üzgün üzüntü грусть печаль 悲伤 伤心 悲しみ 悲 슬픔
    """,
    "neutral": """
        neu neutral_state neutre neutro neutra neutrale neutraal neutralny neutralna neutralne neutraalne
        neutraali nötr nötral нейтральный нейтрально 中性 中立 중립
    """,
    "calm": "",
    "fear": "fea fearful afraid angst furcht peur miedo paura pau medo strach страх 恐惧 害怕 恐れ 두려움",
    "disgust": "dis disgusted ekel dégoût asco disgusto nojo wstręt отвращение 厌恶 嫌悪 혐오",
    "surprise": """
        sur surprised surpris überraschung ueberraschung sorpresa sor surpresa zaskoczenie удивление 惊讶 惊喜 驚き 놀람
        pleasant_surprise pleasant_surprised
    """,
    "boredom": "bor bored langeweile ennui noia скука",
    "contempt": "contemptuous verachtung mépris",
    "excited": "exc excitement",
    "frustration": "fru frustrated",
    "other": "oth",
}
"""Label to other spellings: adjectives, the codes of IEMOCAP, CREMA-D and EMOVO, and words of other languages.

Single letters are none: A is anger here and Angst, fear, there.
"""

LABELS = tuple(_SPELLINGS)
"""Labels that are known, by whatever spelling."""


def normalised(label: str) -> str:
    """`Angry` gives `anger`, `pleasant_surprise` gives `surprise`; a label not in LABELS stays, in lower case."""
    text = " ".join(unicodedata.normalize("NFC", label).lower().replace("_", " ").replace("-", " ").split())
    return _LABEL_OF.get(_plain(text), text)


def unknown_labels(labels: Iterable[str], but: str | None = None) -> str:
    """The labels among these that mean nothing here, with their numbers; empty if there is none.

    Args:
        labels: As `normalised` spells them.
        but: One that has a meaning to the caller.
    """
    counts = Counter(label for label in labels if label not in LABELS and label != but)
    named = [f"{label} {number}" for label, number in counts.most_common(_NAMED)]
    more = [f"and {len(counts) - _NAMED} others"] if len(counts) > _NAMED else []
    return ", ".join(named + more)


_NAMED = 12
"""More labels that mean nothing are free text."""


def _plain(text: str) -> str:
    """Without accents, which are often left out."""
    parts = unicodedata.normalize("NFKD", text.replace("\N{LATIN SMALL LETTER DOTLESS I}", "i"))
    return "".join(character for character in parts if not unicodedata.combining(character))


_LABEL_OF = {
    _plain(spelling.replace("_", " ")): label
    for label, others in _SPELLINGS.items()
    for spelling in (label, *others.split())
}

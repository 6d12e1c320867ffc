"""The speech LLMs that can be read, by the `model_type` of their config.json."""

from collections.abc import Mapping

from core.speech_llm.families.audio_flamingo3 import AudioFlamingo3
from core.speech_llm.families.family import Family
from core.speech_llm.families.gemma import Gemma3n, Gemma4
from core.speech_llm.families.granite_speech import GraniteSpeech
from core.speech_llm.families.phi4_multimodal import Phi4Multimodal
from core.speech_llm.families.qwen2_audio import Qwen2Audio
from core.speech_llm.families.qwen_omni import Qwen3Omni, Qwen25Omni
from core.speech_llm.families.voxtral import Voxtral

FAMILIES: Mapping[str, Family] = {
    family.model_type: family
    for family in (
        Qwen2Audio(),
        Qwen25Omni(),
        AudioFlamingo3(),
        Voxtral(),
        GraniteSpeech(),
        Qwen3Omni(),
        Gemma3n(),
        Gemma4(),
        Phi4Multimodal(),
    )
}
"""`model_type` to its family."""

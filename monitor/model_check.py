"""What the doctor can say of a model without loading it: how large it is, whether it fits, what its card states."""

from dataclasses import dataclass

import psutil

from core.errors import EmotionMonitorError, UsageError
from core.settings import Settings
from core.speech_llm.folder import check_folder, is_hugging_face, model_path
from core.speech_llm.hub import local_snapshot, look
from core.speech_llm.hub_name import is_hub_name
from core.speech_llm.model_card import stated_licence
from core.speech_llm.server_address import is_server_name, server_address
from core.speech_llm.size import Memory, Size, folder_size, in_gb, memory_of
from core.user_path import user_path
from monitor.finding import Finding


@dataclass(frozen=True, slots=True)
class ModelCheck:
    """Lines of the report, none about other models than published ones and those of servers; and whether to load it."""

    findings: tuple[Finding, ...] = ()
    loadable: bool = True


def check_model(settings: Settings) -> ModelCheck:
    """What is known of the model that the settings name; of one that is not here a few kilobytes are fetched."""
    name = settings.model.name
    try:
        if is_server_name(name):
            return ModelCheck((_server(settings),))
        if is_hub_name(name) and not _is_here(name):
            return ModelCheck(_offered(settings), loadable=False)
        if not (is_hub_name(name) or is_hugging_face(user_path("model.name", name))):
            return ModelCheck()
        folder = model_path(name)
        check_folder(folder)
        size = folder_size(folder)
        weights = Finding("weights", "ok", f"{size}, in {folder}")
        findings = (weights, *_facts(settings, size, stated_licence(folder / "README.md")))
        return ModelCheck(findings, loadable=all(finding.verdict != "FAIL" for finding in findings))
    except EmotionMonitorError as error:
        return ModelCheck((Finding("model", "FAIL", error.one_line()),), loadable=False)


def _is_here(name: str) -> bool:
    try:
        local_snapshot(name)
    except UsageError:
        return False
    return True


def _offered(settings: Settings) -> tuple[Finding, ...]:
    offer = look(settings.model.name)
    fetches = f"`emotion-monitor run --model {offer.name}` fetches {in_gb(offer.download_bytes)}"
    weights = Finding("weights", "note", f"{offer.size}; not here yet: {fetches}")
    return (weights, *_facts(settings, offer.size, offer.licence))


def _facts(settings: Settings, size: Size, licence: str) -> tuple[Finding, ...]:
    memory = memory_of(settings.model.device, memory_mb=settings.worker.memory_mb)
    return (
        fits(size, memory, free_bytes=psutil.virtual_memory().available),
        Finding("licence", "ok", f"{licence}: what the model card states, to be read there"),
    )


def fits(size: Size, memory: Memory, *, free_bytes: int) -> Finding:
    """Whether a model of this size can be loaded, in words."""
    needed = size.needed_bytes(bytes_each=memory.bytes_each)
    text = f"needs some {in_gb(needed)} with room to work in, and may take {memory}"
    if needed > memory.usable_bytes:
        return Finding(
            "memory", "FAIL", f"{text}: it does not fit; take a smaller one, or one on a server (openai:URL)"
        )
    if memory.bytes_each is not None and needed > free_bytes:  # of the machine's memory, not a GPU's
        return Finding("memory", "note", f"{text}: it fits, but only {in_gb(free_bytes)} are free now")
    return Finding("memory", "ok", f"{text}: it fits")


def _server(settings: Settings) -> Finding:
    address = server_address(settings.model)
    where = "on this machine" if address.is_this_machine else "which is sent all sound of utterances"
    return Finding("server", "ok" if address.is_this_machine else "note", f"{address.url}, {where}")

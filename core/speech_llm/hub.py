"""How a published model gets here: from the Hugging Face hub, once, and from then on from this machine's cache.

Only what transformers needs of it is fetched, weights only as safetensors, and never code or pickles, which would
run. What a model is, whether it hears, and whether it fits is known before its weights are fetched.
"""

import fnmatch
import re
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from shutil import disk_usage
from typing import Any

from core.errors import EmotionMonitorError, ModelError, UsageError
from core.json_file import read_json
from core.ltu_as.weight_files import weight_files
from core.speech_llm.hub_name import HubName
from core.speech_llm.model_card import stated_licence
from core.speech_llm.model_types import family_of
from core.speech_llm.size import Memory, Size, in_gb, refuse_what_does_not_fit

WANTED = ("*.safetensors", "*.json", "*.jinja", "*.txt", "*.model", "README.md", "LICENSE*", "LICENCE*", "NOTICE*")
UNWANTED = ("consolidated*", "original/*", "onnx/*", "gguf/*", ".*")
"""The same weights once more, in other formats."""

Progress = Callable[[int, int], None]
"""Told bytes that are here, and of how many."""

_WEIGHTS = re.compile(r"model(-\d+-of-\d+)?\.safetensors")
_PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl")


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """What the hub has, known by a few kilobytes.

    Attributes:
        name: As the user wrote it.
        commit: What its revision means now.
        size: Of the weights.
        download_bytes: What is still to be fetched.
        licence: As its card words it.
    """

    name: str
    commit: str
    size: Size
    download_bytes: int
    licence: str


def local_snapshot(name: str) -> Path:
    """The folder of a model that is here; the network is never asked.

    Without a revision it is the one that was fetched: a newer one comes by naming it.

    Args:
        name: `hf:OWNER/NAME[@REVISION]`.

    Raises:
        UsageError: It is not here, or not all of it.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    hub_name = HubName.parse(name)
    hint = f"`emotion-monitor run --model {name}` fetches it"
    try:
        found = snapshot_download(
            hub_name.repo_id,
            revision=hub_name.revision,
            local_files_only=True,
            allow_patterns=[*WANTED],
            ignore_patterns=[*UNWANTED],
        )
        folder = Path(found)
        weight_files(folder)
        read_json(folder / "config.json")
    except (LocalEntryNotFoundError, ModelError, OSError, ValueError) as error:
        msg = f"{name} is not on this machine, or only in part"
        raise UsageError(msg, hint=hint) from error
    return folder


def look(name: str) -> Offer:
    """Asks the hub what it has, for a few kilobytes.

    Args:
        name: `hf:OWNER/NAME[@REVISION]`.

    Raises:
        UsageError: There is no such model or revision, or HF_HUB_OFFLINE forbids to ask.
        ModelError: It may not be fetched, takes no sound, or has no weights as safetensors; or the hub does not answer.
    """
    from huggingface_hub import HfApi, hf_hub_download, try_to_load_from_cache

    hub_name = HubName.parse(name)
    api = HfApi()
    with _told(name, api.endpoint):
        info = api.model_info(hub_name.repo_id, revision=hub_name.revision, files_metadata=True)
        commit = str(info.sha)
        sizes = {file.rfilename: file.size or 0 for file in info.siblings or ()}

        def fetched(file: str) -> Path:
            return Path(hf_hub_download(hub_name.repo_id, file, revision=commit))

        model_type = _model_type(fetched("config.json"), name)
        shards = [file for file in sizes if _WEIGHTS.fullmatch(file)]
        if not shards:
            raise _no_weights(name, sizes)
        headers = [
            api.parse_safetensors_file_metadata(hub_name.repo_id, shard, revision=commit) for shard in sorted(shards)
        ]
        licence = stated_licence(fetched("README.md") if "README.md" in sizes else Path())
        wanted = [file for file in sizes if _is_wanted(file)]
        here = [
            file for file in wanted if isinstance(try_to_load_from_cache(hub_name.repo_id, file, revision=commit), str)
        ]
    return Offer(
        name=name,
        commit=commit,
        size=Size.of(headers, model_type),
        download_bytes=sum(sizes[file] for file in wanted if file not in here),
        licence=licence,
    )


def download(name: str, progress: Progress, *, memory: Memory | None = None) -> Path:
    """The folder of a model; what of it is not here is fetched.

    A file that is here whole is never fetched again, so that after an interruption the same call goes on.

    Args:
        name: `hf:OWNER/NAME[@REVISION]`.
        progress: Told how much is here, by one thread of the download at a time, where something must be fetched.
        memory: What it must fit into; None: that is not asked.

    Raises:
        UsageError, ModelError: As `look`; it does not fit; the disk is full; or the download broke off.
    """
    hub_name = HubName.parse(name)
    with suppress(UsageError):
        return local_snapshot(name)
    offer = look(name)
    if memory is not None:
        refuse_what_does_not_fit(name, offer.size, memory)
    _refuse_full_disk(offer)
    from huggingface_hub import HfApi, snapshot_download

    def fetch(stopped: threading.Event) -> str:
        return snapshot_download(
            hub_name.repo_id,
            revision=hub_name.revision,
            allow_patterns=[*WANTED],
            ignore_patterns=[*UNWANTED],
            tqdm_class=_bar_that_tells(progress, offer.download_bytes, stopped),
        )

    with _told(name, HfApi().endpoint):
        _interruptibly(fetch)
    return local_snapshot(name)


def _interruptibly(fetch: Callable[[threading.Event], str]) -> None:
    """Fetches in a thread, so that Ctrl-C need not wait until every file that was begun is here."""
    stopped = threading.Event()
    with ThreadPoolExecutor(max_workers=1) as thread:
        fetching = thread.submit(fetch, stopped)
        try:
            fetching.result()
        except BaseException:
            stopped.set()
            raise


def _is_wanted(file: str) -> bool:
    """As huggingface_hub takes the patterns."""
    wanted, unwanted = (any(fnmatch.fnmatch(file, pattern) for pattern in some) for some in (WANTED, UNWANTED))
    return wanted and not unwanted


def _model_type(path: Path, name: str) -> str:
    """Of a model that can be read."""
    try:
        config: dict[str, Any] = read_json(path)
        family_of(config, name)
        return str(config["model_type"])
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        msg = f"{name}: its config.json is not the configuration of a model: {error!r}"
        raise ModelError(msg, hint="is it a model for transformers?") from error


def _no_weights(name: str, files: Sequence[str] | Mapping[str, int]) -> ModelError:
    pickles = [file for file in files if file.endswith(_PICKLES)]
    if pickles:
        msg = f"{name} has its weights as pickles only ({pickles[0]}), which may run anything when they are loaded"
        return ModelError(msg, hint="look for a revision or a copy of it in safetensors")
    return ModelError(f"{name} has no weights as safetensors", hint="is it a model for transformers?")


def _refuse_full_disk(offer: Offer) -> None:
    from huggingface_hub.constants import HF_HUB_CACHE

    cache = Path(HF_HUB_CACHE)
    there = next(folder for folder in (cache, *cache.parents) if folder.exists())
    free = disk_usage(there).free
    if free < offer.download_bytes:
        msg = f"{offer.name}: {in_gb(offer.download_bytes)} are to be fetched, and {cache} has room for {in_gb(free)}"
        raise ModelError(msg, hint="make room, or set HF_HOME to a folder on another disk")


def _bar_that_tells(progress: Progress, total: int, stopped: threading.Event) -> type[Any]:
    """What huggingface_hub takes for a progress bar: it draws nothing, tells of bytes written, and can stop."""
    from tqdm import tqdm

    lock = threading.Lock()

    class Bar(tqdm):  # type: ignore[misc]
        def __init__(self, *args: Any, **options: Any) -> None:
            self._counts = str(options.get("desc", "")).startswith("Reconstructing")  # bytes on disk, of all files
            super().__init__(*args, **{**options, "disable": True})

        def update(self, n: float | None = 1) -> None:
            if stopped.is_set():
                msg = "interrupted"
                raise InterruptedError(msg)
            if self._counts:
                with lock:  # files are fetched side by side
                    self.n += n or 0
                    progress(min(int(self.n), total), total)

    return Bar


@contextmanager
def _told(name: str, endpoint: str) -> Iterator[None]:
    """What goes wrong between us and the hub, in one line each."""
    from huggingface_hub import errors

    page = f"{endpoint}/{HubName.parse(name).repo_id}"
    again = "the same command goes on where it stopped"
    try:
        yield
    except EmotionMonitorError:
        raise
    except errors.GatedRepoError as error:
        msg = f"{name} is gated: whoever wants it has to agree to its terms first"
        raise ModelError(msg, hint=f"agree at {page}, then `hf auth login`, or set HF_TOKEN") from error
    except errors.RepositoryNotFoundError as error:
        msg = f"{name}: there is no such model at {endpoint}, or it is private"
        raise UsageError(msg, hint="look its name up; for a private one `hf auth login`, or set HF_TOKEN") from error
    except errors.RevisionNotFoundError as error:
        msg = f"{name}: the model has no such revision"
        raise UsageError(msg, hint=f"{page}/commits names them") from error
    except errors.RemoteEntryNotFoundError as error:
        msg = f"{name} has no config.json"
        raise ModelError(msg, hint="is it a model for transformers?") from error
    except errors.OfflineModeIsEnabled as error:
        msg = f"{name} is not on this machine, or only in part, and HF_HUB_OFFLINE forbids to fetch it"
        raise UsageError(msg, hint="unset HF_HUB_OFFLINE once") from error
    except errors.HfHubHTTPError as error:
        status = error.response.status_code
        msg = f"{name}: {endpoint} answered {status} {error.response.reason_phrase}"
        hint = "is HF_TOKEN, or the token of `hf auth login`, still good?" if status in {401, 403} else again
        raise ModelError(msg, hint=hint) from error
    except errors.SafetensorsParsingError as error:
        msg = f"{name}: its weights are no safetensors, whatever they are called"
        raise ModelError(msg, hint="nothing of them was loaded") from error
    except Exception as error:  # of the HTTP library, of its transport, of the disk
        reason = " ".join(str(error.__cause__ or error).split())[:200] or type(error).__name__
        msg = f"{name} cannot be fetched from {endpoint}: {reason}"
        raise ModelError(msg, hint=f"is there a way to it? {again}") from error

"""emotion-eval run: a model's answers on rated speech, and what every read-out makes of them."""

import argparse
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from core.command_line import above_0, whole_number
from core.errors import UsageError
from core.ltu_as.folder import EMBEDDED
from core.ltu_as.prompt import PROMPTS
from core.ltu_as.readout import Kind, Pool, Scope
from core.settings import Ensemble
from offline_eval.commands.arguments import names, some_of
from offline_eval.commands.policy import add_policy, policy_of
from offline_eval.commands.progress import answers_bar
from offline_eval.runs.presets import PRESETS
from offline_eval.runs.views import INPUTS, LEVELS, Samples, View, all_views

if TYPE_CHECKING:
    from collections.abc import Iterator

    from offline_eval.runs.folder import RunFolder
    from offline_eval.runs.work import Engine

_CHOICES: dict[str, tuple[str, ...]] = {
    "prompt": tuple(PROMPTS),
    "level": LEVELS,
    "readout": get_args(Kind),
    "pool": get_args(Pool),
    "scope": get_args(Scope),
    "ensemble": get_args(Ensemble),
}
_TEMPERATURE = 0.7
"""That of self-consistency in the literature; at the authors' own 0.1, samples are nearly alike."""
_USUAL: dict[str, tuple[str, ...]] = {
    "prompt": tuple(PROMPTS),
    "level": LEVELS,
    "readout": ("paper_linear", "seq_logprob"),
    "pool": ("mean",),
    "scope": ("all",),
    "ensemble": ("off",),
}


def add_to(commands: Any) -> None:
    """Adds the command."""
    text = "ask a model about rated speech, keep its answers, and score what is read out of them"
    parser = commands.add_parser(
        "run",
        help=text,
        description=text[0].upper() + text[1:] + ". The same command goes on with a run that was stopped; other "
        "read-outs of answers that are there take seconds.",
    )
    parser.set_defaults(command=run)
    parser.add_argument("--dataset", required=True, metavar="NAME", help="a corpus; see `emotion-eval datasets`")
    parser.add_argument("--root", type=Path, metavar="DIR", help="where its files are")
    parser.add_argument(
        "--model",
        default=EMBEDDED,
        metavar="NAME|DIR",
        help="a model, hf:OWNER/NAME from the Hugging Face hub, or tiny: random weights (default %(default)s)",
    )
    parser.add_argument("--out", type=Path, metavar="DIR", help="folder of the run (default .cache/run/DATASET-MODEL)")
    parser.add_argument(
        "--speakers",
        type=names,
        default=(),
        metavar="A,B",
        help="only these speakers' utterances, such as those that the model has not learned from",
    )
    _add_views(parser)
    add_policy(parser)
    _add_asking(parser)
    _add_engine(parser)


def _add_views(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group(
        "what is read", "Several values go between commas; tables and other readings may be asked for together."
    )
    group.add_argument(
        "--preset", type=some_of(tuple(PRESETS)), metavar="A,B", help=f"tables of the paper: {', '.join(PRESETS)}"
    )
    for name, choices in _CHOICES.items():
        text = f"{', '.join(choices)} (default {','.join(_USUAL[name])})"
        group.add_argument(f"--{name}", type=some_of(choices), metavar="A,B", help=text)
    group.add_argument(
        "--samples",
        type=whole_number(2),
        metavar="N",
        help="at the text level also draw N texts, and take the mean of the distributions of those that are valid",
    )
    group.add_argument(
        "--seed", type=whole_number(0), default=0, metavar="N", help="of the samples (default %(default)s)"
    )
    group.add_argument(
        "--temperature",
        type=above_0,
        default=_TEMPERATURE,
        metavar="T",
        help="of the samples (default %(default)s)",
    )
    group.add_argument(
        "--input",
        type=some_of(INPUTS),
        default=INPUTS,
        metavar="A,B",
        help="audio; and as baselines silence (as long, with the same transcript, if the model makes one) and "
        "transcript (the words without the sound) (default all three)",
    )


def _add_asking(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("how it is asked")
    group.add_argument(
        "--limit", type=whole_number(1), metavar="N", help="N utterances, spread evenly over those that are kept"
    )
    group.add_argument("--shard", default="1/1", metavar="I/N", help="the I-th of N parts only; see `merge`")
    group.add_argument("--batch", type=whole_number(1), default=8, metavar="N", help="read together (default 8)")
    group.add_argument(
        "--deterministic",
        action="store_true",
        help="every utterance by itself, whatever --batch says, with kernels that give the same digits every time",
    )
    group.add_argument(
        "--max-new-tokens",
        type=whole_number(1),
        default=100,
        metavar="N",
        help="tokens of an answer; 1 will do for seq_logprob and first_piece (default 100)",
    )
    group.add_argument(
        "--decoding",
        choices=("greedy", "original"),
        default="greedy",
        help="original: tokens are drawn as in the authors' scripts, with seed 0 (default greedy)",
    )
    group.add_argument(
        "--adapt",
        action="store_true",
        help="let a model that can get to know each speaker, in the order of their utterances, as live",
    )
    group.add_argument("--device", default="auto", metavar="auto|cpu|cuda", help="where it runs (default auto)")
    group.add_argument("--threads", type=whole_number(1), metavar="N", help="CPU threads (default: all cores)")


def _add_engine(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group(
        "where it is asked", "See docs/scaling-corpora.md; the answers are those of one process."
    )
    group.add_argument(
        "--engine",
        choices=("here", "ray"),
        default="here",
        help="here: in this process; ray: in a pool of actors on a Ray cluster (default here)",
    )
    group.add_argument(
        "--address",
        metavar="HOST:PORT|auto",
        help="of the Ray cluster; auto: the one that this machine is a node of (default: that of RAY_ADDRESS, else one "
        "on this machine for as long as the run takes)",
    )
    group.add_argument(
        "--actors",
        type=whole_number(1),
        metavar="N",
        help="of the pool, each with a GPU, or with --threads CPUs, 1 by default (default: all that there are)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Runs, and prints what was kept and how the views score."""
    try:
        folder = _carried_out(arguments)
        if any(folder.missing(question) for question in folder.record.questions):
            print(f"\n{folder.path}: shard {arguments.shard} is done; `emotion-eval merge` joins the folders of all")
            return 0
        from offline_eval.runs.outputs import read_views
        from offline_eval.runs.summary import summary

        print(f"\n{summary(folder.rated, read_views(folder, folder.record.views))}")
    except ModuleNotFoundError as error:
        msg = f"running needs {error.name}, which is not installed"
        raise UsageError(msg, hint="pip install 'emotion-monitor[train]'") from error
    print(f"\n{folder.path}: {len(folder.items)} utterances; `emotion-eval report {folder.path}` says more")
    return 0


def _carried_out(arguments: argparse.Namespace) -> "RunFolder":
    from offline_eval.datasets.evaluation import read_corpus
    from offline_eval.runs.items import items_of
    from offline_eval.runs.run import RunJob, Shard, carry_out, model_folder
    from offline_eval.runs.summary import contamination

    shard, views = Shard.parse(arguments.shard), _views(arguments)
    _check_engine(arguments)
    with model_folder(arguments.model) as weights:  # first of all: a wrong name is told at once
        corpus = read_corpus(arguments.dataset, arguments.root)
        if arguments.speakers:
            corpus = corpus.of_speakers(arguments.speakers)
        policy = policy_of(arguments)
        kept = policy.apply(corpus.utterances)
        lines = tuple(kept.lines())
        note = contamination(arguments.dataset, arguments.model)
        print("\n".join([*corpus.lines(), *lines, *([note] if note else [])]), flush=True)
        items = items_of(kept.rated, arguments.limit)
        with _engine(arguments) as (engine, device):
            job = RunJob(
                out=arguments.out or Path(".cache/run", f"{arguments.dataset}-{Path(arguments.model).name}"),
                dataset=arguments.dataset,
                root=None if arguments.root is None else str(arguments.root),
                corpus=corpus,
                policy=policy.as_dict(),
                policy_lines=lines,
                items=items,
                limit=arguments.limit,
                weights=weights,
                device=device,
                decoding=arguments.decoding,
                max_new_tokens=arguments.max_new_tokens,
                batch=1 if arguments.deterministic else arguments.batch,
                adapt=arguments.adapt,
                shard=shard,
                presets=arguments.preset or (),
                views=views,
            )
            return carry_out(job, answers_bar, engine)


def _check_engine(arguments: argparse.Namespace) -> None:
    if arguments.engine == "ray":
        from offline_eval.runs.ray_pool import check_options

        check_options(arguments.address, arguments.device)
    elif arguments.address or arguments.actors:
        msg = "--address and --actors are of a Ray cluster"
        raise UsageError(msg, hint="add --engine ray")


@contextmanager
def _engine(arguments: argparse.Namespace) -> "Iterator[tuple[Engine, str]]":
    """Where the model is asked, and on which device."""
    if arguments.engine == "here":
        from offline_eval.runs.work import ThisProcess

        yield ThisProcess(), _device(arguments)
        return
    from offline_eval.runs.ray_pool import ray_pool
    from offline_eval.runs.run import model_folder

    with ray_pool(
        partial(model_folder, arguments.model),
        address=arguments.address,
        actors=arguments.actors,
        threads=arguments.threads,
        device=arguments.device,
        deterministic=arguments.deterministic,
    ) as pool:
        yield pool


def _views(arguments: argparse.Namespace) -> tuple[View, ...]:
    """Those of the presets; and all combinations of the options, if any is given or there is no preset."""
    chosen = {name: getattr(arguments, name) for name in _CHOICES}
    wanted = [view for name in arguments.preset or () for view in PRESETS[name].views]
    views = [replace(view, input=given) for given in arguments.input for view in wanted]
    samples = arguments.samples and Samples(arguments.samples, arguments.seed, arguments.temperature)
    if not views or samples or any(chosen.values()):
        plural: dict[str, Any] = {f"{name}s": values or _USUAL[name] for name, values in chosen.items()}
        views += all_views(inputs=arguments.input, samples=samples, **plural)
    return tuple(dict.fromkeys(views))


def _device(arguments: argparse.Namespace) -> str:
    import torch

    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    if arguments.deterministic:
        from core.ltu_as.precision import use_deterministic_kernels

        use_deterministic_kernels()
    device: str = arguments.device
    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if device.startswith("cuda") and not torch.cuda.is_available():
        msg = f"device {device}: torch {torch.__version__} finds no CUDA GPU"
        raise UsageError(msg, hint="use --device cpu, or auto")
    return device

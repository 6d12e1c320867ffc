"""The examples for Slurm and Kubernetes, as far as they go without either."""

import os
import shlex
import subprocess
from pathlib import Path

import yaml

from offline_eval.cli import _parser
from offline_eval.runs.run import Shard
from tests.program import REPOSITORY

SLURM = REPOSITORY / "examples" / "slurm"
RUN = ["--dataset", "crema-d", "--root", "/data/with a space", "--model", "tiny"]

FAKES = {
    # Runs the script as an array, or as a job, with the variables that Slurm says it sets.
    "sbatch": """
        arguments="$*"
        echo "sbatch $arguments" >> "$LOG"
        case "$1" in --parsable) parsable=1; shift;; esac
        while case "$1" in --*) true;; *) false;; esac; do
          case "$1" in --array=*) range=${1#--array=};; esac
          shift
        done
        for n in $(seq "${range%-*}" "${range#*-}" 2>/dev/null); do
          SLURM_ARRAY_TASK_ID=$n SLURM_CPUS_PER_TASK=4 sh "$@" || exit 1
        done
        [ -n "${range:-}" ] || sh "$@"
        [ -z "${parsable:-}" ] || echo "4711;cluster"
    """,
    "srun": 'exec "$@"',
    "emotion-eval": """
        printf "%s" "emotion-eval" >> "$LOG"
        for word in "$@"; do printf " '%s'" "$word" >> "$LOG"; done
        echo >> "$LOG"
        while [ $# -gt 0 ]; do [ "$1" = --out ] && mkdir -p "$2"; shift; done
    """,
}


def slurm(folder: Path, script: str, *arguments: str, **extra: str) -> list[list[str]]:
    """Runs an example with programs in Slurm's place; the words of what was called, in order."""
    programs, log = folder / "bin", folder / "log"
    programs.mkdir(exist_ok=True)
    log.unlink(missing_ok=True)
    for name, text in FAKES.items():
        (programs / name).write_text(f"#!/bin/sh\n{text}")
        (programs / name).chmod(0o755)
    env = {"PATH": f"{programs}:{os.environ['PATH']}", "LOG": str(log), "OUT": str(folder / "out"), **extra}
    subprocess.run(["sh", SLURM / script, *arguments], env=env, check=True, capture_output=True)
    return [shlex.split(line) for line in log.read_text().splitlines()]


def test_slurm_gets_an_array_of_all_shards_and_a_merge_after_it(tmp_path: Path):
    called = slurm(tmp_path, "submit.sh", *RUN, SHARDS="3")
    batches = [words for words in called if words[0] == "sbatch"]
    assert "--array=1-3" in batches[0]
    assert "--dependency=afterok:4711" in batches[1]
    commands = [_parser().parse_args(words[1:]) for words in called if words[0] == "emotion-eval"]
    *shards, merge = commands
    assert [Shard.parse(one.shard) for one in shards] == [Shard(n, 3) for n in (1, 2, 3)]
    assert {(one.threads, str(one.root)) for one in shards} == {(4, "/data/with a space")}
    assert sorted(merge.shards) == sorted(one.out for one in shards)
    assert merge.out not in merge.shards


def test_one_shard_that_is_begun_again_is_the_same_shard(tmp_path: Path):
    again = {"SHARDS": "3", "SLURM_ARRAY_TASK_ID": "2", "SLURM_CPUS_PER_TASK": "4", "SLURM_ARRAY_TASK_COUNT": "1"}
    (words,) = slurm(tmp_path, "shard.sh", *RUN, **again)
    assert _parser().parse_args(words[1:]).shard == "2/3"


def test_nothing_is_submitted_without_the_number_of_shards():
    done = subprocess.run(
        ["sh", SLURM / "submit.sh", *RUN], env={"PATH": os.environ["PATH"]}, capture_output=True, check=False
    )
    assert done.returncode != 0
    assert b"SHARDS=16" in done.stderr


def test_the_job_for_kubernetes_is_a_command_of_ours_and_has_what_it_names():
    job = yaml.safe_load((REPOSITORY / "examples" / "kuberay" / "rayjob.yaml").read_text())
    program, *words = shlex.split(job["spec"]["entrypoint"])
    command = _parser().parse_args(words)
    assert (program, command.engine, command.device) == ("emotion-eval", "ray", "cuda")
    cluster = job["spec"]["rayClusterSpec"]
    (workers,) = cluster["workerGroupSpecs"]
    assert workers["replicas"] == command.actors
    head, worker = (group["template"]["spec"]["containers"][0] for group in (cluster["headGroupSpec"], workers))
    mounted = {mount["mountPath"]: mount.get("readOnly", False) for mount in head["volumeMounts"]}
    assert mounted == {"/corpus": True, "/results": False}
    assert {mount["mountPath"] for mount in worker["volumeMounts"]} == {"/corpus"}
    assert str(command.root).startswith("/corpus/")
    assert str(command.out).startswith("/results/")
    pins = (REPOSITORY / "constraints.txt").read_text().splitlines()
    assert f"ray=={cluster['rayVersion']}" in pins

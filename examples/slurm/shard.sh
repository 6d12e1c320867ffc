#!/bin/sh
#SBATCH --job-name=emotion-eval
#SBATCH --ntasks=1
#SBATCH --cpus-per-task=4
#SBATCH --mem=32G
#SBATCH --gres=gpu:1
#SBATCH --time=24:00:00
#SBATCH --requeue
#SBATCH --open-mode=append
# One shard. Begun again, by Slurm or by hand, it goes on where it was: blocks of answers that are there stay.
# The number of shards is said once for all: an array of a single number would count as one of one.
set -eu
exec srun emotion-eval run "$@" --shard "$SLURM_ARRAY_TASK_ID/$SHARDS" --threads "$SLURM_CPUS_PER_TASK" \
  --out "$OUT/shard-$SLURM_ARRAY_TASK_ID"

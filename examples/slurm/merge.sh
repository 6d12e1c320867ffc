#!/bin/sh
#SBATCH --job-name=emotion-eval-merge
#SBATCH --ntasks=1
#SBATCH --mem=4G
#SBATCH --time=01:00:00
# Joins the shards to the folder that one process would have made; which is missing is said, and nothing is written then.
set -eu
exec srun emotion-eval merge --out "$OUT/merged" "$OUT"/shard-*/

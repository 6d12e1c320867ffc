#!/bin/sh
# A corpus on a Slurm cluster: an array of jobs, one for each shard, and a job that joins their folders when all are done.
#
#   SHARDS=16 OUT=/scratch/me/iemocap sh submit.sh --dataset iemocap --root /data/IEMOCAP --model hf:OWNER/NAME --preset table1
#
# The arguments are those of `emotion-eval run`, but for --shard and --out. OUT is on a file system that all nodes see.
# What Slurm is to give each shard is said in shard.sh; SBATCH_ACCOUNT, SBATCH_PARTITION and the like hold for both.
set -eu
: "${SHARDS:?how many jobs share the corpus out, such as SHARDS=16}"
: "${OUT:?folder of the results, such as OUT=/scratch/me/run}"
here=$(dirname "$0")
mkdir -p "$OUT"
# Slurm says the number of the job's array, and after a semicolon the cluster if there are several.
array=$(SHARDS="$SHARDS" OUT="$OUT" sbatch --parsable --export=ALL --array="1-$SHARDS" --output="$OUT/shard-%a.log" \
  "$here/shard.sh" "$@")
array=${array%%;*}
SHARDS="$SHARDS" OUT="$OUT" sbatch --export=ALL --dependency="afterok:$array" --output="$OUT/merge.log" "$here/merge.sh"
echo "array $array; a shard that failed goes on with: SHARDS=$SHARDS OUT=$OUT sbatch --array=NUMBER $here/shard.sh, and these arguments"

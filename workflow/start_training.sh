#!/usr/bin/env bash
# Start a training in one process, or in several that train together, one for each GPU:
#
#   bash workflow/start_training.sh NODES GPU GRES mssbench train ...
#
# The first three are the rule's resources. GPU are those of one node. GRES, such as gpu:a100:4, are
# those of each node, and may be empty. On several nodes this is a job of SLURM: one torchrun is
# started on each of them, and they meet on the node where this runs.
set -euo pipefail

# What saves a training has to reach its processes.
torchrun=(torchrun --signals-to-handle "SIGTERM,SIGINT,SIGUSR1")

give_up() {
    echo "workflow/start_training.sh: error: $1" >&2
    exit 2
}

# How SLURM itself reaches a node: a host's own name may not lead to it.
address_of() {
    scontrol --oneliner show node "$1" | sed -n 's/.* NodeAddr=\([^ ]*\) .*/\1/p'
}

# What srun starts on each node.
if [ "$1" = --meet ]; then
    nodes=$2 processes=$3 host=$4 place=$5
    shift 5
    is_host=0
    [ "$SLURMD_NODENAME" != "$host" ] || is_host=1
    exec "${torchrun[@]}" --nnodes "$nodes" --nproc-per-node "$processes" \
        --rdzv-backend c10d --rdzv-id "$SLURM_JOB_ID" --rdzv-endpoint "$place" \
        --rdzv-conf "is_host=$is_host" --local-addr "$(address_of "$SLURMD_NODENAME")" -m -- "$@"
fi

nodes=$1 processes=$2 gres=$3
shift 3
if [ "$processes" -eq 0 ] && [[ $gres == gpu* ]]; then
    processes=${gres##*:}
    [[ $processes =~ ^[0-9]+$ ]] || processes=1
fi

if [ "$nodes" -gt 1 ]; then
    [ -n "${SLURM_JOB_ID:-}" ] ||
        give_up "nodes of rule train is $nodes, but this is no job of SLURM; leave it at 1"
    [ "$processes" -gt 0 ] ||
        give_up "nodes of rule train is $nodes without GPUs of a node; give gres, as gpu:a100:4"
    place=$(address_of "$SLURMD_NODENAME"):$((20000 + SLURM_JOB_ID % 10000))
    cores=${SLURM_CPUS_PER_TASK:-1}
    # They speak of the one node that Snakemake runs on, and srun would hold to them.
    for name in "${!SLURM_@}"; do
        case $name in SLURM_JOB_ID | SLURM_CONF | SLURMD_*) ;; *) unset "$name" ;; esac
    done
    # Beside Snakemake, with all of the job's memory and GPUs. Where one node's torchrun fails, the
    # others are asked to end. SLURM may not end one because another has ended well.
    exec srun --overlap --nodes="$nodes" --ntasks="$nodes" --ntasks-per-node=1 \
        --cpus-per-task="$cores" --mpi=none --input=none --unbuffered --kill-on-bad-exit=1 \
        --wait=0 bash "$0" --meet "$nodes" "$processes" "$SLURMD_NODENAME" "$place" "$@"
elif [ "$processes" -gt 1 ]; then
    exec "${torchrun[@]}" --standalone --nproc-per-node "$processes" -m -- "$@"
fi
exec "$@"

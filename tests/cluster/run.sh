#!/usr/bin/env bash
# Test the workflow on a real SLURM: install it where it is missing, then run the tests of this
# folder beside it. The arguments go to pytest; --possible alone ends before it, if the machine can do
# all this.
#
# All happens in namespaces of its own: of processes, so that nothing outlives the tests, however
# they end; of mounts, so that SLURM finds its files in their usual places and the host's stay as
# they are; of the network, so that ports are free and a job that needs the internet fails. Each node
# has a network of its own within it, see network.py.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

. tests/debian.sh
[ "$(id -u)" = 0 ] || give_up "SLURM's daemons are started here, which takes root"
need_programs "slurmctld slurmd slurmdbd sacct munged mariadbd ip" \
    slurm-wlm slurmdbd munge mariadb-server iproute2

unset SLURM_CONF MLFLOW_TRACKING_URI
apart=(unshare --pid --fork --kill-child --mount --mount-proc --net)
needed='mount -t tmpfs cluster /run && mknod /run/gpu c 1 3 && ip link set lo up && ip netns add node &&
    ip link add nodes type bridge && ip link add node type veth peer name eth0 netns node'
"${apart[@]}" bash -c "$needed" 2>/dev/null ||
    give_up "this machine lets nobody make namespaces, mounts and devices; run it in a container that may"
[ "$*" != --possible ] || exit 0

# What may not be seen of the host, and the variables that would lead SLURM, MLflow or a test there.
# shellcheck disable=SC2016
inside='
mount -t tmpfs -o mode=755 cluster /run
mkdir -p /run/slurm/etc /run/home
mount --bind /run/slurm/etc /etc/slurm
ip link set lo up
# Not the last command, so that this shell stays and takes care of orphans.
code=0
"$@" || code=$?
exit $code
'
export MSSBENCH_TEST_CLUSTER=1 HOME=/run/home
exec "${apart[@]}" \
    bash -c "set -eu; $inside" run.sh \
    python -m pytest tests/cluster -p no:cacheprovider --basetemp=/run/tests "$@"

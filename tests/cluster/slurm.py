"""A SLURM of several nodes on this machine, with GPUs that are none, and its accounting.

It lies below ``/run``, which tests/cluster/run.sh has made empty and private.
"""

import os
import secrets
import shutil
import socket
import subprocess
import time
from pathlib import Path

from network import LOGIN_ADDRESS, address_of, connect, on_node

HOME = Path("/run/slurm")
ETC, LOGS = HOME / "etc", HOME / "logs"
GPUS_A_NODE = 4
# All jobs go to the first two. Two are for preemption, two are there to be lost, and one is small.
NODES = ("node1", "node2", "node3", "node4", "node5", "node6", "node7")
ACCOUNT = "study"
# A line a job and node, written as the job starts: which GPUs SLURM has given it.
ALLOCATED = HOME / "allocated"
# Of the compute nodes alone: the login node's is another one.
HOME_OF_JOBS = HOME / "home_of_jobs"

SLURM_CONF = f"""
ClusterName=test
SlurmctldHost={socket.gethostname()}({LOGIN_ADDRESS})
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
# Also how long (s) a preempted job waits before it may start again.
AuthInfo=cred_expire=30
StateSaveLocation={HOME}/state
SlurmdSpoolDir={HOME}/spool/%n
SlurmctldPidFile={HOME}/slurmctld.pid
SlurmdPidFile={HOME}/%n.pid
MpiDefault=none
SwitchType=switch/none
# Without cgroups and systemd.
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=1
JobAcctGatherParams=UsePss,OverMemoryKill
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SlurmdParameters=config_overrides
ReturnToService=2
SlurmdTimeout=20
KillWait=10
MinJobAge=600
Prolog={HOME}/prolog
TaskProlog={HOME}/task_prolog
# At once, even on a busy machine.
SchedulerParameters=sched_min_interval=200000,bf_interval=5,batch_sched_delay=1
PriorityType=priority/basic
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
AccountingStorageType=accounting_storage/slurmdbd
AccountingStorageHost=127.0.0.1
AccountingStorageTRES=gres/gpu
AccountingStoreFlags=job_comment
GresTypes=gpu
NodeName=node[1-{len(NODES)}] NodeAddr={address_of(f"node[1-{len(NODES)}]")} \
 CPUs=16 RealMemory=200000 Gres=gpu:h200:{GPUS_A_NODE}
PartitionName=cpu Nodes=node[1-2] Default=YES MaxTime=1-0 PreemptMode=OFF
PartitionName=gpu Nodes=node[1-2] MaxTime=1-0 PreemptMode=OFF
PartitionName=low Nodes=node3 MaxTime=1-0 PriorityTier=1 PreemptMode=REQUEUE
PartitionName=fleeting Nodes=node6 MaxTime=1-0 PriorityTier=1 PreemptMode=CANCEL
PartitionName=high Nodes=node3,node6 MaxTime=1-0 PriorityTier=9 PreemptMode=OFF
PartitionName=fragile Nodes=node[4-5] MaxTime=1-0 PreemptMode=OFF
PartitionName=small Nodes=node7 MaxTime=1-0 PreemptMode=OFF
"""

SLURMDBD_CONF = f"""
AuthType=auth/munge
DbdHost=localhost
DbdAddr=127.0.0.1
SlurmUser=root
PidFile={HOME}/slurmdbd.pid
StorageType=accounting_storage/mysql
StorageHost=localhost
StorageUser=root
StorageLoc=slurm
"""

PROLOG = f"""#!/bin/sh
echo "$SLURM_JOB_ID $SLURMD_NODENAME $SLURM_JOB_GPUS" >>{ALLOCATED}
"""

TASK_PROLOG = f"""#!/bin/sh
echo "export HOME={HOME_OF_JOBS}"
"""


class Cluster:
    """The daemons, and what the accounting says."""

    def __init__(self):
        self.daemons = {}

    def start(self):
        """Start all daemons in turn; each is waited for."""
        for folder in (
            ETC,
            LOGS,
            HOME_OF_JOBS,
            HOME / "state",
            *(HOME / "spool" / node for node in NODES),
        ):
            folder.mkdir(parents=True, exist_ok=True)
        for number in range(GPUS_A_NODE):
            # With plain files in place of devices SLURM leaves CUDA_VISIBLE_DEVICES unset.
            os.mknod(HOME / f"gpu{number}", 0o20666, os.makedev(1, 3))
        connect(NODES, ETC / "hosts")
        self._configure()
        self._start_munge()
        self._start_database()
        self._start_daemon("slurmdbd", "slurmdbd", "-D")
        wait(lambda: is_open(6819), "slurmdbd")
        run("sacctmgr", "-i", "add", "cluster", "test")
        run("sacctmgr", "-i", "add", "account", ACCOUNT)
        run("sacctmgr", "-i", "add", "user", "root", f"account={ACCOUNT}")
        self.start_controller()
        for node in NODES:
            self.start_node(node)
        wait(lambda: set(run("sinfo", "-hN", "-o%T").split()) == {"idle"}, "the nodes")

    def start_controller(self):
        self._start_daemon("slurmctld", "slurmctld", "-D")
        wait(lambda: is_open(6817), "slurmctld")

    def start_node(self, node):
        self._start_daemon(node, *on_node(node, "slurmd", "-D", "-N", node))

    def stop(self):
        """Stop all daemons, and the jobs with them."""
        if "slurmctld" in self.daemons:
            subprocess.run(["scancel", "--user=root"], check=False, timeout=30)
        for name in reversed(list(self.daemons)):
            self.kill(name)

    def restart_controller(self):
        """Stop it as an administrator does, and start it again."""
        controller = self.daemons.pop("slurmctld")
        controller.terminate()
        controller.wait(60)
        self.start_controller()

    def kill(self, name):
        """End one daemon at once."""
        daemon = self.daemons.pop(name)
        daemon.kill()
        daemon.wait()

    def said(self):
        """Return the end of each daemon's log, for a test that fails."""
        ends = {path.name: path.read_text(errors="replace")[-1500:] for path in LOGS.iterdir()}
        return "\n".join(f"== {name}\n{end}" for name, end in ends.items())

    def _configure(self):
        (ETC / "slurm.conf").write_text(SLURM_CONF)
        (ETC / "gres.conf").write_text(f"Name=gpu Type=h200 File={HOME}/gpu[0-{GPUS_A_NODE - 1}]\n")
        (ETC / "slurmdbd.conf").write_text(SLURMDBD_CONF)
        for name, script in {"prolog": PROLOG, "task_prolog": TASK_PROLOG}.items():
            (HOME / name).write_text(script)
            (HOME / name).chmod(0o755)
        # It refuses to start where others could read it.
        (ETC / "slurmdbd.conf").chmod(0o600)

    def _start_munge(self):
        key, runtime = HOME / "munge.key", Path("/run/munge")
        key.write_bytes(secrets.token_bytes(128))
        key.chmod(0o400)
        runtime.mkdir(mode=0o755)
        files = {"key": key, "seed": HOME / "munge.seed", "log": LOGS / "munge", "pid": HOME / "m"}
        options = [f"--{name}-file={file}" for name, file in files.items()]
        self._start_daemon("munged", "munged", "--foreground", "--force", *options)
        wait((runtime / "munge.socket.2").exists, "munged")

    def _start_database(self):
        data, runtime = HOME / "database", Path("/run/mysqld")
        runtime.mkdir()
        own = ["--no-defaults", "--user=root", f"--datadir={data}"]
        small = ["--innodb-buffer-pool-size=64M", "--innodb-log-file-size=8M"]
        run("mariadb-install-db", *own, *small, "--auth-root-authentication-method=normal")
        socket_file = runtime / "mysqld.sock"
        late = ["--innodb-lock-wait-timeout=900", "--skip-networking", f"--socket={socket_file}"]
        self._start_daemon("mariadbd", shutil.which("mariadbd"), *own, *small, *late)
        wait(socket_file.exists, "mariadbd")
        run("mariadb", "--no-defaults", f"--socket={socket_file}", "-e", "create database slurm")

    def _start_daemon(self, name, *command):
        with (LOGS / name).open("a") as log:
            self.daemons[name] = subprocess.Popen(
                command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True
            )


def run(*command):
    """Return what a command says; its error where it fails."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout


def is_open(port):
    """Whether something listens at a port of this machine."""
    with socket.socket() as tried:
        return tried.connect_ex(("127.0.0.1", port)) == 0


def wait(condition, what, seconds=90, every=0.05):
    """Wait until ``condition()`` holds, which is asked so often (s): to ask takes time as well."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"waited {seconds} s for {what}"
        time.sleep(every)

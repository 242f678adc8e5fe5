"""The miniature study, run through profiles/slurm, and what the accounting says of its jobs."""

import os
import shutil
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import psutil
import yaml
from slurm import ACCOUNT, run, wait
from test_pipeline import RESULTS, STUDY, make_project

# What a user of this cluster edits in the profile, and smaller jobs: the nodes are one machine.
EDITS = {
    '"my_account"': f'"{ACCOUNT}"',
    "executor: slurm\n": "executor: slurm\nset-threads: {synthetic_dataset: 1, rendition: 1}\n",
    "scratch: 0": "scratch: 1",
    "latency-wait: 60": "latency-wait: 20\nslurm-init-seconds-before-status-checks: 2",
}

TABLES = ("systems.csv", "systems.md", "systems.tex")
# What a test asks for that needs no figures.
TABLE = str(STUDY / "tables" / TABLES[0])

FIELDS = (
    *("JobID", "JobName", "State", "Partition", "Account", "AllocTRES", "ReqMem", "TimelimitRaw"),
    *("Start", "End", "NodeList", "Comment", "WorkDir"),
)


def make_study(folder):
    """Make a project of the miniature study whose Wave-U-Net trains long enough to be disturbed."""
    project = make_project(folder, tracking="off")
    study = project / "workflow" / "studies" / "miniature.yaml"
    content = yaml.safe_load(study.read_text())
    content["experiments"]["wave-u-net"]["training"] = {"epochs": 120, "patience": 200}
    study.write_text(yaml.safe_dump(content, sort_keys=False))
    for before, after in EDITS.items():
        edit_profile(project, before, after)
    return project


def edit_profile(project, before, after):
    """Replace a text of the profile: options on the command line would replace whole keys."""
    profile = project / "profiles" / "slurm" / "config.yaml"
    text = profile.read_text()
    assert before in text
    profile.write_text(text.replace(before, after, 1))


def without_trainings(project, copy, models):
    """Copy a finished project, less what came of training some of its models.

    What follows a training is made on the login node: a SLURM job starts Snakemake three times.
    """
    shutil.copytree(project, copy, symlinks=True)
    for model in models:
        for stage in ("train", "separate", "score"):
            (made,) = (copy / RESULTS / stage).glob(f"{model}-*")
            shutil.rmtree(made)
    shutil.rmtree(copy / STUDY)
    edit_profile(copy, 'groups:\n  separate: "test"\n  score: "test"\n', "")
    with (copy / "Snakefile").open("a") as snakefile:
        snakefile.write("\n\nlocalrules:\n    separate,\n    score,\n")
    return copy


def environment(project):
    """Return the environment of a user of the project."""
    said = dict(os.environ, PYTHONPATH=str(project / "src"), OMP_NUM_THREADS="1")
    said["PATH"] = f"{Path(sys.executable).parent}:{said['PATH']}"
    # Of its own: a training that SLURM has to kill leaves its songs there.
    said["TMPDIR"] = str(project / "tmp")
    Path(said["TMPDIR"]).mkdir(exist_ok=True)
    return said


class Workflow:
    """Snakemake in a project, on the login node."""

    def __init__(self, project, *targets):
        self.project = project
        self.log = project / "snakemake.log"
        profile = ("--workflow-profile", "profiles/slurm")
        # Where the tests run in the background, Ctrl-C is ignored, and so it would be here.
        heeding = ("env", "--default-signal=INT")
        self.words = [*heeding, sys.executable, "-m", "snakemake", *profile, *targets]
        self.process = None

    def start(self):
        """Start it, beside the test."""
        with self.log.open("a") as log:
            self.process = subprocess.Popen(
                self.words,
                cwd=self.project,
                env=environment(self.project),
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        return self

    def finish(self, seconds=900):
        """Wait for its end, which has to be a good one."""
        code = self.process.wait(seconds)
        assert code == 0, logs(self.project)

    def kill(self):
        """End it, and nothing else, at once."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def start_again(self):
        """Kill it, and start it once more. A user would say ``--unlock`` between."""
        self.kill()
        shutil.rmtree(self.project / ".snakemake" / "locks")
        return self.start()

    def halted_training(self):
        """Halt the Wave-U-Net's training once it has saved its state; return process and job.

        It stands still, so that it cannot end before what a test does to it has come, however late
        that comes. SIGCONT has it go on.
        """
        found = []

        def is_training():
            assert self.process.poll() is None, self.log.read_text()[-6000:]
            saved = any((self.project / RESULTS / "checkpoints").glob("wave_u_net-*/checkpoint-*"))
            found[:] = trainings(self.project) if saved else []
            return found

        wait(is_training, "a training with a checkpoint", 600, every=0.1)
        found[0].send_signal(signal.SIGSTOP)
        return found[0], found[0].environ()["SLURM_JOB_ID"]


def trainings(project):
    """Return the processes that train in a project."""
    found = []
    for process in psutil.process_iter(["cmdline", "cwd"]):
        words = process.info["cmdline"] or []
        # Behind the interpreter, and behind torchrun's `-u -m`.
        is_mssbench = any(Path(word).name == "mssbench" for word in words[:4])
        if is_mssbench and "train" in words and process.info["cwd"] == str(project):
            found.append(process)
    return found


def end_with_its_node(job):
    """Kill all that belongs to a job at once, SLURM's own processes first: none can say so."""
    steps, others = [], []
    for process in psutil.process_iter(["cmdline", "environ"]):
        if f"slurmstepd: [{job}." in " ".join(process.info["cmdline"] or []):
            steps.append(process)
        elif (process.info["environ"] or {}).get("SLURM_JOB_ID") == job:
            others.append(process)
    for process in (*steps, *others):
        # Some end with those before them.
        with suppress(psutil.NoSuchProcess):
            process.kill()


def attempts():
    """Return what SLURM knows of each attempt of all Snakemake jobs, oldest first."""
    said = run(*("sacct", "-a", "-X", "-D", "-P", "-n", "-S", "now-1hour", f"-o{','.join(FIELDS)}"))
    rows = (dict(zip(FIELDS, line.split("|"), strict=True)) for line in said.splitlines())
    return [row for row in rows if row["JobName"].startswith("mss_")]


def accounting(project):
    """Return the attempts of a project's jobs."""
    return [row for row in attempts() if row["WorkDir"] == str(project)]


def states(project):
    """Return how each attempt of a project's jobs ended, or that it has not."""
    return [row["State"].split()[0] for row in accounting(project)]


def wait_for_state(project, state, seconds=90):
    """Wait until the accounting says so of an attempt."""
    wait(lambda: state in states(project), state, seconds, every=1)


def logs(project):
    """Return what the workflow, its jobs and the accounting say, for a test that fails."""
    of_jobs = sorted((project / "results" / "slurm_logs").rglob("*.log"))
    files = (project / "snakemake.log", *of_jobs)
    ends = [f"== {file}\n{file.read_text(errors='replace')[-6000:]}" for file in files]
    return "\n".join([*ends, *(str(row) for row in accounting(project))])


def of_rule(project, rule):
    """Return the attempts of a rule's or a group's jobs."""
    return [row for row in accounting(project) if row["Comment"].startswith(f"rule_{rule}")]


def gpus_of(row):
    """Return how many GPUs an attempt was given."""
    given = dict(part.split("=") for part in row["AllocTRES"].split(",") if part)
    return int(given.get("gres/gpu", 0))


def tables(project):
    """Return the content of each table's files."""
    return {name: (project / STUDY / "tables" / name).read_bytes() for name in TABLES}

# What the jobs ask for. A profile may set any of it anew (set-resources, set-threads).
import shutil


def found_gpu():
    """Return whether `device: auto` will find a GPU on this machine."""
    return config["device"] == "auto" and shutil.which("nvidia-smi") is not None


def gpus(wildcards):
    """Return 1 where training will use a GPU of this machine; a cluster's profile says its own.

    A profile that says more (set-resources: {train: {gpu: 4}}) has each training use as many.
    """
    return int(config["device"] == "cuda" or found_gpu())


def separating_gpus(wildcards):
    """Return 1 where a trained model will separate on a GPU; the other methods never do.

    On a cluster only `device: cuda` asks for one: with `auto` the model takes what its node has.
    """
    if SEPARATED[wildcards.separated].trained is None:
        return 0
    here = workflow.local_exec and found_gpu()
    return int(config["device"] == "cuda" or here)


def drawing_gpus(wildcards):
    """Return 1 where a figure is drawn from trained models that will run on a GPU."""
    if not figure_weights(wildcards):
        return 0
    return int(config["device"] == "cuda" or found_gpu())


def scoring_gpus(wildcards):
    """Return 1 where a study's scoring has `device: cuda`."""
    return int(SCORED[wildcards.scored].config["scoring"].get("device") == "cuda")


def memory(megabytes):
    """Return a resource function that asks for more at each attempt.

    Up to four times as much: the later attempts of a training are those of its time limit.
    """
    return lambda wildcards, attempt: megabytes * min(attempt, 4)


def memory_of_workers(megabytes):
    """Return a resource function that asks for so much for each thread, a process a song; as `memory`."""
    return lambda wildcards, attempt, threads: megabytes * threads * min(attempt, 4)


def scoring_processes(wildcards):
    """Return how many songs a job scores at once. The short songs of a demo take no second each."""
    return 1 if SCALE == "demo" else 8


def scoring_memory(wildcards, attempt, threads):
    """Return what a process a song holds: four minutes of stereo with four sources at 44.1 kHz."""
    # Measured with bss_eval: 1420 MB, and 2250 MB with all measures. museval is computed: 15 s and
    # 30 s of such a song took 1120 and 1440 MB, which makes 5840 MB of 240 s.
    scoring = SCORED[wildcards.scored].config["scoring"]
    ours = scoring.get("engine", "bss_eval") == "bss_eval"
    return (2500 if ours else 6500) * threads * attempt


def check_nodes():
    """Refuse GPUs that the SLURM plugin asks for in vain, before a job waits for them in the queue."""
    asked = workflow.get_rule("train").resources
    nodes, gpu = (asked[name].raw for name in ("nodes", "gpu"))
    # The plugin counts `gpu` over all nodes of a job, and then asks for all of them on one.
    if str(nodes) != "1" and not callable(gpu) and str(gpu) != "0":
        raise WorkflowError(
            f"set-resources of train has nodes: {nodes} with gpu: {gpu}; on several nodes give "
            "gpu: 0 and the GPUs of each node as gres, such as gres: gpu:a100:4"
        )

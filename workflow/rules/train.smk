# One job a model and seed.
from importlib.metadata import version


# Make the MLflow store before any job logs to it: many jobs opening an empty one break it.
rule tracking_store:
    output:
        "results/tracking/store.json",
    log:
        "results/tracking/store.log",
    localrule: True
    conda:
        "../../envs/environment.yaml"
    params:
        # Another version may keep its runs in another form.
        mlflow=version("mlflow"),
        artifacts=subpath(output[0], parent=True),
    message:
        "Making the MLflow store"
    shell:
        "mssbench track init --artifacts {params.artifacts}/artifacts"
        " --out {output} --log {log}"


# Snakemake removes declared outputs of a job that fails, so checkpoints are not declared: a killed
# job finds them and continues.
rule train:
    input:
        rendition=lambda wildcards: rendition_of(TRAINED[wildcards.trained]),
        stretched=lambda wildcards: stretched_of(wildcards.trained),
        initial=lambda wildcards: initial_of(wildcards.trained),
        store=ancient("results/tracking/store.json"),
    output:
        weights="results/{dataset}/{scale}/train/{trained}/model.safetensors",
        last="results/{dataset}/{scale}/train/{trained}/last.safetensors",
        history="results/{dataset}/{scale}/train/{trained}/history.csv",
        run="results/{dataset}/{scale}/train/{trained}/run.json",
    log:
        "results/{dataset}/{scale}/logs/train/{trained}.log",
    benchmark:
        "results/{dataset}/{scale}/logs/train/{trained}.cost.tsv"
    # Before more songs are stretched, those that are there shall train and go.
    priority: 1
    # 0 would overrule a profile's own.
    retries: config["retries"] or None
    conda:
        "../../envs/environment.yaml"
    threads: 1
    resources:
        gpu=gpus,
        # Several for one training, and their GPUs, as a cluster's profile says.
        nodes=1,
        gres="",
        mem_mb=memory(8000),
        runtime=1440,
        # Not scarce, but told to the command as the runtime is.
        retries=config["retries"],
        # 1 copies the songs to the job's tmpdir first.
        scratch=0,
    params:
        config=lambda wildcards: as_json(
            trained_part(TRAINED[wildcards.trained].config)
        ),
        checkpoints="results/{dataset}/{scale}/checkpoints/{trained}",
        device=config["device"],
        songs=lambda wildcards, input: (
            f"{input.stretched}/manifest.json" if input.stretched else input.rendition
        ),
        initial=lambda wildcards, input: initial_options(
            wildcards.trained, input.initial
        ),
        # Functions of the input repeat no job: where the project lies, and to join a sweep, changes
        # no weights.
        start=lambda wildcards, input: str(WORKFLOW / "start_training.sh"),
        sweep=lambda wildcards, input: sweep_options(wildcards.trained),
        # Nor does it change those of a training that has ended.
        accept=lambda wildcards, input: (
            "--accept-code" if config["accept_code"] else ""
        ),
        # The stretched songs do not stay, so the weights answer for the code that made them.
        code=lambda wildcards: model_code(
            "mssbench.commands.train",
            TRAINED[wildcards.trained],
            *(
                ["mssbench.commands.stretch"]
                if stretched_of(wildcards.trained)
                else []
            ),
        ),
    message:
        "Training {wildcards.trained}"
    # By resources, as params name what is trained: neither the number of nodes and GPUs nor the time
    # that a job may take nor where its songs lie changes that. The budget leaves a twentieth of the
    # runtime for saving.
    shell:
        "budget=; scratch=();"
        " if [ {resources.retries} -gt 0 ]; then"
        ' budget="--budget $(( {resources.runtime} * 57 ))"; fi;'
        " if [ {resources.scratch} -gt 0 ]; then scratch=(--scratch {resources.tmpdir:q}); fi;"
        ' bash {params.start:q} {resources.nodes} {resources.gpu} "{resources.gres}"'
        ' mssbench train $budget "${{scratch[@]}}"'
        " --config {params.config:q} --rendition {params.songs}"
        " {params.initial}"
        " --checkpoints {params.checkpoints} --device {params.device} --threads {threads}"
        " --tag dataset={wildcards.dataset} --tag scale={wildcards.scale} --tag code={params.code}"
        " {params.sweep} {params.accept}"
        " --out-weights {output.weights} --out-last {output.last}"
        " --out-history {output.history} --out-run {output.run}"
        " --log {log}"


check_nodes()

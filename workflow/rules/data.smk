# The songs, and renditions of them at the rate and channels that a study asks for.

if DATASET == "synthetic":

    # Render the synthetic data set: every note follows from the seed.
    rule synthetic_dataset:
        output:
            "results/synthetic/{scale}/source/dataset.json",
        log:
            "results/synthetic/{scale}/logs/source.log",
        conda:
            "../../envs/environment.yaml"
        threads: 8
        params:
            songs=lambda wildcards: config["synthetic"][wildcards.scale],
            shorter=lambda wildcards: test_length(config["synthetic"][wildcards.scale]),
            root=subpath(output[0], parent=True),
            code=source_digest("mssbench.data.synthetic.render"),
        message:
            "Rendering the synthetic data set"
        shell:
            "mssbench data render --root {params.root}"
            " --train-songs {params.songs[train_songs]} --test-songs {params.songs[test_songs]}"
            " --seconds {params.songs[seconds]} {params.shorter} --seed {params.songs[seed]}"
            " --workers {threads} --out {output} --log {log}"

elif config["dataset_path"]:

    # Use a copy of a real data set, or a folder of the user's own, where it lies.
    rule linked_dataset:
        input:
            # The entry of a data set of the user's own.
            entry=ENTRY.file or [],
        output:
            "results/{dataset}/{scale}/source/dataset.json",
        log:
            "results/{dataset}/{scale}/logs/source.log",
        localrule: True
        conda:
            "../../envs/environment.yaml"
        params:
            path=config["dataset_path"],
            entry=str(ENTRY.file or DATASET),
            # So that songs that are changed, added or removed are read anew. What depends on more
            # than wildcards would repeat nothing.
            songs=lambda wildcards: songs_there(),
        message:
            "Reading the folder of {wildcards.dataset}"
        shell:
            "mssbench data link {params.entry:q} {params.path:q} --out {output} --log {log}"

else:

    # Download a real data set, once for both scales. Where the internet is: on a login node.
    rule downloaded_dataset:
        output:
            "results/{dataset}/{scale}/source/dataset.json",
        log:
            "results/{dataset}/{scale}/logs/source.log",
        localrule: True
        conda:
            "../../envs/environment.yaml"
        params:
            root=subpath(output[0], ancestor=3),
        message:
            "Downloading {wildcards.dataset}"
        shell:
            "mssbench data download {wildcards.dataset} --root {params.root}/download"
            " --out {output} --log {log}"


# Decode, downmix and resample each song once, so that training maps it into memory.
rule rendition:
    input:
        dataset="results/{dataset}/{scale}/source/dataset.json",
    output:
        manifest="results/{dataset}/{scale}/rendition/{rendition}/manifest.json",
    log:
        "results/{dataset}/{scale}/logs/rendition/{rendition}.log",
    # All else waits for it, and it can use all cores while there is little to do.
    priority: 2
    conda:
        "../../envs/environment.yaml"
    threads: 8
    resources:
        # Of a song of four minutes in stereo at 44.1 kHz.
        mem_mb=memory_of_workers(1500),
        runtime=240,
    params:
        rate=lambda wildcards: wildcards.rendition.split("-")[0],
        channels=lambda wildcards: wildcards.rendition.split("-")[1],
        # Only int16 is part of the name.
        format=lambda wildcards: (wildcards.rendition.split("-") + ["float32"])[2],
        code=source_digest("mssbench.commands.prepare"),
    message:
        "Preparing the rendition {wildcards.rendition}"
    shell:
        "mssbench prepare --dataset {input.dataset} --rate {params.rate}"
        " --channels {params.channels} --format {params.format} --workers {threads} --out {output.manifest} --log {log}"


# The same songs with their sources side by side at equal angles, as methods that separate by place
# are tried on.
rule panned_rendition:
    input:
        mono=lambda wildcards: (
            f"results/{DATASET}/{SCALE}/rendition/"
            f"{wildcards.panned.split('-')[0]}-mono/manifest.json"
        ),
    output:
        manifest="results/{dataset}/{scale}/rendition/{panned}/manifest.json",
    log:
        "results/{dataset}/{scale}/logs/rendition/{panned}.log",
    priority: 2
    conda:
        "../../envs/environment.yaml"
    threads: 8
    resources:
        mem_mb=memory(8000),
        runtime=240,
    params:
        options=lambda wildcards: pan_options(PANNED[wildcards.panned].config),
        code=source_digest("mssbench.commands.pan"),
    message:
        "Panning the sources for {wildcards.panned}"
    shell:
        "mssbench pan --rendition {input.mono} {params.options} --workers {threads}"
        " --out {output.manifest} --log {log}"


# Further training songs at other tempos, for one training. They are made of the rendition in minutes,
# so they go when it is done: the whole folder, as the songs lie beside the manifest. What it has of
# the rendition's own songs are links, which take no room. No two trainings share a folder: Snakemake
# repeats all that ever read a temporary file when it makes the file again for one of them.
rule stretched_rendition:
    input:
        rendition=lambda wildcards: rendition_of(TRAINED[wildcards.trained]),
    output:
        folder=temp(directory("results/{dataset}/{scale}/stretched/{trained}")),
    log:
        "results/{dataset}/{scale}/logs/stretched/{trained}.log",
    conda:
        "../../envs/environment.yaml"
    threads: 8
    resources:
        # Of a song of four minutes in stereo at 44.1 kHz, at half its tempo.
        mem_mb=memory_of_workers(2500),
        runtime=240,
    params:
        options=lambda wildcards: stretch_options(TRAINED[wildcards.trained].config),
        disk=lambda wildcards, input: stretching_need(
            input.rendition, TRAINED[wildcards.trained]
        ),
        code=source_digest("mssbench.commands.stretch"),
    message:
        "Stretching songs for {wildcards.trained}: {params.disk} on disk while it trains"
    shell:
        "mssbench stretch --rendition {input.rendition} {params.options} --workers {threads}"
        " --out {output.folder}/manifest.json --log {log}"

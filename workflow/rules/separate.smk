# The test songs, separated by each model, oracle or baseline; of a cross-validation the songs that
# the fold holds out.


rule separate:
    input:
        rendition=lambda wildcards: rendition_of(SEPARATED[wildcards.separated]),
        weights=weights_of,
    output:
        estimates="results/{dataset}/{scale}/separate/{separated}/estimates.json",
    log:
        "results/{dataset}/{scale}/logs/separate/{separated}.log",
    conda:
        "../../envs/environment.yaml"
    threads: 1
    resources:
        gpu=separating_gpus,
        mem_mb=memory(6000),
        runtime=120,
    params:
        config=lambda wildcards: as_json(
            separated_part(SEPARATED[wildcards.separated].config)
        ),
        weights=lambda wildcards, input: (
            f"--weights {input.weights}" if input.weights else ""
        ),
        device=config["device"],
        code=lambda wildcards: model_code(
            "mssbench.commands.separate", SEPARATED[wildcards.separated]
        ),
    message:
        "Separating songs with {wildcards.separated}"
    shell:
        "mssbench separate --config {params.config:q} --rendition {input.rendition}"
        " {params.weights} --device {params.device} --threads {threads}"
        " --out {output.estimates} --log {log}"

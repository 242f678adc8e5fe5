# Scores, one job a run with a process a song.


rule score:
    input:
        rendition=lambda wildcards: rendition_of(SCORED[wildcards.scored]),
        estimates=lambda wildcards: (
            f"results/{DATASET}/{SCALE}/separate/"
            f"{SCORED[wildcards.scored].separated}/estimates.json"
        ),
    output:
        scores="results/{dataset}/{scale}/score/{scored}/scores.parquet",
    log:
        "results/{dataset}/{scale}/logs/score/{scored}.log",
    conda:
        "../../envs/environment.yaml"
    threads: scoring_processes
    resources:
        gpu=scoring_gpus,
        mem_mb=scoring_memory,
        runtime=720,
    params:
        config=lambda wildcards: as_json(SCORED[wildcards.scored].config["scoring"]),
        # What all runs that are scored on the same songs share; it may be deleted.
        kept="results/{dataset}/{scale}/references",
        code=source_digest(
            "mssbench.commands.score", without="mssbench.commands.score_folders"
        ),
    message:
        "Scoring {wildcards.scored}"
    shell:
        "mssbench score --config {params.config:q} --run {wildcards.scored}"
        " --rendition {input.rendition} --estimates {input.estimates} --workers {threads}"
        " --kept {params.kept}"
        " --out {output.scores} --log {log}"


# Others' scores, from museval's JSON files.
rule imported_scores:
    input:
        files=lambda wildcards: IMPORTED[wildcards.imported].files,
    output:
        scores="results/{dataset}/{scale}/score/{imported}/scores.parquet",
    log:
        "results/{dataset}/{scale}/logs/score/{imported}.log",
    localrule: True
    conda:
        "../../envs/environment.yaml"
    params:
        source=lambda wildcards: IMPORTED[wildcards.imported].path,
        subset=lambda wildcards: IMPORTED[wildcards.imported].subset,
        code=source_digest("mssbench.commands.import_scores"),
    message:
        "Importing {wildcards.imported}"
    shell:
        "mssbench import-scores {params.source:q} --run {wildcards.imported}"
        " --subset {params.subset} --out {output.scores} --log {log}"

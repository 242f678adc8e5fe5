# Tables, figures and the dashboard's view of a study.


rule table:
    input:
        scores=study_scores,
        runs=study_runs,
        estimates=study_estimates,
        renditions=study_renditions,
    output:
        csv=report(
            "results/{dataset}/{scale}/studies/{study}/tables/{table}.csv",
            caption="../report/table.rst",
            category="{study}",
            subcategory="tables",
            labels={"table": "{table}"},
        ),
        markdown="results/{dataset}/{scale}/studies/{study}/tables/{table}.md",
        latex="results/{dataset}/{scale}/studies/{study}/tables/{table}.tex",
        html="results/{dataset}/{scale}/studies/{study}/tables/{table}.html",
    log:
        "results/{dataset}/{scale}/logs/tables/{study}.{table}.log",
    localrule: True
    conda:
        "../../envs/environment.yaml"
    params:
        config=lambda wildcards: study_config(
            wildcards.study,
            tables={wildcards.table: STUDIES[wildcards.study].tables[wildcards.table]},
        ),
        folder=subpath(output.csv, parent=True),
        code=source_digest("mssbench.commands.tables"),
    message:
        "Making table {wildcards.table} of {wildcards.study}"
    shell:
        "mssbench tables --config {params.config:q} --scores {input.scores}"
        " --runs {input.runs} --estimates {input.estimates}"
        " --renditions {input.renditions} --out {params.folder} --log {log}"


rule figure:
    input:
        scores=study_scores,
        histories=study_histories,
        runs=study_runs,
        estimates=study_estimates,
        renditions=study_renditions,
        weights=figure_weights,
    output:
        svg="results/{dataset}/{scale}/studies/{study}/figures/{figure}.svg",
        png=report(
            "results/{dataset}/{scale}/studies/{study}/figures/{figure}.png",
            caption="../report/figure.rst",
            category="{study}",
            subcategory="figures",
            labels={"figure": "{figure}"},
        ),
    log:
        "results/{dataset}/{scale}/logs/figures/{study}.{figure}.log",
    localrule: True
    conda:
        "../../envs/environment.yaml"
    resources:
        gpu=drawing_gpus,
    params:
        config=lambda wildcards: study_config(
            wildcards.study,
            figures={
                wildcards.figure: STUDIES[wildcards.study].figures[wildcards.figure]
            },
        ),
        weights=lambda wildcards, input: (
            f"--weights {input.weights} --device {config['device']}"
            if input.weights
            else ""
        ),
        folder=subpath(output.svg, parent=True),
        code=source_digest("mssbench.commands.figures"),
    message:
        "Drawing figure {wildcards.figure} of {wildcards.study}"
    shell:
        "mssbench figures --config {params.config:q} --scores {input.scores}"
        " --histories {input.histories} --runs {input.runs} --estimates {input.estimates}"
        " --rendition {input.renditions[0]} {params.weights} --out {params.folder} --log {log}"


# A page on which the mixture, the true sources and every system's estimates are heard.
rule listening_page:
    input:
        scores=study_scores,
        estimates=study_estimates,
        renditions=study_renditions,
    output:
        page=report(
            directory("results/{dataset}/{scale}/studies/{study}/listening"),
            htmlindex="index.html",
            caption="../report/listening.rst",
            category="{study}",
            subcategory="listening",
            labels={"page": "listening"},
        ),
    log:
        "results/{dataset}/{scale}/logs/listening/{study}.log",
    localrule: True
    conda:
        "../../envs/environment.yaml"
    params:
        config=lambda wildcards: study_config(
            wildcards.study, listening=STUDIES[wildcards.study].listening
        ),
        code=source_digest("mssbench.commands.listen"),
        page=page_digest(),
    message:
        "Making the listening page of {wildcards.study}"
    shell:
        "mssbench listen --config {params.config:q} --scores {input.scores}"
        " --estimates {input.estimates} --rendition {input.renditions}"
        " --out {output.page}/index.html --log {log}"


# Test scores, figures and playable excerpts on the MLflow run of each experiment.
rule published:
    input:
        store=ancient("results/tracking/store.json"),
        scores=study_scores,
        estimates=study_estimates,
        renditions=study_renditions,
        weights=study_weights,
        tables=lambda wildcards: study_files(
            "tables", lambda study: study.tables, ["md"], [wildcards.study]
        ),
        figures=lambda wildcards: study_files(
            "figures", lambda study: study.figures, ["png"], [wildcards.study]
        ),
    output:
        mark="results/{dataset}/{scale}/studies/{study}/published.json",
    log:
        "results/{dataset}/{scale}/logs/published/{study}.log",
    localrule: True
    conda:
        "../../envs/environment.yaml"
    params:
        config=lambda wildcards: study_config(wildcards.study),
        tables=lambda wildcards, input: Path(input.tables[0]).parent,
        figures=lambda wildcards, input: Path(input.figures[0]).parent,
        code=source_digest("mssbench.commands.track"),
    message:
        "Showing {wildcards.study} in the dashboard"
    shell:
        "mssbench track publish --config {params.config:q} --scores {input.scores}"
        " --estimates {input.estimates} --rendition {input.renditions}"
        " --weights {input.weights}"
        " --tables {params.tables} --figures {params.figures} --out {output.mark} --log {log}"

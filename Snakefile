# From data set to paper table. config.yaml says what is made, workflow/studies how,
# results/README.md where it appears.
from snakemake.utils import min_version

min_version("9.20")


configfile: "config.yaml"


report: "workflow/report/workflow.rst"


include: "workflow/rules/settings.smk"
include: "workflow/rules/targets.smk"
include: "workflow/rules/resources.smk"
include: "workflow/rules/data.smk"
include: "workflow/rules/train.smk"
include: "workflow/rules/separate.smk"
include: "workflow/rules/score.smk"
include: "workflow/rules/report.smk"


rule all:
    default_target: True
    input:
        study_tables(),
        study_figures(),
        listening_pages(),
        published_runs(),


# The jobs of a Snakemake that was killed would write to the same files as those to come.
onstart:
    if shutil.which("squeue"):
        shell("mssbench cluster stop" + (" --local" if workflow.local_exec else ""))


# A run that was killed must not say RUNNING in the dashboard for ever.
onerror:
    shell("mssbench track check || true")

"""A SLURM cluster, as its login node shows it."""

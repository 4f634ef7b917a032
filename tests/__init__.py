"""The tests; a package, so that they import their helpers from here and from nowhere else."""

"""A pair of programs for each of the six stages. The stages differ in what goes over the wire, and in little else."""

"""Every setting of a run, checked when made, and the YAML files they stand in."""

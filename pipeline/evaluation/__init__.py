"""How good outputs are: metrics, evaluation, the comparison of two outputs."""

"""Attentif: train, look at, measure and export attention sequence-to-sequence models.

Read `command_line.py` for what can be done, `training.py` for how a run goes, and
`layers/decoder.py` for the equations of one decoder step.
"""

from pipeline.messages import show_in_notebook

__version__ = "0.1.0"

show_in_notebook()

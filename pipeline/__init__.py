"""Attentif: train, look at, measure and export attention sequence-to-sequence models.

Read `command_line.py` for what can be done, `training.py` for how a run goes, and
`layers/decoder.py` for the equations of one decoder step.
"""

from pipeline.process.messages import show_in_notebook
from pipeline.version import __version__ as __version__

show_in_notebook()

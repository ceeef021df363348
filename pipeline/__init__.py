"""Attentif: train, look at, measure, tune and export attention sequence-to-sequence models.

What notebooks and scripts need is imported from here, and loaded when it is first asked for:

    from pipeline import configure, evaluate, export, inspect, load, predict, prepare, train, tune

docs/architecture.md shows the rooms behind it.
"""

import importlib
from typing import TYPE_CHECKING, Any

from pipeline.process.messages import show_in_notebook
from pipeline.version import __version__

if TYPE_CHECKING:
    from pipeline.data.inspection import inspect
    from pipeline.defaults.configure import configure
    from pipeline.errors import AttentifError, DataError, UsageError
    from pipeline.evaluation.measure import evaluate
    from pipeline.model.own_attention import register_attention
    from pipeline.pictures.heat_map import draw_attention
    from pipeline.portable.exporting import export
    from pipeline.saved_models.opening import load, predict
    from pipeline.saved_models.way_back import load_round_trip
    from pipeline.settings.configuration import Configuration
    from pipeline.settings.tune import TuneConfiguration
    from pipeline.study.both import train_both
    from pipeline.study.seeds import train_seeds
    from pipeline.suspects.search import find_suspects
    from pipeline.training.run import train
    from pipeline.training.workbench import prepare
    from pipeline.trust.calibrate import calibrate
    from pipeline.trust.calibration_file import read_calibration
    from pipeline.tuning.live_trials import LiveTrials
    from pipeline.tuning.space import make_space
    from pipeline.tuning.tune import tune

# Where each stands: module and name.
_WITHOUT_TENSORFLOW = {
    "AttentifError": "pipeline.errors:AttentifError",
    "Configuration": "pipeline.settings.configuration:Configuration",
    "DataError": "pipeline.errors:DataError",
    "TuneConfiguration": "pipeline.settings.tune:TuneConfiguration",
    "UsageError": "pipeline.errors:UsageError",
    "configure": "pipeline.defaults.configure:configure",
    "draw_attention": "pipeline.pictures.heat_map:draw_attention",
    "make_space": "pipeline.tuning.space:make_space",
    # These ask for it themselves, where what they are given needs it.
    "evaluate": "pipeline.evaluation.measure:evaluate",
    "load": "pipeline.saved_models.opening:load",
    "load_round_trip": "pipeline.saved_models.way_back:load_round_trip",
    "predict": "pipeline.saved_models.opening:predict",
    "read_calibration": "pipeline.trust.calibration_file:read_calibration",
}
_WITH_TENSORFLOW = {
    "LiveTrials": "pipeline.tuning.live_trials:LiveTrials",
    "calibrate": "pipeline.trust.calibrate:calibrate",
    "export": "pipeline.portable.exporting:export",
    "find_suspects": "pipeline.suspects.search:find_suspects",
    "inspect": "pipeline.data.inspection:inspect",
    "prepare": "pipeline.training.workbench:prepare",
    "register_attention": "pipeline.model.own_attention:register_attention",
    "train": "pipeline.training.run:train",
    "train_both": "pipeline.study.both:train_both",
    "train_seeds": "pipeline.study.seeds:train_seeds",
    "tune": "pipeline.tuning.tune:tune",
}

__all__ = [
    "AttentifError",
    "Configuration",
    "DataError",
    "LiveTrials",
    "TuneConfiguration",
    "UsageError",
    "__version__",
    "calibrate",
    "configure",
    "draw_attention",
    "evaluate",
    "export",
    "find_suspects",
    "inspect",
    "load",
    "load_round_trip",
    "make_space",
    "predict",
    "prepare",
    "read_calibration",
    "register_attention",
    "train",
    "train_both",
    "train_seeds",
    "tune",
]

show_in_notebook()


def __getattr__(name: str) -> Any:
    """Load what is asked for; TensorFlow, where it needs it, without the notes that it writes at its start."""
    if name in _WITH_TENSORFLOW:
        from pipeline.process.quiet_tensorflow import import_tensorflow

        import_tensorflow(alone=False)
    place = _WITH_TENSORFLOW.get(name) or _WITHOUT_TENSORFLOW.get(name)
    if place is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, _, wanted = place.partition(":")
    found = getattr(importlib.import_module(module), wanted)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})

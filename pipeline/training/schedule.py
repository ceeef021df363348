"""How the learning rate goes over a training: up during the warm-up, then down to the last step."""

import math
from typing import Any

import keras
from keras import ops

END_SHARE = 0.01
SCHEDULES = ("cosine", "linear", "constant")


@keras.saving.register_keras_serializable(package="attentif")
class WarmupDecay(keras.optimizers.schedules.LearningRateSchedule):
    """Linear rise over the warm-up, then cosine, linear or no decay to a hundredth at the last step.

    Args:
        peak: The highest learning rate.
        total_steps: Steps of the whole training.
        warmup_steps: Steps of the rise; at most half of the training.
        shape: "cosine", "linear" or "constant".

    Example:
        >>> schedule = WarmupDecay(peak=1.0, total_steps=10, warmup_steps=2, shape="linear")
        >>> [round(float(schedule(step)), 3) for step in (0, 1, 5, 9)]
        [0.5, 1.0, 0.505, 0.01]
    """

    def __init__(self, peak: float, total_steps: int, warmup_steps: int = 0, shape: str = "cosine") -> None:
        super().__init__()
        if shape not in SCHEDULES:
            raise ValueError(f"shape must be one of {SCHEDULES}, got {shape!r}")
        self.peak, self.total_steps, self.shape = peak, total_steps, shape
        self.warmup_steps = min(warmup_steps, total_steps // 2)

    def __call__(self, step: Any) -> Any:
        """The learning rate of a step, counted from 0."""
        step = ops.cast(step, "float32")
        top, last = max(0, self.warmup_steps - 1), self.total_steps - 1
        rise = ops.minimum((step + 1) / max(1, self.warmup_steps), 1.0)
        share = ops.clip((step - top) / max(1, last - top), 0.0, 1.0)
        if self.shape == "constant":
            fall: Any = 1.0
        else:
            remaining = 1 - share if self.shape == "linear" else (1 + ops.cos(math.pi * share)) / 2
            fall = END_SHARE + (1 - END_SHARE) * remaining
        return self.peak * rise * fall

    def get_config(self) -> dict[str, Any]:
        """The arguments that make this schedule again."""
        return {
            "peak": self.peak,
            "total_steps": self.total_steps,
            "warmup_steps": self.warmup_steps,
            "shape": self.shape,
        }

"""The optimizer, with weights that begin to move later and a moving average, which decodes in their place."""

from collections.abc import Sequence
from typing import Any

import keras


class AdamW(keras.optimizers.AdamW):
    """Keras's AdamW, but for its moving average of the weights, which forgets how they began:

        average ← m average + (1 - m) weights     after every step, m = min(`ema_momentum`, t / (9 + t))

    after t steps before. So it always spans about the last tenth of the training, and at most 1 / (1 - `ema_momentum`)
    steps; with a constant m, the random start would keep the share m ** steps of it.

    Weights may be frozen for the first steps: they stay, while the moments of their gradients are kept, so that their
    first step is no larger than others. Whether a step moves them follows from the count of steps alone, which every
    checkpoint has.
    """

    _frozen: frozenset[int] = frozenset()
    _frozen_steps = 0

    def freeze(self, variables: Sequence[keras.Variable], steps: int) -> None:
        """Leave weights as they are for the first steps.

        Args:
            variables: Those that `build` was given, or some of them.
            steps: Optimizer steps.
        """
        self._frozen = frozenset(self._get_variable_index(variable) for variable in variables)
        self._frozen_steps = steps

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """A step of Adam, of length 0 where the variable is frozen."""
        if self._get_variable_index(variable) in self._frozen:
            learning_rate = learning_rate * keras.ops.cast(self._thawed(), "float32")
        super().update_step(gradient, variable, learning_rate)

    def _apply_weight_decay(self, variables: Any) -> None:
        frozen = [variable for variable in variables if self._get_variable_index(variable) in self._frozen]
        before = [keras.ops.copy(variable.value) for variable in frozen]
        super()._apply_weight_decay(variables)
        for variable, value in zip(frozen, before, strict=True):
            variable.assign(keras.ops.where(self._thawed(), variable.value, value))

    def _thawed(self) -> Any:
        return keras.ops.greater_equal(self.iterations, self._frozen_steps)

    def _update_model_variables_moving_average(self, trainable_variables: Any) -> None:
        if not self.use_ema:
            return
        steps = keras.ops.cast(self.iterations, "float32")
        momentum = keras.ops.minimum(steps / (9.0 + steps), self.ema_momentum)
        for variable, average in zip(trainable_variables, self._model_variables_moving_average, strict=True):
            share = keras.ops.cast(momentum, average.dtype)
            average.assign(share * average + (1 - share) * keras.ops.cast(variable, average.dtype))

    def finalize_variable_values(self, var_list: Any) -> None:
        """Leave the weights, over which Keras would write the average at the end of `fit`."""


class AveragedWeights(keras.callbacks.Callback):
    """Puts the average where the weights are at an epoch's end, and the weights back before the next epoch.

    So what comes after it at an epoch's end, decoding and saving, has to do with the average. The optimizer keeps it.
    """

    def __init__(self) -> None:
        super().__init__()
        self.in_model = False

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """The weights are trained."""
        self._put(False)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """The average is looked at."""
        self._put(True)

    def _put(self, average: bool) -> None:
        if self.in_model != average:
            swap_averages(self.model)
            self.in_model = average


def swap_averages(model: keras.Model) -> None:
    """Exchange weights and average; does nothing without one."""
    optimizer: Any = getattr(model.optimizer, "inner_optimizer", model.optimizer)
    if not optimizer.use_ema:
        return
    for variable, average in zip(model.trainable_variables, optimizer._model_variables_moving_average, strict=True):
        value = keras.ops.copy(variable.value)
        variable.assign(average.value)
        average.assign(value)

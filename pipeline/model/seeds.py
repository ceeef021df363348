"""Where all random numbers of a training begin."""

import random

import keras
import numpy as np
import tensorflow as tf


def set_seed(seed: int, deterministic: bool) -> None:
    """Seed Python, NumPy and TensorFlow, and make TensorFlow's operations repeatable if asked to."""
    random.seed(seed)
    np.random.seed(seed % 2**32)
    keras.utils.set_random_seed(seed % 2**32)
    if deterministic:
        tf.config.experimental.enable_op_determinism()

"""Section `train`: how the network is fitted."""

import dataclasses
from typing import Literal

from pipeline.settings.checks import count, require, require_at_least, require_sane_numbers, require_share

Objective = Literal["wer", "per", "accuracy", "bleu", "chrf", "ter", "sequence_error_rate"]

TEACHER_WEIGHT = 0.5
"""Of the loss, the share that is a teacher's where nothing else is said."""


@dataclasses.dataclass(frozen=True)
class TrainConfiguration:
    """How the network is fitted.

    Args:
        epochs: How often to train, decode the dev set and save; the learning rate reaches its end at the last one.
            A finished run goes on as another that begins with its weights (init_from).
        init_from: A run with the weights of whose best epoch the training begins (fine-tuning): those of all layers and
            symbols that both have. Its vocabularies are extended by the new data's symbols, or kept where they are
            subwords; settings of model (but for dropout) and how strings are cut are that run's where they are not
            given. null begins at random.
        frozen: What stays as init_from has it for the first frozen_epochs: encoder, embeddings (of both sides) or both;
            null trains everything.
        frozen_epochs: How many epochs that is.
        min_epoch_tokens: An epoch is one pass over the training data, or as many as have this many target symbols,
            padding counted.
        learning_rate: Highest learning rate of Adam.
        schedule: cosine (to a hundredth), linear (to a hundredth) or constant, after the warm-up.
        warmup_steps: Steps over which the learning rate rises from 0; at most half of all steps.
        weight_decay: Decoupled weight decay (AdamW); 0 is none.
        clip_norm: Largest global norm of the gradient; null does not clip.
        label_smoothing: Share of the target probability spread over the vocabulary.
        r_drop: Take every pair twice in a step, with different dropout, and make both answers alike: the weight of
            their symmetric divergence (R-Drop), which takes about twice the time; 0 takes every pair once.
        ema_momentum: Decode, choose and export a moving average of the weights, of which a step keeps this share
            (0.999: about the last thousand steps, but never more than the last tenth of those so far); 0 takes the
            weights themselves.
        teacher: A run whose distribution over all symbols the model learns to have at every target symbol, or several
            with commas between them: their mean. The model has its vocabularies; null learns from the data alone.
        teacher_weight: The teacher's share of the loss; the rest is the cross-entropy of the target.
        teacher_symbols: How many symbols of the teacher's distribution are kept, the most probable ones.
        patience: Stop after this many epochs without a better decoded dev metric; null never stops early. Of epochs
            with equal figures the one with the lowest dev loss is the best.
        smoothing: Over how many epochs, up to the one in question, the dev figure that decides is averaged, for the
            best epoch and for patience: 1 takes each epoch's own. Small dev sets want 3, see docs/training.md.
        objective: The decoded dev figure that decides which epoch and which trial is the best, and when to stop: wer
            (share of outputs that are wrong), per (edit distance), accuracy (share that are right), bleu, chrf, ter or
            sequence_error_rate; null takes wer for symbols and bleu for sentences, which targets of subwords are.
        perfect_epochs: Stop after this many epochs in a row in which all dev outputs were right; null goes on.
        risk_epochs: In so many of the last epochs, make the expected risk of outputs drawn from the model small
            (minimum-risk training): how far they are from the target, and whether they are wrong. Patience does not
            count before. 0 never does. A step takes several times as long.
        risk_weight: Their share of the loss; the rest is the cross-entropy.
        risk_samples: How many outputs are drawn of every source; of equal ones one counts, and the target does too.
        risk_sharpness: By which power of its probability an output counts among those that were drawn: below 1 more
            like the others.
        keep_checkpoints: How many of the newest epochs' checkpoints stay, besides the best one: --average takes the
            mean of as many.
        checkpoint_minutes: Save within an epoch, too, when the last checkpoint is so old; null does not. An
            interrupted or killed training goes on from its last checkpoint as if nothing had happened.
        checkpoint_steps: Save within an epoch, too, after every so many steps; null does not.
        on_write_failure: What a full disk or a directory no longer writable does to a training: stop (after which
            the same command goes on from the last checkpoint) or continue (and try again with the next).
        max_rollbacks: How often a training that diverged (loss or gradient no finite number, or a loss above that of
            pure guessing) goes back to an epoch's end and on with half the learning rate, before it fails.
        exchange: In which numbers the workers of a training send their gradients to each other: float32 (as they were
            computed) or bfloat16 (half as many bytes for slow networks; each is rounded to 8 bits, as is their sum).
            Of one process nothing is rounded.
        dev_beam_size: Beam size of the decoding after every epoch.
        attention_samples: Dev pairs whose attention is drawn after the first epoch and, as often as drawing takes
            up to 3 % of the time since the training was started or gone on with, after others; and at the end, by the
            model that is exported.
        seed: Seed of weights, dropout, data order and held-out pairs.
        deterministic: Same command, machine and thread count give the same weights.
    """

    epochs: int = 10
    init_from: str | None = None
    frozen: Literal["encoder", "embeddings", "both"] | None = None
    frozen_epochs: int = 0
    min_epoch_tokens: int = count(500_000)
    learning_rate: float = 0.003
    schedule: Literal["cosine", "linear", "constant"] = "cosine"
    warmup_steps: int = 200
    weight_decay: float = 0.0
    clip_norm: float | None = 5.0
    label_smoothing: float = 0.1
    r_drop: float = 0.0
    ema_momentum: float = 0.0
    teacher: str | None = None
    teacher_weight: float = TEACHER_WEIGHT
    teacher_symbols: int = 8
    patience: int | None = 10
    smoothing: int = 1
    objective: Objective | None = None
    perfect_epochs: int | None = 3
    risk_epochs: int = 0
    risk_weight: float = 0.7
    risk_samples: int = 8
    risk_sharpness: float = 1.0
    keep_checkpoints: int = 2
    checkpoint_minutes: float | None = 5.0
    checkpoint_steps: int | None = None
    on_write_failure: Literal["stop", "continue"] = "stop"
    max_rollbacks: int = 3
    exchange: Literal["float32", "bfloat16"] = "float32"
    dev_beam_size: int = 1
    attention_samples: int = 8
    seed: int = count(1)
    deterministic: bool = True

    def __post_init__(self) -> None:
        require_sane_numbers("train", self)
        require_at_least("train", self, 1, ["epochs", "patience", "smoothing", "perfect_epochs"])
        require_at_least("train", self, 1, ["dev_beam_size", "checkpoint_steps"])
        require_at_least("train", self, 0, ["min_epoch_tokens", "warmup_steps", "weight_decay", "r_drop"])
        require_at_least("train", self, 0, ["attention_samples", "seed", "checkpoint_minutes", "max_rollbacks"])
        require_at_least("train", self, 2, ["keep_checkpoints"])
        require_at_least("train", self, 1, ["risk_samples", "teacher_symbols"])
        require(self.teacher is None or bool(self.teacher.strip(" ,")), "train.teacher", self.teacher, "a run")
        require(self.init_from is None or bool(self.init_from.strip(" ,")), "train.init_from", self.init_from, "a run")
        self._require_frozen()
        require(0 < self.teacher_weight <= 1, "train.teacher_weight", self.teacher_weight, "above 0 and at most 1")
        # What begins at random has hardly an output that is worth drawing.
        most = self.epochs if self.init_from else self.epochs - 1
        wanted = "at most train.epochs" if self.init_from else "below train.epochs, or 0"
        require(0 <= self.risk_epochs <= most, "train.risk_epochs", self.risk_epochs, wanted)
        require(0 < self.risk_weight <= 1, "train.risk_weight", self.risk_weight, "above 0 and at most 1")
        require(self.risk_sharpness > 0, "train.risk_sharpness", self.risk_sharpness, "above 0")
        wanted = "0 with train.r_drop, which has no room for it"
        require(not (self.risk_epochs and self.r_drop), "train.risk_epochs", self.risk_epochs, wanted)
        require(self.learning_rate > 0, "train.learning_rate", self.learning_rate, "above 0")
        require(self.clip_norm is None or self.clip_norm > 0, "train.clip_norm", self.clip_norm, "above 0")
        require_share("train", self, ["label_smoothing", "ema_momentum"])

    def _require_frozen(self) -> None:
        """Refuse to freeze what begins at random, or nothing, or all the time."""
        wanted = "null without train.init_from: what begins at random must be trained"
        require(self.frozen is None or self.init_from is not None, "train.frozen", self.frozen, wanted)
        fits = 0 < self.frozen_epochs < self.epochs if self.frozen else self.frozen_epochs == 0
        wanted = "at least 1 and below train.epochs with train.frozen" if self.frozen else "0 without train.frozen"
        require(fits, "train.frozen_epochs", self.frozen_epochs, wanted)

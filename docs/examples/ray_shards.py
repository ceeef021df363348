"""Answer many files by Ray Data: `python ray_shards.py MODEL OUT 'in/*.txt.gz' [--actors 4]`.

The files, the folder and the bytes are those of `python -m pipeline predict MODEL --shards … --out OUT`, and what one
has begun the other finishes. Needs `pip install -r requirements-ray.txt` beside Attentif, and places that all machines
of the cluster see. An actor that dies is replaced, and what it was at is done again.
"""

import argparse
import json
from typing import Any

import ray

from pipeline.shards.adapters import Answers, ShardAnswers, ask, make_job, shards_left
from pipeline.shards.asked import Asked
from pipeline.shards.job import Job


class AnswerStrings:
    """An actor: a column of strings in, a column of their answers besides out.

    Example:
        pool = ray.data.ActorPoolStrategy(size=4)
        ray.data.read_text("in/").map_batches(AnswerStrings, fn_constructor_args=[ask("runs/mine")], compute=pool)
    """

    def __init__(self, asked: Asked) -> None:
        self.answers = Answers(asked)

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        """A batch as a column each."""
        return {**batch, "answer": self.answers(batch["text"].tolist())}


class AnswerShards:
    """An actor: names of shards in, out with why each of them cannot be answered, '' if it is."""

    def __init__(self, job: Job) -> None:
        self.answer = ShardAnswers(job)

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        """A batch of one."""
        return {**batch, "fault": [self.answer(name) for name in batch["item"].tolist()]}


def answer_shards(job: Job, actors: int) -> dict[str, Any]:
    """Have all files of a job answered; the figures of `predict --shards`."""
    begun = job.begin()
    names = shards_left(begun)
    if names:
        # A block for each: whatever is lost with a machine is one shard.
        shards = ray.data.from_items(names, override_num_blocks=len(names))
        how = {"compute": ray.data.ActorPoolStrategy(size=min(actors, len(names))), "num_cpus": 1}
        shards.map_batches(AnswerShards, fn_constructor_args=[job], batch_size=1, **how).materialize()
    return begun.end()


def main() -> None:
    """Answer what the command line names."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("out")
    parser.add_argument("patterns", nargs="+")
    parser.add_argument("--actors", type=int, default=2)
    arguments = parser.parse_args()
    # Of an actor that is killed Ray starts another, and gives it what was lost.
    ray.data.DataContext.get_current().max_errored_blocks = 0
    print(
        json.dumps(answer_shards(make_job(ask(arguments.model), arguments.patterns, arguments.out), arguments.actors))
    )


if __name__ == "__main__":
    main()

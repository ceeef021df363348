"""Answer many files by Apache Beam: `python beam_shards.py MODEL OUT 'in/*.txt.gz' [--runner DirectRunner …]`.

The files, the folder and the bytes are those of `python -m pipeline predict MODEL --shards … --out OUT`, and what one
has begun the other finishes. Needs `pip install -r requirements-beam.txt`, in an environment of its own, for Beam's
protobuf is older than that of Attentif's other packages; so the model is a folder of `export --format litert`.
Options that are not known here are the runner's. Places must be such as all workers see.
"""

import argparse
import json
from collections.abc import Iterable, Sequence
from typing import Any

import apache_beam as beam
from apache_beam.ml.inference.base import ModelHandler, PredictionResult, RunInference
from apache_beam.options.pipeline_options import PipelineOptions

from pipeline.shards.adapters import Answers, ShardAnswers, ask, make_job, shards_left
from pipeline.shards.asked import Asked
from pipeline.shards.job import Job


class StringsHandler(ModelHandler[str, PredictionResult, Answers]):
    """Strings in, `PredictionResult`s with their answers out.

    Example:
        lines | RunInference(StringsHandler(ask("small"))) | beam.Map(lambda found: (found.example, found.inference))
    """

    def __init__(self, asked: Asked) -> None:
        super().__init__(min_batch_size=1, max_batch_size=2048)
        self.asked = asked

    def load_model(self) -> Answers:
        """Once in every process."""
        return Answers(self.asked)

    def run_inference(
        self, batch: Sequence[str], model: Answers, inference_args: dict[str, Any] | None = None
    ) -> Iterable[PredictionResult]:
        """A batch."""
        return [PredictionResult(*pair) for pair in zip(batch, model(batch), strict=True)]


class ShardsHandler(ModelHandler[str, PredictionResult, ShardAnswers]):
    """Names of shards in, out with why each of them cannot be answered, '' if it is."""

    def __init__(self, job: Job) -> None:
        super().__init__(min_batch_size=1, max_batch_size=1)
        self.job = job

    def load_model(self) -> ShardAnswers:
        """Once in every process."""
        return ShardAnswers(self.job)

    def run_inference(
        self, batch: Sequence[str], model: ShardAnswers, inference_args: dict[str, Any] | None = None
    ) -> Iterable[PredictionResult]:
        """A batch of one."""
        return [PredictionResult(name, model(name)) for name in batch]


def answer_shards(job: Job, options: Sequence[str] = ()) -> dict[str, Any]:
    """Have all files of a job answered; the figures of `predict --shards`."""
    begun = job.begin()
    names = shards_left(begun)
    with beam.Pipeline(options=PipelineOptions(list(options))) as pipeline:
        # Otherwise a runner may keep all of them together, on one worker.
        shards = pipeline | beam.Create(names) | beam.Reshuffle()
        _ = shards | RunInference(ShardsHandler(job))
    return begun.end()


def main() -> None:
    """Answer what the command line names."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("out")
    parser.add_argument("patterns", nargs="+")
    arguments, options = parser.parse_known_args()
    job = make_job(ask(arguments.model), arguments.patterns, arguments.out)
    print(json.dumps(answer_shards(job, options)))


if __name__ == "__main__":
    main()

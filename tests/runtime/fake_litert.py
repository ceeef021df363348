"""In the place of `ai_edge_litert.interpreter`: a search that says the source backwards, then forwards, and so on."""

import numpy as np


class Interpreter:
    def __init__(self, model_path: str, num_threads: int = 1) -> None:
        with open(model_path, "rb") as file:
            if file.read() != b"no model":
                raise ValueError("Model provided has model identifier 'else'")

    def allocate_tensors(self) -> None:
        pass

    def get_signature_list(self) -> dict[str, dict]:
        return {"serving_default": {}}

    def get_signature_runner(self, name: str) -> "Interpreter":
        return self

    def get_input_details(self) -> dict[str, dict]:
        return {"source": {}, "prefix": {}}

    def get_output_details(self) -> dict[str, dict]:
        return {name: {} for name in ("tokens", "scores", "rank_scores", "lengths", "limited", "attention")}

    def __call__(self, source: np.ndarray, prefix: np.ndarray) -> dict[str, np.ndarray]:
        assert source.dtype == prefix.dtype == np.int32
        assert source[0, -1] == 2
        begin = [number for number in prefix[0].tolist() if number]
        said = [*begin, *source[0, -2::-1].tolist()]
        longest = len(said) + 1
        tokens = np.zeros([3, longest], np.int32)
        tokens[0, : longest - 1], tokens[0, longest - 1] = said, 2
        tokens[1, : longest - 1], tokens[1, longest - 1] = said[::-1], 2
        attention = np.zeros([3, longest, source.shape[1]], np.float32)
        attention[:, :, 0] = 0.75
        return {
            "tokens": tokens,
            "scores": np.array([-0.5, -1.25, np.finfo(np.float32).min], np.float32),
            "rank_scores": np.array([-0.5, -1.25, -np.inf], np.float32),
            "lengths": np.array([longest, longest, 0], np.int32),
            "limited": np.array([longest > 9, False, False]),
            "attention": attention,
        }

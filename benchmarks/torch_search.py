"""Batched greedy and beam search for the PyTorch peer, the way its users write them; strings in, strings out.

The rules are those of `pipeline.search.beam` without a length penalty: an ended hypothesis keeps its place, an input is
done when one has ended and no open one has a higher log p, each output has its limit. With copied weights the
outputs are the same; `benchmarks.search_speed` checks it.
"""

from collections.abc import Sequence

import torch
from torch.nn.utils.rnn import pad_sequence

from benchmarks.torch_peer import Decoder, TorchPeer
from pipeline.text.symbols import END, PAD, START, UNKNOWN

NEVER = float("-inf")


class TorchStrings:
    """The peer with its vocabularies: `[batch]` strings to the best output of each.

    Args:
        peer: The model.
        source_symbols: Its source vocabulary; a source is cut into characters.
        target_symbols: Its target vocabulary; symbols are joined by spaces.
        limit: Longest output in symbols: `limit[0]` per source symbol and `limit[1]` more.
    """

    def __init__(
        self, peer: TorchPeer, source_symbols: Sequence[str], target_symbols: Sequence[str], limit: tuple[float, int]
    ) -> None:
        self.peer, self.target_symbols, self.limit = peer.eval(), target_symbols, limit
        self.ids = {symbol: index for index, symbol in enumerate(source_symbols)}

    @torch.inference_mode()
    def decode(self, sources: Sequence[str], beam_size: int) -> list[tuple[str, float]]:
        """Texts and log p, in the order of the sources."""
        rows = [torch.tensor([*(self.ids.get(symbol, UNKNOWN) for symbol in text), END]) for text in sources]
        lengths = torch.tensor([len(row) for row in rows])
        source = pad_sequence(rows, batch_first=True, padding_value=PAD)
        limits = ((lengths - 1) * self.limit[0]).long() + self.limit[1] + 1
        memory, summary = self.peer.encoder(self.peer.source_embedding(source), lengths)
        tokens, scores = (greedy if beam_size == 1 else beam)(
            self.peer, memory, source == PAD, summary, limits, beam_size
        )
        return [(self._text(row), score) for row, score in zip(tokens.tolist(), scores.tolist(), strict=True)]

    def _text(self, ids: list[int]) -> str:
        end = ids.index(END) if END in ids else len(ids)
        return " ".join(self.target_symbols[index] for index in ids[:end])


def step(
    decoder: Decoder, symbols: torch.Tensor, state: torch.Tensor, looked: tuple[torch.Tensor, ...]
) -> tuple[torch.Tensor, torch.Tensor]:
    """log p of every next symbol, and the new state, from embedded symbols."""
    keys, memory, padding = looked
    context = decoder.attention(state, keys, memory, padding)
    state = decoder.cell(torch.cat([symbols, context], dim=-1), state)
    hidden = torch.tanh(decoder.readout_hidden(torch.cat([symbols, state, context], dim=-1)))
    return torch.log_softmax(decoder.output_projection(hidden), dim=-1), state


def restrict(log_p: torch.Tensor, at_limit: torch.Tensor) -> torch.Tensor:
    """No pad or start symbol; at the limit the end symbol only."""
    log_p[:, PAD] = NEVER
    log_p[:, START] = NEVER
    log_p[at_limit, :END] = NEVER
    log_p[at_limit, END + 1 :] = NEVER
    return log_p


def greedy(
    peer: TorchPeer,
    memory: torch.Tensor,
    padding: torch.Tensor,
    summary: torch.Tensor,
    limits: torch.Tensor,
    beam_size: int = 1,
) -> tuple[torch.Tensor, torch.Tensor]:
    """The most probable symbol, one after the other."""
    decoder = peer.decoder
    looked = (decoder.attention.memory_projection(memory), memory, padding)
    state = torch.tanh(decoder.bridge(summary))
    tokens = torch.full((len(memory),), START)
    scores, ended = torch.zeros(len(memory)), torch.zeros(len(memory), dtype=torch.bool)
    said: list[torch.Tensor] = []
    while not bool(ended.all()):
        log_p, state = step(decoder, peer.target_embedding(tokens), state, looked)
        gained, tokens = restrict(log_p, limits <= len(said) + 1).max(dim=-1)
        tokens = tokens.masked_fill(ended, PAD)
        scores = scores + gained.masked_fill(ended, 0.0)
        ended = ended | (tokens == END)
        said.append(tokens)
    return torch.stack(said, dim=1), scores


def beam(
    peer: TorchPeer,
    memory: torch.Tensor,
    padding: torch.Tensor,
    summary: torch.Tensor,
    limits: torch.Tensor,
    beam_size: int,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Beam search over the whole batch; everything that belongs to an input is repeated over its beam."""
    decoder, batch = peer.decoder, len(memory)
    first = torch.arange(batch)[:, None] * beam_size
    keys = decoder.attention.memory_projection(memory)
    looked = tuple(part.repeat_interleave(beam_size, dim=0) for part in (keys, memory, padding))
    state = torch.tanh(decoder.bridge(summary)).repeat_interleave(beam_size, dim=0)
    limits = limits.repeat_interleave(beam_size)
    tokens = torch.full((batch * beam_size,), START)
    said = torch.zeros(batch, beam_size, 0, dtype=torch.long)
    scores = torch.full((batch, beam_size), NEVER)
    scores[:, 0] = 0.0
    ended = torch.zeros(batch, beam_size, dtype=torch.bool)
    while bool((~ended & (scores > NEVER)).any()):
        log_p, state = step(decoder, peer.target_embedding(tokens), state, looked)
        log_p = restrict(log_p, limits <= said.shape[2] + 1).view(batch, beam_size, -1)
        size = log_p.shape[2]
        log_p[ended] = NEVER
        log_p[..., PAD] = torch.where(ended, 0.0, NEVER)
        candidates = scores[:, :, None] + log_p
        # Whatever has ended keeps its place.
        ranked = candidates + torch.where(ended, 1e30, 0.0)[:, :, None]
        _, chosen = ranked.view(batch, -1).topk(beam_size, dim=-1)
        scores = candidates.view(batch, -1).gather(1, chosen)
        parents, next_tokens = chosen // size, chosen % size
        kept = said.gather(1, parents[:, :, None].expand(-1, -1, said.shape[2]))
        said = torch.cat([kept, next_tokens[:, :, None]], dim=2)
        ended = (ended.gather(1, parents) | (next_tokens == END)) & (scores > NEVER)
        best_ended = scores.masked_fill(~ended, NEVER).amax(dim=1)
        best_open = scores.masked_fill(ended, NEVER).amax(dim=1)
        scores = scores.masked_fill((best_ended >= best_open)[:, None] & ~ended, NEVER)
        state = state[(first + parents).view(-1)]
        tokens = next_tokens.reshape(-1)
    scores, best = scores.masked_fill(~ended, NEVER).max(dim=1)
    return said[torch.arange(batch), best], scores

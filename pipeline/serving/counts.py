"""What a server has done, as Prometheus reads it."""

from collections import Counter, deque

LAST = 1000
"""Requests of which the quantiles are taken."""


class Counts:
    """Kept by the event loop alone."""

    def __init__(self) -> None:
        self.requests: Counter[int] = Counter()
        """By status of HTTP; those whose clients left as 499."""
        self.strings = 0
        """Answered ones."""
        self.seconds = 0.0
        """All requests that were answered took, from their last byte on."""
        self._last: deque[float] = deque(maxlen=LAST)

    def answered(self, strings: int, seconds: float) -> None:
        """Count a request that has its answers."""
        self.requests[200] += 1
        self.strings += strings
        self.seconds += seconds
        self._last.append(seconds)

    def show(self, waiting: int, ready: bool) -> str:
        """Prometheus's text format.

        Args:
            waiting: Strings in the queue.
            ready: Whether requests are taken.
        """
        lines = ["# TYPE attentif_requests_total counter"]
        for status, count in sorted(self.requests.items()):
            lines.append(f'attentif_requests_total{{status="{status}"}} {count}')
        lines += ["# TYPE attentif_strings_total counter", f"attentif_strings_total {self.strings}"]
        lines += ["# TYPE attentif_waiting_strings gauge", f"attentif_waiting_strings {waiting}"]
        lines += ["# TYPE attentif_ready gauge", f"attentif_ready {int(ready)}"]
        lines += ["# TYPE attentif_request_seconds summary"]
        last = sorted(self._last)
        for part in (0.5, 0.99) if last else ():
            value = last[min(len(last) - 1, int(part * len(last)))]
            lines.append(f'attentif_request_seconds{{quantile="{part}"}} {value:.6f}')
        lines.append(f"attentif_request_seconds_sum {self.seconds:.6f}")
        lines.append(f"attentif_request_seconds_count {self.requests[200]}")
        return "\n".join(lines) + "\n"

"""A page to go through a queue with: one HTML file that needs no network, in which a person picks or types answers."""

import json
from collections.abc import Sequence
from pathlib import Path

from pipeline.files.durable import write_atomically
from pipeline.trust.splitting import Answered
from pipeline.unicode.visible import direction

TEMPLATE = Path(__file__).with_suffix(".html")
MOST_ITEMS = 5000  # a browser copes with no more
MOST_OUTPUTS = 9  # as many as there are keys for


def write_review_page(path: Path, queue: Sequence[Answered], name: str) -> int:
    """Write the page.

    Args:
        path: The HTML file.
        queue: The least sure first.
        name: What the corrected pairs are called when they are downloaded, as in names.tsv.

    Returns:
        How many lines it has no room for.
    """
    items = [
        {
            "line": one.number,
            "source": one.source,
            "direction": direction(one.source),
            "outputs": [
                {"text": text, "direction": direction(text)}
                for text in [text for text in one.outputs if text][:MOST_OUTPUTS]
            ],
            "confidence": round(one.confidence, 4),
            **({"fault": one.fault} if one.fault else {}),
        }
        for one in queue[:MOST_ITEMS]
    ]
    left_out = max(0, len(queue) - MOST_ITEMS)
    # The key under which a browser remembers what was done: another list is another.
    content = json.dumps({"items": items, "left_out": left_out, "name": name}, ensure_ascii=False)
    # Inside a script element only "<" could end it or begin a comment; JSON may spell it otherwise.
    safe = content.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
    safe = safe.encode("utf-8", "replace").decode("utf-8")
    write_atomically(path, TEMPLATE.read_text(encoding="utf-8").replace("/*DATA*/", safe))
    return left_out

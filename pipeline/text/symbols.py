"""The four symbols that every vocabulary begins with: padding, start, end, and what no vocabulary knows."""

PAD, START, END, UNKNOWN = 0, 1, 2, 3
SPECIAL_SYMBOLS = ("<pad>", "<s>", "</s>", "<unk>")

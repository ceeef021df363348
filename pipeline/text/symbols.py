"""The four symbols that every vocabulary begins with: padding, start, end, and what no vocabulary knows."""

PAD, START, END, UNKNOWN = 0, 1, 2, 3
SPECIAL_SYMBOLS = ("<pad>", "<s>", "</s>", "<unk>")

CONTINUES = "##"
"""What a wordpiece begins with that continues a word."""
NO_PIECE = "[UNK]"
"""What wordpieces have for a word that they cannot cut."""

CHARACTERS_PER_SYMBOL = 32
"""What is read of a string per symbol that may come of it: no text has symbols so long on the average. Without a bound
before the normal form is made, a long string of accents alone would take time that grows with its square."""
FEATURE_MARK = "\t"
"""What features begin with, among the symbols of a source; alone it is the feature that training lacks."""

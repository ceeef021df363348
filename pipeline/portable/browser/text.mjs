// Strings to symbols to ids and back: the same as the model's training had it.

export const PAD = 0, END = 2, UNKNOWN = 3, SPECIALS = 4;
const NO_PIECE = "[UNK]", CONTINUES = "##";
// Of a word, in bytes: a longer one is unknown as a whole.
const LONGEST_WORD = 100;
// What is read of a string per symbol that is used: heaps of accents alone would take long.
const CHARACTERS_PER_SYMBOL = 32;
const LONE_SURROGATE = /\p{Surrogate}/gu;

const characters = {
  split: (text) => [...text],
  join: (symbols) => symbols.join(""),
};

function words(forms) {
  return {
    split: (text) => forms.words(text),
    join: (symbols) => stripAscii(symbols.join(" ")),
  };
}

/** Of every word the longest beginning that is a symbol, then of the rest; "##" stands before what continues. */
function wordPieces(forms, symbols) {
  const known = new Set([NO_PIECE, ...symbols]);
  const longest = Math.max(...[...known].map((symbol) => [...symbol].length));
  const bytes = new TextEncoder();
  function cut(word) {
    if (bytes.encode(word).length > LONGEST_WORD) return [word];
    const letters = [...word], pieces = [];
    for (let place = 0; place < letters.length;) {
      const before = place ? CONTINUES : "";
      let end = Math.min(letters.length, place + longest);
      while (end > place && !known.has(before + letters.slice(place, end).join(""))) end--;
      if (end === place) return [word];
      pieces.push(before + letters.slice(place, end).join(""));
      place = end;
    }
    return pieces.map((piece) => (piece === NO_PIECE ? word : piece));
  }
  return {
    split: (text) => forms.words(text).flatMap(cut),
    join: (symbols) => stripAscii(symbols.join(" ").replaceAll(` ${CONTINUES}`, "")),
  };
}

/** What stands between separators is a symbol, without white space at its ends. */
function separated(forms, separator) {
  return {
    split: (text) => text.split(separator).map((part) => forms.strip(part)).filter((part) => part),
    join: (symbols) => symbols.filter((symbol) => symbol).join(separator),
  };
}

const TOKENIZERS = {
  char: () => characters,
  space: (forms, symbols, separator) => (separator === null ? words(forms) : separated(forms, separator)),
  wordpiece: wordPieces,
};

// To the model, joined words end with white space of ASCII alone.
function stripAscii(text) {
  let begin = 0, end = text.length;
  while (begin < end && " \t\n\v\f\r".includes(text[begin])) begin++;
  while (end > begin && " \t\n\v\f\r".includes(text[end - 1])) end--;
  return text.slice(begin, end);
}

/** One side's strings to ids and back. */
export class Text {
  /**
   * @param forms NormalForms.
   * @param symbols All of the vocabulary, the special ones first.
   * @param how tokenizer ("char", "space" or "wordpiece"), normalization, lowercase, and separator (or null).
   * @param outputForm The normal form of what is joined, or null.
   */
  constructor(forms, symbols, how, outputForm) {
    const { tokenizer, separator } = how;
    const make = Object.hasOwn(TOKENIZERS, tokenizer) && TOKENIZERS[tokenizer];
    if (!make) throw new Error(`symbols of the kind ${tokenizer} cannot be read here`);
    const own = symbols.slice(SPECIALS);
    this.forms = forms;
    this.how = how;
    this.tokenizer = make(forms, own, separator === null ? null : this.fold(separator));
    this.outputForm = outputForm;
    this.ids = new Map(own.map((symbol, place) => [symbol, place + SPECIALS]));
    // Padding and the start of an output are nothing to be seen.
    this.names = ["", "", ...symbols.slice(END)];
  }

  /** A string to { symbols, cut, invalid }: at most maxLength symbols. */
  read(string, maxLength) {
    const most = maxLength * CHARACTERS_PER_SYMBOL;
    const looked = [...string.slice(0, 2 * most + 2)].slice(0, most).join("");
    const symbols = this.split(looked.replace(LONE_SURROGATE, "\ufffd"));
    return {
      symbols: symbols.slice(0, maxLength),
      cut: looked.length < string.length || symbols.length > maxLength,
      invalid: string.search(LONE_SURROGATE) >= 0,
    };
  }

  split(text) {
    return this.tokenizer.split(this.forms.strip(this.fold(text)));
  }

  fold(text) {
    const { normalization, lowercase } = this.how;
    const formed = this.forms.normalize(text, normalization);
    return lowercase ? this.forms.normalize(this.forms.lower(formed), normalization) : formed;
  }

  toIds(symbols) {
    return symbols.map((symbol) => this.ids.get(symbol) ?? UNKNOWN);
  }

  join(symbols) {
    const joined = this.tokenizer.join(symbols);
    return this.outputForm ? this.forms.normalize(joined, this.outputForm) : joined;
  }
}

// Unicode's normal forms and lower case as the model's training had them, whatever Unicode this browser knows.
// The tables stand in unicode.json. Unicode Standard Annex 15: https://unicode.org/reports/tr15

const HANGUL = 0xac00, LEADING = 0x1100, VOWEL = 0x1161, TRAILING = 0x11a7;
const SYLLABLES = 11172, VOWELS = 21, TRAILINGS = 28;

const isAscii = (text) => /^[\0-\x7f]*$/.test(text);

export class NormalForms {
  constructor(tables) {
    this.canonical = new Map(Object.entries(tables.canonical));
    this.compatibility = new Map(Object.entries(tables.compatibility));
    this.composed = new Map(Object.entries(tables.composed));
    this.classes = new Map();
    for (const [number, marks] of Object.entries(tables.classes)) {
      for (const mark of marks) this.classes.set(mark, Number(number));
    }
    this.uncased = new RegExp(tables.uncased, "u");
    this.lookedPast = [...tables.looked_past];
    this.standIns = [...tables.stand_ins];
    this.whiteSpace = new Set(tables.white_space);
    this.word = new RegExp(`[^${tables.white_space}]+`, "gu");
  }

  /** Well-formed text in "nfc", "nfd", "nfkc" or "nfkd"; "none" leaves it as it is. */
  normalize(text, form) {
    if (form === "none" || isAscii(text)) return text;
    const parts = this.takeApart(text, form.includes("k"));
    return (form.endsWith("c") ? this.compose(parts) : parts).join("");
  }

  /** Letters taken apart, then the marks of every letter in the order of their classes. */
  takeApart(text, compatible) {
    const parts = [];
    for (const character of text) {
      const apart = (compatible && this.compatibility.get(character)) || this.canonical.get(character);
      if (apart !== undefined) parts.push(...apart);
      else parts.push(...hangulParts(character));
    }
    let begin = 0;
    while (begin < parts.length) {
      let end = begin;
      while (end < parts.length && this.classOf(parts[end]) > 0) end++;
      if (end - begin > 1) {
        const marks = parts.slice(begin, end).sort((one, other) => this.classOf(one) - this.classOf(other));
        marks.forEach((mark, place) => { parts[begin + place] = mark; });
      }
      begin = end + 1;
    }
    return parts;
  }

  /** Every mark put together with the letter before it, unless another between them keeps it away. */
  compose(parts) {
    const made = [];
    let starter = -1, last = 0;
    for (const character of parts) {
      const own = this.classOf(character);
      if (starter >= 0 && (last < own || last === 0)) {
        const together = this.composed.get(made[starter] + character) ?? hangulOf(made[starter], character);
        if (together !== undefined) {
          made[starter] = together;
          continue;
        }
      }
      if (own === 0) starter = made.length;
      last = own;
      made.push(character);
    }
    return made;
  }

  classOf(character) {
    return this.classes.get(character) ?? 0;
  }

  /** Lower case; letters that are newer than the model's Unicode stay as they are. */
  lower(text) {
    if (isAscii(text)) return text.toLowerCase();
    const marks = this.lookedPast.filter((mark) => text.includes(mark));
    const unused = marks.length ? this.standIns.filter((mark) => !text.includes(mark)) : [];
    const swaps = unused.length < marks.length ? [] : marks.map((mark, place) => [mark, unused[place]]);
    const swapped = swaps.reduce((made, [mark, standIn]) => made.replaceAll(mark, standIn), text);
    const lowered = this.lowerParts(swapped);
    return swaps.reduce((made, [mark, standIn]) => made.replaceAll(standIn, mark), lowered);
  }

  lowerParts(text) {
    // What separates stands at odd places.
    return text.split(this.uncased).map((part, place) => (place % 2 ? part : part.toLowerCase())).join("");
  }

  /** The text without white space at its ends. */
  strip(text) {
    let begin = 0, end = text.length;
    while (begin < end && this.whiteSpace.has(text[begin])) begin++;
    while (end > begin && this.whiteSpace.has(text[end - 1])) end--;
    return text.slice(begin, end);
  }

  /** What stands between white space. */
  words(text) {
    return text.match(this.word) ?? [];
  }
}

function hangulParts(character) {
  const place = character.codePointAt(0) - HANGUL;
  if (place < 0 || place >= SYLLABLES) return [character];
  const trailing = place % TRAILINGS, leading = Math.floor(place / (VOWELS * TRAILINGS));
  const vowel = Math.floor(place / TRAILINGS) % VOWELS;
  const codes = [LEADING + leading, VOWEL + vowel, ...(trailing ? [TRAILING + trailing] : [])];
  return codes.map((code) => String.fromCodePoint(code));
}

function hangulOf(before, after) {
  const leading = before.codePointAt(0) - LEADING, vowel = after.codePointAt(0) - VOWEL;
  if (leading >= 0 && leading < 19 && vowel >= 0 && vowel < VOWELS) {
    return String.fromCodePoint(HANGUL + (leading * VOWELS + vowel) * TRAILINGS);
  }
  const syllable = before.codePointAt(0) - HANGUL, trailing = after.codePointAt(0) - TRAILING;
  const open = syllable >= 0 && syllable < SYLLABLES && syllable % TRAILINGS === 0;
  return open && trailing > 0 && trailing < TRAILINGS ? String.fromCodePoint(HANGUL + syllable + trailing) : undefined;
}

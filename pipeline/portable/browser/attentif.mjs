// A folder of `export --format onnx --page`, opened: strings in; strings, scores and attention out.
// For the browser (onnxruntime-web) and for Node (onnxruntime-node).

import { NormalForms } from "./normal_forms.mjs";
import { END, PAD, Text, UNKNOWN } from "./text.mjs";

const LEAST_SCORE = -1e30;

/**
 * Open a folder.
 *
 * @param readFile From a name in the folder to a promise of its bytes.
 * @param ort The module onnxruntime-web or onnxruntime-node.
 */
export async function openModel(readFile, ort) {
  const info = parse(await readFile("attentif.json"), "attentif.json");
  if (info.format !== 3 || info.kind !== "onnx") {
    throw new Error("attentif.json is not of an export --format onnx that this version reads: export it again");
  }
  const read = async (name) => {
    const bytes = await readFile(name);
    await requireUnchanged(name, bytes, info.files);
    return bytes;
  };
  const vocabulary = parse(await read("vocabulary.json"), "vocabulary.json");
  const forms = new NormalForms(parse(await read("page/unicode.json"), "unicode.json"));
  const options = { executionProviders: [ort.env?.wasm && !globalThis.process ? "wasm" : "cpu"], logSeverityLevel: 3 };
  const session = await ort.InferenceSession.create(await read(info.model.file), options);
  return new Model(info, vocabulary, forms, session, ort.Tensor);
}

function parse(bytes, name) {
  try {
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch (error) {
    throw new Error(`${name} is damaged (${error.message}): export the folder again`);
  }
}

/** Compare with the checksum, where the browser can: it cannot on http:// but for this computer's own pages. */
async function requireUnchanged(name, bytes, checksums) {
  const subtle = globalThis.crypto?.subtle;
  if (!subtle) return;
  const digest = new Uint8Array(await subtle.digest("SHA-256", bytes));
  const found = [...digest].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  if (found !== checksums[name]) {
    throw new Error(`${name} is not as it was exported, its SHA-256 is another: export the folder again`);
  }
}

/** How the strings of a side become symbols; exports of earlier versions have fewer settings. */
function howRead(text, side) {
  return {
    tokenizer: text[`${side}_tokenizer`],
    separator: text[`${side}_separator`] ?? null,
    normalization: text[`${side}_normalization`] ?? text.normalization,
    lowercase: text.lowercase,
  };
}

export class Model {
  constructor(info, vocabulary, forms, session, Tensor) {
    this.info = info;
    this.session = session;
    this.Tensor = Tensor;
    this.dictionary = new Map(Object.entries(info.dictionary ?? {}));
    const { text } = info;
    this.source = new Text(forms, vocabulary.source, howRead(text, "source"), null);
    this.target = new Text(forms, vocabulary.target, howRead(text, "target"), info.output_form);
  }

  /**
   * The answer to one string, as Python's `Model.predict` gives it.
   *
   * @param string What is asked.
   * @param prefix What the outputs begin with.
   * @returns outputs, best first: { text, score, rankScore, limited, tokens, attention }, attention a row of numbers
   *   for each of the tokens, and of the best, where there are several heads, heads: the same of each, and where the
   *   model copies, copied: which share of each of the tokens was; sourceTokens;
   *   cut, invalid, unknown (a number) and lacking (which symbols they are); prefixCut and prefixLacking.
   */
  async predict(string, prefix = "") {
    const read = this.source.read(string, this.info.max_length);
    const ids = this.source.toIds(read.symbols);
    const begun = this.target.read(prefix, this.info.max_target_length);
    const begin = this.target.toIds(begun.symbols);
    const found = await this.session.run({
      source: this.row([...ids, END]),
      prefix: this.row(begin.length ? begin : [PAD]),
    });
    const lacking = read.symbols.filter((_, place) => ids[place] === UNKNOWN);
    const prefixLacking = begun.symbols.filter((_, place) => begin[place] === UNKNOWN);
    return {
      outputs: this.outputs(found, read.symbols),
      sourceTokens: [...read.symbols, this.source.names[END]],
      cut: read.cut,
      invalid: read.invalid,
      unknown: lacking.length,
      lacking: [...new Set(lacking)],
      prefixCut: begun.cut,
      prefixLacking: [...new Set(prefixLacking)],
    };
  }

  row(ids) {
    return new this.Tensor("int32", Int32Array.from(ids), [1, ids.length]);
  }

  outputs({ tokens, scores, rank_scores, lengths, limited, attention, attention_heads, copied }, source) {
    const [, longest, width] = attention.dims;
    const rowsOf = (weights, place, length) => Array.from({ length }, (_, step) => {
      const begin = (place * longest + step) * width;
      return weights.data.slice(begin, begin + width);
    });
    const outputs = [];
    for (let rank = 0; rank < scores.data.length; rank++) {
      if (!(scores.data[rank] > LEAST_SCORE)) continue;
      const length = lengths.data[rank];
      const rows = rowsOf(attention, rank, length);
      const ids = Array.from(tokens.data.slice(rank * longest, rank * longest + length));
      const names = ids.map((id, step) => this.show(id, rows[step], source));
      outputs.push({
        text: this.target.join(names.filter((_, step) => ids[step] !== END)),
        score: scores.data[rank],
        rankScore: rank_scores.data[rank],
        limited: Boolean(limited.data[rank]),
        tokens: names,
        attention: rows,
      });
      if (rank === 0 && copied) outputs[0].copied = Array.from(copied.data.slice(0, length));
      if (rank === 0 && attention_heads) {
        const [heads] = attention_heads.dims;
        outputs[0].heads = Array.from({ length: heads }, (_, head) => rowsOf(attention_heads, head, length));
      }
    }
    return outputs;
  }

  /** The symbol of an id; in the place of an unknown one what it copied, or looked at most, if the model was so set. */
  show(id, weights, source) {
    if (id !== UNKNOWN) return this.target.names[id];
    const places = this.shownPlaces(source);
    const most = Math.max(0, ...places.map((place) => weights[place]));
    if (!(most > 0)) return this.target.names[id];
    const chosen = source[places.find((place) => weights[place] === most)];
    return this.dictionary.get(chosen) || chosen;
  }

  /** Where in the source stands what an unknown symbol may be: a copy that has no id, else what the settings allow. */
  shownPlaces(source) {
    const places = [...source.keys()], { copies, search } = this.info;
    const lacks = (text, place) => text.toIds([source[place]])[0] === UNKNOWN;
    const copied = places.filter((place) => copies && (lacks(this.source, place) || lacks(this.target, place)));
    return copied.length || !search.replace_unknown ? copied : places;
  }
}

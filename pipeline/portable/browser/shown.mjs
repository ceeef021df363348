// How things are spelt where people look at them. Every text is set as text, never as HTML.

const BLANKS = "\u115f\u1160\u2800\u3164\uffa0";

export function make(tag, className, text) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (text !== undefined) node.textContent = text;
  return node;
}

/** Spaces and other invisible characters spelt out, and something to stand on for marks that have nothing. */
export function visible(symbol) {
  let stands = false;
  return [...symbol].map((character) => {
    if (character === " ") {
      stands = false;
      return "␣";
    }
    if (/\p{M}/u.test(character)) {
      const mark = stands ? character : `◌${character}`;
      stands = true;
      return mark;
    }
    stands = /[\p{L}\p{N}\p{P}\p{S}]/u.test(character) && !BLANKS.includes(character);
    return stands ? character : `U+${character.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}`;
  }).join("");
}

/** What is odd about an answer, a sentence each. */
export function notesOf(answer, info) {
  if (answer.error) return [answer.error];
  const notes = [];
  if (answer.cut) notes.push(`Longer than the model reads (${info.max_length} symbols): the rest is ignored.`);
  if (answer.prefixCut) notes.push("What the output begins with is longer than outputs can be: the rest is ignored.");
  if (answer.prefixLacking?.length) notes.push(`The model cannot write: ${answer.prefixLacking.map(visible).join(" ")}`);
  if (answer.invalid) notes.push("Half a character was read as \ufffd.");
  if (answer.unknown) {
    const named = answer.lacking.slice(0, 10).map(visible).join(" ");
    notes.push(`Not in the training data: ${named}${answer.lacking.length > 10 ? " …" : ""}`);
  }
  if (!answer.outputs.length) notes.push("No output.");
  else if (answer.outputs[0].limited) notes.push("The best output ended at the limit of length: the rest is missing.");
  return notes;
}

export const percent = (score) => `${(100 * Math.exp(score)).toFixed(1)} %`;

/** Where the model, or one head of it, looked: a row for each symbol of the output, a column for each of the source. */
export function weightsTable(answer, output, attention, direction) {
  const table = make("table", "weights");
  table.dir = direction;
  const head = table.createTHead().insertRow();
  head.append(make("td"));
  for (const symbol of answer.sourceTokens) head.append(heading(symbol, "col"));
  const body = table.createTBody();
  output.tokens.forEach((symbol, step) => {
    const row = body.insertRow();
    const name = heading(symbol, "row"), share = output.copied?.[step];
    if (share !== undefined) name.title = `copied: ${Math.round(100 * share)} %`;
    if (share >= 0.5) name.classList.add("copied");
    row.append(name);
    answer.sourceTokens.forEach((_, place) => {
      const weight = attention[step][place];
      const cell = row.insertCell();
      cell.dir = "ltr";
      cell.style.setProperty("--weight", weight.toFixed(3));
      if (weight >= 0.05) cell.textContent = `${Math.round(100 * weight)} %`;
      if (weight >= 0.5) cell.className = "strong";
    });
  });
  return table;
}

function heading(symbol, scope) {
  const cell = make("th", /^<.+>$/.test(symbol) ? "special" : "");
  cell.scope = scope;
  cell.append(make("bdi", "", visible(symbol)));
  return cell;
}

/** A table for other programs: nothing in it is taken for a formula by a spreadsheet. */
export function toTsv(lines, answers, info) {
  const numbers = Array.from({ length: info.n_best }, (_, rank) => rank + 1);
  const head = ["source", ...numbers.flatMap((rank) => [`output ${rank}`, `score ${rank}`]), "notes"];
  const rows = answers.map((answer, place) => [
    safe(lines[place]),
    ...numbers.flatMap((rank) => {
      const output = answer.outputs[rank - 1];
      return output ? [safe(output.text), output.score.toFixed(6)] : ["", ""];
    }),
    safe(notesOf(answer, info).join(" ")),
  ]);
  return [head, ...rows].map((row) => `${row.join("\t")}\n`).join("");
}

function safe(text) {
  const field = text.replace(/[\t\n\r]/g, " ");
  return /^\s*[=+\-@]/.test(field) ? `'${field}` : field;
}

// The page: what is typed is asked at once, a list when nothing is typed. One question at a time is with the worker, so
// that the next is always the newest; what came of an older one is dropped.

import { make, notesOf, percent, toTsv, weightsTable } from "./shown.mjs";

const SHOWN_ROWS = 500;
const at = (id) => document.getElementById(id);
const one = at("one"), prefix = at("prefix");
const worker = new Worker(new URL("worker.mjs", import.meta.url), { type: "module" });
let info, number = 0, busy = false, typed = false, asked, answer, chosen = 0;
let lines = [], answers = [], running = false;

function fail(message) {
  at("failed").textContent = `The model cannot be run here: ${message}`;
  at("failed").hidden = false;
  at("status").textContent = "";
}

worker.onerror = (event) => fail(event.message || "a file of the page is missing; copy the folder as a whole");
worker.onmessage = ({ data }) => {
  if (data.kind === "failed") fail(data.message);
  else if (data.kind === "ready") begin(data.info);
  else receive(data);
};

function begin(given) {
  info = given;
  const { text, search } = info;
  at("name").textContent = document.title = info.page?.name || "Attentif";
  at("summary").textContent = `${info.n_best} best of a beam of ${info.beam_size}, at most ${info.max_length} symbols`;
  const settings = { ...text, ...search, precision: info.model.precision, Attentif: info.attentif };
  for (const [name, value] of Object.entries(settings)) {
    at("settings").append(make("dt", "", name.replaceAll("_", " ")), make("dd", "", String(value ?? "none")));
  }
  for (let head = 1; info.heads > 1 && head <= info.heads; head++) {
    at("head").append(make("option", "", `head ${head}`));
  }
  at("about").hidden = false;
  at("status").textContent = "";
  next();
}

function ask(question) {
  busy = true;
  asked = question;
  worker.postMessage({ number: ++number, text: question.text, prefix: question.prefix });
}

function next() {
  if (busy || !info) return;
  if (typed) {
    typed = false;
    if (one.value.trim() === "") showNothing();
    else return ask({ text: one.value, prefix: prefix.value });
  }
  if (running) askLine();
}

function askLine() {
  while (answers.length < lines.length && lines[answers.length].trim() === "") {
    addAnswer({ outputs: [], sourceTokens: [], error: "The line is empty." });
  }
  if (answers.length < lines.length) ask({ text: lines[answers.length], line: answers.length });
  else endList();
}

function receive(data) {
  if (data.number !== number) return;
  busy = false;
  if (asked.line !== undefined) {
    if (running && asked.line === answers.length && asked.text === lines[asked.line]) addAnswer(data.answer);
  } else if (asked.text === one.value && asked.prefix === prefix.value) {
    answer = data.answer;
    chosen = 0;
    showAnswer();
  }
  next();
}

one.oninput = prefix.oninput = () => {
  typed = true;
  next();
};

function showNothing() {
  answer = undefined;
  at("notes").replaceChildren();
  at("outputs").replaceChildren();
  at("looks").hidden = true;
  at("status").textContent = "";
}

function showAnswer() {
  const notes = notesOf(answer, info);
  at("notes").replaceChildren(...notes.map((note) => make("li", "", note)));
  const best = answer.outputs[0];
  // Read out; the outputs themselves stand below.
  at("status").textContent = best ? `Best output: ${best.text || "empty"}, ${percent(best.score)}` : "";
  showOutputs();
}

function showOutputs() {
  const focused = [...at("outputs").querySelectorAll("button")].indexOf(document.activeElement);
  at("outputs").replaceChildren(...answer.outputs.map((output, rank) => {
    const button = make("button");
    button.type = "button";
    button.dir = "auto";
    button.append(make("bdi", "", output.text || "(empty)"), make("small", "", percent(output.score)));
    button.title = `log p ${output.score.toFixed(4)}${output.limited ? ", ended at the limit of length" : ""}`;
    button.setAttribute("aria-pressed", rank === chosen);
    button.onclick = () => {
      chosen = rank;
      showOutputs();
    };
    const item = make("li");
    item.append(button);
    return item;
  }));
  at("outputs").querySelectorAll("button")[focused]?.focus();
  const output = answer.outputs[chosen];
  at("looks").hidden = !output;
  if (!output) return;
  // Of the best output alone each head is told.
  at("heads").hidden = !output.heads;
  const attention = output.heads?.[at("head").selectedIndex - 1] ?? output.attention;
  at("attention").replaceChildren(weightsTable(answer, output, attention, getComputedStyle(one).direction));
}

at("head").onchange = showOutputs;

at("answer").onclick = () => {
  lines = at("list").value.replace(/\r?\n$/, "").split(/\r?\n/);
  answers = [];
  running = at("list").value.trim() !== "";
  at("count").textContent = running ? "" : "Paste some lines first.";
  at("stop").hidden = at("progress").hidden = !running;
  at("progress").max = lines.length;
  at("download").hidden = at("answers").hidden = true;
  if (!running) return;
  const table = make("table", "answers");
  const head = table.createTHead().insertRow();
  for (const name of ["Source", "Output", "Probability", "Notes"]) head.append(make("th", "", name));
  for (const cell of head.cells) cell.scope = "col";
  table.createTBody();
  at("answers").replaceChildren(table);
  at("answers").hidden = false;
  next();
};

function addAnswer(found) {
  const place = answers.push({ ...found, sourceTokens: [], outputs: found.outputs.map(withoutAttention) }) - 1;
  at("progress").value = place + 1;
  if (place >= SHOWN_ROWS) return;
  const row = at("answers").querySelector("tbody").insertRow();
  const [best] = found.outputs;
  const texts = [lines[place], best ? best.text : "", best ? percent(best.score) : ""];
  for (const text of texts) row.insertCell().append(make("bdi", "", text));
  row.append(make("td", "note", notesOf(found, info).join(" ")));
}

const withoutAttention = ({ text, score, limited }) => ({ text, score, limited });

function endList() {
  running = false;
  at("stop").hidden = at("progress").hidden = true;
  at("download").hidden = answers.length === 0;
  const rest = answers.length > SHOWN_ROWS ? `, of which the first ${SHOWN_ROWS} are shown` : "";
  at("count").textContent = `${answers.length} of ${lines.length} lines answered${rest}`;
}

at("stop").onclick = endList;
at("download").onclick = () => {
  const link = make("a");
  link.href = URL.createObjectURL(new Blob([toTsv(lines, answers, info)], { type: "text/tab-separated-values" }));
  link.download = "answers.tsv";
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
};

at("work").hidden = false;
at("status").textContent = "The model is loading …";
one.focus();
if (one.value) one.oninput();

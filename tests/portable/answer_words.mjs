// Answers words from a folder by ONNX Runtime for Node, as the page does; for test_page_answers.py.

import { readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const [folder] = process.argv.slice(2);
const ort = createRequire(import.meta.url)("onnxruntime-node");
const { openModel } = await import(pathToFileURL(join(folder, "page", "attentif.mjs")));
const model = await openModel((name) => readFile(join(folder, name)), ort);
const { words, prefixes } = JSON.parse(readFileSync(0, "utf-8"));
const answers = [];
for (const [place, word] of words.entries()) {
  const answer = await model.predict(word, prefixes?.[place]);
  answer.outputs.forEach((output) => { output.attention = output.attention.map((row) => [...row]); });
  answer.outputs.forEach((output) => { output.heads = output.heads?.map((head) => head.map((row) => [...row])); });
  answers.push(answer);
}
process.stdout.write(JSON.stringify(answers));

// The model, beside the page: whatever it takes, typing goes on.

import { openModel } from "./attentif.mjs";
import * as ort from "./ort.wasm.bundle.min.mjs";

const folder = new URL("../", import.meta.url);
ort.env.wasm.numThreads = 1;
ort.env.wasm.wasmPaths = { wasm: new URL("./ort-wasm-simd-threaded.wasm", import.meta.url).href };

async function readFile(name) {
  const answer = await fetch(new URL(name, folder), { cache: "no-cache" });
  if (!answer.ok) throw new Error(`${name} cannot be loaded (${answer.status} ${answer.statusText})`);
  return new Uint8Array(await answer.arrayBuffer());
}

const opened = openModel(readFile, ort);
opened.then(
  (model) => postMessage({ kind: "ready", info: model.info }),
  (error) => postMessage({ kind: "failed", message: error.message }),
);

onmessage = async ({ data: { number, text, prefix } }) => {
  try {
    const model = await opened;
    postMessage({ kind: "answer", number, answer: await model.predict(text, prefix) });
  } catch (error) {
    postMessage({ kind: "answer", number, answer: { outputs: [], sourceTokens: [], error: error.message } });
  }
};

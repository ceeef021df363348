// Reads strings and joins symbols as the page does; for test_page_text.py.

import { readFileSync } from "node:fs";
import { NormalForms } from "../../pipeline/portable/browser/normal_forms.mjs";
import { Text } from "../../pipeline/portable/browser/text.mjs";

const { tables, texts } = JSON.parse(readFileSync(0, "utf-8"));
const forms = new NormalForms(tables);
const found = texts.map(({ symbols, how, outputForm, most, strings, rows }) => {
  const text = new Text(forms, symbols, how, outputForm);
  return {
    read: (strings ?? []).map((string) => {
      const { symbols: read, cut, invalid } = text.read(string, most);
      return { symbols: read, ids: text.toIds(read), cut, invalid };
    }),
    joined: (rows ?? []).map((row) => text.join(row.map((id) => text.names[id]))),
  };
});
process.stdout.write(JSON.stringify(found));

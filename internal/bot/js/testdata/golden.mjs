// Writes what Node makes of the expressions of a file, one JSON string per line:
//   node testdata/golden.mjs builtins.js > testdata/builtins.golden
//   node testdata/golden.mjs dates.js UTC Africa/Johannesburg … > testdata/dates.golden
import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';

const require = createRequire(import.meta.url);
const [file, ...zones] = process.argv.slice(2);
const lines = readFileSync(new URL(file, import.meta.url), 'utf8').split('\n').filter((l) => l && !l.startsWith('//'));
for (const zone of zones.length > 0 ? zones : ['UTC']) {
  process.env.TZ = zone;
  for (const line of lines) {
    let value;
    try { value = String(new Function('require', 'j', 'return ' + line)(require, JSON.stringify)); } catch (e) { value = 'threw ' + e; }
    console.log(JSON.stringify(value));
  }
}

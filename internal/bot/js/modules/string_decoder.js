// string_decoder: decodes bytes that come in pieces, keeping characters whole.
const { Buffer } = require('buffer');

// incomplete counts the bytes at the end that begin a character and do not finish it.
function incomplete(bytes) {
  for (let back = 1; back <= Math.min(3, bytes.length); back++) {
    const b = bytes[bytes.length - back];
    if ((b & 0xc0) === 0x80) continue;
    const needs = b >= 0xf0 ? 4 : b >= 0xe0 ? 3 : b >= 0xc0 ? 2 : 1;
    return needs > back ? back : 0;
  }
  return 0;
}

exports.StringDecoder = class StringDecoder {
  constructor(encoding = 'utf8') {
    this.encoding = String(encoding).toLowerCase().replace('utf-8', 'utf8');
    this.kept = Buffer.alloc(0);
  }
  write(chunk) {
    const all = Buffer.concat([this.kept, Buffer.from(chunk)]);
    let keep = 0;
    if (this.encoding === 'utf8') keep = incomplete(all);
    else if (this.encoding === 'base64') keep = all.length % 3;
    else if (/^(ucs-?2|utf-?16le)$/.test(this.encoding)) keep = all.length % 2;
    this.kept = all.slice(all.length - keep);
    return all.slice(0, all.length - keep).toString(this.encoding);
  }
  end(chunk) {
    const text = chunk === undefined ? '' : this.write(chunk);
    const rest = this.kept.toString(this.encoding);
    this.kept = Buffer.alloc(0);
    return text + rest;
  }
};

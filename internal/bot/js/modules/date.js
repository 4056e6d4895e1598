// Date with the clock of the slice and the time zone of the program. The engine's own Date serves as arithmetic on UTC.
const Native = Date;
const proto = Native.prototype;
const { getTime, setTime } = proto;
const { apply, construct } = Reflect;
const define = Object.defineProperty;
const zone = internal.zone; // rows of [from, offset in seconds, abbreviation]; none = UTC

const DAY = 86400000;
const days = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'];
const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

// rowAt finds the row of an instant; it remembers the last one, since scripts ask about near dates.
let row = 0;
function rowAt(t) {
  if (zone[row][0] <= t && (row + 1 === zone.length || t < zone[row + 1][0])) return zone[row];
  let low = 0, high = zone.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (zone[middle][0] <= t) low = middle; else high = middle - 1;
  }
  row = low;
  return zone[low];
}

function offset(t) { return zone.length === 0 || t !== t ? 0 : rowAt(t)[1] * 1000; }

// toUTC turns local time into an instant. In an overlap the earlier one counts, in a gap the offset before it
// (ECMA-262, UTC(t)).
function toUTC(local) {
  if (zone.length === 0 || local !== local) return local;
  const before = offset(local - DAY), after = offset(local + DAY);
  if (before === after || offset(local - before) === before) return local - before;
  return offset(local - after) === after ? local - after : local - before;
}

const zoned = /(?:Z|UTC?|GMT|[+-]\d\d:?\d\d|[ECMP][SD]T)\s*(?:\([^)]*\)\s*)?$/i;
const dateOnly = /^\s*(?:\d{4}|[+-]\d{6})(?:-\d\d(?:-\d\d)?)?\s*$/;

function parse(text) {
  text = String(text);
  if (zoned.test(text) || dateOnly.test(text)) return Native.parse(text);
  let t = Native.parse(text + 'Z'); // read the local time as if it were UTC
  if (t !== t) t = Native.parse(text + ' UTC');
  return t === t ? toUTC(t) : t;
}

function instant(args) {
  if (args.length === 0) return internal.now();
  if (args.length > 1) return toUTC(apply(Native.UTC, undefined, args));
  let value = args[0];
  if (value instanceof Native) return apply(getTime, value, []);
  if (value !== null && typeof value === 'object') {
    value = typeof value[Symbol.toPrimitive] === 'function' ? value[Symbol.toPrimitive]('default') : value;
    if (value !== null && typeof value === 'object') {
      const plain = value.valueOf();
      value = plain !== null && typeof plain === 'object' ? value.toString() : plain;
    }
  }
  return typeof value === 'string' ? parse(value) : Number(value);
}

function ZonedDate(...args) {
  if (new.target === undefined) return new ZonedDate().toString();
  return construct(Native, [instant(args)], new.target);
}
define(ZonedDate, 'name', { value: 'Date', configurable: true });
define(ZonedDate, 'length', { value: 7, configurable: true });
define(ZonedDate, 'prototype', { value: proto, writable: false });
method(ZonedDate, 'now', function now() { return internal.now(); });
method(ZonedDate, 'parse', function (text) { return parse(text); });
method(ZonedDate, 'UTC', Native.UTC);
method(proto, 'constructor', ZonedDate);
define(globalThis, 'Date', { value: ZonedDate, writable: true, configurable: true, enumerable: false });

function method(target, name, value) {
  if (typeof value === 'function' && name !== 'constructor' && name !== 'UTC') {
    define(value, 'name', { value: name, configurable: true });
  }
  define(target, name, { value, writable: true, configurable: true, enumerable: false });
}

// local returns a date whose UTC fields are the local fields of d.
function local(d) {
  const t = apply(getTime, d, []);
  return new Native(t + offset(t));
}

const fields = ['FullYear', 'Month', 'Date', 'Day', 'Hours', 'Minutes', 'Seconds', 'Milliseconds'];
for (const field of fields) {
  const getUTC = proto['getUTC' + field];
  method(proto, 'get' + field, zone.length === 0
    ? function () { return apply(getUTC, this, []); }
    : function () { return apply(getUTC, local(this), []); });
  const setUTC = proto['setUTC' + field];
  if (setUTC === undefined) continue; // the day of the week
  method(proto, 'set' + field, function (...args) {
    let shifted = local(this);
    if (field === 'FullYear' && shifted.getTime() !== shifted.getTime()) shifted = new Native(0);
    apply(setUTC, shifted, args);
    return apply(setTime, this, [toUTC(shifted.getTime())]);
  });
}
method(proto, 'getYear', function () { return this.getFullYear() - 1900; });
method(proto, 'setYear', function (year) {
  year = Math.trunc(Number(year));
  return this.setFullYear(year >= 0 && year <= 99 ? 1900 + year : year);
});
method(proto, 'getTimezoneOffset', function () {
  const t = apply(getTime, this, []);
  return t !== t ? NaN : 0 - offset(t) / 60000;
});

function pad(n, width) { return String(Math.abs(n)).padStart(width, '0'); }

function dateText(l) {
  const year = l.getUTCFullYear();
  return days[l.getUTCDay()] + ' ' + months[l.getUTCMonth()] + ' ' + pad(l.getUTCDate(), 2) + ' ' + (year < 0 ? '-' : '') + pad(year, 4);
}

function timeText(d, l) {
  const minutes = Math.round(offset(apply(getTime, d, [])) / 60000);
  const name = zone.length === 0 ? 'UTC' : rowAt(apply(getTime, d, []))[2];
  return pad(l.getUTCHours(), 2) + ':' + pad(l.getUTCMinutes(), 2) + ':' + pad(l.getUTCSeconds(), 2) + ' GMT' +
    (minutes < 0 ? '-' : '+') + pad(Math.trunc(minutes / 60), 2) + pad(minutes % 60, 2) + ' (' + name + ')';
}

function localeDate(l) { return (l.getUTCMonth() + 1) + '/' + l.getUTCDate() + '/' + l.getUTCFullYear(); }

function localeTime(l) {
  const h = l.getUTCHours();
  return (h % 12 || 12) + ':' + pad(l.getUTCMinutes(), 2) + ':' + pad(l.getUTCSeconds(), 2) + (h < 12 ? ' AM' : ' PM');
}

const texts = {
  toString: (d, l) => dateText(l) + ' ' + timeText(d, l),
  toDateString: (d, l) => dateText(l),
  toTimeString: timeText,
  toLocaleString: (d, l) => localeDate(l) + ', ' + localeTime(l),
  toLocaleDateString: (d, l) => localeDate(l),
  toLocaleTimeString: (d, l) => localeTime(l),
};
for (const name of Object.keys(texts)) {
  const text = texts[name];
  method(proto, name, function () {
    const l = local(this);
    return l.getTime() !== l.getTime() ? 'Invalid Date' : text(this, l);
  });
}

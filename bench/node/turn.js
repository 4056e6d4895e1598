// Runs turns of the contacts example of vumigo_v02 in Node.js, against answers from memory: no store, no network. It
// prints each reply as a line. With a text it runs one turn and ends; with --stay it runs one turn for each line of its
// input. Run it in the folder whose node_modules has the toolkit.
'use strict';

const fs = require('fs');
const path = require('path');
const readline = require('readline');
const vm = require('vm');

const lib = path.resolve('node_modules/vumigo_v02');
const file = path.join(lib, 'examples/contacts/lib/app.js');
const load = require('module').createRequire(path.join(lib, 'lib/index.js'));
const script = vm.compileFunction(fs.readFileSync(file, 'utf8'), ['require'], {filename: file});

const values = new Map();
const contact = {key: 'c1', msisdn: '+27820000001', user_account: 'a', 'extras-registered': undefined};

// resources answer the commands of a turn.
const resources = {
  'config.get': m => ({value: m.key === 'config' ? '{"name": "contacts"}' : null}),
  'kv.get': m => ({value: values.has(m.key) ? values.get(m.key) : null}),
  'kv.set': m => { values.set(m.key, m.value); return {}; },
  'contacts.get_or_create': () => ({created: false, contact: JSON.parse(JSON.stringify(contact))}),
  'contacts.save': m => { Object.assign(contact, m.contact); return {contact: JSON.parse(JSON.stringify(contact))}; },
  'log.info': () => ({}),
  'log.error': m => { throw new Error(m.msg); },
};

function turn(text, then) {
  let reply = null;
  let counter = 0;
  const api = {
    request(name, message, callback) {
      const request = JSON.parse(JSON.stringify(Object.assign(message, {cmd: name, cmd_id: String(counter++), reply: false})));
      let answer = {};
      if (name === 'outbound.reply_to') reply = request.content;
      else if (resources[name]) answer = resources[name](request);
      else throw new Error('unknown command ' + name);
      setImmediate(() => callback && callback.call(api, Object.assign({success: true, cmd: name, reply: true}, answer)));
    },
    log_info(msg, callback) { api.request('log.info', {msg}, callback); },
    done() { api.request('log.info', {msg: 'Done.'}, () => then(reply)); },
  };
  const scope = {api};
  script.call(scope, name => (name === '../../../lib' ? load('./index.js') : load(name)));
  api.on_inbound_message({cmd: 'inbound-message', msg: {
    message_type: 'user_message', message_id: 'm' + Math.random(), from_addr: '+27820000001', to_addr: '123', content: text,
    session_event: null, in_reply_to: null, transport_type: 'sms', helper_metadata: {delivery_class: 'sms'},
  }});
}

if (process.argv[2] === '--stay') {
  const lines = readline.createInterface({input: process.stdin});
  lines.on('line', text => turn(text, reply => process.stdout.write(JSON.stringify(reply) + '\n')));
} else {
  turn(process.argv[2], reply => { process.stdout.write(JSON.stringify(reply) + '\n'); });
}

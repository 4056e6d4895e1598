// A bot on the bare API that uses every resource a conversation script can look at, and can go wrong in every way.
var request = function(cmd, args) {
  return new Promise(function(resolve) { api.request(cmd, args, resolve); });
};
var say = function(msg, text, more) {
  return request('outbound.reply_to', {content: text, in_reply_to: msg.message_id, continue_session: !!more});
};

var states = {
  async start(msg) {
    await say(msg, 'Welcome to the clinic.\n1. Register\n2. Goodbye', true);
    return 'menu';
  },
  async menu(msg) {
    switch (msg.content) {
    case '1':
      await say(msg, 'What is your name?', true);
      return 'name';
    case '3':
      await request('log.error', {msg: 'there is no third choice'});
      break;
    case '4':
      throw new Error('four is too many');
    case '5':
      await say(msg, new Array(200).join('x'), true);
      return 'menu';
    case '6':
      await say(msg, 'one', true);
      await say(msg, 'two', true);
      return 'menu';
    case '7':
      return null;
    case '8':
      var reply = await request('http.get', {url: 'https://clinics.example.org/code?code=123'});
      await say(msg, reply.success ? reply.code + ' ' + reply.body : reply.reason, true);
      return 'menu';
    case '10':
      while (true) {}
    case '11':
      await new Promise(function(resolve) { setTimeout(resolve, 50); });
      await say(msg, 'Sawubona, ngiyakwamukela \u2026', true);
      return 'menu';
    case '9':
      await say(msg, 'The clinic is open on ' + new Date().toISOString().slice(0, 10) + '.', true);
      return 'menu';
    }
    await say(msg, 'Goodbye.');
    return null;
  },
  async name(msg) {
    var found = await request('contacts.get_or_create', {addr: msg.from_addr, delivery_class: 'ussd'});
    await request('contacts.update_extras', {key: found.contact.key, fields: {nick: msg.content, visits: '1'}});
    var group = await request('groups.get_or_create_by_name', {name: 'mothers'});
    await request('contacts.update', {key: found.contact.key, fields: {name: msg.content, groups: [group.group.key]}});
    await request('optout.cancel_optout', {address_type: 'msisdn', address_value: msg.from_addr});
    await request('metrics.fire', {store: 'clinic', metric: 'registered', value: 1, agg: 'sum'});
    await request('outbound.send_to_endpoint', {endpoint: 'sms', to_addr: msg.from_addr, content: 'Welcome, ' + msg.content + '.'});
    await say(msg, 'Thank you.');
    return null;
  }
};

api.on_inbound_message = async function(cmd) {
  var msg = cmd.msg;
  var key = 'state.' + msg.from_addr;
  if (msg.session_event === 'close') {
    await request('log.info', {msg: 'hung up'});
    return api.done();
  }
  if (msg.inbound_push_trigger) {
    await say(msg, 'We have news for you.', true);
    return api.done();
  }
  if (msg.routing_metadata.endpoint_name === 'sms') {
    await request('optout.optout', {address_type: 'msisdn', address_value: msg.from_addr, message_id: msg.message_id});
    await say(msg, 'You will get no more messages.');
    return api.done();
  }
  var state = (await request('kv.get', {key: key})).value;
  if (msg.session_event === 'new' || !state) {
    state = 'start';
  }
  var next = await states[state](msg);
  if (next) {
    await request('kv.set', {key: key, value: next, seconds: 3600});
  } else {
    await request('kv.delete', {key: key});
  }
  api.done();
};

api.on_inbound_event = async function(cmd) {
  await request('kv.incr', {key: 'events.' + cmd.msg.event_type});
  api.done();
};

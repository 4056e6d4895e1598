import { Buffer as NodeBuffer } from 'node:buffer';
import _ from 'lodash';
import { reply } from './reply.js';

api.on_inbound_message = async function (command) {
    const content = _.trim(await reply(command.msg.content));
    api.request('outbound.reply_to', {
        content: content + ' ' + NodeBuffer.from('ok').toString('hex'),
        in_reply_to: command.msg.message_id,
        continue_session: false,
    }, () => this.done());
};

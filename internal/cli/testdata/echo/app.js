// Answers with what it was told. It needs no package.
api.on_inbound_message = function(command) {
    var text = command.msg.content;
    api.log_info('heard ' + text, function() {
        if (text === 'fail') { throw new Error('told to fail'); }
        if (text === 'wait') { return setTimeout(function() { api.done(); }, 50000); }
        api.request('config.get', {key: 'config'}, function(reply) {
            api.request('outbound.reply_to', {
                content: JSON.parse(reply.value).greeting + ' ' + text,
                in_reply_to: command.msg.message_id,
                continue_session: text !== 'bye'
            }, function() { api.done(); });
        });
    });
};

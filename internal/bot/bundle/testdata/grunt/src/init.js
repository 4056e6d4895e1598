api.on_inbound_message = function (command) {
    var self = this;
    self.request('outbound.reply_to', {content: go.name, in_reply_to: command.msg.message_id}, function () {
        self.done();
    });
};

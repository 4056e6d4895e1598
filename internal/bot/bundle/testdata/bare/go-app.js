api.on_inbound_message = function (command) {
    this.request('outbound.reply_to', {content: 'bare: ' + command.msg.content}, function () {
        this.done();
    });
};

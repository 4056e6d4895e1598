api.on_inbound_message = function (command) {
    var self = this;
    self.request('outbound.reply_to', {content: go.order.join(' ')}, function () { self.done(); });
};

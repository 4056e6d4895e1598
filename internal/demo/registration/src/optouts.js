go.optouts = (function() {
    // Opt-outs belong to the telephone number, so that all bots of the account see the same ones.
    function address(im) {
        return {address_type: 'msisdn', address_value: im.user.addr};
    }

    return {
        status: function(im) {
            return im.api_request('optout.status', address(im)).get('opted_out');
        },

        optout: function(im) {
            var command = address(im);
            command.message_id = im.msg.message_id;
            return im.api_request('optout.optout', command);
        },

        cancel: function(im) {
            return im.api_request('optout.cancel_optout', address(im));
        }
    };
})();

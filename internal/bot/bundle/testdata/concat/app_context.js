{
    Buffer: Buffer,
    require: function (name) {
        return ['vumigo_v02', 'lodash', 'crypto'].indexOf(name) < 0 ? null : require(name);
    }
}

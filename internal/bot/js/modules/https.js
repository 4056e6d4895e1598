// https: as http.
module.exports = require('http');

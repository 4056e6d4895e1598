go.clinics = (function() {
    var vumigo = require('vumigo_v02');
    var JsonApi = vumigo.http.api.JsonApi;

    // find looks a clinic up by its code. The promise gives the clinic, or null when there is none of that code.
    function find(im, code) {
        return im.sandbox_config
            .get('clinics')
            .then(function(config) {
                return new JsonApi(im).get(config.url + '/' + encodeURIComponent(code));
            })
            .then(function(response) {
                return response.data;
            })
            .catch(function(error) {
                if (error.response && error.response.code === 404) { return null; }
                throw error;
            });
    }

    return {find: find};
})();

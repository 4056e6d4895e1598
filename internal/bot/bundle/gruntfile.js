// Evaluates a Gruntfile far enough to learn what grunt-contrib-concat would build. The text of the Gruntfile stands in
// place of the marker below. Files that it reads are asked for by name: the run then ends and starts again with them.
(function () {
    'use strict';

    var path = require('path');
    var known = null; // what is known of the folder: {read: {path: text or null}, glob: {patterns as JSON: [paths]}}
    var config = {};
    var warnings = [];

    function Need(kind, name) {
        this.kind = kind;
        this.name = name;
    }

    function ask(kind, name) {
        if (!Object.hasOwn(known[kind], name)) { throw new Need(kind, name); }
        return known[kind][name];
    }

    function read(name) {
        var text = ask('read', path.normalize(String(name)));
        if (text === null) { throw new Error('Unable to read "' + name + '" file.'); }
        return text;
    }

    function exists(name) {
        return ask('read', path.normalize(String(name))) !== null;
    }

    // nothing answers any call and any property with itself: for the parts of grunt that do not matter here.
    var nothing = new Proxy(function () {}, {
        get: function (target, name) {
            return name === Symbol.toPrimitive ? function () { return ''; } : nothing;
        },
        apply: function () { return nothing; },
        construct: function () { return nothing; }
    });

    // withNothing makes every member that an object lacks do nothing.
    function withNothing(object) {
        return new Proxy(object, {
            get: function (target, name) { return name in target ? target[name] : nothing; }
        });
    }

    function isObject(value) {
        return value !== null && typeof value === 'object' && !Array.isArray(value);
    }

    function rawGet(name) {
        return name.split('.').reduce(function (value, part) {
            return value === undefined || value === null ? undefined : value[part];
        }, config);
    }

    // evaluate computes the expression of one template in the scope of the configuration, whose strings are expanded too.
    function evaluate(expression, scope, depth) {
        var name = expression.trim(), value;
        if (scope === config && /^[\w$]+(\.[\w$-]+)*$/.test(name)) {
            value = rawGet(name);
        } else {
            value = new Function('scope', 'grunt', 'with (scope) { return (' + expression + '\n); }')(scope, grunt);
        }
        return expandValue(value, scope, depth + 1);
    }

    // expandValue expands <%= %> in a string, or in all strings of a list or object. A string that is nothing but one
    // template becomes the template's value, whatever its type.
    function expandValue(value, scope, depth) {
        if (depth > 50) { throw new Error('templates refer to each other without end'); }
        if (typeof value === 'string') {
            var whole = /^<%=((?:(?!%>)[\s\S])*)%>$/.exec(value);
            if (whole) { return evaluate(whole[1], scope, depth); }
            return value.replace(/<%=((?:(?!%>)[\s\S])*)%>/g, function (match, expression) {
                var part = evaluate(expression, scope, depth);
                return part === undefined || part === null ? '' : String(part);
            });
        }
        if (Array.isArray(value)) {
            return value.map(function (v) { return expandValue(v, scope, depth + 1); });
        }
        if (isObject(value) && Object.getPrototypeOf(value) === Object.prototype) {
            var copy = {};
            Object.keys(value).forEach(function (k) { copy[k] = expandValue(value[k], scope, depth + 1); });
            return copy;
        }
        return value;
    }

    function merge(target, source) {
        Object.keys(source).forEach(function (k) {
            if (isObject(target[k]) && isObject(source[k])) { merge(target[k], source[k]); } else { target[k] = source[k]; }
        });
        return target;
    }

    function configure(name, value) {
        if (arguments.length > 1) { return configure.set(name, value); }
        return name === undefined ? expandValue(config, config, 0) : configure.get(name);
    }
    configure.init = function (value) { config = value || {}; return config; };
    configure.get = function (name) { return expandValue(rawGet([].concat(name).join('.')), config, 0); };
    configure.getRaw = function (name) { return name === undefined ? config : rawGet([].concat(name).join('.')); };
    configure.set = function (name, value) {
        var parts = Array.isArray(name) ? name.slice() : name.split('.'), last = parts.pop();
        var parent = parts.reduce(function (object, part) {
            return object[part] = isObject(object[part]) ? object[part] : {};
        }, config);
        return parent[last] = value;
    };
    configure.merge = function (value) { return merge(config, value); };
    configure.process = function (value) { return expandValue(value, config, 0); };

    function processTemplate(text, options) {
        return expandValue(text, options && options.data || config, 0);
    }

    function expandFiles() {
        var patterns = [].slice.call(arguments);
        if (isObject(patterns[0])) { patterns.shift(); }
        return ask('glob', JSON.stringify(patterns.flat(Infinity)));
    }

    var grunt = withNothing({
        initConfig: configure.init,
        config: configure,
        option: function () { return undefined; },
        file: withNothing({
            read: read,
            readJSON: function (name) { return JSON.parse(read(name)); },
            exists: function () { return exists(path.join.apply(path, arguments)); },
            isFile: function () { return exists(path.join.apply(path, arguments)); },
            expand: expandFiles
        }),
        template: withNothing({process: processTemplate}),
        util: withNothing({linefeed: '\n'}),
        version: '1.0.0'
    });

    function requireForGruntfile(name) {
        if (name === 'path' || name === 'node:path') { return path; }
        if (/^\.\.?\//.test(name)) {
            if (/\.json$/.test(name)) { return JSON.parse(read(name)); }
            throw new Error('it requires ' + name + ': only JSON files can be required here');
        }
        return nothing; // a plug-in of grunt
    }

    // mappings lists what a target of a multi-task builds, in all the forms that grunt allows.
    function mappings(target, data) {
        if (typeof data === 'string' || Array.isArray(data)) { return [{src: data, dest: target}]; }
        if (!isObject(data)) { return []; }
        if ('src' in data || 'dest' in data) { return [data]; }
        if (Array.isArray(data.files)) { return data.files; }
        return Object.keys(data.files || {}).map(function (dest) { return {src: data.files[dest], dest: dest}; });
    }

    function appName(target, dest, alone) {
        return alone ? target : path.basename(dest, '.js').replace(/^go-(?:app-)?/, '');
    }

    function appsOf(target, data, defaults) {
        var options = Object.assign({separator: '\n', banner: '', footer: ''}, defaults, isObject(data) && data.options);
        if (options.process) { warnings.push('concat target ' + target + ': the option process is not applied'); }
        var all = mappings(target, data).filter(function (m) { return /\.js$/.test(m.dest); });
        return all.filter(function (m) {
            if (m.expand) { warnings.push('concat target ' + target + ': expand is not supported; the target is left out'); }
            return !m.expand;
        }).map(function (m) {
            return {
                name: appName(target, m.dest, all.length === 1 && target !== m.dest),
                dest: m.dest,
                files: [m.src].flat(Infinity).map(String),
                separator: String(options.separator), banner: String(options.banner), footer: String(options.footer)
            };
        });
    }

    function listApps() {
        var concat = configure.get('concat');
        if (!isObject(concat)) { return []; }
        return Object.keys(concat).filter(function (target) { return target !== 'options'; }).flatMap(function (target) {
            return appsOf(target, concat[target], concat.options);
        });
    }

    function evaluateGruntfile() {
        var module = {exports: {}};
        var process = {cwd: function () { return '.'; }, env: {}, argv: []};
        gruntfile.call(module.exports, module, module.exports, requireForGruntfile, process);
        module.exports(grunt);
        return {apps: listApps(), warnings: warnings};
    }

    api.on_read_gruntfile = function (command) {
        var report;
        known = command.known;
        try {
            report = evaluateGruntfile();
        } catch (error) {
            if (error instanceof Need) {
                report = {need: {kind: error.kind, name: error.name}};
            } else {
                report = {failure: String(error && error.message || error)};
            }
        }
        api.request('gruntfile.report', report, function () { api.done(); });
    };
}());

function gruntfile(module, exports, require, process) {
    /* GRUNTFILE */
}

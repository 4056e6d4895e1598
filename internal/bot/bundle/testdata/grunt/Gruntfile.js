var path = require('path');

module.exports = function (grunt) {
    require('load-grunt-tasks')(grunt);
    grunt.loadNpmTasks('grunt-contrib-concat');

    grunt.initConfig({
        pkg: grunt.file.readJSON('package.json'),
        paths: {
            src: {
                app: {
                    clinic: 'src/clinic/*.js',
                    nurse: 'src/nurse.js'
                },
                clinic: ['src/index.js', 'src/common.js', '<%= paths.src.app.clinic %>', 'src/init.js'],
                nurse: ['src/index.js', '<%= paths.src.app.nurse %>', 'src/init.js'],
                all: ['src/**/*.js']
            },
            dest: {
                clinic: 'go-app-clinic.js',
                nurse: path.join('.', 'go-app-nurse.js')
            }
        },

        jshint: {all: ['Gruntfile.js', '<%= paths.src.all %>']},

        concat: {
            options: {banner: '/* <%= pkg.name %> <%= pkg.version %> */\n'},
            clinic: {src: ['<%= paths.src.clinic %>'], dest: '<%= paths.dest.clinic %>'},
            nurse: {src: '<%= paths.src.nurse %>', dest: '<%= paths.dest.nurse %>'}
        }
    });

    grunt.registerTask('build', ['concat']);
    grunt.registerTask('default', ['build', 'jshint']);
    grunt.log.writeln('configured');
};

// Command buildset packs the npm packages of the toolkit folder into the archive that the bundle package embeds. The same
// packages give the same bytes. It fetches nothing: "npm ci --ignore-scripts" comes first.
package main

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

func main() {
	lock := flag.String("lock", "toolkit/package-lock.json", "the lock file; node_modules stands beside it")
	out := flag.String("out", "internal/bot/bundle/builtin/set.zip", "the archive to write")
	flag.Parse()
	if err := run(*lock, *out); err != nil {
		fmt.Fprintln(os.Stderr, "buildset:", err)
		os.Exit(1)
	}
}

func run(lock, out string) error {
	folders, err := packageFolders(lock)
	if err != nil {
		return err
	}
	archive, files, err := pack(os.DirFS(filepath.Dir(lock)), folders)
	if err != nil {
		return err
	}
	if err := os.WriteFile(out, archive, 0o644); err != nil {
		return fmt.Errorf("writing the archive: %w", err)
	}
	fmt.Printf("%s: %d packages, %d files, %d KiB\n", out, len(folders), files, len(archive)>>10)
	return nil
}

// packageFolders lists the folders of all packages in the lock file but those for development, in order.
func packageFolders(lock string) ([]string, error) {
	data, err := os.ReadFile(lock)
	if err != nil {
		return nil, fmt.Errorf("reading the lock file: %w", err)
	}
	var content struct {
		Packages map[string]struct {
			Dev bool `json:"dev"`
		} `json:"packages"`
	}
	if err := json.Unmarshal(data, &content); err != nil {
		return nil, fmt.Errorf("reading %s: %w", lock, err)
	}
	var folders []string
	for folder, p := range content.Packages {
		if folder != "" && !p.Dev {
			folders = append(folders, folder)
		}
	}
	slices.Sort(folders)
	return folders, nil
}

// pack writes the packages' files to a zip archive, without times or anything else that depends on the machine.
func pack(root fs.FS, folders []string) (archive []byte, files int, err error) {
	var buffer bytes.Buffer
	writer := zip.NewWriter(&buffer)
	writer.RegisterCompressor(zip.Deflate, func(w io.Writer) (io.WriteCloser, error) {
		return flate.NewWriter(w, flate.BestCompression)
	})
	for _, folder := range folders {
		names, err := packageFiles(root, folder)
		if err != nil {
			return nil, 0, err
		}
		for _, name := range names {
			if err := addFile(writer, root, name); err != nil {
				return nil, 0, fmt.Errorf("packing %s: %w", name, err)
			}
		}
		files += len(names)
	}
	if err := writer.Close(); err != nil {
		return nil, 0, fmt.Errorf("closing the archive: %w", err)
	}
	return buffer.Bytes(), files, nil
}

// leftOut are folders that no bot requires anything from: tests, documentation, builds for browsers, and sources that the
// package ships translated as well.
var leftOut = []string{"node_modules", "test", "tests", "doc", "docs", "example", "examples", "bundle", "es6", "es6-modern",
	"source", "src", "dist", "po-utils", "utils", ".github", "ts3.1-typings", "bin", "scripts", "benchmark"}

// packageFiles lists the files of one package that a bot may require, its package.json and its licence.
func packageFiles(root fs.FS, folder string) ([]string, error) {
	main, err := mainFolder(root, folder)
	if err != nil {
		return nil, err
	}
	var names []string
	err = fs.WalkDir(root, folder, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		base := path.Base(name)
		unused := path.Dir(name) == folder && slices.Contains(leftOut, base) && base != main
		switch {
		case entry.IsDir() && name != folder && (base == "node_modules" || unused):
			return fs.SkipDir
		case entry.Type().IsRegular() && wanted(base):
			names = append(names, name)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("listing %s: %w", folder, err)
	}
	slices.Sort(names)
	return names, nil
}

// mainFolder returns the top folder of the file that require of the package gives; "." when it stands at the top.
func mainFolder(root fs.FS, folder string) (string, error) {
	data, err := fs.ReadFile(root, path.Join(folder, "package.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("%s is not installed: run \"npm ci --ignore-scripts\" in the toolkit folder", folder)
	}
	if err != nil {
		return "", fmt.Errorf("reading package.json: %w", err)
	}
	var content struct{ Main any }
	if err := json.Unmarshal(data, &content); err != nil {
		return "", fmt.Errorf("reading package.json of %s: %w", folder, err)
	}
	main, _ := content.Main.(string) // old packages have lists here
	first, _, inFolder := strings.Cut(path.Clean(main), "/")
	if !inFolder {
		return ".", nil
	}
	return first, nil
}

// wanted says whether a file is code, data or a licence.
func wanted(name string) bool {
	lower := strings.ToLower(name)
	for _, prefix := range []string{"license", "licence", "copying", "notice", "authors"} {
		if strings.HasPrefix(lower, prefix) {
			return true
		}
	}
	if strings.HasSuffix(lower, ".min.js") || strings.HasSuffix(lower, ".json.js") || lower == "gruntfile.js" {
		return false
	}
	switch path.Ext(lower) {
	case ".js", ".cjs", ".json":
		return true
	}
	return false
}

func addFile(archive *zip.Writer, root fs.FS, name string) error {
	data, err := fs.ReadFile(root, name)
	if err != nil {
		return err
	}
	file, err := archive.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Deflate})
	if err != nil {
		return err
	}
	_, err = file.Write(data)
	return err
}

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/alecthomas/kingpin/v2"
	"github.com/gnomon-dev/gnomon/exporter/table"
)

// output is where and how a command answers.
type output struct{ format, file string }

func outputFlags(c *kingpin.CmdClause) *output {
	o := &output{}
	c.Flag("format", "table, json or html.").Default("table").EnumVar(&o.format, "table", "json", "html")
	c.Flag("output", "File to write to; - is standard output.").Default("-").StringVar(&o.file)
	return o
}

// document is something that can be printed in every format.
type document interface {
	WriteTable(w io.Writer) error
	WriteHTML(w io.Writer) error
}

// write prints a document.
func (o *output) write(d document, io streams) error {
	var b bytes.Buffer
	var err error
	switch o.format {
	case "json":
		enc := json.NewEncoder(&b)
		enc.SetIndent("", "  ")
		enc.SetEscapeHTML(false)
		err = enc.Encode(d)
	case "html":
		err = d.WriteHTML(&b)
	default:
		err = d.WriteTable(&b)
	}
	if err != nil {
		return err
	}
	return writeFile(o.file, b.Bytes(), io)
}

// writeFile writes a whole file, or nothing of it; "-" is standard output.
func writeFile(path string, b []byte, io streams) error {
	if path == "-" {
		_, err := io.out.Write(b)
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".gnomon-*")
	if err != nil {
		return fmt.Errorf("--output: %w", err)
	}
	defer os.Remove(f.Name()) // gone already where all went well
	if _, err := f.Write(b); err != nil {
		f.Close()
		return fmt.Errorf("--output: %w", err)
	}
	if err := f.Close(); err != nil {
		return fmt.Errorf("--output: %w", err)
	}
	if err := os.Chmod(f.Name(), 0o644); err != nil {
		return fmt.Errorf("--output: %w", err)
	}
	return os.Rename(f.Name(), path)
}

// input is the flags of tables that are read.
type input struct {
	columns, exclude, format string
	kinds                    map[string]string
}

func inputFlags(c *kingpin.CmdClause) *input {
	i := &input{kinds: map[string]string{}}
	c.Flag("columns", "Columns to read, comma-separated; all where left out.").StringVar(&i.columns)
	c.Flag("exclude", "Columns to leave out, comma-separated.").StringVar(&i.exclude)
	c.Flag("kind", "COLUMN=KIND, instead of the kind that is found: categorical, numeric, integer, boolean, datetime or text. May be given more than once.").StringMapVar(&i.kinds)
	c.Flag("input-format", "Format of standard input (-): csv, tsv, jsonl or parquet.").Default("csv").EnumVar(&i.format, "csv", "tsv", "jsonl", "parquet")
	return i
}

// open opens a table; "-" is standard input.
func (i *input) open(path string, io streams) (*table.File, error) {
	o, err := i.options(path, io)
	if err != nil {
		return nil, err
	}
	return table.Open(path, o)
}

func (i *input) options(path string, io streams) (table.Options, error) {
	o := table.Options{Columns: list(i.columns), Exclude: list(i.exclude)}
	for column, name := range i.kinds {
		kind, err := table.ParseKind(name)
		if err != nil {
			return o, usageError{fmt.Errorf("--kind %s=%s: %w", column, name, err)}
		}
		if o.Kinds == nil {
			o.Kinds = map[string]table.Kind{}
		}
		o.Kinds[column] = kind
	}
	if path == "-" {
		o.Stdin, o.Format = io.in, table.Format(i.format)
	}
	return o, nil
}

// list splits what is between commas.
func list(s string) []string {
	if s == "" {
		return nil
	}
	parts := strings.Split(s, ",")
	for i := range parts {
		parts[i] = strings.TrimSpace(parts[i])
	}
	return parts
}

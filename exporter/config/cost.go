package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"time"

	"go.yaml.in/yaml/v3"
)

// Cost is the price model. Without prices nothing of cost is exported.
type Cost struct {
	Currency  string   `yaml:"currency"`   // three letters of ISO 4217, the label of every cost
	Prices    []Price  `yaml:"prices"`     // in effect one after another, by their dates
	PriceFile string   `yaml:"price_file"` // a file with currency and prices, instead of prices here
	Reserved  Reserved `yaml:"reserved"`   // what is paid for whether it is used or not
}

// Enabled reports whether there is a price.
func (c *Cost) Enabled() bool { return len(c.Prices) > 0 }

// Price is what things cost from a day on, until the next price's day.
type Price struct {
	From Date `yaml:"from"` // 2026-01-31, UTC; the first may leave it out

	GPUHour map[string]float64 `yaml:"gpu_hour"` // by type: a part of the name that the driver gives; default for all others
	CPUHour float64            `yaml:"cpu_hour"` // of one core
	GBHour  float64            `yaml:"gb_hour"`  // of 10^9 bytes of memory
	Request float64            `yaml:"request"`  // of one request, for models behind an API
	KWh     float64            `yaml:"kwh"`      // of electrical energy at the GPU
}

// Reserved is what is paid for by the hour.
type Reserved struct {
	GPUs   map[string]float64 `yaml:"gpus"` // number by type, as in Price.GPUHour; the GPUs that are found where left out
	CPUs   float64            `yaml:"cpus"`
	Memory Bytes              `yaml:"memory"`
}

// Date is a day that YAML writes as 2026-01-31.
type Date struct{ time.Time }

// UnmarshalYAML reads "2026-01-31", or a time with its zone as in RFC 3339.
func (d *Date) UnmarshalYAML(n *yaml.Node) error {
	for _, layout := range []string{time.DateOnly, time.RFC3339} {
		if t, err := time.Parse(layout, n.Value); err == nil {
			d.Time = t
			return nil
		}
	}
	return scalarError(n, "is no date", "a date such as 2026-01-31")
}

// MarshalYAML writes what UnmarshalYAML reads.
func (d Date) MarshalYAML() (any, error) { return d.Format(time.RFC3339), nil }

// priceFile is the content of a price file.
type priceFile struct {
	Currency string  `yaml:"currency"`
	Prices   []Price `yaml:"prices"`
}

// readPrices takes the prices of cost.price_file in.
func (c *Cost) readPrices() error {
	if c.PriceFile == "" {
		return nil
	}
	if c.Enabled() {
		return &Error{Field: "cost.price_file", What: "there are prices here as well", Fix: "keep the prices in one of the two places"}
	}
	cost, err := LoadPrices(c.PriceFile)
	if err != nil {
		return err
	}
	if c.Currency == "" {
		c.Currency = cost.Currency
	}
	c.Prices = cost.Prices
	return nil
}

// LoadPrices reads a price file: currency and prices, as in the block cost of
// the configuration.
func LoadPrices(path string) (*Cost, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, &Error{Field: "cost.price_file", What: err.Error(), Fix: "check the path; relative paths start from the configuration file's folder"}
	}
	var f priceFile
	dec := yaml.NewDecoder(bytes.NewReader(data))
	dec.KnownFields(true)
	if err := dec.Decode(&f); err != nil && !errors.Is(err, io.EOF) {
		return nil, decodeErrors(path, err)
	}
	c := &Cost{Currency: f.Currency, Prices: f.Prices}
	k := &checker{}
	c.check(k, "")
	k.that(c.Enabled(), "prices", "list at least one price", "is empty")
	errs := make([]error, len(k.faults))
	for i, fault := range k.faults {
		fault.File = filepath.Base(path)
		errs[i] = fault
	}
	return c, errors.Join(errs...)
}

// check checks prices; at is the path of their block, with its dot.
func (c *Cost) check(k *checker, at string) {
	if !c.Enabled() {
		return
	}
	k.that(regexp.MustCompile(`^[A-Z]{3}$`).MatchString(c.Currency), at+"currency", "write three capital letters, such as EUR", "%q is no currency", c.Currency)
	for i := range c.Prices {
		p, pat := &c.Prices[i], fmt.Sprintf("%sprices[%d]", at, i)
		if i > 0 {
			k.that(p.From.After(c.Prices[i-1].From.Time), pat+".from", "list prices by their dates, the oldest first, each with a date of its own", "is not after the price before it")
		}
		for name, v := range map[string]float64{"cpu_hour": p.CPUHour, "gb_hour": p.GBHour, "request": p.Request, "kwh": p.KWh} {
			k.price(pat+"."+name, v)
		}
		for name, v := range p.GPUHour {
			k.that(name != "", pat+".gpu_hour", "name the type, or default", "has a type without a name")
			k.price(pat+".gpu_hour."+name, v)
		}
	}
	k.that(c.Reserved.CPUs >= 0 && c.Reserved.Memory >= 0, at+"reserved", "write amounts of 0 or more", "is negative")
	for name, v := range c.Reserved.GPUs {
		k.that(v >= 0 && v <= 1024, at+"reserved.gpus."+name, "write a number of GPUs, 0 or more", "is %v", v)
	}
}

func (k *checker) price(field string, v float64) {
	k.that(v >= 0 && v < 1e9, field, "write a price of 0 or more", "is %v", v)
}
